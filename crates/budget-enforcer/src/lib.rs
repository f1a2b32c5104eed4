#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// the handles
mod admin;
mod builder;
mod enforcer;
mod reservation;
mod running;
mod spending;

// what they speak of
mod amounts;
mod charge;
mod clock;
mod config;
mod decision;
mod error;
mod id;
mod key;
mod options;
mod period;
mod spec;
mod transaction;
mod usd;
mod utilization;
mod window;

// the rules: no clock, no store, no lock
mod counter;
mod judge;
mod node;

// what holds it together
mod booking;
mod claims;
mod core;
mod engine;
mod hold;
mod holding;
mod ledger;
mod moment;
mod path;
mod reading;
mod refund;
mod row;
mod sessions;
mod ticket;
mod tree;

// the journal
mod event;
mod journal;
mod replay;
mod snapshot;
mod writer;

pub use admin::BudgetAdmin;
pub use amounts::{Amounts, Dimension, Limits, Quantity};
pub use builder::Builder;
pub use charge::{Charge, Envelope};
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::BudgetEnforcerConfig;
pub use decision::{BudgetDecision, BudgetDenied, Retry};
pub use enforcer::BudgetEnforcer;
pub use error::BudgetError;
pub use event::{Act, Event, Request};
pub use hold::{ReservationId, TransactionId};
pub use id::{BudgetId, OperatorId, SessionId};
pub use journal::{BudgetJournal, MemoryJournal, Revision, StoreError};
pub use key::IdempotencyKey;
pub use options::CallOptions;
pub use path::BudgetPath;
pub use period::{Length, Period};
pub use reservation::{Floor, Reservation};
pub use running::Running;
pub use snapshot::Snapshot;
pub use spec::BudgetSpec;
pub use transaction::{
    Balance, Settlement, Transaction, TransactionFilter, TransactionKind, Transactions,
};
pub use usd::Usd;
pub use utilization::{EnvelopeState, Summary, Usage, Utilization};
pub use window::{Schedule, Window, Zone};
