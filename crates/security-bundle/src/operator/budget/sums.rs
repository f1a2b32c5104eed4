//! Sums of what was booked, for each envelope and window. Nothing is judged or foretold.

use std::collections::BTreeMap;

use budget_enforcer::{
    Dimension, Envelope, Period, ReservationId, Schedule, TransactionId, Usd, Window, WindowUsage,
    Zone,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use super::books::Books;
use super::figures::{ByDimension, Line, Sums};
use super::history::History;
use super::ledger::{EntryKind, LedgerEntry};
use crate::operator::OperatorError;

/// What was booked in one window of an envelope. A hold counts in the window in which it was taken, and so do its settlement and
/// refunds; a budget's sums contain those of the budgets under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct WindowSums {
    /// Whose.
    pub envelope: Envelope,
    /// How often the window starts again.
    pub period: Period,
    /// Since when; a lifetime has no such time.
    #[serde(with = "rfc3339::option")]
    pub window_start: Option<OffsetDateTime>,
    /// Until when.
    #[serde(with = "rfc3339::option")]
    pub window_end: Option<OffsetDateTime>,
    /// Of what was booked.
    #[serde(flatten)]
    pub sums: ByDimension<Sums<u64>, Sums<Usd>>,
}

/// The sums of one dimension of a window, in its units.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Units {
    reserved: u64,
    settled: u64,
    recorded: u64,
    released: u64,
    /// Holds that expired before their call left.
    expired: u64,
    /// Holds that expired after it left, and were not settled later.
    expired_spent: u64,
    refunded: u64,
    /// What was spent in the end beyond what could be used.
    overspent: u64,
}

impl Units {
    /// What was spent in the end, covered or not.
    fn spent(&self) -> Option<u64> {
        let spent = self.settled.checked_add(self.recorded)?;
        spent
            .checked_add(self.expired_spent)?
            .checked_sub(self.refunded)
    }

    fn told(&self) -> Option<Sums<u64>> {
        Some(Sums {
            reserved: self.reserved,
            settled: self.settled,
            recorded: self.recorded,
            released: self.released,
            expired: self.expired,
            expired_spent: self.expired_spent,
            refunded: self.refunded,
            spent: self.spent()?,
            overspent: self.overspent,
        })
    }

    const fn is_nothing(&self) -> bool {
        self.reserved == 0
            && self.settled == 0
            && self.recorded == 0
            && self.released == 0
            && self.expired == 0
            && self.expired_spent == 0
            && self.refunded == 0
            && self.overspent == 0
    }
}

/// An envelope in one of its windows.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) envelope: Envelope,
    pub(super) period: Period,
    pub(super) window: Window,
    /// Tokens, calls, cost.
    sums: [Units; 3],
}

impl Section {
    pub(super) fn told(&self) -> Result<WindowSums, OperatorError> {
        let mut told = [None; 3];
        for ((dimension, units), told) in Dimension::ALL.into_iter().zip(&self.sums).zip(&mut told)
        {
            if !units.is_nothing() {
                let sums = units.told();
                *told = Some(sums.ok_or_else(|| too_much(&self.envelope, dimension))?);
            }
        }
        let [tokens, calls, cost] = told;
        let end = self.window.end_at;
        Ok(WindowSums {
            envelope: self.envelope.clone(),
            period: self.period,
            // A lifetime's is the earliest instant that there is.
            window_start: end.map(|_| self.window.start_at),
            window_end: end,
            sums: ByDimension::<Sums<u64>, _>::of(|dimension| match dimension {
                Dimension::Tokens => tokens,
                Dimension::Calls => calls,
                Dimension::Cost => cost,
            }),
        })
    }
}

/// By envelope, number of the window among its windows, and start.
type Sections = BTreeMap<(Envelope, usize, OffsetDateTime), Section>;

pub(super) fn of(
    books: &Books,
    history: &History,
    entries: &[LedgerEntry],
) -> Result<Vec<Section>, OperatorError> {
    let mut sections = Sections::new();
    let mut origins = Origins::default();
    // Of holds that expired into spending, until they are ended after all.
    let mut spent: BTreeMap<ReservationId, &[Line]> = BTreeMap::new();
    for entry in entries {
        let at = origins.of(entry);
        let mut add = |lines: &[Line], change: &dyn Fn(&mut Units, u64) -> Option<()>| {
            add(&mut sections, history, at, lines, change)
        };
        let lines = &entry.charge;
        if entry.late {
            let before = entry.reservation.and_then(|id| spent.remove(&id));
            add(before.unwrap_or_default(), &|sums, units| {
                sums.expired_spent = sums.expired_spent.checked_sub(units)?;
                Some(())
            })?;
        }
        match entry.kind {
            EntryKind::Reserve => add(lines, &|sums, units| plus(&mut sums.reserved, units))?,
            EntryKind::Settle => add(lines, &|sums, units| plus(&mut sums.settled, units))?,
            EntryKind::Release => add(lines, &|sums, units| plus(&mut sums.released, units))?,
            EntryKind::Record => add(lines, &|sums, units| plus(&mut sums.recorded, units))?,
            EntryKind::Refund => add(lines, &|sums, units| plus(&mut sums.refunded, units))?,
            EntryKind::Expire if entry.hold_spent => {
                spent.extend(entry.reservation.map(|id| (id, lines.as_slice())));
                add(lines, &|sums, units| plus(&mut sums.expired_spent, units))?;
            }
            EntryKind::Expire => add(lines, &|sums, units| plus(&mut sums.expired, units))?,
            EntryKind::Adjust
            | EntryKind::Create
            | EntryKind::Suspend
            | EntryKind::Resume
            | EntryKind::Close
            | EntryKind::AcceptClock => {}
        }
        if entry.kind != EntryKind::Refund {
            overspent(&mut sections, history, at, entry);
        }
    }
    let mut sections: Vec<_> = sections.into_values().collect();
    for section in &mut sections {
        overspent_now(section, books)?;
    }
    Ok(sections)
}

