//! The suites that others run on their stores: ours pass, and a store that breaks a promise is caught at it.

use std::sync::{Arc, Mutex};

use budget_enforcer::conformance::journal::{JournalFixture, checks, verify};
use budget_enforcer::{BudgetJournal, Event, MemoryJournal, Revision, Snapshot, StoreError};
use insta::assert_snapshot;

#[derive(Default)]
struct Memory(MemoryJournal);

impl JournalFixture for Memory {
    fn open(&self) -> Box<dyn BudgetJournal> {
        Box::new(self.0.clone())
    }
}

#[test]
fn the_journal_in_memory_conforms() {
    verify(Memory::default).unwrap();
}

#[cfg(feature = "durable")]
#[test]
fn the_journal_on_disk_conforms() {
    /// A crash is played by going on with a copy of the file as it then is.
    struct Disk(Mutex<tempfile::TempDir>);
    impl JournalFixture for Disk {
        fn open(&self) -> Box<dyn BudgetJournal> {
            let options = budget_enforcer::durable::DurableJournal::options().create(true);
            Box::new(options.open(self.0.lock().unwrap().path()).unwrap())
        }
        fn crash(&self, journal: Box<dyn BudgetJournal>) {
            let mut dir = self.0.lock().unwrap();
            let copy = tempfile::tempdir().unwrap();
            let path = |dir: &tempfile::TempDir| dir.path().join("budget.redb");
            std::fs::copy(path(&dir), path(&copy)).unwrap();
            drop(journal);
            *dir = copy;
        }
    }
    verify(|| Disk(Mutex::new(tempfile::tempdir().unwrap()))).unwrap();
}

#[test]
fn the_promises() {
    let names: Vec<_> = checks()
        .iter()
        .map(|check| check.name().replace('_', " "))
        .collect();
    assert_snapshot!(names.join("\n"), @r#"
    events come back in order
    replay starts after a revision
    replay stops where it is told to
    a wrong revision is a conflict and changes nothing
    a journal goes on where it ended
    what is stored can be synced again
    what was synced survives a crash
    what threads synced together survives a crash
    the newest snapshot is the one that comes back
    every form of event survives
    an enforcer is restored to the same state
    keys give their first answers again
    holds outlive the process
    callers beside each other lose nothing
    a failure lasts and loses nothing
    "#);
}

/// How a journal can be wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    LosesTheLastEvent,
    SaysStoredTooEarly,
    TurnsBatchesRound,
    TakesAnyRevision,
    TakesHalfOfWhatItRefuses,
    ReplaysOneTooMany,
    ReplaysOn,
    DropsKeys,
    DropsStarts,
    RecoversByItself,
    DoesNotNoticeAFailure,
    SyncsOnce,
    KeepsTheOldestSnapshot,
}

/// A store that is right but for one thing.
#[derive(Clone)]
struct Faulty(Fault, Arc<Mutex<Store>>);

#[derive(Default)]
struct Store {
    taken: Vec<Event>,
    stored: usize,
    snapshots: Vec<Snapshot>,
    failing: bool,
    stopped: bool,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self(fault, Arc::default())
    }
}

impl JournalFixture for Faulty {
    fn open(&self) -> Box<dyn BudgetJournal> {
        let mut store = self.1.lock().unwrap();
        (store.failing, store.stopped) = (false, false);
        Box::new(self.clone())
    }
    fn crash(&self, _: Box<dyn BudgetJournal>) {
        let mut store = self.1.lock().unwrap();
        let stored = store.stored;
        store.taken.truncate(stored);
    }
    fn fail(&self) -> bool {
        self.1.lock().unwrap().failing = true;
        true
    }
}

