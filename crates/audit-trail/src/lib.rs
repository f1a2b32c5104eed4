#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// Recording and reading.
mod builder;
mod entry;
mod log;
mod reader;
mod record;

// What an entry says.
mod emit;
mod ext;
mod fields;
mod id;
mod kind;
mod quantity;
mod strict;

// Evidence.
mod checkpoint;
mod key;
pub mod note;
mod proof;
pub mod tree;
mod verdict;
mod verify;

// Finding and handing out.
mod csv;
mod cursor;
mod export;
mod filter;
mod ndjson;
mod query;
mod sink;

// Inside.
mod bundle;
mod clock;
mod commit;
mod error;
mod shards;
mod store;

pub use builder::{AuditLogBuilder, DEFAULT_NAMESPACE};
pub use checkpoint::Checkpoint;
pub use clock::{Clock, ManualClock, SystemClock};
pub use cursor::Cursor;
pub use entry::{Entry, recordable};
pub use error::{AuditError, EntryError};
pub use export::Exported;
pub use ext::Ext;
pub use fields::{
    Action, Approval, BudgetFields, Charge, ConsentFields, DecisionFields, Policy, Texts,
    TrustFields,
};
pub use filter::{Filter, Order};
pub use kind::{Kind, Outcome};
pub use log::{Appended, AuditLog};
pub use note::{NoteError, SigningKey, VerifierKey};
pub use quantity::Quantity;
pub use query::{OutcomeCounts, Page};
pub use reader::AuditReader;
pub use record::Record;
pub use sink::{NdjsonSink, Sink};
pub use tree::{Hash, ProofError};
pub use verdict::{Fault, Level, Verified, VerifyError};
pub use verify::{verify_consistency, verify_inclusion, verify_ndjson};

/// The longest text in an entry, in bytes of UTF-8.
pub const MAX_TEXT: usize = 4 * 1024;
/// The longest entry, in bytes as written.
pub const MAX_ENTRY: usize = 60 * 1024;
/// What the genesis entry of a log calls its schema.
const SCHEMA: &str = "audit-trail/v1";
