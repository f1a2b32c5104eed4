//! A store in a directory, so that what was acknowledged outlives the process and the machine's power.
//!
//! Acts are rows of an embedded database, as text. Each is on the disk when it is acknowledged.
//!
//! ```
//! use consent::durable::DurableStore;
//! use consent::{ConsentGate, ConsentQuery, Grant};
//!
//! # let dir = tempfile::tempdir()?;
//! let store = DurableStore::options().create(true).open(dir.path())?;
//! let (gate, ledger) = ConsentGate::builder().store(store).build()?;
//! ledger.record(Grant::new("bot".parse()?, "user.contact".parse()?, "support".parse()?, "ada".parse()?))?;
//! drop((gate, ledger)); // another start of the process
//!
//! let (gate, _) = ConsentGate::builder().store(DurableStore::open(dir.path())?).build()?;
//! let query = ConsentQuery::new("bot".parse()?, "user.contact".parse()?).purpose("support".parse()?);
//! assert!(gate.check(&query).allowed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limitations
//! - Acts are kept for good, some 600 bytes each on the disk. Opening after a crash reads all of the file once.
//! - Each row carries a fingerprint against accidents, not against people: whoever can write the file can forge it, and whoever can
//!   put an older copy in its place has undone what came after.
//! - An act whose storing failed may be there all the same when the store is opened again, a consent included: what the disk has of it
//!   is unknown, which is why everything is refused until then. A refusal or withdrawal that failed so has to be made again.
//! - Some damage makes the database panic. That is caught and returned as an error, unless panics abort the process.
//! - The directory must be on a disk of this machine: locks and syncs of network file systems promise less.

mod directory;
#[cfg(test)]
mod disk;
mod error;
#[cfg(test)]
mod faults;
pub(crate) mod row;
mod tables;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use arc_swap::ArcSwapOption;

use crate::event::Event;
use crate::id::Revision;
use crate::store::{ClockMark, ConsentStore, StoreError};
use directory::Directory;
use row::Row;
use tables::{MARK_KEY, Tables};

pub use error::DurableError;

/// How a [`DurableStore`] is opened.
#[derive(Debug, Clone, Default)]
#[must_use = "options open nothing until `open`"]
pub struct DurableOptions {
    create: bool,
}

impl DurableOptions {
    /// Whether the directory and the store are made where there are none. The default is no, for a mistyped path would be a ledger
    /// that has forgotten every withdrawal.
    pub fn create(mut self, yes: bool) -> Self {
        self.create = yes;
        self
    }

    /// Opens the store in `dir`. After a crash the whole file is read once.
    ///
    /// # Errors
    /// See [`DurableError`]. Nothing in the directory was changed, but for a directory or a store that was to be created.
    pub fn open(self, dir: impl AsRef<Path>) -> Result<DurableStore, DurableError> {
        let directory = Directory::lock(dir.as_ref(), self.create)?;
        let tables = Tables::open(&directory.store(Tables::create)?)?;
        DurableStore::over(tables, Some(directory))
    }
}

/// A store in a directory that nobody else has open.
///
/// `append` blocks until the events are on the disk; replaying reads in parts, and holds nothing while each event is looked at.
/// `keep_mark` takes no lock and does nothing where a mark as late is kept; otherwise it blocks until the mark is on the disk, behind
/// an append that is under way: a few milliseconds, once a minute and when a lapse is first told of.
///
/// Once something could not be stored, everything that would store is refused until the store is opened again, for what the disk then
/// has is unknown; nothing that was acknowledged is missing from it.
#[derive(Debug)]
pub struct DurableStore {
    // Dropped in this order: the file is closed before its directory is unlocked.
    tables: Tables,
    writer: Mutex<Writer>,
    /// What the disk has for sure. Not behind the lock: checks come by here.
    mark: ArcSwapOption<ClockMark>,
    _directory: Option<Directory>,
}

#[derive(Debug)]
struct Writer {
    newest: Revision,
    /// Why nothing is taken any more.
    stopped: Option<String>,
}

