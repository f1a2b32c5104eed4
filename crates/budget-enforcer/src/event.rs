//! What happened, as it is written down: enough to come to the same state again.
//!
//! Expiries and new windows are no events: they follow from the time of the events that are.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::amounts::{Amounts, Limits};
use crate::charge::{Charge, Envelope};
use crate::decision::BudgetDecision;
use crate::hold::{ReservationId, TransactionId};
use crate::id::{BudgetId, OperatorId, SessionId};
use crate::journal::Revision;
use crate::key::IdempotencyKey;
use crate::period::Period;
use crate::spec::BudgetSpec;

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Event {
    /// Its number.
    pub revision: Revision,
    /// When it took effect: the enforcer's safe reading, in whole microseconds.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The operator, of an administrative act by a named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<OperatorId>,
    /// The idempotency key that it was asked for with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<IdempotencyKey>,
    /// What the caller noted, or the operator's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What happened.
    pub act: Act,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Act {
    /// A session was used for the first time.
    SessionOpened {
        /// Which.
        session: SessionId,
        /// Its limits, from the template of then.
        limits: Limits,
        /// The number of its tree.
        tree: u64,
    },
    /// An operator set the template of sessions, and lowered open ones to it.
    SessionTemplateSet {
        /// The limits; absent: no session is opened any more.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<Limits>,
    },
    /// An operator created a budget.
    BudgetCreated {
        /// The budget, with its rollover and overdraft settled.
        spec: BudgetSpec,
        /// The number of its tree.
        tree: u64,
    },
    /// An operator set limits.
    LimitsUpdated {
        /// Whose.
        budget: BudgetId,
        /// Of which window; the default: of the first one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        period: Option<Period>,
        /// All of them.
        limits: Limits,
    },
    /// An operator suspended an envelope.
    Suspended {
        /// Which.
        envelope: Envelope,
    },
    /// An operator ended a suspension.
    Resumed {
        /// Which.
        envelope: Envelope,
    },
    /// An operator closed an envelope.
    Closed {
        /// Which.
        envelope: Envelope,
    },
    /// An operator accepted the clock.
    ClockAccepted {},
    /// A hold was taken.
    Reserved {
        /// Its name.
        reservation: ReservationId,
        /// On what.
        charge: Charge,
        /// When it expires.
        #[serde(with = "time::serde::rfc3339")]
        expires_at: OffsetDateTime,
        /// Its call left in the same step.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        started: bool,
    },
    /// The call of a hold left, which had been taken before.
    Started {
        /// Which.
        reservation: ReservationId,
    },
    /// A hold got more time.
    Renewed {
        /// Which.
        reservation: ReservationId,
        /// When it expires.
        #[serde(with = "time::serde::rfc3339")]
        expires_at: OffsetDateTime,
    },
    /// A hold grew.
    Drawn {
        /// Which.
        reservation: ReservationId,
        /// By how much.
        more: Amounts,
    },
    /// A hold became spending.
    Settled {
        /// Which.
        reservation: ReservationId,
        /// What was really used.
        actual: Amounts,
        /// What was held is booked where it is more.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        at_least_hold: bool,
    },
    /// A hold was given back.
    Released {
        /// Which.
        reservation: ReservationId,
    },
    /// Spending without a hold.
    Recorded {
        /// On what.
        charge: Charge,
    },
    /// Spending of a session, told after the fact.
    Spent {
        /// Whose.
        session: SessionId,
        /// How many tokens; and one call.
        tokens: u64,
    },
    /// Spending was given back.
    Refunded {
        /// Which.
        transaction: TransactionId,
        /// How much.
        amounts: Amounts,
    },
    /// A request with an idempotency key was refused, and is refused again when it is repeated.
    Refused {
        /// What was asked.
        request: Request,
        /// The answer.
        decision: BudgetDecision,
    },
}

/// A request that an idempotency key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Request {
    /// To take a hold.
    Reserve {
        /// On what.
        charge: Charge,
    },
    /// To spend without a hold.
    Record {
        /// On what.
        charge: Charge,
    },
    /// To tell spending of a session.
    RecordSpending {
        /// Whose.
        session: SessionId,
        /// How many tokens.
        tokens: u64,
    },
    /// To give spending back.
    Refund {
        /// Which.
        transaction: TransactionId,
        /// How much.
        amounts: Amounts,
    },
}

impl Request {
    /// The first field in which the two differ.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        match (self, other) {
            (Self::Reserve { charge: a }, Self::Reserve { charge: b })
            | (Self::Record { charge: a }, Self::Record { charge: b }) => charge_difference(a, b),
            (
                Self::RecordSpending {
                    session: a,
                    tokens: tokens_a,
                },
                Self::RecordSpending {
                    session: b,
                    tokens: tokens_b,
                },
            ) => first(&[("session", a != b), ("tokens", tokens_a != tokens_b)]),
            (
                Self::Refund {
                    transaction: a,
                    amounts: amounts_a,
                },
                Self::Refund {
                    transaction: b,
                    amounts: amounts_b,
                },
            ) => first(&[("transaction", a != b)])
                .or_else(|| amounts_difference(amounts_a, amounts_b)),
            _ => Some("operation"),
        }
    }
}

fn charge_difference(a: &Charge, b: &Charge) -> Option<&'static str> {
    if !a
        .lines()
        .map(|(envelope, _)| envelope)
        .eq(b.lines().map(|(envelope, _)| envelope))
    {
        return Some("envelopes");
    }
    a.lines()
        .zip(b.lines())
        .find_map(|((_, a), (_, b))| amounts_difference(a, b))
}

fn amounts_difference(a: &Amounts, b: &Amounts) -> Option<&'static str> {
    first(&[
        ("tokens", a.tokens != b.tokens),
        ("calls", a.calls != b.calls),
        ("cost", a.cost != b.cost),
    ])
}

fn first(fields: &[(&'static str, bool)]) -> Option<&'static str> {
    fields
        .iter()
        .find(|(_, differs)| *differs)
        .map(|(name, _)| *name)
}
