#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod gate;
mod ledger;

mod builder;
mod config;
mod decision;
mod extent;
mod grant;
mod history;
mod id;
mod notice;
mod query;
mod record;

mod decide;
mod index;
mod mark;
mod rules;

mod book;
mod clock;
mod error;
mod event;
mod memory;
mod store;

pub use builder::ConsentBuilder;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::ConsentConfig;
pub use decision::{ConsentDecision, ConsentOutcome, Denied, DenyReason};
pub use error::ConsentError;
pub use event::{ClockAccepted, Event};
pub use extent::Extent;
pub use gate::ConsentGate;
pub use grant::Grant;
pub use history::{AsOf, RecordFilter};
pub use id::{
    AgentId, DataType, GrantorId, IdError, IdProblem, Method, NoticeVersion, Operation, OperatorId,
    Purpose, RecordId, Revision, SubjectId,
};
pub use ledger::{ConsentLedger, Withdrawal};
pub use memory::MemoryStore;
pub use notice::{Notice, NoticeHash};
pub use query::ConsentQuery;
pub use record::{ConsentRecord, RecordKind};
pub use store::{ClockMark, ConsentStore, StoreError};
