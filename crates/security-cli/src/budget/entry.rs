//! An entry of the ledger as the command shows it: what was booked, what operators did, and what expired unnoticed.

use std::collections::BTreeSet;

use budget_enforcer::{
    Amounts, Balance, BudgetSpec, Envelope, OperatorId, Period, ReservationId, Transaction,
    TransactionFilter, TransactionId, TransactionKind,
};
use clap::ValueEnum;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::history::{History, OperatorAct, lines};
use super::limits::{shown, shown_windows};
use super::store::Store;
use super::{envelope, figures};
use crate::failure::Failure;
use crate::{paint, times};

/// What an entry tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
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

impl Kind {
    pub(super) const fn name(self) -> &'static str {
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
    fn of(kind: TransactionKind) -> Result<Self, Failure> {
        Ok(match kind {
            TransactionKind::Reserve => Self::Reserve,
            TransactionKind::Settle => Self::Settle,
            TransactionKind::Release => Self::Release,
            TransactionKind::Expire => Self::Expire,
            TransactionKind::Record => Self::Record,
            TransactionKind::Refund => Self::Refund,
            TransactionKind::Adjust => Self::Adjust,
            other => {
                return Err(Failure::new(format!(
                    "the ledger has entries of kind `{other}`, which this version does not know"
                )));
            }
        })
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: OffsetDateTime,
    pub(super) kind: Kind,
    /// Of what was booked.
    pub(super) id: Option<TransactionId>,
    pub(super) lines: Vec<(Envelope, Amounts)>,
    /// Of a creation.
    pub(super) spec: Option<BudgetSpec>,
    /// Which window an operator set limits of.
    pub(super) period: Option<Period>,
    pub(super) reservation: Option<ReservationId>,
    pub(super) refund_of: Option<TransactionId>,
    pub(super) overspent: Amounts,
    pub(super) late: bool,
    pub(super) hold_spent: bool,
    pub(super) by: Option<OperatorId>,
    pub(super) note: Option<String>,
    pub(super) balances: Vec<Balance>,
}

/// All entries there are, the oldest first.
pub(super) fn all(store: &mut Store) -> Result<Vec<Entry>, Failure> {
    let mut entries: Vec<_> = store.history.acts.drain(..).map(Entry::of_act).collect();
    let booked = store.enforcer.transactions(&TransactionFilter::default());
    if booked.dropped > 0 {
        return Err(Failure::new(format!(
            "{} entries of the ledger are missing",
            booked.dropped
        )));
    }
    let mut lapsed = BTreeSet::new();
    for transaction in booked.rows {
        let entry = Entry::of(transaction, &mut store.history)?;
        if entry.kind == Kind::Expire {
            lapsed.extend(entry.reservation);
        }
        entries.push(entry);
    }
    // Expiries are booked when something next happens beside them.
    let now = store.enforcer.now();
    for (id, hold) in &store.history.holds {
        if hold.expires_at <= now && !lapsed.contains(id) {
            entries.push(Entry {
                reservation: Some(*id),
                hold_spent: hold.started,
                ..Entry::new(hold.expires_at, Kind::Expire, hold.lines.clone())
            });
        }
    }
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

impl Entry {
    fn new(at: OffsetDateTime, kind: Kind, lines: Vec<(Envelope, Amounts)>) -> Self {
        Self {
            at,
            kind,
            id: None,
            lines,
            spec: None,
            period: None,
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

    fn of_act(act: OperatorAct) -> Self {
        let lines = act.envelope.into_iter();
        let lines = lines.map(|envelope| (envelope, Amounts::NONE));
        Self {
            spec: act.spec,
            by: act.by,
            note: act.note,
            ..Self::new(act.at, act.kind, lines.collect())
        }
    }

    fn of(booked: Transaction, history: &mut History) -> Result<Self, Failure> {
        let kind = Kind::of(booked.kind)?;
        let mut entry = Self {
            id: Some(booked.id),
            reservation: booked.reservation,
            refund_of: booked.refund_of,
            overspent: booked.overspent,
            late: booked.late,
            hold_spent: booked.hold_spent,
            note: booked.note.map(|note| note.to_string()),
            balances: booked.balances,
            ..Self::new(booked.at, kind, lines(&booked.charge))
        };
        if let (Kind::Adjust, Some((Envelope::Budget(id), _))) = (kind, entry.lines.first()) {
            // Rows of one budget are in the order of its events.
            let adjusted = history.adjusted.get_mut(id);
            if let Some(adjusted) = adjusted.and_then(std::collections::VecDeque::pop_front) {
                entry.period = adjusted.period;
                entry.by = adjusted.by;
                entry.note = adjusted.note;
            }
        }
        Ok(entry)
    }

    /// One line: when, what, which, how much, and what is special about it.
    pub(super) fn line(&self) -> String {
        let lines = self.lines.iter();
        let lines = lines.map(|(named, amounts)| {
            let name = envelope::name(named);
            match (self.kind, &self.spec, self.period) {
                (Kind::Suspend | Kind::Resume | Kind::Close, ..) => name,
                (_, Some(spec), _) => format!("{name}: {}", shown_windows(spec)),
                (_, _, Some(period)) => format!("{name}: {period} {}", shown(amounts)),
                (_, _, None) => format!("{name}: {}", shown(amounts)),
            }
        });
        let mut parts = vec![lines.collect::<Vec<_>>().join("; ")];
        if self.kind == Kind::Expire {
            let fate = if self.hold_spent {
                "spent"
            } else {
                "given back"
            };
            parts.push(fate.to_owned());
        }
        if self.late {
            parts.push("late".to_owned());
        }
        if !self.overspent.is_none() {
            parts.push(format!("overspent {}", shown(&self.overspent)));
        }
        parts.extend(self.reservation.map(|id| id.to_string()));
        parts.extend(self.refund_of.map(|id| format!("of {id}")));
        parts.extend(
            self.by
                .as_ref()
                .map(|by| format!("by {}", paint::plain(by.as_str()))),
        );
        parts.extend(
            self.note
                .as_ref()
                .map(|note| format!("\"{}\"", paint::cut(note, 120))),
        );
        parts.retain(|part| !part.is_empty());
        let dim = paint::DIM;
        let id = self.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        format!(
            "{dim}{:<27}{dim:#}  {:<12}  {id:<10}  {}",
            times::shown(self.at),
            self.kind.name(),
            parts.join("  ")
        )
    }

    pub(super) fn json(&self) -> Value {
        let charge: Vec<_> = self
            .lines
            .iter()
            .map(|(envelope, amounts)| json!({ "envelope": envelope, "amounts": amounts }))
            .collect();
        let mut said = json!({
            "at": times::shown(self.at),
            "kind": self.kind.name(),
            "charge": charge,
        });
        let balances: Vec<_> = self.balances.iter().map(balance).collect();
        if let Some(said) = said.as_object_mut() {
            let mut say = |key: &str, value: Option<Value>| {
                if let Some(value) = value {
                    said.insert(key.to_owned(), value);
                }
            };
            say("id", self.id.map(|id| json!(id)));
            say("spec", self.spec.as_ref().map(|spec| json!(spec)));
            say("window", self.period.map(|period| json!(period)));
            say("reservation", self.reservation.map(|id| json!(id)));
            say("refund_of", self.refund_of.map(|id| json!(id)));
            say(
                "overspent",
                (!self.overspent.is_none()).then(|| json!(self.overspent)),
            );
            say("late", self.late.then_some(true.into()));
            say("hold_spent", self.hold_spent.then_some(true.into()));
            say("by", self.by.as_ref().map(|by| json!(by)));
            say("note", self.note.as_ref().map(|note| json!(note)));
            say("balances", (!balances.is_empty()).then(|| balances.into()));
        }
        said
    }
}

fn balance(balance: &Balance) -> Value {
    let mut said = Map::new();
    said.insert("envelope".into(), json!(balance.envelope));
    said.insert("period".into(), json!(balance.period));
    for dimension in budget_enforcer::Dimension::ALL {
        let figures = [
            ("spent", balance.spent(dimension)),
            ("overspent", balance.overspent(dimension)),
            ("reserved", balance.reserved(dimension)),
        ];
        if figures.iter().any(|(_, quantity)| quantity.units() > 0) {
            let figures =
                figures.map(|(name, quantity)| (name.to_owned(), figures::json_of(quantity)));
            said.insert(dimension.name().into(), Map::from_iter(figures).into());
        }
    }
    said.into()
}
