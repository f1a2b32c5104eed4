//! The handle that reads: entries, proofs and verification, and nothing that writes.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::commit::Shared;
use crate::durable::catalog::Catalog;
use crate::durable::check::Progress;
use crate::durable::directory::Directory;
use crate::filter::Filter;
use crate::note::VerifierKey;
use crate::query::{Each, OutcomeCounts, Page, Plan, View, page};
use crate::record::Record;
use crate::tail::Tail;
use crate::tree::{CompactRange, Hash, consistency_ranges, inclusion_ranges};
use crate::verdict::{Verified, VerifyError};

/// Reads a log. Cheap to clone; it cannot append.
///
/// It belongs to a running [`AuditLog`](crate::AuditLog) and sees it grow, or to a directory that was [opened](Self::open) for
/// reading, or to a file that was [read](Self::read_ndjson). In memory, reading takes the log's lock for as long as it takes
/// to merge what waits and to note what is there; searching, verifying and exporting happen outside it and do not hold
/// up those who append. From a directory, what is asked for is read from its files; nothing but hashes of every 256
/// entries and the index of the newest segment is held in memory.
///
/// Every method fails with [`AuditError::Poisoned`] after a panic inside the log and, on a directory, with
/// [`AuditError::Storage`] or [`AuditError::Corrupt`] when its files cannot be read or are damaged; that is not repeated below.
#[derive(Debug, Clone)]
pub struct AuditReader {
    backing: Backing,
}

/// Where the entries are.
#[derive(Debug, Clone)]
enum Backing {
    Memory(Arc<Shared>),
    Directory(Arc<Directory>),
}

/// A whole log, as far as it can be read, at one moment.
pub(crate) struct Whole {
    pub(crate) view: View,
    /// The tree of the entries before.
    pub(crate) before: CompactRange,
    pub(crate) checkpoint: Option<Checkpoint>,
}

impl AuditReader {
    pub(crate) fn of_memory(shared: Arc<Shared>) -> Self {
        Self {
            backing: Backing::Memory(shared),
        }
    }

    /// Reads what a catalog knows: at least the genesis entry must be there.
    pub(crate) fn of_directory(
        catalog: Arc<Catalog>,
        key: Option<VerifierKey>,
    ) -> Result<Self, AuditError> {
        let directory = Directory::new(catalog, key)?;
        Ok(Self {
            backing: Backing::Directory(Arc::new(directory)),
        })
    }

    /// What the handles of a log in memory share.
    #[cfg(test)]
    pub(crate) fn shared(&self) -> Option<&Arc<Shared>> {
        match &self.backing {
            Backing::Memory(shared) => Some(shared),
            Backing::Directory(_) => None,
        }
    }

    /// The catalog of a log in a directory.
    pub(crate) fn catalog(&self) -> Option<&Arc<Catalog>> {
        match &self.backing {
            Backing::Memory(_) => None,
            Backing::Directory(directory) => Some(directory.catalog()),
        }
    }

    /// Opens a log's directory for reading, while its writer runs or when there is none. Takes no lock and writes nothing.
    ///
    /// It shows everything up to the last whole commit, and more only after [`refresh`](Self::refresh). A commit that a crash
    /// tore is not shown; the writer clears it away when it opens the log.
    ///
    /// Without `key` there is no [`checkpoint`](Self::checkpoint), and [`verify`](Self::verify) checks signatures against the keys
    /// that the log itself names and establishes no more than [`Level::Tree`](crate::Level::Tree).
    ///
    /// Blocks on reading files: a few for each finished segment, and the newest segment whole.
    ///
    /// # Errors
    /// [`AuditError::Config`] if there is no log in `dir` or `key` is of another log.
    pub fn open(dir: impl AsRef<Path>, key: Option<&VerifierKey>) -> Result<Self, AuditError> {
        Self::of_directory(Arc::new(Catalog::read_only(dir.as_ref())?), key.cloned())
    }

