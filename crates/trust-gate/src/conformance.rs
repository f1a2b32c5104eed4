//! Whether a [`TrustStore`] keeps its promises: that of order, that of nothing lost, and that of no level higher than it was.
//!
//! Each check starts with an empty store:
//!
//! ```
//! use trust_gate::conformance::{self, StoreFixture};
//! use trust_gate::{MemoryStore, TrustStore};
//!
//! #[derive(Default)]
//! struct Memory(MemoryStore);
//!
//! impl StoreFixture for Memory {
//!     fn open(&self) -> Box<dyn TrustStore> {
//!         Box::new(self.0.clone())
//!     }
//! }
//!
//! conformance::verify(Memory::default)?;
//! # Ok::<(), String>(())
//! ```

mod events;
mod failing;
mod gates;
mod marks;
mod stage;
mod writers;

use std::fmt;

use crate::event::{Event, Revision};
use crate::store::{StoreError, TrustStore};

/// One store, and what can happen to it.
pub trait StoreFixture {
    /// This store: empty at first, later with what earlier ones have left. The one before it has been dropped or has
    /// [crashed](Self::crash).
    fn open(&self) -> Box<dyn TrustStore>;

    /// A second handle while the first is open. `None`, the default: that is refused.
    fn open_beside(&self) -> Option<Box<dyn TrustStore>> {
        None
    }

    /// Ends `store` as the death of its process would: what it has not kept is lost. The default drops it, which tells
    /// nothing about stores that keep more when they are dropped.
    fn crash(&self, store: Box<dyn TrustStore>) {
        drop(store);
    }

    /// Makes the store refuse to keep anything until the next `open` or [`recover`](Self::recover). The default cannot,
    /// and says so: then nothing is checked of it.
    fn fail(&self) -> bool {
        false
    }

    /// Makes a store that [`fail`](Self::fail)ed work again as it is. The default cannot, and says so, as befits a store
    /// that takes nothing more until it is opened again.
    fn recover(&self) -> bool {
        false
    }
}

/// One promise.
#[derive(Clone, Copy)]
pub struct Check {
    name: &'static str,
    run: fn(&dyn StoreFixture) -> Result<(), String>,
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
    pub fn run(&self, fixture: &dyn StoreFixture) -> Result<(), String> {
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
        events::every_form_of_event_survives,
        events::replay_starts_after_a_revision,
        events::replay_stops_where_it_is_told_to,
        events::a_wrong_revision_is_a_conflict_and_changes_nothing,
        events::a_store_goes_on_where_it_ended,
        events::what_was_appended_survives_a_crash,
        writers::of_many_writers_one_gets_each_revision,
        writers::a_second_handle_conflicts_or_is_refused,
        marks::a_mark_never_goes_back,
        marks::a_mark_survives_a_crash,
        marks::of_the_marks_of_many_threads_the_latest_stays,
        failing::a_failure_is_told_and_leaves_no_part,
        gates::a_gate_is_restored_to_the_same_state,
        gates::what_lapsed_stays_lapsed_under_an_older_clock,
        gates::an_accepted_clock_stays_accepted,
        gates::acts_beside_each_other_are_all_kept,
        gates::an_approval_is_used_once_whatever_crashes,
        gates::what_cannot_be_stored_never_gives_a_level,
        gates::narrowing_that_could_not_be_stored_is_stored_later,
    ]
}

/// Runs every check, each on the store of a fixture of its own.
///
/// # Errors
/// One line for each promise that was broken: its name, and how.
pub fn verify<F: StoreFixture>(mut fresh: impl FnMut() -> F) -> Result<(), String> {
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

/// Everything that `store` has after `after`.
fn replayed(store: &dyn TrustStore, after: Revision) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    let result = store.replay(after, &mut |event| {
        events.push(event);
        Ok(())
    });
    done("replay", result)?;
    Ok(events)
}

/// That `store` has exactly these.
fn has(what: &str, store: &dyn TrustStore, expected: &[Event]) -> Result<(), String> {
    same(what, &replayed(store, Revision::ZERO)?, expected)
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
            let (found, expected) = (found.len(), expected.len());
            format!("{what}: {found} events instead of {expected}")
        }),
    }
}

/// The revision of the last of `events`; zero where there are none.
fn end(events: &[Event]) -> Revision {
    events.last().map_or(Revision::ZERO, |event| event.revision)
}

/// Appends those of `history` from place `from` on and before place `to`.
fn append(
    store: &dyn TrustStore,
    history: &[Event],
    from: usize,
    to: usize,
) -> Result<(), StoreError> {
    let (before, rest) = history.split_at(from.min(history.len()));
    let batch = rest.get(..to.saturating_sub(from)).unwrap_or(rest);
    store.append(end(before), batch)
}