impl BudgetJournal for Faulty {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        let mut store = self.1.lock().unwrap();
        if store.stopped {
            return Err(StoreError::failed("stopped"));
        }
        let actual = Revision::new(store.taken.len() as u64);
        if actual != expected && self.0 != Fault::TakesAnyRevision {
            if self.0 == Fault::TakesHalfOfWhatItRefuses {
                store.taken.extend(events.first().cloned());
            }
            return Err(StoreError::Conflict { expected, actual });
        }
        let mut events = events.to_vec();
        if self.0 == Fault::TurnsBatchesRound {
            events.reverse();
        }
        if self.0 == Fault::DropsKeys {
            for event in &mut events {
                event.key = None;
            }
        }
        store.taken.extend(events);
        Ok(())
    }
    fn sync(&self, revision: Revision) -> Result<(), StoreError> {
        let mut store = self.1.lock().unwrap();
        if store.stored as u64 >= revision.number() {
            return match self.0 {
                Fault::SyncsOnce if store.stored > 0 => Err(StoreError::failed("again")),
                _ => Ok(()),
            };
        }
        if store.stopped || (store.failing && self.0 != Fault::DoesNotNoticeAFailure) {
            (store.failing, store.stopped) = (false, self.0 != Fault::RecoversByItself);
            return Err(StoreError::failed("failing"));
        }
        if self.0 != Fault::SaysStoredTooEarly {
            store.stored = store.taken.len();
        }
        Ok(())
    }
    fn keep_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.1.lock().unwrap().snapshots.push(snapshot.clone());
        Ok(())
    }
    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        let store = self.1.lock().unwrap();
        Ok(match self.0 {
            Fault::KeepsTheOldestSnapshot => store.snapshots.first().cloned(),
            _ => store.snapshots.last().cloned(),
        })
    }
    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut taken = self.1.lock().unwrap().taken.clone();
        let mut from = from.number() as usize;
        match self.0 {
            Fault::LosesTheLastEvent => drop(taken.pop()),
            Fault::ReplaysOneTooMany => from = from.saturating_sub(1),
            Fault::DropsStarts => {
                taken.retain(|event| !matches!(event.act, budget_enforcer::Act::Started { .. }));
            }
            _ => {}
        }
        for event in taken.into_iter().skip(from) {
            let told = each(event);
            if self.0 != Fault::ReplaysOn {
                told?;
            }
        }
        Ok(())
    }
}

#[test]
fn a_journal_without_fault_breaks_nothing() {
    assert_eq!(verify(|| Faulty::new(Fault::None)), Ok(()));
}

#[test]
fn a_journal_that_breaks_a_promise_is_caught_at_it() {
    let faults = [
        (Fault::LosesTheLastEvent, "events_come_back_in_order"),
        (
            Fault::LosesTheLastEvent,
            "an_enforcer_is_restored_to_the_same_state",
        ),
        (
            Fault::SaysStoredTooEarly,
            "what_was_synced_survives_a_crash",
        ),
        (
            Fault::SaysStoredTooEarly,
            "what_threads_synced_together_survives_a_crash",
        ),
        (
            Fault::SaysStoredTooEarly,
            "callers_beside_each_other_lose_nothing",
        ),
        (Fault::TurnsBatchesRound, "events_come_back_in_order"),
        (
            Fault::TakesAnyRevision,
            "a_wrong_revision_is_a_conflict_and_changes_nothing",
        ),
        (Fault::TakesAnyRevision, "a_journal_goes_on_where_it_ended"),
        (
            Fault::TakesHalfOfWhatItRefuses,
            "a_wrong_revision_is_a_conflict_and_changes_nothing",
        ),
        (Fault::ReplaysOneTooMany, "replay_starts_after_a_revision"),
        (Fault::ReplaysOn, "replay_stops_where_it_is_told_to"),
        (Fault::DropsKeys, "every_form_of_event_survives"),
        (Fault::DropsKeys, "keys_give_their_first_answers_again"),
        (Fault::DropsStarts, "every_form_of_event_survives"),
        (Fault::DropsStarts, "holds_outlive_the_process"),
        (Fault::RecoversByItself, "a_failure_lasts_and_loses_nothing"),
        (
            Fault::DoesNotNoticeAFailure,
            "a_failure_lasts_and_loses_nothing",
        ),
        (Fault::SyncsOnce, "what_is_stored_can_be_synced_again"),
        (
            Fault::KeepsTheOldestSnapshot,
            "the_newest_snapshot_is_the_one_that_comes_back",
        ),
    ];
    for (fault, promise) in faults {
        let check = checks()
            .iter()
            .find(|check| check.name() == promise)
            .unwrap();
        let caught = check.run(&Faulty::new(fault));
        assert!(caught.is_err(), "{fault:?} passes {promise}");
    }
}

#[test]
fn whatever_is_broken_is_named() {
    let why = verify(|| Faulty::new(Fault::ReplaysOneTooMany)).unwrap_err();
    assert!(
        why.starts_with("replay_starts_after_a_revision: after 1: "),
        "{why}"
    );
}
