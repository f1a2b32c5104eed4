//! The store's tables. The one file that knows the database.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{
    Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _,
    StorageError, TableDefinition, TableError, WriteTransaction,
};

use super::error::DurableError;
use super::row::Row;

/// The form of the tables and of what is in them.
pub(super) const FORMAT: &str = "consent store 1";

/// What the file is: `format`.
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Events by revision, from 1 without a gap.
const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// The mark, once there is one, under [`MARK_KEY`].
const MARK: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("mark");

/// The key of the mark: no event has this revision, so that neither's row passes for the other's.
pub(super) const MARK_KEY: u64 = 0;
/// A store is written at its end and read once, so that a large cache would be for nothing.
const CACHE_BYTES: usize = 4 << 20;
/// How many events are read at once.
const READ_AT_ONCE: usize = 1024;

#[derive(Debug)]
pub(super) struct Tables {
    /// There until it is dropped.
    database: Option<Database>,
}

impl Tables {
    /// Makes an empty store of the file `path`, which does not exist.
    pub(super) fn create(path: &Path) -> Result<(), DurableError> {
        guarded(|| initialize(&builder().create(path)?))
    }

    /// Opens the store in the file `path`.
    pub(super) fn open(path: &Path) -> Result<Self, DurableError> {
        Self::of(guarded(|| {
            builder().open(path).map_err(|error| refused(path, error))
        })?)
    }

    /// The store in `database`, if it is one that this version reads.
    pub(super) fn of(database: Database) -> Result<Self, DurableError> {
        let tables = Self {
            database: Some(database),
        };
        tables.guarded(|database| {
            let reading = database.begin_read()?;
            let meta = match reading.open_table(META) {
                Err(TableError::TableDoesNotExist(_)) => None,
                meta => meta?.get("format")?.map(|format| format.value().to_owned()),
            };
            let meta = meta.ok_or_else(|| DurableError::damaged("it does not say what it is"))?;
            if meta != FORMAT.as_bytes() {
                let text = String::from_utf8_lossy(&meta);
                let found = text.chars().take(64).flat_map(char::escape_debug);
                let found = found.collect();
                return Err(DurableError::UnknownFormat { found }.into());
            }
            Ok(())
        })?;
        Ok(tables)
    }

    /// The newest event with its revision. None: there are none.
    pub(super) fn newest(&self) -> Result<Option<(u64, Row)>, DurableError> {
        self.guarded(|database| {
            let events = database.begin_read()?.open_table(EVENTS)?;
            let newest = events.last()?.map(read);
            let (count, last) = (events.len()?, newest.as_ref().map_or(0, |(last, _)| *last));
            if count != last {
                return Err(DurableError::damaged(format_args!(
                    "it has {count} events, and the newest is number {last}"
                ))
                .into());
            }
            Ok(newest)
        })
    }

    /// Stores events by their revisions, for good.
    pub(super) fn add(&self, rows: &[(u64, Row)]) -> Result<(), DurableError> {
        self.write(|writing| {
            let mut events = writing.open_table(EVENTS)?;
            for (revision, row) in rows {
                events.insert(revision, row.bytes())?;
            }
            Ok(())
        })
    }

    /// Some of the events after `revision`, in order, with their revisions. None: there are none.
    pub(super) fn after(&self, revision: u64) -> Result<Vec<(u64, Row)>, DurableError> {
        let Some(first) = revision.checked_add(1) else {
            return Ok(Vec::new());
        };
        self.guarded(|database| {
            let events = database.begin_read()?.open_table(EVENTS)?;
            let rows = events.range(first..)?.take(READ_AT_ONCE);
            rows.map(|row| row.map(read).map_err(Failure::from))
                .collect()
        })
    }

    /// Stores the mark in place of the one before it, for good.
    pub(super) fn keep_mark(&self, row: &Row) -> Result<(), DurableError> {
        self.write(|writing| {
            writing
                .open_table(MARK)?
                .insert(MARK_KEY, row.bytes())
                .map(drop)
                .map_err(Failure::from)
        })
    }

    /// The mark, if there is one.
    pub(super) fn mark(&self) -> Result<Option<Row>, DurableError> {
        self.guarded(|database| {
            let mark = database.begin_read()?.open_table(MARK)?;
            Ok(mark.get(MARK_KEY)?.map(|row| Row::read(row.value())))
        })
    }

    /// Returns when what `f` writes is on the disk. Two syncs, for acts are rare: after a crash, damage to the newest of them is
    /// then an error. After one sync it would pass for what the crash tore, and a withdrawn consent would come back.
    fn write(
        &self,
        f: impl FnOnce(&WriteTransaction) -> Result<(), Failure>,
    ) -> Result<(), DurableError> {
        self.guarded(|database| {
            let mut writing = database.begin_write()?;
            writing.set_two_phase_commit(true);
            f(&writing)?;
            Ok(writing.commit()?)
        })
    }

    fn guarded<R>(
        &self,
        f: impl FnOnce(&Database) -> Result<R, Failure>,
    ) -> Result<R, DurableError> {
        guarded(|| match &self.database {
            Some(database) => f(database),
            None => Err(DurableError::damaged("it is closed").into()),
        })
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        // Closing notes what makes the next opening quick. It fails where something has failed before, and may panic then.
        drop(guarded(|| {
            drop(self.database.take());
            Ok(())
        }));
    }
}

/// Makes an empty store in `database`, which is empty.
pub(super) fn initialize(database: &Database) -> Result<(), Failure> {
    let mut writing = database.begin_write()?;
    writing.set_two_phase_commit(true);
    writing
        .open_table(META)?
        .insert("format", FORMAT.as_bytes())?;
    writing.open_table(EVENTS)?;
    writing.open_table(MARK)?;
    Ok(writing.commit()?)
}

fn refused(path: &Path, error: DatabaseError) -> Failure {
    match error {
        DatabaseError::DatabaseAlreadyOpen => Failure(DurableError::InUse {
            dir: path.parent().unwrap_or(path).to_owned(),
        }),
        DatabaseError::Storage(StorageError::Io(error))
            if error.kind() == ErrorKind::InvalidData =>
        {
            Failure(DurableError::damaged(
                "it does not begin as a database does",
            ))
        }
        error => error.into(),
    }
}

fn builder() -> redb::Builder {
    let mut builder = redb::Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

type Entry<'a> = (
    redb::AccessGuard<'a, u64>,
    redb::AccessGuard<'a, &'static [u8]>,
);

fn read((revision, row): Entry<'_>) -> (u64, Row) {
    (revision.value(), Row::read(row.value()))
}

/// What went wrong in here: the database's errors are of many types.
pub(super) struct Failure(DurableError);

impl From<DurableError> for Failure {
    fn from(error: DurableError) -> Self {
        Self(error)
    }
}

impl<E> From<E> for Failure
where
    redb::Error: From<E>,
{
    fn from(error: E) -> Self {
        Self(DurableError::Database(Box::new(redb::Error::from(error))))
    }
}

/// Runs `f`, and takes a panic in the database for what it is: a file in which something is that cannot be.
pub(super) fn guarded<R>(f: impl FnOnce() -> Result<R, Failure>) -> Result<R, DurableError> {
    // What a panic leaves behind is the database's own affair: it poisons its locks, and is not asked again by a store that stopped.
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result.map_err(|Failure(error)| error),
        Err(_) => Err(DurableError::damaged(
            "the database cannot make sense of it",
        )),
    }
}
