//! Tests on a disk that fails, tears and forgets: whatever it does, nothing that was acknowledged is missing afterwards.

use std::time::Duration;

use time::macros::datetime;

use super::disk::{Dice, Disk};
use super::*;
use crate::{ConsentGate, Grant, ManualClock, MemoryStore};

/// The first acts of a ledger, of different lengths.
fn history(len: usize) -> Vec<Event> {
    let memory = MemoryStore::default();
    let (_, ledger) = ConsentGate::builder()
        .clock(ManualClock::new(datetime!(2026-11-22 12:00 UTC)))
        .store(memory.clone())
        .build()
        .unwrap();
    for number in 0..len {
        let long = "x".repeat(1 + number * 37 % 250);
        let agent = format!("bot-{}", number % 3).parse().unwrap();
        if number % 4 == 3 {
            ledger.withdraw_agent(agent, None).unwrap();
        } else {
            let by = "admin@example.com".parse().unwrap();
            let grant = Grant::blanket(agent, "user".parse().unwrap(), by);
            let grant = grant.method(long.parse().unwrap());
            ledger.record(grant).unwrap();
        }
    }
    let events = replayed(&memory).unwrap();
    assert_eq!(events.len(), len);
    events
}

fn replayed(store: &dyn ConsentStore) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    store.replay(Revision::ZERO, &mut |event| {
        events.push(event);
        Ok(())
    })?;
    Ok(events)
}

/// The revision of the event at `index`, or zero before the first.
fn after(history: &[Event], count: usize) -> Revision {
    count
        .checked_sub(1)
        .map_or(Revision::ZERO, |last| history[last].revision())
}

fn mark(minutes: u64) -> ClockMark {
    ClockMark {
        epoch: Revision::ZERO,
        at: datetime!(2026-11-22 12:00 UTC) + Duration::from_secs(60 * minutes),
    }
}

fn stopped(result: &Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::Failed(error))
        if matches!(error.downcast_ref(), Some(DurableError::Stopped { .. })))
}

#[test]
fn nothing_acknowledged_is_missing_wherever_the_disk_fails() {
    let (mut failed, mut more, mut dice) = (0, 0, Dice(7));
    let (empty, history) = (Disk::new(), history(40));
    for operations in 0..120 {
        let disk = empty.after_a_crash(&mut dice);
        let store = disk.open().unwrap();
        disk.fail_after(operations);
        let (mut tried, mut acknowledged, mut marked) = (0, 0, None);
        while tried < 30 {
            let from = tried;
            tried += 1 + dice.below(4) as usize;
            if store
                .append(after(&history, from), &history[from..tried])
                .is_err()
            {
                break;
            }
            acknowledged = tried;
            if dice.below(3) == 0 {
                if store.keep_mark(mark(tried as u64)).is_err() {
                    break;
                }
                marked = Some(mark(tried as u64));
            }
        }
        let seen = replayed(&store);
        assert!(
            seen.is_err() || seen.unwrap() == history[..acknowledged],
            "what is not stored for certain is shown"
        );
        assert_eq!(store.mark().unwrap(), marked);
        if operations < 60 {
            failed += 1;
            disk.heal();
            let next = after(&history, acknowledged);
            let again = store.append(next, &history[acknowledged..=acknowledged]);
            assert!(stopped(&again), "{again:?}");
            assert!(stopped(&store.keep_mark(mark(1000))), "it goes on");
            assert!(marked.is_none_or(|mark| store.keep_mark(mark).is_ok()));
            disk.fail_after(0);
        }
        for _ in 0..2 {
            let left = disk.after_a_crash(&mut dice);
            let store = left.open().unwrap();
            let events = replayed(&store).unwrap();
            let count = events.len();
            assert!(
                count == acknowledged || count == tried,
                "{count} of {acknowledged} and {tried}: a part"
            );
            assert_eq!(events, history[..count]);
            assert!(store.mark().unwrap() >= marked);
            more += usize::from(count > acknowledged);
            let next = after(&history, count);
            store.append(next, &history[count..=count]).unwrap();
            store.keep_mark(mark(1000)).unwrap();
        }
    }
    assert!(failed > 50, "the disk failed only {failed} times");
    assert!(more > 0, "no crash ever left more than was acknowledged");
}

