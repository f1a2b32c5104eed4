//! One charge, spent over and over: the way to spend on a hot envelope without waiting for anybody.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::amounts::Dimension;
use crate::charge::Charge;
use crate::decision::{BudgetDecision, BudgetDenied, Code};
use crate::enforcer::BudgetEnforcer;
use crate::error::Poisoned;
use crate::escrow::{Escrow, Pool, Taken};
use crate::judge::Question;
use crate::lane;
use crate::lines::Lines;
use crate::moment::Moment;
use crate::path::{GroupRef, Path, Step};
use crate::plain::Want;
use crate::reading::COARSE;
use crate::row::{After, Row};
use crate::transaction::TransactionKind;
use crate::tree::TreeState;

/// Spends one charge, in one step, as often as it is called: without a lock, and whatever the number of envelopes above it.
///
/// It takes a part of what its envelopes have left beforehand, and gives it back whenever somebody else needs it or looks: what it admits is
/// what [`record`](BudgetEnforcer::record) would admit, to the last unit. One ledger row stands for all that was spent between two looks, with the time at
/// which the meter last took something out.
/// With a journal that keeps spending every spend is a `record`, stored before it is acknowledged.
///
/// ```
/// # use budget_enforcer::{BudgetEnforcer, BudgetId, BudgetSpec, Charge, NotAdmitted};
/// let (budget, admin) = BudgetEnforcer::builder().build()?;
/// let id: BudgetId = "searches".parse()?;
/// admin.create_budget(BudgetSpec::new(id.clone()).calls(1_000))?;
/// let meter = budget.meter(&Charge::budget(&id).calls(1))?;
/// assert!((0..1_000).all(|_| meter.spend(1).is_ok()));
/// assert_eq!(meter.spend(1), Err(NotAdmitted));
/// assert_eq!(meter.check(1).reason().to_string(), "Category 'searches': 1 calls requested but only 0 remains (1000 of 1000 spent).");
/// # Ok::<(), budget_enforcer::BudgetError>(())
/// ```
#[derive(Clone)]
pub struct Meter {
    enforcer: BudgetEnforcer,
    charge: Charge,
    handle: Arc<Handle>,
}

/// The charge was not admitted, and nothing was changed. [`Meter::check`] says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the budget does not admit it")]
#[expect(
    clippy::exhaustive_structs,
    reason = "a refusal that costs nothing has nothing to say"
)]
pub struct NotAdmitted;

/// Takes the meter out of its tree once nobody has it any more.
struct Handle(Arc<Metered>);

/// A meter as its tree knows it.
pub(crate) struct Metered {
    path: Path,
    /// What one unit is.
    unit: Lines,
    escrow: Escrow,
    /// Units taken out of the tree that are not booked yet. Changed with the tree locked.
    granted: AtomicU64,
    /// Until when what the stripes and the hint say holds.
    until: AtomicI64,
}

impl BudgetEnforcer {
    /// A meter for `charge`, whose envelopes must be in one tree: a budget and those above it, or a session. Opens the session on first use.
    ///
    /// # Errors
    /// [`BudgetDenied`] as for [`resolve`](Self::resolve); `amount_missing` where an amount is missing or too large to be counted; `too_many_envelopes` where they are in several trees.
    pub fn meter(&self, charge: &Charge) -> Result<Meter, BudgetDenied> {
        let lines = Lines::of(charge);
        let path = self.engine.open(charge, self.engine.reading(None))?;
        let refuse = |code| {
            let envelope = charge.first_envelope().clone();
            BudgetDenied::from(BudgetDecision::bare(code, Some(envelope)))
        };
        let group = path
            .only_group()
            .ok_or_else(|| refuse(Code::TooManyEnvelopes))?;
        let mut state = group.tree.lock()?;
        let wants = lines.wants();
        let evades = |step: &Step| {
            let node = state.node(step.node);
            let must_touch = node.map_or(0, |node| node.caps.must_touch);
            step.is_named && wants.at(step.lines).evades(must_touch)
        };
        if lines
            .as_slice()
            .iter()
            .any(|line| !Want::of(line).is_plain())
            || group.steps.iter().any(evades)
        {
            return Err(refuse(Code::AmountMissing));
        }
        let metered = Arc::new(Metered {
            escrow: Escrow::new(lane::processors().saturating_mul(4)),
            granted: AtomicU64::new(0),
            until: AtomicI64::new(i64::MIN),
            unit: lines,
            path: path.clone(),
        });
        state.add_meter(Arc::clone(&metered));
        drop(state);
        Ok(Meter {
            enforcer: self.clone(),
            charge: charge.clone(),
            handle: Arc::new(Handle(metered)),
        })
    }
}

