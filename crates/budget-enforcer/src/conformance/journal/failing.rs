//! What a journal does when its store fails.

use super::{JournalFixture, done, ensure, replayed};
use crate::event::{Act, Event};
use crate::journal::{BudgetJournal, Revision};

fn event(number: u64) -> Event {
    Event {
        revision: Revision::new(number),
        at: time::macros::datetime!(2026-11-22 12:00 UTC),
        by: None,
        key: None,
        note: None,
        act: Act::ClockAccepted {},
    }
}

/// Whether it took the next event and stored it.
fn stores(journal: &dyn BudgetJournal, number: u64) -> bool {
    let before = Revision::new(number.saturating_sub(1));
    journal.append(before, &[event(number)]).is_ok() && journal.sync(Revision::new(number)).is_ok()
}

pub(super) fn a_failure_lasts_and_loses_nothing(
    fixture: &dyn JournalFixture,
) -> Result<(), String> {
    let journal = fixture.open();
    for number in 1..=3 {
        ensure(stores(&*journal, number), || {
            format!("event {number} was not stored")
        })?;
    }
    if !fixture.fail() {
        return Ok(());
    }
    ensure(!stores(&*journal, 4), || {
        "a store that fails was not noticed".into()
    })?;
    // Whichever number it is at now, it must take none.
    for number in [4, 5] {
        let before = Revision::new(number).number().saturating_sub(1);
        let taken = journal.append(Revision::new(before), &[event(number)]);
        ensure(taken.is_err(), || {
            format!("event {number} was taken after a failure")
        })?;
        let synced = journal.sync(Revision::new(number));
        ensure(synced.is_err(), || {
            format!("event {number} is said to be stored after a failure")
        })?;
    }
    done(
        "sync of what was stored before",
        journal.sync(Revision::new(3)),
    )?;
    fixture.crash(journal);
    let found = replayed(&*fixture.open(), Revision::ZERO)?;
    ensure((3..=4).contains(&found.len()), || {
        format!(
            "3 were synced and 1 was tried, and {} are there",
            found.len()
        )
    })
}
