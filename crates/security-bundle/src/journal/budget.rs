//! The budgets' journals: of operators' acts alone, in memory, and of everything, where the log is the journal.

use std::ops::Range;
use std::sync::Mutex;

use audit_trail::{AuditReader, Entry, Kind};
use budget_enforcer::{Act, BudgetJournal, Event, OperatorId, Revision, Snapshot, StoreError};

use super::acts::{Acts, UNNAMED};
use super::line::{Line, LineOf};
use super::restore::each_line;
use super::under_way::{self, Step};
use crate::entries::{self, Held};
use crate::recorder::{RecordError, Recorded};

/// In memory: the operators' acts alone. What is spent stands in the log already, in the intent that holds it and the outcome
/// that settles it.
pub(crate) struct BudgetActs(pub(crate) Acts);

impl BudgetJournal for BudgetActs {
    fn keeps_spending(&self) -> bool {
        false
    }

    fn append(&self, _: Revision, events: &[Event]) -> Result<(), StoreError> {
        for event in events {
            let recorded = self
                .0
                .write(entry(event), LineOf::Budget(event), None)
                .and_then(|recorded| self.0.stored(&recorded));
            recorded.map_err(StoreError::failed)?;
        }
        Ok(())
    }

    /// Budgets in memory begin anew with each process.
    fn replay(
        &self,
        _: Revision,
        _: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        Ok(())
    }
}

/// On a data directory: everything. Holds and settlements stand in the entries of the decisions that made them.
pub(crate) struct BudgetLog {
    acts: Acts,
    reader: AuditReader,
    /// Where reading begins: everything before is in the snapshot.
    from: u64,
    snapshot: Option<Snapshot>,
    newest: Mutex<Option<Recorded>>,
}

impl BudgetLog {
    pub(crate) fn new(
        acts: Acts,
        reader: AuditReader,
        from: u64,
        snapshot: Option<Snapshot>,
    ) -> Self {
        Self {
            acts,
            reader,
            from,
            snapshot,
            newest: Mutex::default(),
        }
    }

    fn write(&self, event: &Event) -> Result<Recorded, RecordError> {
        let line = LineOf::Budget(event);
        match under_way::take_for(event) {
            None | Some(Step::Judging) => self.acts.write(entry(event), line, None),
            Some(Step::Intent { action, decided }) => {
                let hold = match &event.act {
                    Act::Reserved { reservation, .. } => reservation.to_string(),
                    _ => String::new(),
                };
                let (entry, besides) =
                    entries::decision(&action, &decided, Held::Taken(&hold), &action.0.rules);
                let written = self.acts.write(entry, line, besides.as_ref());
                tell(written)
            }
            Some(Step::Outcome {
                record,
                ending,
                action,
                spent,
                why,
            }) => {
                let mut entry = entries::outcome(record, ending, &action, spent);
                if let Some(why) = &why {
                    entry = entry.reason_lossy(why);
                }
                tell(self.acts.write(entry, line, None))
            }
        }
    }
}

/// Leaves word for the pipeline.
fn tell(written: Result<Recorded, RecordError>) -> Result<Recorded, RecordError> {
    let told = match &written {
        Ok(recorded) => Ok(*recorded),
        Err(error) => Err(RecordError(error.to_string().into())),
    };
    under_way::written(written);
    told
}

impl BudgetJournal for BudgetLog {
    fn append(&self, _: Revision, events: &[Event]) -> Result<(), StoreError> {
        for event in events {
            let recorded = self.write(event).map_err(StoreError::failed)?;
            let mut newest = self.newest.lock().map_err(poisoned)?;
            *newest = Some(recorded);
        }
        Ok(())
    }

    /// Waits for the newest entry, which is after all that were asked for. A decision waits by itself, for what it has written.
    fn sync(&self, _: Revision) -> Result<(), StoreError> {
        let newest = *self.newest.lock().map_err(poisoned)?;
        match newest {
            Some(recorded) => self.acts.stored(&recorded).map_err(StoreError::failed),
            None => Ok(()),
        }
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.snapshot.clone())
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        replay(&self.reader, self.from..u64::MAX, from, each)
    }
}

/// The budgets in a log that somebody else may be writing: they are looked at, and never changed.
pub(crate) struct BudgetReading {
    pub(crate) reader: AuditReader,
    /// Which part of it: everything before is in the snapshot.
    pub(crate) part: Range<u64>,
    pub(crate) snapshot: Option<Snapshot>,
}

impl BudgetJournal for BudgetReading {
    fn append(&self, _: Revision, _: &[Event]) -> Result<(), StoreError> {
        Err(StoreError::failed("it was opened to be read"))
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        Ok(self.snapshot.clone())
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        replay(&self.reader, self.part.clone(), from, each)
    }
}

fn replay(
    reader: &AuditReader,
    part: Range<u64>,
    after: Revision,
    each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut stopped = None;
    let read = each_line(reader, part, |_, line| {
        let Line::Budget(event) = line else {
            return true;
        };
        if event.revision <= after {
            return true;
        }
        stopped = each(*event).err();
        stopped.is_none()
    });
    match stopped {
        Some(error) => Err(error),
        None => read.map_err(StoreError::failed),
    }
}

fn poisoned<T>(_: T) -> StoreError {
    StoreError::failed("an earlier panic left the journal unusable")
}

/// How a change that is part of no decision reads: an operator's act, or spending told component by component.
fn entry(event: &Event) -> Entry<'_> {
    let code = act_code(&event.act);
    let entry = if is_spending(&event.act) {
        Entry::event(code)
    } else {
        let by = event.by.as_ref().map_or(UNNAMED, OperatorId::as_str);
        Entry::admin(Kind::BudgetChange, by).named(code)
    };
    let entry = entry.at(event.at);
    match &event.note {
        Some(note) => entry.reason_lossy(note),
        None => entry,
    }
}

fn is_spending(act: &Act) -> bool {
    matches!(
        act,
        Act::SessionOpened { .. }
            | Act::Reserved { .. }
            | Act::Started { .. }
            | Act::Renewed { .. }
            | Act::Drawn { .. }
            | Act::Settled { .. }
            | Act::Released { .. }
            | Act::Recorded { .. }
            | Act::Spent { .. }
            | Act::Refunded { .. }
            | Act::Refused { .. }
    )
}

fn act_code(act: &Act) -> &'static str {
    match act {
        Act::BudgetCreated { .. } => "create_budget",
        Act::LimitsUpdated { .. } => "update_limit",
        Act::Suspended { .. } => "suspend",
        Act::Resumed { .. } => "resume",
        Act::Closed { .. } => "close",
        Act::ClockAccepted { .. } => "accept_clock",
        Act::SessionOpened { .. } => "session_opened",
        Act::Reserved { .. } => "hold_taken",
        Act::Started { .. } => "hold_started",
        Act::Renewed { .. } => "hold_renewed",
        Act::Drawn { .. } => "hold_drawn",
        Act::Settled { .. } => "hold_settled",
        Act::Released { .. } => "hold_released",
        Act::Recorded { .. } | Act::Spent { .. } => "spent",
        Act::Refunded { .. } => "refunded",
        Act::Refused { .. } => "spending_refused",
        _ => "budget_change",
    }
}
