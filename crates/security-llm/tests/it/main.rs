//! Governed calls through the public API, against a provider on this machine that speaks the real wire formats.

mod bounding;
mod concurrent;
mod endings;
mod logging;
mod provider;
mod refusals;
mod streams;
mod support;
#[cfg(feature = "async-openai")]
mod typed;
mod whole;
