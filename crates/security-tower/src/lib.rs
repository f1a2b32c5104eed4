#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

// What a request asks for, and who asks.
mod asked;
#[cfg(feature = "identity")]
mod bearer;

// The layer, and what it puts around a request and its answer.
mod body;
mod ending;
mod layer;
mod service;

// What the service inside sees, and what a denied caller does.
#[cfg(feature = "axum")]
mod axum;
mod collect;
mod denial;
mod grpc;
mod permitted;

pub use asked::{Asked, Caller, NotAnAction, RequestToAction};
#[cfg(feature = "axum")]
pub use axum::NotGoverned;
#[cfg(feature = "identity")]
pub use bearer::BearerTokens;
pub use body::GovernedBody;
pub use collect::{CollectBody, CollectBodyLayer, CollectedBody};
pub use denial::Denial;
pub use layer::GovernanceLayer;
pub use permitted::{PermitEnded, PermitHandle, Permitted};
pub use service::Governed;
