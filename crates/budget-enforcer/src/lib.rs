#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// the handles
mod admin;
mod builder;
mod ending;
mod enforcer;
mod meter;
mod reservation;
mod running;
mod spending;

// what they speak of
mod alert;
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
mod cell;
mod counter;
mod judge;
mod node;
mod plain;

// what calls cost
mod price;
mod usage;

// what holds it together
mod booking;
mod capture;
mod claims;
mod core;
mod create;
mod engine;
mod escrow;
mod hold;
mod holding;
mod holds;
mod lane;
mod ledger;
mod lines;
mod moment;
mod opening;
mod path;
mod quick;
mod reading;
mod refund;
mod row;
mod sessions;
mod sync;
mod template;
mod ticket;
mod tree;

// the journal
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "durable")]
pub mod durable;
mod event;
#[cfg(all(feature = "durable", any(fuzzing, test)))]
#[doc(hidden)]
pub mod fuzzing;
mod journal;
mod replay;
mod snapshot;
mod writer;

// an authority elsewhere
#[cfg(feature = "backend")]
pub mod backend;

pub use admin::BudgetAdmin;
pub use alert::{Alert, Threshold};
pub use amounts::{Amounts, Dimension, Limits, Quantity};
pub use builder::Builder;
pub use charge::{Charge, Envelope};
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{BudgetEnforcerConfig, Lanes};
pub use decision::{BudgetDecision, BudgetDenied, Retry};
pub use enforcer::BudgetEnforcer;
pub use error::BudgetError;
pub use event::{Act, Event, Request};
pub use hold::{ReservationId, TransactionId};
pub use id::{BudgetId, OperatorId, SessionId};
pub use journal::{BudgetJournal, MemoryJournal, Revision, StoreError};
pub use key::IdempotencyKey;
pub use meter::{Meter, NotAdmitted};
pub use options::CallOptions;
pub use path::BudgetPath;
pub use period::{Length, Period};
pub use price::{CommunityPrices, ModelPrice, PriceError, PriceTable, Rates, TokenPrice};
pub use reservation::{Floor, Reservation};
pub use running::Running;
pub use snapshot::Snapshot;
pub use spec::{BudgetSpec, WindowSpec};
pub use transaction::{
    Balance, Settlement, Transaction, TransactionFilter, TransactionKind, Transactions,
};
pub use usage::{
    AnthropicCacheCreation, AnthropicUsage, OpenAiInputDetails, OpenAiOutputDetails, OpenAiUsage,
    ProviderUsage, StreamUsage, TokenUsage, UsageError,
};
pub use usd::Usd;
pub use utilization::{EnvelopeState, OpenHold, Summary, Usage, Utilization, WindowUsage};
pub use window::{Schedule, Window, Zone};
