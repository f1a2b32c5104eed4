//! What a journal's events say beyond figures: how budgets were set up, who changed what, and which holds are open.

use std::collections::{BTreeMap, VecDeque};

use budget_enforcer::{
    Act, Amounts, BudgetId, BudgetSpec, Charge, Envelope, Event, OperatorId, Period, ReservationId,
    SessionId,
};
use time::OffsetDateTime;

use super::figures::Line;
use super::ledger::EntryKind;

/// A fold over all events.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) budgets: BTreeMap<BudgetId, Created>,
    /// When each was opened.
    pub(crate) sessions: BTreeMap<SessionId, OffsetDateTime>,
    /// What operators did, but for setting limits.
    pub(crate) acts: Vec<OperatorAct>,
    /// How limits were set, in order: ledger rows tell of the same.
    pub(crate) adjusted: BTreeMap<BudgetId, VecDeque<Adjusted>>,
    /// Those that nobody ended. Some may have expired.
    pub(crate) holds: BTreeMap<ReservationId, Hold>,
    /// The latest time so far, as clocks go that were accepted.
    latest_at: Option<OffsetDateTime>,
}

#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) spec: BudgetSpec,
    pub(crate) at: OffsetDateTime,
    pub(crate) by: Option<OperatorId>,
}

#[derive(Debug)]
pub(crate) struct OperatorAct {
    pub(crate) kind: EntryKind,
    pub(crate) at: OffsetDateTime,
    /// `None`: all of them.
    pub(crate) envelope: Option<Envelope>,
    /// Of a creation.
    pub(crate) spec: Option<BudgetSpec>,
    pub(crate) by: Option<OperatorId>,
    pub(crate) note: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Adjusted {
    pub(crate) period: Option<Period>,
    pub(crate) by: Option<OperatorId>,
    pub(crate) note: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) at: OffsetDateTime,
    pub(crate) expires_at: OffsetDateTime,
    /// Its call has left: when it expires it is spent, not given back.
    pub(crate) started: bool,
    pub(crate) lines: Vec<Line>,
}

impl History {
    pub(crate) fn note(&mut self, event: &Event) {
        let at = event.at;
        match &event.act {
            Act::SessionOpened { session, .. } => {
                self.sessions.insert(session.clone(), at);
            }
            Act::BudgetCreated { spec, .. } => {
                self.acts.push(OperatorAct {
                    spec: Some(spec.clone()),
                    ..act(EntryKind::Create, Some(Envelope::from(&spec.id)), event)
                });
                let created = Created {
                    spec: spec.clone(),
                    at,
                    by: event.by.clone(),
                };
                self.budgets.insert(spec.id.clone(), created);
            }
            Act::LimitsUpdated { budget, period, .. } => {
                let first = || Some(self.budgets.get(budget)?.spec.period);
                let adjusted = Adjusted {
                    period: period.or_else(first),
                    by: event.by.clone(),
                    note: event.note.clone(),
                };
                let all = self.adjusted.entry(budget.clone()).or_default();
                all.push_back(adjusted);
            }
            Act::Suspended { envelope } => self.did(EntryKind::Suspend, envelope, event),
            Act::Resumed { envelope } => self.did(EntryKind::Resume, envelope, event),
            Act::Closed { envelope } => self.did(EntryKind::Close, envelope, event),
            Act::ClockAccepted {} => {
                self.acts.push(act(EntryKind::AcceptClock, None, event));
                self.set_back(at);
            }
            Act::Reserved {
                reservation,
                charge,
                expires_at,
                started,
            } => {
                let hold = Hold {
                    at,
                    expires_at: *expires_at,
                    started: *started,
                    lines: lines(charge),
                };
                self.holds.insert(*reservation, hold);
            }
            Act::Started { reservation } => self.hold(reservation, |hold| hold.started = true),
            Act::Renewed {
                reservation,
                expires_at,
            } => self.hold(reservation, |hold| hold.expires_at = *expires_at),
            Act::Drawn { reservation, more } => self.hold(reservation, |hold| {
                for line in &mut hold.lines {
                    line.amounts = sum(&line.amounts, more);
                }
            }),
            Act::Settled { reservation, .. } | Act::Released { reservation } => {
                self.holds.remove(reservation);
            }
            // Spending in one step, and refusals, which change nothing.
            _ => {}
        }
        self.latest_at = self.latest_at.max(Some(at));
    }

    /// Where an operator has set the clock back, holds keep the time that they had left.
    fn set_back(&mut self, at: OffsetDateTime) {
        if let Some(latest) = self.latest_at.filter(|latest| *latest > at) {
            #[expect(
                clippy::arithmetic_side_effects,
                reason = "any two times are closer than the longest duration"
            )]
            let back = latest - at;
            for hold in self.holds.values_mut() {
                hold.expires_at = hold.expires_at.checked_sub(back).unwrap_or(at);
            }
        }
        self.latest_at = Some(at);
    }

    /// An envelope and the budgets above it, the nearest first.
    pub(crate) fn and_above(&self, envelope: &Envelope) -> impl Iterator<Item = Envelope> {
        let above = |envelope: &Envelope| match envelope {
            Envelope::Budget(id) => Some(Envelope::Budget(self.parent(id)?.clone())),
            Envelope::Session(_) => None,
        };
        std::iter::successors(Some(envelope.clone()), above)
    }

    pub(crate) fn parent(&self, budget: &BudgetId) -> Option<&BudgetId> {
        self.budgets.get(budget)?.spec.parent.as_ref()
    }

    fn did(&mut self, kind: EntryKind, envelope: &Envelope, event: &Event) {
        self.acts.push(act(kind, Some(envelope.clone()), event));
    }

    fn hold(&mut self, id: &ReservationId, change: impl FnOnce(&mut Hold)) {
        if let Some(hold) = self.holds.get_mut(id) {
            change(hold);
        }
    }
}

fn act(kind: EntryKind, envelope: Option<Envelope>, event: &Event) -> OperatorAct {
    OperatorAct {
        kind,
        at: event.at,
        envelope,
        spec: None,
        by: event.by.clone(),
        note: event.note.clone(),
    }
}

pub(crate) fn lines(charge: &Charge) -> Vec<Line> {
    let lines = charge.lines();
    lines
        .map(|(envelope, amounts)| Line {
            envelope: envelope.clone(),
            amounts: *amounts,
        })
        .collect()
}

/// Dimension by dimension; absent where both are.
fn sum(a: &Amounts, b: &Amounts) -> Amounts {
    let units = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0).saturating_add(b.unwrap_or(0))),
    };
    let cost = units(
        a.cost.map(budget_enforcer::Usd::nanos),
        b.cost.map(budget_enforcer::Usd::nanos),
    );
    let mut sum = Amounts::NONE;
    sum.tokens = units(a.tokens, b.tokens);
    sum.calls = units(a.calls, b.calls);
    sum.cost = cost.map(budget_enforcer::Usd::from_nanos);
    sum
}