#[test]
fn after_any_failure_nothing_is_taken_even_if_the_disk_works() {
    let (disk, history) = (Disk::new(), history(3));
    let store = disk.open().unwrap();
    store.append(Revision::ZERO, &history[..1]).unwrap();
    store.keep_mark(mark(1)).unwrap();
    let failure = Err(DurableError::damaged("planted"));
    store.writer.lock().unwrap().stored(failure).unwrap_err();
    let refused = store.append(after(&history, 1), &history[1..]);
    assert!(stopped(&refused) && stopped(&store.keep_mark(mark(2))));
    insta::assert_snapshot!(refused.unwrap_err(), @"the store failed: the store has stopped, and takes nothing more until it is opened again: the store is damaged: planted");
    store.keep_mark(mark(1)).unwrap();
    drop(store);
    let store = disk.open().unwrap();
    assert_eq!(replayed(&store).unwrap(), history[..1]);
    store.append(after(&history, 1), &history[1..]).unwrap();
    assert_eq!(store.mark().unwrap(), Some(mark(1)));
}

#[test]
fn a_row_that_does_not_fit_is_an_error_that_names_it() {
    let history = history(4);
    let why = |rows: &[(u64, Row)], mark: Option<Row>| {
        let disk = Disk::new();
        let store = disk.open().unwrap();
        store.append(Revision::ZERO, &history[..1]).unwrap();
        store.tables.add(rows).unwrap();
        if let Some(mark) = mark {
            store.tables.keep_mark(&mark).unwrap();
        }
        drop(store);
        let read = disk
            .open()
            .map_err(StoreError::failed)
            .and_then(|store| replayed(&store));
        read.unwrap_err().to_string()
    };
    let event = |number: usize| &history[number - 1];
    let row = |revision, number| (revision, Row::of(revision, event(number)).unwrap());
    let of = |revision, number| Row::of(revision, event(number)).unwrap();
    insta::assert_snapshot!(why(&[(2, of(3, 2))], None), @"the store failed: the store is damaged: revision 2: the text does not fit its fingerprint");
    insta::assert_snapshot!(why(&[row(2, 3)], None), @"the store failed: the store is damaged: revision 2: it says that it is 3");
    insta::assert_snapshot!(why(&[(2, Row::read(b"{}"))], None), @"the store failed: the store is damaged: revision 2: the text does not fit its fingerprint");
    let unread = why(&[(2, Row::of(2, &"what is this").unwrap())], None);
    assert!(unread.starts_with("the store failed: the store is damaged: revision 2: "));
    insta::assert_snapshot!(why(&[(2, of(3, 2)), row(3, 3)], None), @"the store failed: the store is damaged: revision 2: the text does not fit its fingerprint");
    insta::assert_snapshot!(why(&[row(3, 3)], None), @"the store failed: the store is damaged: it has 2 events, and the newest is number 3");
    insta::assert_snapshot!(why(&[(0, of(0, 1)), row(3, 3)], None), @"the store failed: the store is damaged: revision 3: the one before it is 1");
    insta::assert_snapshot!(why(&[], Some(Row::of(0, &7).unwrap())), @"the store failed: the store is damaged: the mark: invalid type: integer `7`, expected struct ClockMark at line 1 column 1");
    insta::assert_snapshot!(why(&[], Some(Row::of(1, &mark(1)).unwrap())), @"the store failed: the store is damaged: the mark: the text does not fit its fingerprint");
}

#[test]
fn events_that_are_not_numbered_on_are_refused_and_nothing_is_stored() {
    let (history, disk) = (history(5), Disk::new());
    let store = disk.open().unwrap();
    store.append(Revision::ZERO, &history[..2]).unwrap();
    let expected = history[1].revision();
    let mut twice = history[2..4].to_vec();
    twice[1] = twice[0].clone();
    for (events, why) in [
        (
            &history[3..],
            "an event is numbered 4 where 3 is due: number events on from the last one",
        ),
        (
            &history[1..3],
            "an event is numbered 2 where 3 is due: number events on from the last one",
        ),
        (
            &twice[..],
            "an event is numbered 3 where 4 is due: number events on from the last one",
        ),
    ] {
        let refused = store.append(expected, events).unwrap_err();
        assert_eq!(refused.to_string(), format!("the store failed: {why}"));
    }
    store.append(expected, &history[2..]).unwrap();
    assert_eq!(replayed(&store).unwrap(), history);
}