impl Meter {
    /// Spends the charge `times` times, all of them or none; nothing at all always can be. Mostly one atomic exchange; a refusal of what was refused before, two atomic loads.
    ///
    /// # Errors
    /// [`NotAdmitted`]; nothing was changed.
    #[inline]
    pub fn spend(&self, times: u64) -> Result<(), NotAdmitted> {
        if times == 0 {
            return Ok(());
        }
        let metered = &self.handle.0;
        let until = Moment::from_micros(metered.until.load(Ordering::Acquire));
        let core = &self.enforcer.engine.core;
        if until == Moment::NEVER || core.time.coarse().plus(COARSE) < until {
            // Before anything else: a refusal should cost nobody anything.
            if metered.escrow.refuses(times) {
                return Err(NotAdmitted);
            }
            match metered.escrow.take(lane::own(), times) {
                Taken::Yes => return Ok(()),
                Taken::Refused => return Err(NotAdmitted),
                Taken::Short => {}
            }
        }
        let stripe = lane::own();
        if core.writer.keeps_spending() {
            let charge = metered.path.charge(&times_of(&metered.unit, times));
            return self
                .enforcer
                .record(&charge)
                .map_or(Err(NotAdmitted), |_| Ok(()));
        }
        metered
            .spend_slowly(stripe, times, core.time.now())
            .unwrap_or(Err(NotAdmitted))
    }

    /// Whether spending it `times` times would be admitted now, and on which figures. Without side effect; takes back what the meter has set aside.
    pub fn check(&self, times: u64) -> BudgetDecision {
        let lines = times_of(&self.handle.0.unit, times);
        self.enforcer.check(&self.charge.filled(lines.as_slice()))
    }

    /// The charge.
    #[must_use]
    pub fn charge(&self) -> &Charge {
        &self.charge
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Meter").field(&self.charge).finish()
    }
}

impl fmt::Debug for Metered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered")
            .field("path", &self.path)
            .field("granted", &self.granted)
            .finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Locking takes back what is set aside. Behind a poisoned lock nothing is admitted any more.
        if let Some(group) = self.0.path.only_group()
            && let Ok(mut state) = group.tree.lock()
        {
            state.remove_meter(&self.0);
        }
    }
}

impl Metered {
    /// Takes units out of the tree, and more to spend without it. Nobody is refused before everything that is set aside was taken back.
    fn spend_slowly(
        &self,
        stripe: usize,
        times: u64,
        wall: Moment,
    ) -> Result<Result<(), NotAdmitted>, Poisoned> {
        let group = self.path.only_group().ok_or(Poisoned)?;
        let mut state = group.tree.lock_quietly()?;
        let at = state.time(wall);
        if self.is_plain(&state, group, at) && self.draw(&mut state, group, stripe, times, at) {
            return Ok(Ok(()));
        }
        group.tree.recall(&mut state)?;
        let lines = times_of(&self.unit, times);
        let mut guards = [state];
        let [state] = &mut guards;
        let is_over = |step: &Step| state.node(step.node).is_some_and(|node| node.is_over(at));
        if state.is_due(at) || group.steps.iter().any(is_over) {
            // What comes back with time is taken for granted after it: a clock that is set back must not find the word again.
            state.unpublish();
        }
        let mut locked = group.tree.home.core.locked(&self.path, &mut guards, wall);
        locked.advance();
        if locked.refusal(&lines, Question::OverdraftPasses).is_none() {
            let at = locked.at();
            let [state] = &mut guards;
            if !self.is_plain(state, group, at) || !self.draw(state, group, stripe, times, at) {
                let mut locked = group.tree.home.core.locked(&self.path, &mut guards, wall);
                locked.spend(&lines, None);
            }
            return Ok(Ok(()));
        }
        let [state] = &mut guards;
        // Holds that run out give back what they hold without anybody coming by.
        let ends = ends(state, group).min(state.first_due());
        self.until.store(ends.micros(), Ordering::Release);
        self.escrow.publish(times);
        Ok(Err(NotAdmitted))
    }

    /// Whether nothing is to be considered but what is left, at `at`.
    fn is_plain(&self, state: &TreeState, group: GroupRef<'_>, at: Moment) -> bool {
        let wants = self.unit.wants();
        !state.is_due(at)
            && group.steps.iter().all(|step| {
                let node = state.node(step.node);
                node.is_some_and(|node| {
                    node.takes_plainly(&wants.at(step.lines), step.is_named, at)
                })
            })
    }

