//! The consent ledger's journal: each record an entry first, and in force only then.

use audit_trail::{Entry, Kind};
use consent::{ClockMark, ConsentStore, Event, Revision, StoreError};

use super::acts::UNNAMED;
use super::audited::Audited;
use super::line::LineOf;

impl ConsentStore for Audited<consent::MemoryStore, Event> {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.write_all(
            events,
            |event| (entry(event), LineOf::Consent(event)),
            |journal| journal.append(expected, events),
        )
        .map_err(StoreError::failed)?
    }

    fn replay(
        &self,
        after: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.journal().replay(after, each)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        self.journal().keep_mark(mark)?;
        self.write_mark(LineOf::ConsentMark(mark))
            .map_err(StoreError::failed)
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        self.journal().mark()
    }
}

fn entry(event: &Event) -> Entry<'_> {
    let by = match event {
        Event::Recorded(record) => record.by().map(consent::GrantorId::as_str),
        Event::ClockAccepted(accepted) => Some(accepted.by.as_str()),
        Event::NoticePublished(published) => Some(published.by.as_str()),
        _ => None,
    };
    // Withdrawing needs no name, so an entry without an operator is that of a person who gave none.
    let entry = Entry::admin(Kind::ConsentChange, by.unwrap_or(UNNAMED)).at(event.at());
    match event {
        Event::Recorded(record) => {
            let entry = entry.named(record.kind().code());
            match &record.extent().agent {
                Some(agent) => entry.agent(agent),
                None => entry,
            }
        }
        Event::ClockAccepted(accepted) => {
            entry.named("accept_clock").reason_lossy(&accepted.reason)
        }
        Event::NoticePublished(published) => entry
            .named("publish_notice")
            .reason_lossy(&published.reason),
        _ => entry,
    }
}
