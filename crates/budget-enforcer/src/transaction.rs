//! A row of the ledger as it is shown, and what to look for there.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::amounts::{Amounts, Dimension, Quantity};
use crate::charge::{Charge, Envelope};
use crate::hold::{ReservationId, TransactionId};
use crate::moment::Moment;
use crate::period::Period;

/// What a ledger row tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TransactionKind {
    /// A hold was taken, or grew.
    Reserve,
    /// A hold became spending.
    Settle,
    /// A hold was given back.
    Release,
    /// A hold ran out: given back where its call had not left, else spent in full.
    Expire,
    /// Spending without a hold.
    Record,
    /// Spending was given back.
    Refund,
    /// An operator changed limits; the charge shows the new ones.
    Adjust,
}

impl TransactionKind {
    /// `reserve`, `settle`, `release`, `expire`, `record`, `refund` or `adjust`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Settle => "settle",
            Self::Release => "release",
            Self::Expire => "expire",
            Self::Record => "record",
            Self::Refund => "refund",
            Self::Adjust => "adjust",
        }
    }
}

impl fmt::Display for TransactionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A row of the ledger. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transaction {
    /// Its name.
    pub id: TransactionId,
    /// When it took effect; an expiry, when the hold was due.
    pub at: OffsetDateTime,
    /// What happened.
    pub kind: TransactionKind,
    /// To which envelopes, and how much.
    pub charge: Charge,
    /// The reservation that it belongs to.
    pub reservation: Option<ReservationId>,
    /// Of a refund: what it refunds.
    pub refund_of: Option<TransactionId>,
    /// How much of it was not covered: the most of any envelope. It is carried as debt.
    pub overspent: Amounts,
    /// It ended a hold that had expired. Its charge shows all that was used, of which the expiry may have booked some.
    pub late: bool,
    /// Of an expiry: its call had left, so that the hold was spent and not given back.
    pub hold_spent: bool,
    /// What the caller noted.
    pub note: Option<Arc<str>>,
    /// The envelopes afterwards, ancestors included, window by window. An expiry shows those of one tree of budgets; what a lane
    /// ([`Lanes`](crate::Lanes)) did shows none of the trees that have lanes.
    pub balances: Vec<Balance>,
}

/// One envelope after a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Balance {
    /// Which.
    pub envelope: Envelope,
    /// Which of its windows.
    pub period: Period,
    pub(crate) figures: BalanceFigures,
}

impl Balance {
    /// What was spent in its window within what may be used.
    #[must_use]
    pub fn spent(&self, dimension: Dimension) -> Quantity {
        dimension.quantity(self.figures.get(dimension).spent)
    }

    /// What was spent in its window beyond that.
    #[must_use]
    pub fn overspent(&self, dimension: Dimension) -> Quantity {
        dimension.quantity(self.figures.get(dimension).overspent)
    }

    /// What open holds had taken.
    #[must_use]
    pub fn reserved(&self, dimension: Dimension) -> Quantity {
        dimension.quantity(self.figures.get(dimension).reserved)
    }
}

pub(crate) type BalanceFigures = crate::amounts::PerDimension<BalanceFigure>;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BalanceFigure {
    pub(crate) spent: u64,
    pub(crate) overspent: u64,
    pub(crate) reserved: u64,
}

/// What a settlement came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Settlement {
    /// Its ledger row, for a refund.
    pub transaction: TransactionId,
    pub(crate) at: Moment,
    /// How much of it was not covered: the most of any envelope. It blocks further admission and is carried as debt.
    pub overspent: Amounts,
    /// The reservation had expired before.
    pub late: bool,
}

impl Settlement {
    /// When it was booked.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        self.at.to_time()
    }
}

/// Which rows to show. The default shows all.
///
/// ```
/// # use budget_enforcer::{BudgetId, TransactionFilter, TransactionKind};
/// let settled = TransactionFilter { kind: Some(TransactionKind::Settle), newest: Some(10), ..Default::default() };
/// # let _ = settled;
/// ```
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a plain struct that callers fill, with a default for the rest"
)]
pub struct TransactionFilter {
    /// Rows whose charge names this envelope or a descendant of it.
    pub envelope: Option<Envelope>,
    /// Rows of this kind.
    pub kind: Option<TransactionKind>,
    /// Rows of this reservation.
    pub reservation: Option<ReservationId>,
    /// Rows at this time or later.
    pub since: Option<OffsetDateTime>,
    /// Rows before this time.
    pub until: Option<OffsetDateTime>,
    /// The newest so many of them.
    pub newest: Option<usize>,
}

/// Rows of the ledger, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transactions {
    /// The rows that matched.
    pub rows: Vec<Transaction>,
    /// How many rows, matching or not, have left the ledger since it was opened.
    pub dropped: u64,
}
