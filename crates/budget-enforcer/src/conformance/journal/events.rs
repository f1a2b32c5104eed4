//! What a journal does with events, whatever they mean.

use std::sync::Mutex;

use time::Duration;
use time::macros::datetime;

use super::{JournalFixture, done, ensure, replayed, same};
use crate::event::{Act, Event};
use crate::journal::{BudgetJournal, Revision, StoreError};
use crate::snapshot::Snapshot;

/// The events with these numbers, which can be told apart.
fn events(from: u64, to: u64) -> Vec<Event> {
    (from..=to)
        .map(|number| Event {
            revision: Revision::new(number),
            at: datetime!(2026-11-22 12:00 UTC)
                .saturating_add(Duration::microseconds(number.cast_signed())),
            by: None,
            key: None,
            note: Some(format!(
                "event {number}, with `\"quotes\"`, ünïcode and \u{7}"
            )),
            act: Act::ClockAccepted {},
        })
        .collect()
}

/// Appends the events after `from` up to `to`, and syncs.
fn store(journal: &dyn BudgetJournal, from: u64, to: u64) -> Result<(), String> {
    take(journal, from, to)?;
    done("sync", journal.sync(Revision::new(to)))
}

fn take(journal: &dyn BudgetJournal, from: u64, to: u64) -> Result<(), String> {
    let events = events(from.saturating_add(1), to);
    done("append", journal.append(Revision::new(from), &events))
}

pub(super) fn events_come_back_in_order(fixture: &dyn JournalFixture) -> Result<(), String> {
    let journal = fixture.open();
    same("new", &replayed(&*journal, Revision::ZERO)?, &[])?;
    take(&*journal, 0, 1)?;
    take(&*journal, 1, 1)?;
    take(&*journal, 1, 5)?;
    store(&*journal, 5, 3000)?;
    same(
        "in the same journal",
        &replayed(&*journal, Revision::ZERO)?,
        &events(1, 3000),
    )?;
    drop(journal);
    let journal = fixture.open();
    same(
        "in the next one",
        &replayed(&*journal, Revision::ZERO)?,
        &events(1, 3000),
    )
}

pub(super) fn replay_starts_after_a_revision(fixture: &dyn JournalFixture) -> Result<(), String> {
    let journal = fixture.open();
    store(&*journal, 0, 9)?;
    for from in 0..=9_u64 {
        let found = replayed(&*journal, Revision::new(from))?;
        same(
            &format!("after {from}"),
            &found,
            &events(from.saturating_add(1), 9),
        )?;
    }
    Ok(())
}

pub(super) fn replay_stops_where_it_is_told_to(fixture: &dyn JournalFixture) -> Result<(), String> {
    let journal = fixture.open();
    store(&*journal, 0, 9)?;
    let mut seen = 0_u64;
    let result = journal.replay(Revision::ZERO, &mut |event| {
        seen = seen.saturating_add(1);
        if event.revision.number() == 4 {
            return Err(StoreError::failed("planted"));
        }
        Ok(())
    });
    ensure(result.is_err() && seen == 4, || {
        format!("{result:?} after {seen} events, and the 4th was refused")
    })
}

pub(super) fn a_wrong_revision_is_a_conflict_and_changes_nothing(
    fixture: &dyn JournalFixture,
) -> Result<(), String> {
    let journal = fixture.open();
    let refused = |expected: u64, actual: u64| {
        let more = events(expected.saturating_add(1), expected.saturating_add(2));
        let answer = journal.append(Revision::new(expected), &more);
        ensure(
            matches!(&answer, Err(StoreError::Conflict { expected: asked, actual: found })
                if asked.number() == expected && found.number() == actual),
            || format!("append after {expected} to a journal at {actual}: {answer:?}"),
        )
    };
    refused(1, 0)?;
    store(&*journal, 0, 3)?;
    for expected in [0, 2, 4, u64::MAX - 2] {
        refused(expected, 3)?;
    }
    same(
        "after refusals",
        &replayed(&*journal, Revision::ZERO)?,
        &events(1, 3),
    )?;
    store(&*journal, 3, 5)?;
    drop(journal);
    let journal = fixture.open();
    same(
        "in the next one",
        &replayed(&*journal, Revision::ZERO)?,
        &events(1, 5),
    )
}

