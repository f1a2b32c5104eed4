//! The suite that others run on their stores: ours pass, and a store that breaks a promise is caught at it.

use std::sync::{Arc, Barrier, Mutex};

use insta::assert_snapshot;
use trust_gate::conformance::{StoreFixture, checks, verify};
use trust_gate::{Act, ActKind, ClockMark, Event, MemoryStore, Revision, StoreError, TrustStore};

#[derive(Default)]
struct Memory(MemoryStore);

impl StoreFixture for Memory {
    fn open(&self) -> Box<dyn TrustStore> {
        Box::new(self.0.clone())
    }
    fn open_beside(&self) -> Option<Box<dyn TrustStore>> {
        Some(self.open())
    }
}

#[test]
fn the_store_in_memory_conforms() {
    verify(Memory::default).unwrap();
}

#[cfg(feature = "durable")]
#[test]
fn the_store_on_disk_conforms() {
    use trust_gate::durable::{DurableError, DurableStore};

    /// A crash is played by going on with a copy of the file as it then is.
    struct Disk(Mutex<tempfile::TempDir>);
    impl Disk {
        fn store(&self) -> Result<DurableStore, DurableError> {
            let options = DurableStore::options().create(true);
            options.open(self.0.lock().unwrap().path())
        }
    }
    impl StoreFixture for Disk {
        fn open(&self) -> Box<dyn TrustStore> {
            Box::new(self.store().unwrap())
        }
        fn open_beside(&self) -> Option<Box<dyn TrustStore>> {
            match self.store() {
                Err(DurableError::InUse { .. }) => None,
                other => panic!("{other:?}"),
            }
        }
        fn crash(&self, store: Box<dyn TrustStore>) {
            let mut dir = self.0.lock().unwrap();
            let copy = tempfile::tempdir().unwrap();
            let path = |dir: &tempfile::TempDir| dir.path().join("trust.redb");
            std::fs::copy(path(&dir), path(&copy)).unwrap();
            drop(store);
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
    assert_snapshot!(names.join("\n"), @r"
    events come back in order
    every form of event survives
    replay starts after a revision
    replay stops where it is told to
    a wrong revision is a conflict and changes nothing
    a store goes on where it ended
    what was appended survives a crash
    of many writers one gets each revision
    a second handle conflicts or is refused
    a mark never goes back
    a mark survives a crash
    of the marks of many threads the latest stays
    a failure is told and leaves no part
    a gate is restored to the same state
    what lapsed stays lapsed under an older clock
    an accepted clock stays accepted
    acts beside each other are all kept
    an approval is used once whatever crashes
    what cannot be stored never gives a level
    narrowing that could not be stored is stored later
    ");
}

/// How a store can be wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    LosesTheLastEvent,
    SaysStoredTooEarly,
    TurnsBatchesRound,
    TakesAnyRevision,
    /// Four at a time, so that all of them have looked before the first is stored.
    LooksBeforeItLocks,
    NoticesNoSecondWriter,
    TakesHalfOfWhatItRefuses,
    LeavesAPartWhenItFails,
    ForgetsThatItFailed,
    ReplaysOneTooMany,
    ReplaysOn,
    HidesTheVisitorsError,
    DropsQuarantines,
    ForgetsTheNewestUse,
    RoundsTimes,
    LetsTheMarkGoBack,
    ForgetsEpochs,
    KeepsTheFirstMark,
    LosesTheMark,
}

/// A store that is right but for one thing.
#[derive(Clone)]
struct Faulty(Fault, Arc<Mutex<Kept>>, Arc<Barrier>);

#[derive(Default)]
struct Kept {
    taken: Vec<Event>,
    /// How many of them a crash leaves.
    stored: usize,
    mark: Option<ClockMark>,
    failing: bool,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        Self(fault, Arc::default(), Arc::new(Barrier::new(4)))
    }
}

impl StoreFixture for Faulty {
    fn open(&self) -> Box<dyn TrustStore> {
        self.1.lock().unwrap().failing = false;
        Box::new(self.clone())
    }
    fn open_beside(&self) -> Option<Box<dyn TrustStore>> {
        if self.0 == Fault::NoticesNoSecondWriter {
            // What it knew when it was opened, and so knows for ever.
            let kept = self.1.lock().unwrap();
            let copy = Kept {
                taken: kept.taken.clone(),
                ..Kept::default()
            };
            let copy = Arc::new(Mutex::new(copy));
            return Some(Box::new(Self(self.0, copy, Arc::clone(&self.2))));
        }
        Some(Box::new(self.clone()))
    }
    fn crash(&self, _: Box<dyn TrustStore>) {
        let mut kept = self.1.lock().unwrap();
        let stored = kept.stored;
        kept.taken.truncate(stored);
        if self.0 == Fault::LosesTheMark {
            kept.mark = None;
        }
    }
    fn fail(&self) -> bool {
        self.1.lock().unwrap().failing = true;
        true
    }
    fn recover(&self) -> bool {
        self.1.lock().unwrap().failing = false;
        true
    }
}

impl TrustStore for Faulty {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        let end = |kept: &Kept| {
            let last = kept.taken.last();
            last.map_or(Revision::ZERO, |event| event.revision)
        };
        let mut kept = self.1.lock().unwrap();
        let actual = end(&kept);
        if actual != expected && self.0 != Fault::TakesAnyRevision {
            if self.0 == Fault::TakesHalfOfWhatItRefuses {
                kept.taken.extend(events.first().cloned());
            }
            return Err(StoreError::Conflict { expected, actual });
        }
        if self.0 == Fault::LooksBeforeItLocks {
            drop(kept);
            self.2.wait();
            kept = self.1.lock().unwrap();
        }
        if kept.failing && self.0 != Fault::ForgetsThatItFailed {
            if self.0 == Fault::LeavesAPartWhenItFails {
                kept.taken.extend(events.first().cloned());
                kept.stored = kept.taken.len();
            }
            return Err(StoreError::failed("failing"));
        }
        let mut events = events.to_vec();
        match self.0 {
            Fault::TurnsBatchesRound => events.reverse(),
            Fault::RoundsTimes => events
                .iter_mut()
                .for_each(|event| event.at = event.at.replace_nanosecond(0).unwrap()),
            _ => {}
        }
        kept.taken.extend(events);
        kept.stored = kept.taken.len();
        if self.0 == Fault::SaysStoredTooEarly {
            kept.stored -= 1;
        }
        Ok(())
    }

    fn replay(
        &self,
        after: Revision,
        visit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut taken = self.1.lock().unwrap().taken.clone();
        let mut skip = taken.partition_point(|event| event.revision <= after);
        match self.0 {
            Fault::LosesTheLastEvent => drop(taken.pop()),
            Fault::ReplaysOneTooMany => skip = skip.saturating_sub(1),
            Fault::DropsQuarantines => {
                taken.retain(|event| !matches!(event.act, Act::Quarantine { .. }));
            }
            Fault::ForgetsTheNewestUse => {
                // Of a call that was approved and made: the store of a gate that acknowledged too early.
                if matches!(taken.last(), Some(event) if event.act.kind() == ActKind::ConsumeApproval)
                {
                    taken.pop();
                }
            }
            _ => {}
        }
        for event in taken.into_iter().skip(skip) {
            match visit(event) {
                Err(_) if self.0 == Fault::HidesTheVisitorsError => return Ok(()),
                Err(_) if self.0 == Fault::ReplaysOn => {}
                told => told?,
            }
        }
        Ok(())
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        let mut kept = self.1.lock().unwrap();
        if kept.failing && self.0 != Fault::ForgetsThatItFailed {
            return Err(StoreError::failed("failing"));
        }
        let later = match (self.0, kept.mark) {
            (Fault::LetsTheMarkGoBack, _) | (_, None) => true,
            (Fault::KeepsTheFirstMark, Some(_)) => false,
            (Fault::ForgetsEpochs, Some(old)) => mark.at > old.at,
            (_, Some(old)) => mark > old,
        };
        if later {
            kept.mark = Some(mark);
        }
        Ok(())
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        Ok(self.1.lock().unwrap().mark)
    }
}

