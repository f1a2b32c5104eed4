#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// Recording and reading.
mod acknowledge;
mod asynchronous;
mod builder;
mod entry;
mod erase;
mod ingest;
mod log;
#[cfg(feature = "tokio")]
mod offloaded;
mod reader;
mod record;
mod tail;

// What an entry says.
mod canonical;
mod emit;
mod ext;
mod fields;
mod id;
mod kind;
mod personal;
mod quantity;
mod strict;

// Evidence.
mod checkpoint;
mod cosignature;
#[cfg(feature = "http")]
mod handler;
mod key;
pub mod note;
mod policy;
mod proof;
mod range;
mod receipt;
pub mod tiles;
pub mod tree;
mod verdict;
mod verify;
pub mod witness;

// Finding and handing out.
mod chain;
mod csv;
mod cursor;
mod export;
mod filter;
mod ndjson;
mod query;
mod sink;
mod vault;

// Inside.
mod bundle;
mod clock;
mod commit;
mod durable;
mod error;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod hex;
mod memory;
mod shards;
mod store;

pub use acknowledge::{Acknowledgement, Pending};
pub use builder::{AuditLogBuilder, DEFAULT_NAMESPACE};
pub use chain::{ChainError, ChainFault, ChainVerified, Dialect, Imported, verify_chain};
pub use checkpoint::Checkpoint;
pub use clock::{Clock, ManualClock, SystemClock};
pub use cosignature::{Cosignature, CosignerKey, CosignerVerifierKey};
pub use cursor::Cursor;
pub use durable::admission::WhenFull;
pub use durable::check::Progress;
pub use entry::{Entry, recordable};
pub use erase::Erased;
pub use error::{AuditError, EntryError};
pub use export::{Exported, Syslog};
pub use ext::Ext;
pub use fields::{
    Action, Approval, BudgetFields, Charge, ConsentFields, DecisionFields, Policy, Texts,
    TrustFields,
};
pub use filter::{Filter, Order};
#[cfg(feature = "http")]
pub use handler::{serve_log, serve_witness};
pub use kind::{Kind, Outcome};
pub use log::{Appended, AuditLog};
pub use note::{NoteError, SigningKey, VerifierKey};
pub use policy::{PolicyError, PolicyWitness, Quorum, TlogPolicy};
pub use quantity::Quantity;
pub use query::{OutcomeCounts, Page};
pub use range::verify_range;
pub use reader::AuditReader;
pub use receipt::{Established, EvidenceError, Receipt, verify_checkpoint};
pub use record::Record;
pub use sink::{NdjsonSink, Sink};
pub use tail::Tail;
pub use tree::{Hash, ProofError};
pub use vault::{Disclosed, DisclosedField, FileVault, MemoryVault, Vault};
pub use verdict::{Fault, Level, Verified, VerifyError, Witnesses};
pub use verify::{verify_consistency, verify_inclusion, verify_ndjson};

/// The longest text in an entry, in bytes of UTF-8.
pub const MAX_TEXT: usize = 4 * 1024;
/// The longest entry, in bytes as written.
pub const MAX_ENTRY: usize = 60 * 1024;
/// What the genesis entry of a log calls its schema.
const SCHEMA: &str = "audit-trail/v1";
