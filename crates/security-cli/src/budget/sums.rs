//! Sums of what was booked, for each envelope and window. Nothing is judged or foretold.

use std::collections::BTreeMap;

use budget_enforcer::{
    Amounts, Dimension, Envelope, Period, Quantity, ReservationId, Schedule, TransactionId, Window,
    Zone,
};
use time::OffsetDateTime;

use super::entry::{Entry, Kind};
use super::figures;
use super::history::History;
use super::store::Store;
use crate::failure::Failure;

/// The sums of one dimension of a window, in its units.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) reserved: u64,
    pub(super) settled: u64,
    pub(super) recorded: u64,
    pub(super) released: u64,
    /// Holds that expired before their call left.
    pub(super) expired: u64,
    /// Holds that expired after it left, and were not settled later.
    pub(super) expired_spent: u64,
    pub(super) refunded: u64,
    /// What was spent in the end beyond what could be used.
    pub(super) overspent: u64,
}

impl Sums {
    /// What was spent in the end, covered or not.
    pub(super) fn spent(&self) -> Option<u64> {
        let spent = self.settled.checked_add(self.recorded)?;
        spent
            .checked_add(self.expired_spent)?
            .checked_sub(self.refunded)
    }
}

/// An envelope in one of its windows.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) envelope: Envelope,
    pub(super) period: Period,
    pub(super) window: Window,
    /// Tokens, calls, cost.
    pub(super) sums: [Sums; 3],
}

/// By envelope, number of the window among its windows, and start.
type Sections = BTreeMap<(Envelope, usize, OffsetDateTime), Section>;

pub(super) fn of(store: &Store, entries: &[Entry]) -> Result<Vec<Section>, Failure> {
    let mut sections = Sections::new();
    let mut origins = Origins::default();
    // Of holds that expired into spending, until they are ended after all.
    let mut spent: BTreeMap<ReservationId, &[(Envelope, Amounts)]> = BTreeMap::new();
    for entry in entries {
        let at = origins.of(entry);
        let mut add = |lines: &[(Envelope, Amounts)],
                       change: &dyn Fn(&mut Sums, u64) -> Option<()>| {
            add(&mut sections, &store.history, at, lines, change)
        };
        let lines = &entry.lines;
        if entry.late {
            let before = entry.reservation.and_then(|id| spent.remove(&id));
            add(before.unwrap_or_default(), &|sums, units| {
                sums.expired_spent = sums.expired_spent.checked_sub(units)?;
                Some(())
            })?;
        }
        match entry.kind {
            Kind::Reserve => add(lines, &|sums, units| plus(&mut sums.reserved, units))?,
            Kind::Settle => add(lines, &|sums, units| plus(&mut sums.settled, units))?,
            Kind::Release => add(lines, &|sums, units| plus(&mut sums.released, units))?,
            Kind::Record => add(lines, &|sums, units| plus(&mut sums.recorded, units))?,
            Kind::Refund => add(lines, &|sums, units| plus(&mut sums.refunded, units))?,
            Kind::Expire if entry.hold_spent => {
                spent.extend(entry.reservation.map(|id| (id, lines.as_slice())));
                add(lines, &|sums, units| plus(&mut sums.expired_spent, units))?;
            }
            Kind::Expire => add(lines, &|sums, units| plus(&mut sums.expired, units))?,
            Kind::Adjust
            | Kind::Create
            | Kind::Suspend
            | Kind::Resume
            | Kind::Close
            | Kind::AcceptClock => {}
        }
        if entry.kind != Kind::Refund {
            overspent(&mut sections, &store.history, at, entry);
        }
    }
    let mut sections: Vec<_> = sections.into_values().collect();
    for section in &mut sections {
        overspent_now(section, store)?;
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
    fn of(&mut self, entry: &Entry) -> OffsetDateTime {
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
    lines: &[(Envelope, Amounts)],
    change: &dyn Fn(&mut Sums, u64) -> Option<()>,
) -> Result<(), Failure> {
    for (named, amounts) in lines {
        for envelope in history.and_above(named) {
            for (number, schedule) in schedules(history, &envelope).into_iter().enumerate() {
                let section = section(sections, &envelope, number, &schedule, at);
                for (dimension, sums) in Dimension::ALL.into_iter().zip(&mut section.sums) {
                    if let Some(units) = amounts.units(dimension) {
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

fn too_much(envelope: &Envelope, dimension: Dimension) -> Failure {
    Failure::new(format!(
        "the sums of {dimension} of `{}` do not come out within 64 bits",
        super::envelope::name(envelope)
    ))
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
            sums: [Sums::default(); 3],
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
fn overspent(sections: &mut Sections, history: &History, at: OffsetDateTime, entry: &Entry) {
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
        for (dimension, sums) in Dimension::ALL.into_iter().zip(&mut section.sums) {
            sums.overspent = balance.overspent(dimension).units();
        }
    }
}

/// Of windows that are open, what the enforcer says.
fn overspent_now(section: &mut Section, store: &Store) -> Result<(), Failure> {
    let usage = store.enforcer.utilization(section.envelope.clone())?;
    let is_now = |found: &&budget_enforcer::WindowUsage| {
        found.period == section.period && found.window == section.window
    };
    if let Some(found) = usage.windows().find(is_now) {
        for (dimension, sums) in Dimension::ALL.into_iter().zip(&mut section.sums) {
            sums.overspent = found.usage(dimension).overspent.units();
        }
    }
    Ok(())
}

/// The sums by name, in the order of columns.
pub(super) fn named(dimension: Dimension, sums: &Sums) -> Option<[(&'static str, Quantity); 9]> {
    let columns = [
        ("reserved", sums.reserved),
        ("settled", sums.settled),
        ("recorded", sums.recorded),
        ("released", sums.released),
        ("expired", sums.expired),
        ("expired_spent", sums.expired_spent),
        ("refunded", sums.refunded),
        ("spent", sums.spent()?),
        ("overspent", sums.overspent),
    ];
    Some(columns.map(|(name, units)| (name, figures::quantity(dimension, units))))
}