impl DurableStore {
    /// Opens the store that `dir` has.
    ///
    /// # Errors
    /// [`DurableError::NotFound`] where there is none, [`DurableError::InUse`] where it is open elsewhere, and the others of
    /// [`DurableError`]. Nothing was changed.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, DurableError> {
        Self::options().open(dir)
    }

    /// To open it otherwise than by default.
    pub fn options() -> DurableOptions {
        DurableOptions::default()
    }

    fn over(tables: Tables, directory: Option<Directory>) -> Result<Self, DurableError> {
        let newest = match tables.newest()? {
            Some((revision, row)) => parse(revision, &row)?.revision(),
            None => Revision::ZERO,
        };
        let mark = match tables.mark()? {
            Some(row) => Some(row.parse::<ClockMark>(MARK_KEY)?),
            None => None,
        };
        Ok(Self {
            tables,
            writer: Mutex::new(Writer {
                newest,
                stopped: None,
            }),
            mark: ArcSwapOption::from(mark.map(Arc::new)),
            _directory: directory,
        })
    }

    /// The writer, unless something could not be stored.
    fn writer(&self) -> Result<MutexGuard<'_, Writer>, DurableError> {
        let stopped = |why: &str| DurableError::Stopped {
            why: why.to_owned(),
        };
        let writer = self
            .writer
            .lock()
            .map_err(|_| stopped("an earlier write panicked"))?;
        match &writer.stopped {
            Some(why) => Err(stopped(why)),
            None => Ok(writer),
        }
    }

    fn has_mark(&self, mark: ClockMark) -> bool {
        self.mark
            .load()
            .as_deref()
            .is_some_and(|kept| *kept >= mark)
    }
}

impl Writer {
    /// Stops at what could not be stored.
    fn stored(&mut self, result: Result<(), DurableError>) -> Result<(), DurableError> {
        result.map_err(|error| {
            let why = error.chain();
            self.stopped = Some(why.clone());
            DurableError::Stopped { why }
        })
    }
}

impl ConsentStore for DurableStore {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        let mut writer = self.writer().map_err(StoreError::failed)?;
        let actual = writer.newest;
        if actual != expected {
            return Err(StoreError::Conflict { expected, actual });
        }
        let Some(last) = events.last() else {
            return Ok(());
        };
        let rows = rows(expected, events).map_err(StoreError::failed)?;
        let stored = self.tables.add(&rows);
        writer.stored(stored).map_err(StoreError::failed)?;
        writer.newest = last.revision();
        Ok(())
    }

    fn replay(
        &self,
        after: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut last = after.as_u64();
        loop {
            // In parts, so that nothing of the database is held while somebody else's code runs.
            let rows = self.tables.after(last).map_err(StoreError::failed)?;
            if rows.is_empty() {
                return Ok(());
            }
            for (revision, row) in rows {
                let event = next_event(last, revision, &row).map_err(StoreError::failed)?;
                last = revision;
                each(event)?;
            }
        }
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        if self.has_mark(mark) {
            return Ok(());
        }
        let mut writer = self.writer().map_err(StoreError::failed)?;
        // Another thread may have been here meanwhile.
        if self.has_mark(mark) {
            return Ok(());
        }
        let row = Row::of(MARK_KEY, &mark).map_err(StoreError::failed)?;
        let stored = self.tables.keep_mark(&row);
        writer.stored(stored).map_err(StoreError::failed)?;
        self.mark.store(Some(Arc::new(mark)));
        Ok(())
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        Ok(self.mark.load().as_deref().copied())
    }
}

/// The rows of events that must be numbered on from `expected`.
fn rows(expected: Revision, events: &[Event]) -> Result<Vec<(u64, Row)>, DurableError> {
    let mut last = expected.as_u64();
    events
        .iter()
        .map(|event| {
            let (found, due) = (event.revision().as_u64(), last.saturating_add(1));
            if found != due {
                return Err(DurableError::Misnumbered { found, due });
            }
            last = found;
            Ok((found, Row::of(found, event)?))
        })
        .collect()
}

fn next_event(last: u64, revision: u64, row: &Row) -> Result<Event, DurableError> {
    if last.checked_add(1) != Some(revision) {
        return Err(DurableError::damaged_at(
            revision,
            format_args!("the one before it is {last}"),
        ));
    }
    parse(revision, row)
}

fn parse(revision: u64, row: &Row) -> Result<Event, DurableError> {
    let event: Event = row.parse(revision)?;
    if event.revision().as_u64() != revision {
        return Err(DurableError::damaged_at(
            revision,
            format_args!("it says that it is {}", event.revision()),
        ));
    }
    Ok(event)
}
