#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod gate;
mod ledger;

mod authority;
mod builder;
mod config;
mod decision;
mod explain;
mod extent;
mod grant;
mod history;
mod id;
mod notice;
mod proof;
mod publication;
mod queries;
mod query;
mod record;
mod renewal;
mod report;
mod state;
mod usage;

mod decide;
mod index;
mod mark;
mod markdown;
mod rules;

mod book;
mod clock;
mod current;
mod error;
mod event;
mod journal;
mod memory;
mod store;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "durable")]
pub mod durable;
#[cfg(all(feature = "durable", feature = "receipts", any(fuzzing, test)))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "receipts")]
pub mod receipt;

pub use authority::{AuthorityCheck, AuthorityClaim, NotEntitled};
pub use builder::ConsentBuilder;
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::ConsentConfig;
pub use decision::{ConsentDecision, ConsentOutcome, Denied, DenyReason};
pub use error::ConsentError;
pub use event::{ClockAccepted, Event, NoticePublished};
pub use explain::{DataExplanation, Explanation, Finding, NextChange, RuleExplanation};
pub use extent::Extent;
pub use gate::ConsentGate;
pub use grant::Grant;
pub use history::{AsOf, RecordFilter};
pub use id::{
    AgentId, Authority, DataType, GrantorId, IdError, IdProblem, Method, NoticeId, NoticeVersion,
    Operation, OperatorId, Purpose, RecordId, Revision, SubjectId,
};
pub use ledger::{ConsentLedger, Withdrawal};
pub use memory::MemoryStore;
pub use notice::{Notice, NoticeHash};
pub use proof::{Change, Link, Proof};
pub use publication::{NoticePublication, Publication};
pub use queries::Counts;
pub use query::ConsentQuery;
pub use record::{ConsentRecord, RecordKind};
pub use renewal::Renewal;
pub use report::{ConsentReport, ReportOptions, ReportRow};
pub use state::RecordState;
pub use store::{ClockMark, ConsentStore, StoreError};
pub use usage::Usage;
