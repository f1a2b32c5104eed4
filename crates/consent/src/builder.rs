//! How the two handles come to be: from a configuration, a clock, and whatever a journal already holds.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::authority::AuthorityCheck;
use crate::clock::{Clock, SystemClock, Timepiece};
use crate::config::ConsentConfig;
use crate::error::ConsentError;
use crate::event::Event;
use crate::gate::{ConsentGate, Published, Shared};
use crate::id::Revision;
use crate::index::Index;
use crate::journal::Journal;
use crate::ledger::ConsentLedger;
use crate::mark::Mark;
use crate::memory::MemoryStore;
use crate::store::ConsentStore;

/// Makes a [`ConsentGate`] and its [`ConsentLedger`].
#[must_use = "a builder makes nothing until `build`"]
pub struct ConsentBuilder {
    config: ConsentConfig,
    clock: Timepiece,
    store: Box<dyn ConsentStore>,
    authority: Option<Box<dyn AuthorityCheck>>,
}

impl ConsentBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: ConsentConfig::default(),
            clock: Timepiece::new(SystemClock),
            store: Box::new(MemoryStore::default()),
            authority: None,
        }
    }

    /// The configuration; by default everything is denied that no record permits.
    pub fn config(self, config: ConsentConfig) -> Self {
        Self { config, ..self }
    }

    /// The clock; by default the operating system's.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self {
            clock: Timepiece::new(clock),
            ..self
        }
    }

    /// The journal; by default a new one in memory.
    pub fn store(self, store: impl ConsentStore) -> Self {
        Self {
            store: Box::new(store),
            ..self
        }
    }

    /// Who decides whether someone may give consent for another. By default no one may.
    pub fn authority_check(self, check: impl AuthorityCheck) -> Self {
        Self {
            authority: Some(Box::new(check)),
            ..self
        }
    }

    /// Reads the journal and opens both handles on it. It blocks for as long as the store does.
    ///
    /// Time goes on from the store's [`ClockMark`](crate::ClockMark), or from the reading that an operator accepted since,
    /// where the clock is behind it: a restart under a clock set back revives nothing that was told of as lapsed.
    ///
    /// # Errors
    /// [`ConsentError::Store`] when the journal cannot be read or holds what no ledger writes.
    pub fn build(self) -> Result<(ConsentGate, ConsentLedger), ConsentError> {
        let mut journal = Journal::default();
        self.store
            .replay(Revision::ZERO, &mut |event| journal.admit(event))?;
        let book = journal.into_book();
        let mut index = Index::new();
        let mut accepted = None;
        for event in book.after(Revision::ZERO) {
            if let Event::ClockAccepted(clock) = event {
                accepted = Some(clock);
            }
            index.fold(event);
        }
        let epoch = accepted.map_or(Revision::ZERO, |clock| clock.revision);
        let kept = self
            .store
            .mark()?
            .filter(|kept| kept.epoch >= epoch)
            .map(|kept| kept.at);
        let mark = Arc::new(Mark::new(
            epoch,
            kept.max(accepted.map(|clock| clock.at)), // before the first mark of its epoch is kept
            self.clock.now(),
            self.clock.elapsed(),
        ));
        let shared = Arc::new(Shared {
            published: ArcSwap::from_pointee(Published { index, mark }),
            clock: self.clock,
            store: self.store,
            config: self.config,
        });
        Ok((
            ConsentGate(Arc::clone(&shared)),
            ConsentLedger::new(shared, book, self.authority),
        ))
    }
}

impl fmt::Debug for ConsentBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
