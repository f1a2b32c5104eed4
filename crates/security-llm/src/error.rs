//! Why a call has no answer, and, for each reason, what became of the money held for it.

use std::time::Duration;

#[cfg(feature = "http")]
use security_bundle::SettleError;
use security_bundle::budget_enforcer::PriceError;
use security_bundle::{ActionError, Denied};

#[cfg(feature = "http")]
use crate::answer::Withheld;

/// Why a governed call failed. No message holds text of a prompt or a completion.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LlmError {
    /// The client cannot be built like this.
    #[error("the client cannot be built: {0}")]
    Setup(String),
    /// The stack denied the call. Nothing was sent or held.
    #[error("the call was denied: {0}")]
    Denied(#[source] Denied),
    /// The model has no price, so nothing can be held for it. Nothing was sent or held; the refusal is in the log.
    #[error("the call was refused: {0}")]
    Price(#[source] PriceError),
    /// The call cannot be described as an action. Nothing was sent or held.
    #[error("the call cannot be described to the stack")]
    Action(#[source] ActionError),
    /// The call names neither a session with a budget nor a budget. Nothing was sent.
    #[error("the call charges nothing: name a session whose budget is limited, or a budget")]
    NothingCharged,
    /// A request whose cost cannot be foreseen. Nothing was sent or held.
    #[error("the request was refused: {0}")]
    Request(String),
    /// The request refers to something that its bytes do not bound. Nothing was sent or held.
    #[error(
        "`{field}` may use more input tokens than the request has bytes: state a bound with `input_at_most`"
    )]
    Unbounded {
        /// Which part of the request.
        field: String,
    },
    /// A part of the request changes what tokens cost. Nothing was sent or held.
    #[error("`{field}` changes what the model costs: name the price with `priced_as`")]
    PricedOtherwise {
        /// Which part of the request.
        field: &'static str,
    },
    /// Nobody says how long the answer may get. Nothing was sent or held.
    #[error(
        "nothing bounds the output: set the request's own limit, or give the model `max_output_tokens` in the price table"
    )]
    NoOutputBound,
    /// What may be held does not pay for the input and one token of output. Nothing was sent or held.
    #[error("what may be held does not pay for the input and any output: raise `hold_at_most`")]
    HoldTooSmall,
    /// No connection was made. What was held is given back.
    #[cfg(feature = "http")]
    #[error("no connection was made to the provider")]
    Unreachable(#[source] reqwest::Error),
    /// The connection broke, or took too long, once the request may have left. Settled at what was held.
    #[cfg(feature = "http")]
    #[error("the connection broke before the answer was complete")]
    Interrupted(#[source] reqwest::Error),
    /// The provider answered with an error. Settled at what was held, unless the provider refuses before it generates anything
    /// (crate documentation, What an error costs).
    #[error("the provider answered with status {status}{}", .kind.as_deref().map(|kind| format!(" ({kind})")).unwrap_or_default())]
    Status {
        /// The HTTP status.
        status: u16,
        /// The provider's code or type of the error, such as `rate_limit_error`.
        kind: Option<String>,
        /// The provider's text, shortened. It may repeat parts of the request, so it is not a part of this error's own text.
        message: Option<String>,
        /// After how long the provider says that a retry makes sense.
        retry_after: Option<Duration>,
    },
    /// The provider reported an error in the middle of a stream. Settled as a stream that broke.
    #[error("the provider reported an error in the stream{}", .kind.as_deref().map(|kind| format!(": {kind}")).unwrap_or_default())]
    InStream {
        /// The provider's code or type of the error, such as `overloaded_error`.
        kind: Option<String>,
        /// The provider's text, shortened.
        message: Option<String>,
    },
    /// The stream ended without its last event. Settled as a stream that broke.
    #[error("the stream ended before its last event")]
    Disconnected,
    /// The stream used more than was held, so it was cut. Settled at what it used.
    #[error("the stream was stopped: it used up what was held")]
    HoldUsedUp,
    /// An answer or an event that is longer than the client takes. Settled at what was held, or as a stream that broke.
    #[error("the provider sent more than {limit} bytes in one piece")]
    TooLong {
        /// The most that is taken.
        limit: usize,
    },
    /// An answer or an event that is no JSON, or not of the shape that was asked for. Settled by its usage where it has one.
    #[error("the provider's answer cannot be read")]
    Unreadable(#[source] serde_json::Error),
    /// The call is over, but its end could not be booked or recorded; the loss is counted.
    #[cfg(feature = "http")]
    #[error("the call ended, but not in the books")]
    NotSettled {
        /// What went wrong.
        #[source]
        source: SettleError,
        /// What the provider answered, where there is a whole answer.
        answer: Option<Box<Withheld>>,
    },
}

impl LlmError {
    /// A stable code in snake case: a denial's own, or this crate's.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Setup(_) => "setup",
            Self::Denied(denied) => denied.code(),
            Self::Price(_) => "unknown_price",
            Self::Action(_) => "invalid_action",
            Self::NothingCharged => "nothing_charged",
            Self::Request(_) => "invalid_request",
            Self::Unbounded { .. } => "unbounded_input",
            Self::PricedOtherwise { .. } => "priced_otherwise",
            Self::NoOutputBound => "unbounded_output",
            Self::HoldTooSmall => "hold_too_small",
            #[cfg(feature = "http")]
            Self::Unreachable(_) => "unreachable",
            #[cfg(feature = "http")]
            Self::Interrupted(_) => "interrupted",
            Self::Status { .. } => "provider_status",
            Self::InStream { .. } => "provider_error",
            Self::Disconnected => "disconnected",
            Self::HoldUsedUp => "hold_used_up",
            Self::TooLong { .. } => "too_long",
            Self::Unreadable(_) => "unreadable",
            #[cfg(feature = "http")]
            Self::NotSettled { .. } => "not_settled",
        }
    }
}