#[test]
fn a_store_without_fault_breaks_nothing() {
    assert_eq!(verify(|| Faulty::new(Fault::None)), Ok(()));
}

#[test]
fn a_store_that_breaks_a_promise_is_caught_at_it() {
    use Fault::*;
    let faults = [
        (LosesTheLastEvent, "events_come_back_in_order"),
        (LosesTheLastEvent, "a_gate_is_restored_to_the_same_state"),
        (SaysStoredTooEarly, "what_was_appended_survives_a_crash"),
        (SaysStoredTooEarly, "every_form_of_event_survives"),
        (SaysStoredTooEarly, "acts_beside_each_other_are_all_kept"),
        (TurnsBatchesRound, "events_come_back_in_order"),
        (
            TakesAnyRevision,
            "a_wrong_revision_is_a_conflict_and_changes_nothing",
        ),
        (TakesAnyRevision, "a_store_goes_on_where_it_ended"),
        (TakesAnyRevision, "of_many_writers_one_gets_each_revision"),
        (LooksBeforeItLocks, "of_many_writers_one_gets_each_revision"),
        (
            NoticesNoSecondWriter,
            "a_second_handle_conflicts_or_is_refused",
        ),
        (
            TakesHalfOfWhatItRefuses,
            "a_wrong_revision_is_a_conflict_and_changes_nothing",
        ),
        (
            LeavesAPartWhenItFails,
            "a_failure_is_told_and_leaves_no_part",
        ),
        (ForgetsThatItFailed, "a_failure_is_told_and_leaves_no_part"),
        (
            ForgetsThatItFailed,
            "what_cannot_be_stored_never_gives_a_level",
        ),
        (
            LeavesAPartWhenItFails,
            "narrowing_that_could_not_be_stored_is_stored_later",
        ),
        (ReplaysOneTooMany, "replay_starts_after_a_revision"),
        (ReplaysOn, "replay_stops_where_it_is_told_to"),
        (HidesTheVisitorsError, "replay_stops_where_it_is_told_to"),
        (DropsQuarantines, "every_form_of_event_survives"),
        (DropsQuarantines, "a_gate_is_restored_to_the_same_state"),
        (
            ForgetsTheNewestUse,
            "an_approval_is_used_once_whatever_crashes",
        ),
        (
            SaysStoredTooEarly,
            "an_approval_is_used_once_whatever_crashes",
        ),
        (RoundsTimes, "every_form_of_event_survives"),
        (LetsTheMarkGoBack, "a_mark_never_goes_back"),
        (ForgetsEpochs, "a_mark_never_goes_back"),
        (KeepsTheFirstMark, "a_mark_never_goes_back"),
        (
            KeepsTheFirstMark,
            "what_lapsed_stays_lapsed_under_an_older_clock",
        ),
        (LosesTheMark, "a_mark_survives_a_crash"),
        (
            LosesTheMark,
            "what_lapsed_stays_lapsed_under_an_older_clock",
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
