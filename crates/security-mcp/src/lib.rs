#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod child;
#[cfg(feature = "demo-server")]
pub mod demo;
mod gate;
mod guarded;
mod in_flight;
mod judge;
mod listing;
mod methods;
mod serve;
mod session;
mod usage;
mod wire;

pub use child::ServerCommand;
pub use gate::{Ended, Gate, GateError, Limits};
pub use guarded::GuardJudge;
pub use judge::{Judge, Peer, ProtocolEvent, Ticket, ToolCall, Verdict};
pub use methods::{MethodRule, Methods};
pub use serve::Served;
pub use usage::Usage;
pub use wire::RequestId;