pub(super) fn a_journal_goes_on_where_it_ended(fixture: &dyn JournalFixture) -> Result<(), String> {
    for life in 0..4_u64 {
        let journal = fixture.open();
        let from = life.saturating_mul(10);
        let stale = journal.append(Revision::new(from.saturating_add(1)), &events(from, from));
        ensure(stale.is_err(), || {
            format!("life {life} took another revision than its own")
        })?;
        store(&*journal, from, from.saturating_add(10))?;
    }
    same(
        "after four lives",
        &replayed(&*fixture.open(), Revision::ZERO)?,
        &events(1, 40),
    )
}

pub(super) fn what_is_stored_can_be_synced_again(
    fixture: &dyn JournalFixture,
) -> Result<(), String> {
    let journal = fixture.open();
    done("sync of nothing", journal.sync(Revision::ZERO))?;
    store(&*journal, 0, 3)?;
    done("sync again", journal.sync(Revision::new(3)))?;
    done("sync of an older one", journal.sync(Revision::new(1)))
}

pub(super) fn what_was_synced_survives_a_crash(fixture: &dyn JournalFixture) -> Result<(), String> {
    let mut stored = 0_u64;
    for (synced, more) in [(1, 0), (2, 3), (40, 1), (1, 1)] {
        let journal = fixture.open();
        let to = stored.saturating_add(synced);
        store(&*journal, stored, to)?;
        let taken = to.saturating_add(more);
        take(&*journal, to, taken)?;
        fixture.crash(journal);
        let found = replayed(&*fixture.open(), Revision::ZERO)?;
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        ensure(count >= to, || {
            format!("{to} were synced, and {count} are left")
        })?;
        ensure(count <= taken, || {
            format!("{taken} were taken, and {count} are there")
        })?;
        same("after a crash", &found, &events(1, count))?;
        stored = count;
    }
    Ok(())
}

pub(super) fn what_threads_synced_together_survives_a_crash(
    fixture: &dyn JournalFixture,
) -> Result<(), String> {
    const THREADS: u64 = 8;
    const EACH: u64 = 25;
    let journal = fixture.open();
    // The crash comes when the slower ones still work: that of a journal in one process, once they have been waited for.
    let taken = Mutex::new(0_u64);
    let work = || -> Result<(), String> {
        for _ in 0..EACH {
            let mine = {
                let mut taken = done("lock", taken.lock())?;
                let mine = taken.saturating_add(1);
                take(&*journal, *taken, mine)?;
                *taken = mine;
                mine
            };
            done("sync", journal.sync(Revision::new(mine)))?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .map_err(|_| "a thread panicked in the journal".to_owned())?
        })
    })?;
    fixture.crash(journal);
    let all = THREADS.saturating_mul(EACH);
    same(
        "of all threads",
        &replayed(&*fixture.open(), Revision::ZERO)?,
        &events(1, all),
    )
}

pub(super) fn the_newest_snapshot_is_the_one_that_comes_back(
    fixture: &dyn JournalFixture,
) -> Result<(), String> {
    let mut journal = fixture.open();
    let none = done("snapshot", journal.snapshot())?;
    ensure(none.is_none(), || format!("a new journal has {none:?}"))?;
    for round in 1..=5_u64 {
        let revision = round.saturating_mul(3);
        store(&*journal, revision.saturating_sub(3), revision)?;
        let kept = Snapshot {
            revision: Revision::new(revision),
            state: crate::snapshot::State::default(),
        };
        done("keep_snapshot", journal.keep_snapshot(&kept))?;
        if round % 2 == 0 {
            fixture.crash(journal);
            journal = fixture.open();
        }
        // A journal that keeps none is restored from its events.
        if let Some(found) = done("snapshot", journal.snapshot())? {
            ensure(found == kept, || {
                format!(
                    "that of revision {} came back for {revision}",
                    found.revision()
                )
            })?;
        }
        same(
            "beside snapshots",
            &replayed(&*journal, Revision::ZERO)?,
            &events(1, revision),
        )?;
    }
    Ok(())
}
