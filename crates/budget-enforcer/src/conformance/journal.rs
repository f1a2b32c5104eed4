//! Whether a [`BudgetJournal`] keeps its promises: that of order, that of nothing lost, and that of the same state again.
//!
//! The suite is for journals that keep spending. Each check starts with an empty store:
//!
//! ```
//! use budget_enforcer::conformance::journal::{self, JournalFixture};
//! use budget_enforcer::{BudgetJournal, MemoryJournal};
//!
//! #[derive(Default)]
//! struct Memory(MemoryJournal);
//!
//! impl JournalFixture for Memory {
//!     fn open(&self) -> Box<dyn BudgetJournal> {
//!         Box::new(self.0.clone())
//!     }
//! }
//!
//! journal::verify(Memory::default)?;
//! # Ok::<(), String>(())
//! ```

mod enforcing;
mod events;
mod failing;

use std::fmt;
use std::sync::Arc;

use crate::event::Event;
use crate::journal::{BudgetJournal, Revision, StoreError};
use crate::snapshot::Snapshot;

/// One store, and what can happen to it.
pub trait JournalFixture {
    /// The journal of this store: empty at first, later with what earlier ones have left. The one before it has been dropped or has
    /// [crashed](Self::crash).
    fn open(&self) -> Box<dyn BudgetJournal>;

    /// Ends `journal` as the death of its process would: what it has not stored is lost. The default drops it, which tells
    /// nothing about journals that store more when they are dropped.
    fn crash(&self, journal: Box<dyn BudgetJournal>) {
        drop(journal);
    }

    /// Makes the store refuse to store anything until the next `open`. The default cannot, and says so: then nothing is checked of it.
    fn fail(&self) -> bool {
        false
    }
}

/// One promise.
#[derive(Clone, Copy)]
pub struct Check {
    name: &'static str,
    run: fn(&dyn JournalFixture) -> Result<(), String>,
}

impl Check {
    /// What is promised, with underscores.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Checks it on a store that is empty.
    ///
    /// # Errors
    /// How the promise was broken.
    pub fn run(&self, fixture: &dyn JournalFixture) -> Result<(), String> {
        (self.run)(fixture)
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}

macro_rules! checks {
    ($($module:ident::$check:ident,)*) => {
        &[$(Check { name: stringify!($check), run: $module::$check },)*]
    };
}

/// All of them.
#[must_use]
pub const fn checks() -> &'static [Check] {
    checks![
        events::events_come_back_in_order,
        events::replay_starts_after_a_revision,
        events::replay_stops_where_it_is_told_to,
        events::a_wrong_revision_is_a_conflict_and_changes_nothing,
        events::a_journal_goes_on_where_it_ended,
        events::what_is_stored_can_be_synced_again,
        events::what_was_synced_survives_a_crash,
        events::what_threads_synced_together_survives_a_crash,
        events::the_newest_snapshot_is_the_one_that_comes_back,
        enforcing::every_form_of_event_survives,
        enforcing::an_enforcer_is_restored_to_the_same_state,
        enforcing::keys_give_their_first_answers_again,
        enforcing::holds_outlive_the_process,
        enforcing::callers_beside_each_other_lose_nothing,
        failing::a_failure_lasts_and_loses_nothing,
    ]
}

/// Runs every check, each on the store of a fixture of its own.
///
/// # Errors
/// One line for each promise that was broken: its name, and how.
pub fn verify<F: JournalFixture>(mut fresh: impl FnMut() -> F) -> Result<(), String> {
    let broken: Vec<_> = checks()
        .iter()
        .filter_map(|check| {
            let why = check.run(&fresh()).err()?;
            Some(format!("{}: {why}", check.name))
        })
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(broken.join("\n"))
    }
}

fn ensure(holds: bool, broken: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken()) }
}

/// What `what` came to, where it must not fail.
fn done<T, E: fmt::Debug>(what: &str, result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error:?}"))
}

/// Everything that `journal` has after `from`.
fn replayed(journal: &dyn BudgetJournal, from: Revision) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    let result = journal.replay(from, &mut |event| {
        events.push(event);
        Ok(())
    });
    done("replay", result)?;
    Ok(events)
}

/// That `found` is `expected`, and otherwise where it is not.
fn same(what: &str, found: &[Event], expected: &[Event]) -> Result<(), String> {
    let differs = found
        .iter()
        .zip(expected)
        .find(|(found, expected)| found != expected);
    match differs {
        Some((found, expected)) => Err(format!("{what}: {found:?} instead of {expected:?}")),
        None => ensure(found.len() == expected.len(), || {
            format!(
                "{what}: {} events instead of {}",
                found.len(),
                expected.len()
            )
        }),
    }
}

/// A journal that the suite keeps a handle to while an enforcer has it.
#[derive(Clone)]
struct Shared(Arc<Box<dyn BudgetJournal>>);

impl Shared {
    fn new(journal: Box<dyn BudgetJournal>) -> Self {
        Self(Arc::new(journal))
    }

    /// The journal itself, once nobody else has it.
    fn take(self) -> Result<Box<dyn BudgetJournal>, String> {
        Arc::try_unwrap(self.0)
            .map_err(|_| "an enforcer that was dropped has kept its journal".into())
    }
}

impl BudgetJournal for Shared {
    fn keeps_spending(&self) -> bool {
        self.0.keeps_spending()
    }
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.0.append(expected, events)
    }
    fn sync(&self, revision: Revision) -> Result<(), StoreError> {
        self.0.sync(revision)
    }
    fn wants_snapshot(&self) -> bool {
        self.0.wants_snapshot()
    }
    fn keep_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.0.keep_snapshot(snapshot)
    }
    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        self.0.snapshot()
    }
    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(from, each)
    }
}