/// What a store on a disk of these bytes says: its events until an error, and its mark.
fn read(bytes: Vec<u8>) -> Result<Option<ClockMark>, Vec<Event>> {
    let mut events = Vec::new();
    let read = Disk::of(bytes)
        .open()
        .map_err(StoreError::failed)
        .and_then(|store| {
            store.replay(Revision::ZERO, &mut |event| {
                events.push(event);
                Ok(())
            })?;
            store.mark()
        });
    match read {
        Ok(mark) if events.len() == 40 => Ok(mark),
        Ok(_) => panic!("{} events and no error", events.len()),
        Err(_) => Err(events),
    }
}

/// The bytes of a disk with a history and a mark: after the store was closed, and as a crash leaves them.
fn images(history: &[Event]) -> [Vec<u8>; 2] {
    let disk = Disk::new();
    let store = disk.open().unwrap();
    for (count, event) in history.iter().enumerate() {
        let expected = after(history, count);
        store.append(expected, std::slice::from_ref(event)).unwrap();
    }
    store.keep_mark(mark(7)).unwrap();
    let crashed = disk.bytes();
    drop(store);
    [disk.bytes(), crashed]
}

#[test]
fn any_byte_turned_is_an_error_or_changes_nothing_even_after_a_crash() {
    let history = history(40);
    std::panic::set_hook(Box::new(|_| {}));
    for sound in images(&history) {
        let (mut dice, mut noticed) = (Dice(3), 0);
        let used = sound.iter().enumerate().filter(|(_, byte)| **byte != 0);
        let used: Vec<usize> = used.map(|(at, _)| at).collect();
        for _ in 0..150 {
            let at = used[dice.below(used.len() as u64) as usize];
            let mut bytes = sound.clone();
            bytes[at] ^= 1 << dice.below(8);
            match read(bytes) {
                Err(events) => {
                    noticed += 1;
                    assert_eq!(events, history[..events.len()]);
                }
                Ok(kept) => assert_eq!(kept, Some(mark(7)), "byte {at}"),
            }
        }
        assert!(noticed > 5, "{noticed}");
    }
    drop(std::panic::take_hook());
}

#[test]
fn the_newest_row_is_not_passed_over_where_it_is_damaged_even_after_a_crash() {
    let history = history(40);
    let newest = Row::of(40, &history[39]).unwrap();
    let marked = Row::of(MARK_KEY, &mark(7)).unwrap();
    std::panic::set_hook(Box::new(|_| {}));
    for sound in images(&history) {
        for row in [&newest, &marked] {
            let text = row.bytes();
            let places = 0..=sound.len() - text.len();
            let found: Vec<_> = places.filter(|at| sound[*at..].starts_with(text)).collect();
            assert!(!found.is_empty());
            let mut bytes = sound.clone();
            for at in found {
                bytes[at + text.len() / 2] ^= 1;
            }
            assert!(read(bytes).is_err());
        }
    }
    drop(std::panic::take_hook());
}

#[cfg(feature = "conformance")]
mod conforms {
    use std::sync::Mutex;

    use super::*;
    use crate::conformance::{StoreFixture, verify};

    /// A disk that forgets what was not synced when the process dies.
    struct Fixture(Mutex<Disk>);

    impl StoreFixture for Fixture {
        fn open(&self) -> Box<dyn ConsentStore> {
            let disk = self.0.lock().unwrap();
            disk.heal();
            Box::new(disk.open().unwrap())
        }

        fn crash(&self, store: Box<dyn ConsentStore>) {
            let mut disk = self.0.lock().unwrap();
            let left = disk.after_a_crash(&mut Dice(5));
            *disk = left;
            drop(store);
        }

        fn fail(&self) -> bool {
            self.0.lock().unwrap().fail_after(0);
            true
        }
    }

    #[test]
    fn a_store_whose_disk_fails_and_forgets_conforms() {
        verify(|| Fixture(Mutex::new(Disk::new()))).unwrap();
    }
}
