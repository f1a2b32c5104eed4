//! Tests on a disk that fails, tears and forgets: whatever it does, nothing that was acknowledged is missing afterwards.

use std::sync::Mutex;

use super::disk::{Dice, Disk};
use super::*;
use crate::event::Act;

fn event(number: u64) -> Event {
    Event {
        revision: Revision::new(number),
        at: time::macros::datetime!(2026-11-22 12:00 UTC),
        by: None,
        key: None,
        note: Some("x".repeat(number as usize * 37 % 900)),
        act: Act::ClockAccepted {},
    }
}

fn append(journal: &DurableJournal, from: u64, to: u64) -> Result<(), StoreError> {
    let events: Vec<_> = (from + 1..=to).map(event).collect();
    journal.append(Revision::new(from), &events)
}

fn replayed(journal: &DurableJournal) -> Vec<Event> {
    let mut events = Vec::new();
    journal
        .replay(Revision::ZERO, &mut |event| {
            events.push(event);
            Ok(())
        })
        .unwrap();
    events
}

#[test]
fn nothing_acknowledged_is_missing_wherever_the_disk_fails() {
    let (mut failed, mut more, mut dice) = (0, 0, Dice(7));
    let empty = Disk::new();
    for operations in 0..90 {
        let disk = empty.after_a_crash(&mut dice);
        let journal = disk.open().unwrap();
        disk.fail_after(operations);
        let (mut taken, mut acknowledged) = (0, 0);
        while taken < 30 {
            let to = taken + 1 + dice.below(4);
            if append(&journal, taken, to).is_err() {
                break;
            }
            taken = to;
            if journal.sync(Revision::new(to)).is_err() {
                break;
            }
            acknowledged = to;
        }
        if acknowledged < taken {
            failed += 1;
            disk.heal();
            assert!(append(&journal, taken, taken + 1).is_err(), "it goes on");
            assert!(journal.sync(Revision::new(taken)).is_err());
            journal.sync(Revision::new(acknowledged)).unwrap();
            disk.fail_after(0);
        }
        for _ in 0..2 {
            let left = disk.after_a_crash(&mut dice);
            let journal = left.open().unwrap();
            let events = replayed(&journal);
            let count = events.len() as u64;
            assert!(
                (acknowledged..=taken).contains(&count),
                "{count} of {acknowledged}"
            );
            assert!(events.into_iter().eq((1..=count).map(event)));
            more += u64::from(count > acknowledged);
            append(&journal, count, count + 1).unwrap();
            journal.sync(Revision::new(count + 1)).unwrap();
        }
    }
    assert!(failed > 60, "the disk failed only {failed} times");
    assert!(more > 0, "no crash ever left more than was acknowledged");
}

#[test]
fn what_was_appended_is_stored_before_a_dropped_journal_is_gone() {
    let disk = Disk::new();
    let journal = disk.open().unwrap();
    append(&journal, 0, 5).unwrap();
    drop(journal);
    assert_eq!(replayed(&disk.open().unwrap()).len(), 5);
}

#[test]
fn what_waits_to_be_stored_is_replayed_too() {
    let journal = Disk::new().open().unwrap();
    append(&journal, 0, 5).unwrap();
    assert_eq!(replayed(&journal).len(), 5);
}

#[test]
fn a_snapshot_is_never_ahead_of_its_events() {
    let (disk, mut dice) = (Disk::new(), Dice(1));
    let journal = disk.open().unwrap();
    append(&journal, 0, 5).unwrap();
    let snapshot = |revision| Snapshot {
        revision: Revision::new(revision),
        state: crate::snapshot::State::default(),
    };
    assert!(journal.keep_snapshot(&snapshot(6)).is_err());
    journal.keep_snapshot(&snapshot(5)).unwrap();
    let left = disk.after_a_crash(&mut dice).open().unwrap();
    assert_eq!(left.snapshot().unwrap(), Some(snapshot(5)));
    assert_eq!(replayed(&left).len(), 5);
}

#[test]
fn a_snapshot_is_wanted_by_one_caller_an_interval() {
    let disk = Disk::new();
    let mut journal = disk.open().unwrap();
    journal.snapshot_every = 10;
    journal.snapshot_due = AtomicU64::new(10);
    let wanted: Vec<u64> = (1..=35)
        .filter(|number| {
            append(&journal, number - 1, *number).unwrap();
            journal.sync(Revision::new(*number)).unwrap();
            let wanted = journal.wants_snapshot();
            assert!(!journal.wants_snapshot(), "twice");
            wanted
        })
        .collect();
    assert_eq!(wanted, [10, 20, 30]);
}

