//! A component's journal whose acts are in the audit log first: an act that is not in the log is not in force, unless it takes
//! something away (design: security-bundle, rules 6 and 7).

use std::sync::{Arc, Mutex, MutexGuard};

use audit_trail::Entry;

use super::acts::Acts;
use super::line::LineOf;
use crate::recorder::{RecordError, Recorded};

pub(crate) struct Audited<S, E> {
    acts: Acts,
    /// Whether the log is what the state is made from again: then it needs the clock's marks as well.
    is_journal: bool,
    book: Arc<Mutex<Book<S, E>>>,
    journal: S,
}

/// What is locked while an act is written, so that whoever reads the journal under the lock sees all that is in the log.
pub(crate) struct Book<S, E> {
    pub(crate) journal: S,
    /// Acts that are in the log already, though not all that came with them: a component hands those over again, and has them in
    /// force meanwhile. They are the next ones after the journal's.
    recorded: Vec<(E, Recorded)>,
}

impl<S, E: PartialEq + Clone> Book<S, E> {
    /// Acts that stand in the log and not in the journal yet: a snapshot without them would lose them.
    pub(crate) fn ahead(&self) -> Vec<E> {
        self.recorded.iter().map(|(act, _)| act.clone()).collect()
    }
}

impl<S: Clone, E: PartialEq + Clone> Audited<S, E> {
    pub(crate) fn new(acts: Acts, journal: S, is_journal: bool) -> Self {
        let book = Book {
            journal: journal.clone(),
            recorded: Vec::new(),
        };
        Self {
            acts,
            is_journal,
            book: Arc::new(Mutex::new(book)),
            journal,
        }
    }

    /// What a snapshot is made from.
    pub(crate) fn book(&self) -> Arc<Mutex<Book<S, E>>> {
        Arc::clone(&self.book)
    }

    pub(super) fn journal(&self) -> &S {
        &self.journal
    }

    /// Records each act once, however often it is handed over, waits until all are stored, and then has the journal take them.
    pub(super) fn write_all<'a, T>(
        &self,
        events: &'a [E],
        entry: impl Fn(&'a E) -> (Entry<'a>, LineOf<'a>),
        take: impl FnOnce(&S) -> T,
    ) -> Result<T, RecordError> {
        let mut book = self.lock()?;
        for event in events {
            if !book.recorded.iter().any(|(known, _)| known == event) {
                let (entry, line) = entry(event);
                let recorded = self.acts.write(entry, line, None)?;
                book.recorded.push((event.clone(), recorded));
            }
        }
        // One sync serves all of them.
        if let Some((_, last)) = book.recorded.last() {
            let stored = self.acts.stored(last);
            if stored.is_err() {
                // Whether they are in the log is not known: next time they are recorded again.
                book.recorded.clear();
            }
            stored?;
        }
        book.recorded.clear();
        Ok(take(&book.journal))
    }

    /// Keeps the time that was read last, once a minute.
    pub(super) fn write_mark(&self, line: LineOf<'_>) -> Result<(), RecordError> {
        if !self.is_journal {
            return Ok(());
        }
        let recorded = self.acts.write(Entry::event("clock_mark"), line, None)?;
        self.acts.stored(&recorded)
    }

    fn lock(&self) -> Result<MutexGuard<'_, Book<S, E>>, RecordError> {
        self.book.lock().map_err(|_| {
            RecordError("an earlier panic left the list of recorded acts unusable".into())
        })
    }
}
