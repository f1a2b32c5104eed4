//! What a ledger writes down and takes up again: events, and rows of durable stores.

use std::sync::Arc;

use super::stage::{Journal, Stage};
use super::{read, reread};
use crate::durable::row::{Row, fingerprint};
use crate::{ClockMark, Event, Revision};

/// Events, one a line; what is none is left out. Replayed as they are, and with their numbers put in order.
pub fn event(bytes: &[u8]) {
    let events: Vec<Event> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(read::<Event>)
        .collect();
    let mut last = Revision::ZERO;
    let numbered = events.iter().cloned().map(|event| {
        last = last.next();
        numbered(event, last)
    });
    let numbered: Vec<Event> = numbered.collect();
    if numbered != events {
        replay(events);
    }
    replay(numbered);
}

fn numbered(event: Event, revision: Revision) -> Event {
    match event {
        Event::Recorded(record) => {
            let mut record = (*record).clone();
            record.revision = revision;
            Event::Recorded(Arc::new(record))
        }
        Event::ClockAccepted(mut accepted) => {
            accepted.revision = revision;
            Event::ClockAccepted(accepted)
        }
        Event::NoticePublished(mut published) => {
            published.revision = revision;
            Event::NoticePublished(published)
        }
    }
}

/// Replays, which fits or is an error; and what fits goes on, and can be opened again.
fn replay(events: Vec<Event>) {
    if let Ok(stage) = Stage::open(Journal::of(events)) {
        stage.probe();
    }
}

/// Rows of a durable store: their revision in eight bytes, and the row. The fingerprint is made to hold, too, for no fuzzer guesses one.
pub fn row(bytes: &[u8]) {
    let Some((revision, row)) = bytes.split_first_chunk() else {
        return;
    };
    let revision = u64::from_le_bytes(*revision);
    let json = row.get(17..).unwrap_or_default();
    let prefix = format!("{:016x} ", fingerprint(revision, json));
    let sealed = Row::read(&[prefix.as_bytes(), json].concat());
    if let Ok(event) = sealed.parse::<Event>(revision) {
        let again = Row::of(revision, &event).and_then(|row| row.parse::<Event>(revision));
        assert_eq!(again.ok().as_ref(), Some(&event), "it cannot be read");
        let other = sealed.parse::<Event>(revision.wrapping_add(1));
        assert!(other.is_err(), "a row is of one revision");
    }
    if let Ok(mark) = sealed.parse::<ClockMark>(revision) {
        assert_eq!(reread(&mark), Some(mark));
    }
    let row = Row::read(row);
    if row.parse::<Event>(revision).is_ok() || row.parse::<ClockMark>(revision).is_ok() {
        assert_eq!(row, sealed, "a row that is not whole is read");
    }
}