#[test]
fn a_snapshot_that_is_damaged_or_of_another_version_is_passed_over() {
    let disk = Disk::new();
    let journal = disk.open().unwrap();
    append(&journal, 0, 5).unwrap();
    let kept = Snapshot {
        revision: Revision::new(4),
        state: crate::snapshot::State::default(),
    };
    journal.keep_snapshot(&kept).unwrap();
    for row in [
        Row::read(b"not a row"),
        Row::of(5, &"of another version").unwrap(),
        Row::of(5, &kept).unwrap(),
    ] {
        journal.tables.keep_snapshot(5, &row).unwrap();
        assert_eq!(journal.snapshot().unwrap(), Some(kept.clone()));
    }
}

#[test]
fn an_event_that_does_not_fit_is_an_error_that_names_it() {
    let why = |rows: &[(u64, Row)]| {
        let disk = Disk::new();
        let journal = disk.open().unwrap();
        let first = Row::of(1, &event(1)).unwrap();
        journal.tables.add(1, &[first]).unwrap();
        for (revision, row) in rows {
            journal
                .tables
                .add(*revision, std::slice::from_ref(row))
                .unwrap();
        }
        drop(journal);
        let mut seen = 0;
        let replayed = disk.open().map_err(StoreError::failed).and_then(|journal| {
            journal.replay(Revision::ZERO, &mut |event| {
                seen += 1;
                assert_eq!(event.revision.number(), seen);
                Ok(())
            })
        });
        match replayed.unwrap_err() {
            StoreError::Failed(error) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let row = |revision, number| Row::of(revision, &event(number)).unwrap();
    insta::assert_snapshot!(why(&[(2, row(3, 2))]), @"the journal is damaged: revision 2: the text does not fit its fingerprint");
    insta::assert_snapshot!(why(&[(2, row(2, 3))]), @"the journal is damaged: revision 2: it says that it is 3");
    insta::assert_snapshot!(why(&[(2, Row::read(b"{}"))]), @"the journal is damaged: revision 2: the text does not fit its fingerprint");
    insta::assert_snapshot!(why(&[(2, Row::of(2, &"what is this").unwrap())]), @r#"the journal is damaged: revision 2: invalid type: string "what is this", expected struct Event at line 1 column 14"#);
    insta::assert_snapshot!(why(&[(3, row(3, 3))]), @"the journal is damaged: it has 2 events, and the newest is number 3");
    insta::assert_snapshot!(why(&[(0, row(0, 0)), (3, row(3, 3))]), @"the journal is damaged: revision 3: the one before it is 1");
}

#[test]
fn any_byte_turned_is_an_error_or_changes_nothing() {
    let disk = Disk::new();
    let journal = disk.open().unwrap();
    append(&journal, 0, 40).unwrap();
    drop(journal);
    let sound = disk.bytes();
    let (mut dice, mut noticed) = (Dice(3), 0);
    std::panic::set_hook(Box::new(|_| {}));
    let used = sound.iter().enumerate().filter(|(_, byte)| **byte != 0);
    let used: Vec<usize> = used.map(|(at, _)| at).collect();
    for _ in 0..300 {
        let at = used[dice.below(used.len() as u64) as usize];
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << dice.below(8);
        let disk = Disk::of(bytes);
        let mut events = Vec::new();
        let read = disk.open().map_err(StoreError::failed).and_then(|journal| {
            journal.replay(Revision::ZERO, &mut |event| {
                events.push(event);
                Ok(())
            })
        });
        let sound = (1..=40).map(event);
        match read {
            Err(_) => {
                noticed += 1;
                assert!(events.iter().cloned().eq(sound.take(events.len())));
            }
            Ok(()) => assert!(events.into_iter().eq(sound), "byte {at}"),
        }
    }
    drop(std::panic::take_hook());
    assert!(noticed > 50, "{noticed}");
}

#[cfg(feature = "conformance")]
mod conforms {
    use super::*;
    use crate::conformance::journal::{JournalFixture, verify};

    /// A disk that forgets what was not synced when the process dies.
    struct Fixture(Mutex<Disk>);

    impl JournalFixture for Fixture {
        fn open(&self) -> Box<dyn BudgetJournal> {
            Box::new(self.0.lock().unwrap().open().unwrap())
        }

        fn crash(&self, journal: Box<dyn BudgetJournal>) {
            let mut disk = self.0.lock().unwrap();
            let left = disk.after_a_crash(&mut Dice(5));
            *disk = left;
            drop(journal);
        }

        fn fail(&self) -> bool {
            self.0.lock().unwrap().fail_after(0);
            true
        }
    }

    #[test]
    fn a_journal_whose_disk_fails_and_forgets_conforms() {
        verify(|| Fixture(Mutex::new(Disk::new()))).unwrap();
    }
}
