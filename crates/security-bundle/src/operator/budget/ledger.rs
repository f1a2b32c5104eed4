//! An entry of the ledger: what was booked, what operators did, and what expired unnoticed.

use std::collections::{BTreeSet, VecDeque};

use budget_enforcer::{
    Amounts, Balance, BudgetSpec, Envelope, OperatorId, Period, ReservationId, Transaction,
    TransactionFilter, TransactionId, TransactionKind, Usd,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use super::books::Books;
use super::figures::{Booked, ByDimension, Line};
use super::history::{History, OperatorAct, lines};
use crate::operator::OperatorError;

/// What an entry tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is the booking or the act of that name")]
pub enum EntryKind {
    Reserve,
    Settle,
    Release,
    Expire,
    Record,
    Refund,
    Adjust,
    Create,
    Suspend,
    Resume,
    Close,
    AcceptClock,
}

impl EntryKind {
    /// All that there are.
    pub const ALL: [Self; 12] = [
        Self::Reserve,
        Self::Settle,
        Self::Release,
        Self::Expire,
        Self::Record,
        Self::Refund,
        Self::Adjust,
        Self::Create,
        Self::Suspend,
        Self::Resume,
        Self::Close,
        Self::AcceptClock,
    ];

    /// As it is written.
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
            Self::Create => "create",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Close => "close",
            Self::AcceptClock => "accept-clock",
        }
    }

    /// An error, so that a kind that is new is not left out of sums.
    fn of(kind: TransactionKind) -> Result<Self, OperatorError> {
        Ok(match kind {
            TransactionKind::Reserve => Self::Reserve,
            TransactionKind::Settle => Self::Settle,
            TransactionKind::Release => Self::Release,
            TransactionKind::Expire => Self::Expire,
            TransactionKind::Record => Self::Record,
            TransactionKind::Refund => Self::Refund,
            TransactionKind::Adjust => Self::Adjust,
            other => {
                return Err(OperatorError::Books {
                    problem: format!(
                        "the ledger has entries of kind `{other}`, which this version does not know"
                    ),
                });
            }
        })
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LedgerEntry {
    /// When.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
    /// What.
    pub kind: EntryKind,
    /// How much of what.
    pub charge: Vec<Line>,
    /// Of what was booked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<TransactionId>,
    /// Of a creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spec: Option<BudgetSpec>,
    /// Which window an operator set limits of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Period>,
    /// The hold that it ends or begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservation: Option<ReservationId>,
    /// What it gives back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_of: Option<TransactionId>,
    /// What of it was beyond what could be used.
    #[serde(default = "no_amounts", skip_serializing_if = "Amounts::is_none")]
    pub overspent: Amounts,
    /// It ended a hold that had expired.
    #[serde(default, skip_serializing_if = "is_false")]
    pub late: bool,
    /// The hold that expired was spent, for its call had left.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hold_spent: bool,
    /// On whose word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<OperatorId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What the envelopes came to by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub balances: Vec<BalanceNow>,
}

/// What a window came to by an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BalanceNow {
    /// Whose.
    pub envelope: Envelope,
    /// Which window.
    pub period: Period,
    /// Of what was used.
    #[serde(flatten)]
    pub figures: ByDimension<Booked<u64>, Booked<Usd>>,
}

const fn no_amounts() -> Amounts {
    Amounts::NONE
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// All entries there are, the oldest first.
pub(super) fn all(books: &Books) -> Result<Vec<LedgerEntry>, OperatorError> {
    let history = books.history()?;
    let acts = history.acts.iter();
    let mut entries: Vec<_> = acts.map(LedgerEntry::of_act).collect();
    let booked = books.enforcer.transactions(&TransactionFilter::default());
    if booked.dropped > 0 {
        return Err(OperatorError::Books {
            problem: format!("{} entries of the ledger are missing", booked.dropped),
        });
    }
    let mut adjusted = history.adjusted.clone();
    let mut lapsed = BTreeSet::new();
    for transaction in booked.rows {
        let mut entry = LedgerEntry::of(transaction)?;
        if entry.kind == EntryKind::Expire {
            lapsed.extend(entry.reservation);
        }
        if let (EntryKind::Adjust, Some(Envelope::Budget(id))) =
            (entry.kind, entry.charge.first().map(|line| &line.envelope))
            && let Some(adjusted) = adjusted.get_mut(id).and_then(VecDeque::pop_front)
        {
            // Rows of one budget are in the order of its events.
            entry.window = adjusted.period;
            entry.by = adjusted.by;
            entry.note = adjusted.note;
        }
        entries.push(entry);
    }
    entries.extend(lapsing(history, books.enforcer.now(), &lapsed));
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

/// Expiries are booked when something next happens beside them.
fn lapsing(
    history: &History,
    now: OffsetDateTime,
    booked: &BTreeSet<ReservationId>,
) -> impl Iterator<Item = LedgerEntry> {
    let holds = history.holds.iter();
    holds
        .filter(move |(id, hold)| hold.expires_at <= now && !booked.contains(id))
        .map(|(id, hold)| LedgerEntry {
            reservation: Some(*id),
            hold_spent: hold.started,
            ..LedgerEntry::new(hold.expires_at, EntryKind::Expire, hold.lines.clone())
        })
}

impl LedgerEntry {
    fn new(at: OffsetDateTime, kind: EntryKind, charge: Vec<Line>) -> Self {
        Self {
            at,
            kind,
            charge,
            id: None,
            spec: None,
            window: None,
            reservation: None,
            refund_of: None,
            overspent: Amounts::NONE,
            late: false,
            hold_spent: false,
            by: None,
            note: None,
            balances: Vec::new(),
        }
    }

    fn of_act(act: &OperatorAct) -> Self {
        let envelope = act.envelope.iter().cloned();
        let lines = envelope.map(|envelope| Line {
            envelope,
            amounts: Amounts::NONE,
        });
        Self {
            spec: act.spec.clone(),
            by: act.by.clone(),
            note: act.note.clone(),
            ..Self::new(act.at, act.kind, lines.collect())
        }
    }

    fn of(booked: Transaction) -> Result<Self, OperatorError> {
        let kind = EntryKind::of(booked.kind)?;
        Ok(Self {
            id: Some(booked.id),
            reservation: booked.reservation,
            refund_of: booked.refund_of,
            overspent: booked.overspent,
            late: booked.late,
            hold_spent: booked.hold_spent,
            note: booked.note.map(|note| note.to_string()),
            balances: booked.balances.iter().map(BalanceNow::of).collect(),
            ..Self::new(booked.at, kind, lines(&booked.charge))
        })
    }
}

impl BalanceNow {
    fn of(balance: &Balance) -> Self {
        Self {
            envelope: balance.envelope.clone(),
            period: balance.period,
            figures: ByDimension::<Booked<u64>, _>::of(|dimension| {
                let booked = Booked {
                    spent: balance.spent(dimension).units(),
                    overspent: balance.overspent(dimension).units(),
                    reserved: balance.reserved(dimension).units(),
                };
                let all = [booked.spent, booked.overspent, booked.reserved];
                all.iter().any(|units| *units > 0).then_some(booked)
            }),
        }
    }
}