    /// Takes in what the log's writer has committed meanwhile, and gives the log's size. Other than in a directory that was
    /// [opened](Self::open) for reading, that happens by itself.
    ///
    /// # Errors
    /// None but the common ones.
    pub fn refresh(&self) -> Result<u64, AuditError> {
        match &self.backing {
            Backing::Memory(shared) => Ok(shared.held()?.end),
            Backing::Directory(directory) => directory.catalog().refresh(),
        }
    }

    /// The namespace that entries carry.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match &self.backing {
            Backing::Memory(shared) => &shared.namespace,
            Backing::Directory(directory) => directory.namespace(),
        }
    }

    /// The key that verifies the log's checkpoints; `None` for a file or directory that was read without one.
    ///
    /// In a directory whose key was rotated it is the one with which the log was opened, from which the others are known.
    #[must_use]
    pub fn verifier_key(&self) -> Option<&VerifierKey> {
        match &self.backing {
            Backing::Memory(shared) => shared.verifier.as_ref(),
            Backing::Directory(directory) => directory.key(),
        }
    }

    /// The key that verifies the newest checkpoint.
    pub(crate) fn key_in_force(&self) -> Result<VerifierKey, AuditError> {
        match &self.backing {
            Backing::Memory(shared) => shared.verifier.clone().ok_or(AuditError::NoCheckpoint),
            Backing::Directory(directory) => directory.key_in_force(),
        }
    }

    /// Number of entries ever logged, the genesis entry and evicted ones included.
    ///
    /// # Errors
    /// None but the common ones.
    pub fn size(&self) -> Result<u64, AuditError> {
        Ok(self.held()?.end)
    }

    /// Number of entries that can be read now.
    ///
    /// # Errors
    /// None but the common ones.
    pub fn count(&self) -> Result<u64, AuditError> {
        let held = self.held()?;
        Ok(held.end.saturating_sub(held.start))
    }

    /// Index of the oldest entry that can be read.
    ///
    /// # Errors
    /// None but the common ones.
    pub fn held_from(&self) -> Result<u64, AuditError> {
        Ok(self.held()?.start)
    }

    /// How many of the entries that can be read carry each outcome.
    ///
    /// # Errors
    /// None but the common ones.
    pub fn outcome_counts(&self) -> Result<OutcomeCounts, AuditError> {
        match &self.backing {
            Backing::Memory(shared) => shared.outcome_counts(),
            Backing::Directory(directory) => {
                directory.catalog().current()?;
                directory.catalog().outcome_counts()
            }
        }
    }

    /// Finds entries.
    ///
    /// # Errors
    /// [`AuditError::Cursor`] if the filter's cursor is of another log or filter; [`AuditError::Evicted`] if the filter
    /// begins at, or its cursor has come to, an entry that is no longer held.
    pub fn query(&self, filter: &Filter) -> Result<Page, AuditError> {
        let (view, plan) = self.plan(filter)?;
        page(&view, &plan, filter)
    }

    /// The entries of a record, in the order of the log: a decision and its outcome share their id. Empty if none is held.
    ///
    /// # Errors
    /// None but the common ones.
    pub fn get(&self, id: Uuid) -> Result<Vec<Record>, AuditError> {
        match &self.backing {
            Backing::Memory(shared) => shared.of_id(id),
            Backing::Directory(directory) => {
                directory.catalog().current()?;
                directory.catalog().of_id(id)
            }
        }
    }

    /// The entry at `index`.
    ///
    /// # Errors
    /// [`AuditError::Evicted`] if it is no longer held, [`AuditError::OutOfRange`] if there is none yet.
    pub fn entry(&self, index: u64) -> Result<Record, AuditError> {
        match &self.backing {
            Backing::Memory(shared) => shared.entry(index),
            Backing::Directory(directory) => {
                let size = directory.catalog().current()?;
                if index >= size {
                    return Err(AuditError::OutOfRange { index, size });
                }
                directory.catalog().record(index)
            }
        }
    }

    /// The newest `n` entries that can be read, the newest first.
    ///
    /// # Errors
    /// None but the common ones.
    pub fn latest(&self, n: usize) -> Result<Vec<Record>, AuditError> {
        Ok(self.query(&Filter::new().newest_first().limit(n))?.records)
    }

    /// A signed checkpoint of everything logged so far; for a file or a directory opened for reading, the last one in it.
    ///
    /// # Errors
    /// [`AuditError::NoCheckpoint`] for a file without a verified one, or without a key to verify it;
    /// [`AuditError::Note`] if the last one in a directory is not signed by the log's key.
    pub fn checkpoint(&self) -> Result<Checkpoint, AuditError> {
        match &self.backing {
            Backing::Memory(shared) => shared.newest_checkpoint(),
            Backing::Directory(directory) => directory.checkpoint(),
        }
    }

    /// Root of the tree over the first `size` entries.
    ///
    /// # Errors
    /// [`AuditError::OutOfRange`] if the log is not that large; [`AuditError::Evicted`] if `size` is no multiple of 256 and
    /// ends among entries that are no longer held.
    pub fn root(&self, size: u64) -> Result<Hash, AuditError> {
        self.reach(size)?;
        match &self.backing {
            Backing::Memory(shared) => shared.root(size),
            Backing::Directory(directory) => Ok(directory.catalog().range(size)?.root()),
        }
    }

    /// The proof that entry `index` is in the tree of the first `size` entries; check it with [`verify_inclusion`](crate::verify_inclusion).
    ///
    /// # Errors
    /// [`AuditError::OutOfRange`] if `index ≥ size` or the log is not that large; [`AuditError::Evicted`] if the entry is no longer held.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, AuditError> {
        self.reach(size)?;
        if index >= size {
            return Err(AuditError::OutOfRange { index, size });
        }
        self.refuse_evicted(index)?;
        self.roots(size, &inclusion_ranges(index, size), index)
    }

    /// The proof that the tree of `new` entries begins with that of `old`; check it with [`verify_consistency`](crate::verify_consistency).
    ///
    /// # Errors
    /// [`AuditError::OutOfRange`] if `old > new` or the log is not that large; [`AuditError::Evicted`] if `old` is no multiple
    /// of 256 and ends among entries that are no longer held.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, AuditError> {
        self.reach(new)?;
        if old > new {
            return Err(AuditError::OutOfRange {
                index: old,
                size: new,
            });
        }
        let ranges = consistency_ranges(old, new);
        self.roots(new, &ranges, old.saturating_sub(1))
    }

    /// Follows the log from entry `from` on: see [`Tail`].
    #[must_use]
    pub fn tail(&self, from: u64) -> Tail {
        Tail::new(self.clone(), from)
    }

    /// Hashes every entry anew and compares with the log's tree, with checkpoints signed by its key, and with `pin`.
    ///
    /// For a running log in memory the level is `Signed` over all entries, for it signs a checkpoint now; only a pin that was
    /// kept elsewhere speaks against the holder of the key.
    ///
    /// A directory is read from its segments alone, whole: each block and commit, its signed checkpoint under the key that was
    /// in force then, the published checkpoint. Bytes are compared, not parsed: whether an entry keeps to the schema shows
    /// when it is read. Uses all cores; nothing is written.
    ///
    /// # Errors
    /// [`VerifyError`] saying what does not agree, and for a directory in which file and bytes.
    pub fn verify(&self, pin: Option<&Checkpoint>) -> Result<Verified, VerifyError> {
        self.verify_with(pin, &mut |_| {})
    }

    /// Does what [`verify`](Self::verify) does and tells now and then, on this thread, how far it has got.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_with(
        &self,
        pin: Option<&Checkpoint>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Verified, VerifyError> {
        let origin = match &self.backing {
            Backing::Memory(shared) => shared.verifier.as_ref().map(VerifierKey::name),
            Backing::Directory(directory) => Some(directory.origin()),
        };
        if let (Some(pin), Some(origin)) = (pin, origin)
            && pin.origin() != origin
        {
            return Err(VerifyError::PinOrigin {
                pin: pin.origin().to_owned(),
                log: origin.to_owned(),
            });
        }
        match &self.backing {
            Backing::Memory(shared) => shared.verify(pin, &mut |entries, bytes| {
                progress(Progress {
                    entries,
                    bytes,
                    total_bytes: None,
                });
            }),
            Backing::Directory(directory) => directory.verify(pin, progress),
        }
    }

    pub(crate) fn plan(&self, filter: &Filter) -> Result<(View, Plan), AuditError> {
        match &self.backing {
            Backing::Memory(shared) => shared.plan(filter),
            Backing::Directory(directory) => directory.plan(filter),
        }
    }

    /// Everything that can be read.
    pub(crate) fn everything(&self) -> Result<Whole, AuditError> {
        match &self.backing {
            Backing::Memory(shared) => shared.everything(),
            Backing::Directory(directory) => directory.everything(),
        }
    }

    /// Roots of neighbouring complete subtrees of `width` leaves, a power of two, the first beginning at leaf `start`, a multiple of it.
    pub(crate) fn subtrees(
        &self,
        start: u64,
        width: u64,
        count: u64,
    ) -> Result<Vec<Hash>, AuditError> {
        let span = width.checked_mul(count).and_then(|n| n.checked_add(start));
        self.reach(span.unwrap_or(u64::MAX))?;
        if let Backing::Directory(directory) = &self.backing {
            return directory.catalog().subtrees(start, width, count);
        }
        let next = |number: u64| start.saturating_add(width.saturating_mul(number));
        let ranges: Vec<_> = (0..count)
            .map(|number| (next(number), next(number.saturating_add(1))))
            .collect();
        self.roots(span.unwrap_or(0), &ranges, start)
    }

    /// Hands over index and exact bytes of each entry in `range`, oldest first.
    pub(crate) fn bytes(&self, range: Range<u64>, each: &mut Each<'_>) -> Result<(), AuditError> {
        self.reach(range.end)?;
        match &self.backing {
            Backing::Memory(shared) => shared
                .between(range.start, range.end)?
                .iter()
                .try_for_each(|(index, text, _)| each(index, text.as_bytes())),
            Backing::Directory(directory) => directory.catalog().entries(&range, each),
        }
    }

    /// Roots of subtrees of the tree over the first `size` entries. `index` is the entry to be named where hashes are gone.
    pub(crate) fn roots(
        &self,
        size: u64,
        ranges: &[(u64, u64)],
        index: u64,
    ) -> Result<Vec<Hash>, AuditError> {
        match &self.backing {
            Backing::Memory(shared) => shared.roots(ranges, index),
            Backing::Directory(directory) => directory.catalog().roots(size, ranges),
        }
    }

    /// Refuses a size that the log does not have.
    pub(crate) fn reach(&self, size: u64) -> Result<(), AuditError> {
        let now = self.size()?;
        if size > now {
            return Err(AuditError::OutOfRange {
                index: size,
                size: now,
            });
        }
        Ok(())
    }

    pub(crate) fn refuse_evicted(&self, index: u64) -> Result<(), AuditError> {
        match &self.backing {
            Backing::Memory(shared) => shared.within(index),
            Backing::Directory(_) => Ok(()),
        }
    }

    fn held(&self) -> Result<Range<u64>, AuditError> {
        match &self.backing {
            Backing::Memory(shared) => shared.held(),
            Backing::Directory(directory) => Ok(0..directory.catalog().current()?),
        }
    }
}

/// A checkpoint, where there can be one.
pub(crate) fn optional(
    checkpoint: Result<Checkpoint, AuditError>,
) -> Result<Option<Checkpoint>, AuditError> {
    match checkpoint {
        Ok(checkpoint) => Ok(Some(checkpoint)),
        Err(AuditError::NoCheckpoint) => Ok(None),
        Err(other) => Err(other),
    }
}
