//! What a hold needs from taking to settling, reached through its tree: a guard then shares nothing with the guards of other
//! sessions that it would have to write to.
//!
//! It knows no tree: trees refer to it, and the engine to both.

use std::sync::MutexGuard;
use std::time::Duration;

use crate::alert::Alerts;
use crate::booking::{Books, Locked};
use crate::clock::Clock;
use crate::error::Poisoned;
use crate::journal::BudgetJournal;
use crate::ledger::Ledger;
use crate::moment::Moment;
use crate::path::Path;
use crate::reading::Timekeeper;
use crate::tree::TreeState;
use crate::writer::Writer;

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) time: Timekeeper,
    pub(crate) books: Books,
    pub(crate) writer: Writer,
}

impl Core {
    /// With a ledger of about `rows` rows, holds of at most `longest`, and such as can be settled `late` after they expired.
    pub(crate) fn new(
        clock: Box<dyn Clock>,
        journal: Option<Box<dyn BudgetJournal>>,
        rows: usize,
        late: Duration,
        longest: Duration,
        alerts: Option<Alerts>,
    ) -> Self {
        let books = Books {
            ledger: Ledger::new(rows),
            late,
            longest,
            alerts,
        };
        Self {
            time: Timekeeper::new(clock),
            books,
            writer: Writer::new(journal),
        }
    }

    /// The locked trees of `path`, at the time there when a clock shows `wall`.
    pub(crate) fn locked<'a, 'g>(
        &'a self,
        path: &'a Path,
        trees: &'a mut [MutexGuard<'g, TreeState>],
        wall: Moment,
    ) -> Locked<'a, 'g> {
        Locked::new(path, trees, &self.books, wall)
    }

    /// Runs `f` on the locked trees of `path`.
    pub(crate) fn with<R>(
        &self,
        path: &Path,
        wall: Moment,
        f: impl FnOnce(&mut Locked<'_, '_>) -> R,
    ) -> Result<R, Poisoned> {
        path.lock(|trees| f(&mut self.locked(path, trees, wall)))
    }
}
