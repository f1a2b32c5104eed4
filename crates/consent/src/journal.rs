//! Whether what is read from a journal can have been written by a ledger.
//!
//! A journal is trusted to say what happened, and not to hold what never could: an old consent appended again under a new
//! number would undo the withdrawals between the two.

use std::collections::HashSet;

use crate::current::CurrentNotices;
use crate::event::Event;
use crate::id::{RecordId, Revision};
use crate::record::RecordKind;
use crate::store::StoreError;

/// What the events so far allow of the next one.
#[derive(Debug, Default)]
pub(crate) struct JournalCheck {
    revision: Revision,
    ids: HashSet<RecordId>,
    notices: CurrentNotices,
}

impl JournalCheck {
    /// Takes the next event, unless no ledger writes it there.
    pub(crate) fn admit(&mut self, event: &Event) -> Result<(), StoreError> {
        let revision = self.revision.next();
        if let Some(problem) = self.flaw(event, revision) {
            return Err(StoreError::Damaged { revision, problem });
        }
        self.revision = revision;
        self.notices.fold(event);
        if let Event::Recorded(record) = event {
            self.ids.insert(record.record_id);
        }
        Ok(())
    }

    fn flaw(&self, event: &Event, expected: Revision) -> Option<&'static str> {
        if event.revision() != expected {
            return Some("its number is not the next one");
        }
        let Event::Recorded(record) = event else {
            return None;
        };
        let shown = record
            .notice
            .as_ref()
            .filter(|_| record.kind == RecordKind::Given);
        if self.ids.contains(&record.record_id) {
            Some("a record that is there already")
        } else if record
            .renews
            .is_some_and(|renewed| !self.ids.contains(&renewed))
        {
            Some("a renewal of a consent that is not there")
        } else if shown.is_some_and(|notice| !self.notices.accept(notice)) {
            Some("a consent under a notice that was not current")
        } else {
            record.flaw()
        }
    }
}