    fn draw(
        &self,
        state: &mut TreeState,
        group: GroupRef<'_>,
        stripe: usize,
        times: u64,
        at: Moment,
    ) -> bool {
        let mut pool = TreePool {
            unit: &self.unit,
            state,
            group,
        };
        let Some(taken) = self.escrow.draw(&mut pool, stripe, times) else {
            return false;
        };
        let granted = self.granted.load(Ordering::Relaxed);
        self.granted
            .store(granted.saturating_add(taken), Ordering::Relaxed);
        self.until
            .store(ends(state, group).micros(), Ordering::Release);
        // The row that will tell of it has this time.
        state.mark = state.mark.max(at);
        // What this one has set aside, others must have taken back before they are refused.
        state.unpublish();
        true
    }

    /// Books what was spent, and gives the rest back. With the tree locked.
    pub(crate) fn recall(&self, state: &mut TreeState) {
        let granted = self.granted.swap(0, Ordering::Relaxed);
        let Some(group) = self.path.only_group().filter(|_| granted > 0) else {
            return;
        };
        let used = granted.saturating_sub(self.escrow.drain());
        let (held, spent) = (times_of(&self.unit, granted), times_of(&self.unit, used));
        let (held, spent_wants) = (held.wants(), spent.wants());
        let mut after = After::None;
        for step in group.steps {
            if let Some(node) = state.node_mut(step.node) {
                node.plain.release(&held.at(step.lines));
                node.plain.spend(&spent_wants.at(step.lines));
                after.push(&node.current());
            }
        }
        let ledger = &group.tree.home.core.books.ledger;
        if used > 0 && ledger.keeps_rows() {
            let row = Row {
                id: state.take_row(),
                at: state.mark,
                kind: TransactionKind::Record,
                path: self.path.clone(),
                lines: spent,
                reservation: None,
                after,
                extra: None,
            };
            ledger.push(row);
        }
    }

    /// Something came back to the tree. With the tree locked.
    pub(crate) fn unpublish(&self) {
        self.escrow.unpublish();
    }
}

/// A tree as a pool of units.
struct TreePool<'a> {
    unit: &'a Lines,
    state: &'a mut TreeState,
    group: GroupRef<'a>,
}

impl Pool for TreePool<'_> {
    fn left(&self) -> u64 {
        let wants = self.unit.wants();
        let alerts = self.group.tree.home.core.books.alerts.as_ref();
        let mut left = u64::MAX;
        for step in self.group.steps {
            let Some(node) = self.state.node(step.node) else {
                return 0;
            };
            let want = wants.at(step.lines);
            for dimension in Dimension::ALL {
                let room = node.grantable(dimension, alerts);
                let units = room.checked_div(*want.units.get(dimension));
                left = left.min(units.unwrap_or(u64::MAX));
            }
        }
        left
    }

    fn take(&mut self, units: u64) {
        let lines = times_of(self.unit, units);
        let wants = lines.wants();
        for step in self.group.steps {
            if let Some(node) = self.state.node_mut(step.node) {
                node.plain.hold(&wants.at(step.lines));
            }
        }
    }
}

/// `unit`, so many times. What cannot be counted stops at the largest number, which nothing admits.
fn times_of(unit: &Lines, times: u64) -> Lines {
    unit.map(|line| {
        crate::Amounts::from_units(|dimension| {
            line.units(dimension)
                .map(|units| units.saturating_mul(times))
        })
    })
}

/// When the first of the windows ends.
fn ends(state: &TreeState, group: GroupRef<'_>) -> Moment {
    let nodes = group.steps.iter().filter_map(|step| state.node(step.node));
    nodes
        .map(crate::node::Node::end)
        .min()
        .unwrap_or(Moment::NEVER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::BudgetId;
    use crate::spec::BudgetSpec;

    #[test]
    fn a_tree_forgets_a_meter_once_nobody_has_it() {
        let (budget, admin) = BudgetEnforcer::builder().build().unwrap();
        let id: BudgetId = "a".parse().unwrap();
        admin
            .create_budget(BudgetSpec::new(id.clone()).calls(5))
            .unwrap();
        let charge = Charge::budget(&id).calls(1);
        let [first, second] = [
            budget.meter(&charge).unwrap(),
            budget.meter(&charge).unwrap(),
        ];
        let has_meters = || {
            let path = budget.engine.budget(&id).unwrap();
            let state = path.home().unwrap().lock().unwrap();
            state.has_meters()
        };
        let clone = first.clone();
        drop(first);
        drop(second);
        assert!(has_meters(), "a clone is left");
        drop(clone);
        assert!(!has_meters());
    }
}
