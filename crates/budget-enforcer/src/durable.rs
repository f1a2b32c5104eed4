//! A journal in a directory, so that what was acknowledged outlives the process and the machine's power.
//!
//! Events are rows of an embedded database, as text. Those of many callers are stored by one write: each waits until its own
//! are on the disk, and whoever waits while nobody writes, writes for all.
//!
//! ```
//! use budget_enforcer::durable::DurableJournal;
//! use budget_enforcer::{BudgetEnforcer, BudgetSpec, Charge};
//!
//! # let dir = tempfile::tempdir()?;
//! let journal = DurableJournal::options().create(true).open(dir.path())?;
//! let (budget, admin) = BudgetEnforcer::builder().journal(journal).build()?;
//! admin.create_budget(BudgetSpec::new("ci".parse()?).calls(10))?;
//! budget.record(&Charge::budget(&"ci".parse()?).calls(4))?;
//! drop((budget, admin)); // another start of the process
//!
//! let (budget, _) = BudgetEnforcer::builder().journal(DurableJournal::open(dir.path())?).build()?;
//! assert!(!budget.check(&Charge::budget(&"ci".parse()?).calls(7)).allowed());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Limitations
//! - Events are kept for good, about half a kilobyte each on the disk. Opening after a crash reads all of the file once.
//! - Each event carries a fingerprint against accidents, not against people: whoever can write the file can forge it.
//! - After a crash the newest write, where it is damaged, is taken for one that the crash tore: damage by anything else cannot
//!   be told from that. All other damage is an error.
//! - Some damage makes the database panic. That is caught and returned as an error, unless panics abort the process.
//! - The directory must be on a disk of this machine: locks and syncs of network file systems promise less.

mod directory;
#[cfg(test)]
mod disk;
mod error;
#[cfg(test)]
mod faults;
mod group;
pub(crate) mod row;
mod tables;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::event::Event;
use crate::journal::{BudgetJournal, Revision, StoreError};
use crate::snapshot::Snapshot;
use directory::Directory;
use group::Group;
use row::Row;
use tables::Tables;

pub use error::DurableError;

/// How a [`DurableJournal`] is opened.
#[derive(Debug, Clone)]
#[must_use = "options open nothing until `open`"]
pub struct DurableOptions {
    create: bool,
    snapshot_every: u64,
}

impl DurableOptions {
    /// Whether the directory and the journal are made where there are none. The default is no, for a mistyped path would be a
    /// budget of which nothing is spent.
    pub fn create(mut self, yes: bool) -> Self {
        self.create = yes;
        self
    }

    /// After how many events another snapshot is asked for. Zero: never. The default is 100 000.
    pub fn snapshot_every(mut self, events: u64) -> Self {
        self.snapshot_every = events;
        self
    }

    /// Opens the journal in `dir`. After a crash the whole file is read once; otherwise opening takes no longer for a long journal.
    ///
    /// # Errors
    /// See [`DurableError`]. Nothing in the directory was changed, but for a directory or a journal that was to be created.
    pub fn open(self, dir: impl AsRef<Path>) -> Result<DurableJournal, DurableError> {
        let directory = Directory::lock(dir.as_ref(), self.create)?;
        let tables = Tables::open(&directory.journal(Tables::create)?)?;
        DurableJournal::over(tables, Some(directory), self.snapshot_every)
    }
}

impl Default for DurableOptions {
    fn default() -> Self {
        Self {
            create: false,
            snapshot_every: 100_000,
        }
    }
}

/// A journal in a directory that nobody else has open.
///
/// `append` takes events in memory, at most a million that are not stored yet. `sync` blocks until they are on the disk. Once
/// something could not be stored, everything is refused until the journal is opened again, for what the disk then has is
/// unknown; nothing that was acknowledged is missing from it. Dropping the journal stores what was appended, and waits for that.
#[derive(Debug)]
pub struct DurableJournal {
    // Dropped in this order: the file is closed before its directory is unlocked.
    group: Group<Row>,
    tables: Tables,
    snapshot_every: u64,
    /// The revision at which another snapshot is wanted.
    snapshot_due: AtomicU64,
    _directory: Option<Directory>,
}

impl DurableJournal {
    /// Opens the journal that `dir` has.
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

    fn over(
        tables: Tables,
        directory: Option<Directory>,
        snapshot_every: u64,
    ) -> Result<Self, DurableError> {
        let newest = tables.newest()?;
        let kept = tables.newest_snapshot()?.unwrap_or_default();
        Ok(Self {
            group: Group::at(newest),
            tables,
            snapshot_every,
            snapshot_due: AtomicU64::new(kept.saturating_add(snapshot_every)),
            _directory: directory,
        })
    }

    /// Stores what was taken up to `revision`, or waits for whoever does.
    fn store(&self, revision: u64) -> Result<(), StoreError> {
        self.group
            .wait(revision, |from, rows| self.tables.add(from, rows))
    }
}

impl BudgetJournal for DurableJournal {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        let rows = events
            .iter()
            .map(|event| Row::of(event.revision.number(), event))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StoreError::failed)?;
        self.group.push(expected, rows)
    }

    fn sync(&self, revision: Revision) -> Result<(), StoreError> {
        self.store(revision.number())
    }

    /// Says yes to one caller, and then not until as many events have come again.
    fn wants_snapshot(&self) -> bool {
        if self.snapshot_every == 0 {
            return false;
        }
        let stored = self.group.stored();
        let due = self.snapshot_due.load(Ordering::Relaxed);
        let next = stored.saturating_add(self.snapshot_every);
        stored >= due
            && self
                .snapshot_due
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn keep_snapshot(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let revision = snapshot.revision().number();
        // It must not be ahead of the events: they would be taken for new ones after a crash.
        self.store(revision)?;
        Row::of(revision, snapshot)
            .and_then(|row| self.tables.keep_snapshot(revision, &row))
            .map_err(StoreError::failed)
    }

    /// A snapshot that is damaged, or of another version, is passed over: events tell all that it tells.
    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        let rows = self.tables.snapshots().map_err(StoreError::failed)?;
        Ok(rows.into_iter().find_map(|(revision, row)| {
            let snapshot: Snapshot = row.parse(revision).ok()?;
            (snapshot.revision().number() == revision).then_some(snapshot)
        }))
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.store(self.group.taken())?;
        let mut last = from.number();
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
}

impl Drop for DurableJournal {
    fn drop(&mut self) {
        // Nobody waits for these, and if they cannot be stored nobody was told that they were.
        drop(self.store(self.group.taken()));
    }
}

fn next_event(last: u64, revision: u64, row: &Row) -> Result<Event, DurableError> {
    let event: Event = row.parse(revision)?;
    if last.checked_add(1) != Some(revision) {
        return Err(DurableError::damaged_at(
            revision,
            format_args!("the one before it is {last}"),
        ));
    }
    if event.revision.number() != revision {
        return Err(DurableError::damaged_at(
            revision,
            format_args!("it says that it is {}", event.revision),
        ));
    }
    Ok(event)
}
