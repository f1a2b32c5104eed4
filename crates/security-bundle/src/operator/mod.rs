//! What operators ask of a running stack and what they are told, as data: whoever carries requests to the process that owns the
//! stack needs to know nothing about them (design: security-bundle, Durable by default).
//!
//! Each component's verbs are an enum of their own, and what several verbs take is written out in each of them: serde refuses no
//! unknown field of a part that is flattened into another one. What depends on the verb is matched without a wildcard, so that a
//! new verb does not compile before each of these places knows it.

mod approvals;
mod budget;
mod consent;
mod error;
mod records;
mod stack;
mod trust;

use serde::{Deserialize, Serialize};

pub use self::approvals::{ApprovalAct, ApprovalsAnswer, ApprovalsRequest};
pub use self::budget::{
    BalanceNow, Booked, Books, BudgetAnswer, BudgetRequest, ByDimension, EntryKind, EnvelopeAct,
    EnvelopeNow, Figures, HoldNow, LedgerEntry, Line, SetUp, Sums, WindowNow, WindowSums,
};
pub use self::consent::{ConsentAnswer, ConsentRequest, MayUse, Purposes, RecordNow};
pub use self::error::{OperatorError, OperatorRefusal};
pub use self::records::consent_of_data_dir;
pub use self::stack::{ExplainedReason, StackAnswer, StackRequest, StackStatus};
pub use self::trust::{AgentAct, LevelNow, TrustAnswer, TrustRequest};

/// What an operator asks: a component, a verb and what it takes, as `{"trust":{"revoke":{"agent":"bot", …}}}`.
///
/// Unknown verbs and fields are refused when it is read. [`SecurityStack::perform`](crate::SecurityStack::perform) does it; the
/// request of a single component does it on that component alone.
///
/// ```
/// use security_bundle::operator::OperatorRequest;
///
/// let request: OperatorRequest = serde_json::from_str(
///     r#"{"trust":{"revoke":{"agent":"bot","by":"ops@example.com","reason":"left the pilot"}}}"#,
/// )?;
/// assert_eq!(request.verb(), "trust.revoke");
/// assert_eq!(request.by(), Some("ops@example.com"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperatorRequest {
    /// Who may act.
    Trust(TrustRequest),
    /// The calls that wait for an operator.
    Approvals(ApprovalsRequest),
    /// How much.
    Budget(BudgetRequest),
    /// On whose data, and for what.
    Consent(ConsentRequest),
    /// The stack as a whole.
    Stack(StackRequest),
}

/// What an operator is told: the component's own records, as they are stored and reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[must_use = "an answer that nobody sees was for nothing"]
pub enum OperatorAnswer {
    /// Of trust.
    Trust(TrustAnswer),
    /// Of approvals.
    Approvals(ApprovalsAnswer),
    /// Of budgets.
    Budget(BudgetAnswer),
    /// Of consent.
    Consent(ConsentAnswer),
    /// Of the stack.
    Stack(StackAnswer),
}

impl OperatorRequest {
    /// Its name, such as `trust.revoke`, for logs.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Trust(request) => request.verb(),
            Self::Approvals(request) => request.verb(),
            Self::Budget(request) => request.verb(),
            Self::Consent(request) => request.verb(),
            Self::Stack(request) => request.verb(),
        }
    }

    /// On whose word, where it changes something and says so.
    #[must_use]
    pub fn by(&self) -> Option<&str> {
        match self {
            Self::Trust(request) => request.by(),
            Self::Approvals(request) => request.by(),
            Self::Budget(request) => request.by(),
            Self::Consent(request) => request.by(),
            Self::Stack(request) => request.by(),
        }
    }

    /// Whether it is an act: whether it changes what is enforced, rather than only looking at it.
    #[must_use]
    pub fn is_act(&self) -> bool {
        match self {
            Self::Trust(request) => request.is_act(),
            Self::Approvals(request) => request.is_act(),
            Self::Budget(request) => request.is_act(),
            Self::Consent(request) => request.is_act(),
            Self::Stack(request) => request.is_act(),
        }
    }
}

macro_rules! parts {
    ($($variant:ident: $request:ident, $answer:ident;)*) => {$(
        impl From<$request> for OperatorRequest {
            fn from(request: $request) -> Self {
                Self::$variant(request)
            }
        }

        impl From<$answer> for OperatorAnswer {
            fn from(answer: $answer) -> Self {
                Self::$variant(answer)
            }
        }
    )*};
}

parts! {
    Trust: TrustRequest, TrustAnswer;
    Approvals: ApprovalsRequest, ApprovalsAnswer;
    Budget: BudgetRequest, BudgetAnswer;
    Consent: ConsentRequest, ConsentAnswer;
    Stack: StackRequest, StackAnswer;
}