/// When what an entry tells of began: a hold stays in the window that it was taken in, and so does what corrects it.
#[derive(Debug, Default)]
struct Origins {
    reservations: BTreeMap<ReservationId, OffsetDateTime>,
    transactions: BTreeMap<TransactionId, OffsetDateTime>,
}

impl Origins {
    fn of(&mut self, entry: &LedgerEntry) -> OffsetDateTime {
        let at = match (entry.reservation, entry.refund_of) {
            (Some(id), _) => *self.reservations.entry(id).or_insert(entry.at),
            (None, Some(id)) => self.transactions.get(&id).copied().unwrap_or(entry.at),
            (None, None) => entry.at,
        };
        self.transactions.extend(entry.id.map(|id| (id, at)));
        at
    }
}

/// Adds each line to its envelope and to all above it.
fn add(
    sections: &mut Sections,
    history: &History,
    at: OffsetDateTime,
    lines: &[Line],
    change: &dyn Fn(&mut Units, u64) -> Option<()>,
) -> Result<(), OperatorError> {
    for line in lines {
        for envelope in history.and_above(&line.envelope) {
            for (number, schedule) in schedules(history, &envelope).into_iter().enumerate() {
                let section = section(sections, &envelope, number, &schedule, at);
                for (dimension, sums) in Dimension::ALL.into_iter().zip(&mut section.sums) {
                    if let Some(units) = line.amounts.units(dimension) {
                        change(sums, units).ok_or_else(|| too_much(&envelope, dimension))?;
                    }
                }
            }
        }
    }
    Ok(())
}

fn plus(sum: &mut u64, units: u64) -> Option<()> {
    *sum = sum.checked_add(units)?;
    Some(())
}

fn too_much(envelope: &Envelope, dimension: Dimension) -> OperatorError {
    let named = match envelope {
        Envelope::Session(id) => format!("session `{id}`"),
        Envelope::Budget(id) => format!("budget `{id}`"),
    };
    OperatorError::Books {
        problem: format!("the sums of {dimension} of {named} do not come out within 64 bits"),
    }
}

fn section<'a>(
    sections: &'a mut Sections,
    envelope: &Envelope,
    number: usize,
    schedule: &(Period, Schedule),
    at: OffsetDateTime,
) -> &'a mut Section {
    let (period, schedule) = schedule;
    let window = schedule.window(at);
    sections
        .entry((envelope.clone(), number, window.start_at))
        .or_insert_with(|| Section {
            envelope: envelope.clone(),
            period: *period,
            window,
            sums: [Units::default(); 3],
        })
}

/// The windows of an envelope, the first one first.
fn schedules(history: &History, envelope: &Envelope) -> Vec<(Period, Schedule)> {
    let created = match envelope {
        Envelope::Budget(id) => history.budgets.get(id),
        Envelope::Session(_) => None,
    };
    let Some(created) = created else {
        let lifetime = Schedule::new(Period::Lifetime, Zone::utc(), OffsetDateTime::UNIX_EPOCH);
        return vec![(Period::Lifetime, lifetime)];
    };
    let spec = &created.spec;
    let periods = std::iter::once(spec.period).chain(spec.also.iter().map(|also| also.period));
    periods
        .map(|period| (period, Schedule::new(period, spec.zone.clone(), created.at)))
        .collect()
}

/// Notes what is overspent after an entry, which shows the envelopes that it touched.
fn overspent(sections: &mut Sections, history: &History, at: OffsetDateTime, entry: &LedgerEntry) {
    for balance in &entry.balances {
        let all = schedules(history, &balance.envelope);
        let found = all
            .iter()
            .enumerate()
            .find(|(_, (period, _))| *period == balance.period);
        let Some((number, schedule)) = found else {
            continue;
        };
        let section = section(sections, &balance.envelope, number, schedule, at);
        let figures = &balance.figures;
        let units = [
            figures.tokens.map(|booked| booked.overspent),
            figures.calls.map(|booked| booked.overspent),
            figures.cost.map(|booked| booked.overspent.nanos()),
        ];
        for (units, sums) in units.into_iter().zip(&mut section.sums) {
            sums.overspent = units.unwrap_or(0);
        }
    }
}

/// Of windows that are open, what the enforcer says.
fn overspent_now(section: &mut Section, books: &Books) -> Result<(), OperatorError> {
    let usage = books.enforcer.utilization(section.envelope.clone())?;
    let is_now =
        |found: &&WindowUsage| found.period == section.period && found.window == section.window;
    if let Some(found) = usage.windows().find(is_now) {
        for (dimension, sums) in Dimension::ALL.into_iter().zip(&mut section.sums) {
            sums.overspent = found.usage(dimension).overspent.units();
        }
    }
    Ok(())
}
