//! Whether what is read from a journal can have been written by a ledger.
//!
//! A journal is trusted to say what happened, and not to hold what never could: an old consent appended again under a new
//! number would undo the withdrawals between the two.

use std::collections::HashSet;

use crate::book::Book;
use crate::event::Event;
use crate::id::RecordId;
use crate::record::{ConsentRecord, RecordKind};
use crate::store::StoreError;

/// A journal that is being read.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    ids: HashSet<RecordId>,
    book: Book,
}

impl Journal {
    /// Takes the next event, unless no ledger writes it there.
    pub(crate) fn admit(&mut self, event: Event) -> Result<(), StoreError> {
        let revision = self.book.revision().next();
        let problem = if event.revision() == revision {
            event.record().and_then(|record| self.flaw(record))
        } else {
            Some("its number is not the next one")
        };
        if let Some(problem) = problem {
            return Err(StoreError::Damaged { revision, problem });
        }
        if let Some(record) = event.record() {
            self.ids.insert(record.record_id);
        }
        self.book.push(event);
        Ok(())
    }

    /// The book of it.
    pub(crate) fn into_book(self) -> Book {
        self.book.all_stored()
    }

    fn flaw(&self, record: &ConsentRecord) -> Option<&'static str> {
        let shown = record
            .notice
            .as_ref()
            .filter(|_| record.kind == RecordKind::Given);
        if self.ids.contains(&record.record_id) {
            Some("a record that is there already")
        } else if shown.is_some_and(|notice| !self.book.accepts(notice)) {
            Some("a consent under a notice that was not current")
        } else {
            record.flaw().or_else(|| self.flaw_of_renewal(record))
        }
    }

    fn flaw_of_renewal(&self, record: &ConsentRecord) -> Option<&'static str> {
        match self.book.is_whole(record.renews?, &record.extent) {
            Some(true) => None,
            Some(false) => Some("a renewal of what was withdrawn or refused"),
            None => Some("a renewal of a consent that is not there"),
        }
    }
}
