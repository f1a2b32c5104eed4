//! The C2SP view on disk: tiles, entry bundles and the published checkpoint, derived from the segments and rebuilt where they may be missing.
//!
//! Tiles are not synced as they are written: a sync each would take the disk from the commits. They are when there is nothing else to do, and a file
//! says up to where; what lies behind that is written anew when the log is opened.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::checkpoint::Checkpoint;
use crate::durable::recover::PUBLISHED;
use crate::durable::storage::{self, Storage};
use crate::reader::AuditReader;
use crate::tiles::{TilePath, tiles_between};
use crate::{AuditError, bundle};

/// Entries whose tiles are written at once.
const STEP: u64 = 64 * bundle::WIDTH;

/// Says up to which size complete tiles are synced.
const SETTLED: &str = "idx/tiles";

/// Writes the view, and knows up to where it is written.
#[derive(Debug)]
pub(crate) struct Publisher {
    storage: Arc<dyn Storage>,
    /// Size up to which complete tiles are there.
    done: u64,
    /// Size of the checkpoint whose tiles are known to be there.
    published: u64,
    /// Size of the checkpoint that the file holds.
    shown: u64,
    /// Nothing more is written: the directory may be another's by now.
    retired: bool,
    /// Size up to which complete tiles are noted as synced.
    settled: u64,
    /// Size up to which they are; `None` after a sync that failed. Which tiles these are follows from it: nothing is kept of each.
    synced: Option<u64>,
}

impl Publisher {
    /// Goes on after what is synced and covered by the published checkpoint, whose size is `published`.
    pub(crate) fn new(storage: Arc<dyn Storage>, published: u64) -> Result<Self, AuditError> {
        let settled = storage::read(&*storage, SETTLED).map_err(AuditError::storage(SETTLED))?;
        let settled = settled.and_then(|text| str::from_utf8(&text).ok()?.parse().ok());
        let done = complete(published.min(settled.unwrap_or(0)));
        Ok(Self {
            storage,
            done,
            // Incomplete tiles are never synced: at every opening they are written anew.
            published: 0,
            shown: published,
            retired: false,
            settled: done,
            synced: Some(done),
        })
    }

    /// Size of the checkpoint that was published last.
    pub(crate) fn published(&self) -> u64 {
        self.published
    }

    /// Makes the view that of `checkpoint`, a newer one than before, or goes a step in that direction: `true` when it is done. Blocks for its
    /// writes.
    ///
    /// # Errors
    /// As reading the log, and [`AuditError::Storage`]; the view is then as it was, or has tiles that nobody asks for yet.
    pub(crate) fn step(
        &mut self,
        reader: &AuditReader,
        checkpoint: &Checkpoint,
    ) -> Result<bool, AuditError> {
        if self.retired {
            return Err(AuditError::Closed);
        }
        let failed = || AuditError::storage("publishing the log's tiles");
        let size = checkpoint.size();
        // Up to the end of some bundle; the tiles above it come when they are complete, or at the end.
        let end = complete(self.done.saturating_add(STEP)).min(size);
        let mut paths: Vec<TilePath> = tiles_between(self.done, end)
            .filter(TilePath::is_full)
            .collect();
        paths.extend(incomplete(size).filter(|_| end == size));
        let mut made = BTreeSet::new();
        for path in &paths {
            let name = path.to_string();
            for dir in parents(&name) {
                if made.insert(dir.to_owned()) {
                    self.storage.make_dir(dir).map_err(failed())?;
                }
            }
            let file = self.storage.create(&name).map_err(failed())?;
            file.write_at(&reader.tile(*path)?, 0).map_err(failed())?;
        }
        self.done = complete(end);
        if end == size {
            // One of the same size may carry cosignatures.
            if size > self.shown {
                self.replace(checkpoint)?;
            }
            self.published = size;
        }
        for path in paths.iter().filter(|path| path.is_full()) {
            // Incomplete forms of a tile may go once the whole one is there (C2SP tlog-tiles).
            let parts = format!("{path}.p");
            self.storage
                .remove_dir(&parts)
                .map_err(AuditError::storage("removing incomplete tiles"))?;
        }
        Ok(end == size)
    }

    /// Writes nothing more.
    pub(crate) fn retire(&mut self) {
        self.retired = true;
    }

    /// Whether complete tiles are not synced yet.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.synced.is_some() && self.done > self.settled
    }

    /// Syncs the tiles of up to so many bundles more, and notes it when all are. After an error nothing is known of the others, and they are written
    /// anew at the next opening.
    pub(crate) fn settle(&mut self, bundles: u64) -> Result<(), AuditError> {
        let Some(synced) = self.synced.take() else {
            return Ok(());
        };
        let failed = || AuditError::storage("syncing the log's tiles");
        let next = synced.saturating_add(bundles.saturating_mul(bundle::WIDTH));
        let next = next.min(self.done);
        for path in tiles_between(synced, next).filter(TilePath::is_full) {
            let file = self.storage.open(&path.to_string(), true);
            if let Some(file) = file.map_err(failed())? {
                file.sync().map_err(failed())?;
            }
        }
        if next < self.done || self.done == self.settled {
            self.synced = Some(next);
            return Ok(());
        }
        let mut dirs = BTreeSet::new();
        for path in tiles_between(self.settled, self.done).filter(TilePath::is_full) {
            dirs.extend(parents(&path.to_string()).map(str::to_owned));
        }
        for dir in dirs.iter().map(String::as_str).chain([""]) {
            self.storage.sync_dir(dir).map_err(failed())?;
        }
        let done = self.done.to_string();
        storage::replace(&*self.storage, SETTLED, done.as_bytes()).map_err(failed())?;
        self.settled = self.done;
        self.synced = Some(next);
        Ok(())
    }

    /// Publishes a checkpoint whose tiles are there, such as the last one with more signatures; not one that is older than what is published.
    pub(crate) fn replace(&mut self, checkpoint: &Checkpoint) -> Result<(), AuditError> {
        if self.retired || checkpoint.size() < self.published {
            return Ok(());
        }
        storage::replace(&*self.storage, PUBLISHED, checkpoint.as_str().as_bytes())
            .map_err(AuditError::storage("publishing a checkpoint"))?;
        self.shown = checkpoint.size();
        Ok(())
    }
}

/// Entries in complete bundles.
fn complete(size: u64) -> u64 {
    size.checked_div(bundle::WIDTH)
        .unwrap_or(0)
        .saturating_mul(bundle::WIDTH)
}

/// The tile of each level that a log of this size has not filled yet.
fn incomplete(size: u64) -> impl Iterator<Item = TilePath> {
    std::iter::once(None)
        .chain((0..8).map(Some))
        .filter_map(move |level: Option<u8>| {
            let count = size >> u32::from(level.unwrap_or(0)).saturating_mul(8);
            let (index, width) = (
                count.checked_div(bundle::WIDTH)?,
                u16::try_from(count.checked_rem(bundle::WIDTH)?).ok()?,
            );
            match level {
                None => TilePath::entries(index, width),
                Some(level) => TilePath::hashes(level, index, width),
            }
        })
}

/// The directories that lead to a file, outermost first.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').filter_map(|(at, _)| name.get(..at))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;
    use crate::durable::storage::{Disk, Stored};
    use crate::tiles::tiles_at;
    use crate::{AuditLog, Entry};

    /// A directory that remembers which files were opened for writing: those that are synced.
    #[derive(Debug)]
    struct Watched(Disk, Mutex<Vec<String>>);

    impl Storage for Watched {
        fn open(&self, name: &str, writing: bool) -> io::Result<Option<Arc<dyn Stored>>> {
            if writing {
                self.1.lock().unwrap().push(name.to_owned());
            }
            self.0.open(name, writing)
        }
        fn create(&self, name: &str) -> io::Result<Arc<dyn Stored>> {
            self.0.create(name)
        }
        fn rename(&self, from: &str, to: &str) -> io::Result<()> {
            self.0.rename(from, to)
        }
        fn remove(&self, name: &str) -> io::Result<()> {
            self.0.remove(name)
        }
        fn list(&self, dir: &str) -> io::Result<Vec<String>> {
            self.0.list(dir)
        }
        fn make_dir(&self, dir: &str) -> io::Result<()> {
            self.0.make_dir(dir)
        }
        fn remove_dir(&self, dir: &str) -> io::Result<()> {
            self.0.remove_dir(dir)
        }
        fn sync_dir(&self, dir: &str) -> io::Result<()> {
            self.0.sync_dir(dir)
        }
    }

    #[test]
    fn every_complete_tile_is_synced_once_before_that_is_noted() {
        let log = AuditLog::builder().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::new(dir.path());
        disk.make_dir("idx").unwrap();
        let watched = Arc::new(Watched(disk, Mutex::default()));
        let storage: Arc<dyn Storage> = Arc::clone(&watched) as _;
        let mut publisher = Publisher::new(storage, 0).unwrap();
        let mut noted = 0;
        for (size, bundles) in [(1000, 1), (1300, 7), (1301, 1), (2560, 2)] {
            while log.size().unwrap() < size {
                log.log(Entry::event("tick")).unwrap();
            }
            let checkpoint = log.checkpoint().unwrap();
            while !publisher.step(&log.reader(), &checkpoint).unwrap() {}
            while publisher.is_unsettled() {
                let note = std::fs::read_to_string(dir.path().join(SETTLED)).unwrap_or_default();
                assert_eq!(
                    note.parse().unwrap_or(0),
                    noted,
                    "not before all are synced"
                );
                publisher.settle(bundles).unwrap();
            }
            noted = complete(size);
            let mut synced = watched.1.lock().unwrap().clone();
            synced.sort();
            let full = tiles_at(size).filter(TilePath::is_full);
            let mut full: Vec<_> = full.map(|path| path.to_string()).collect();
            full.sort();
            assert_eq!(synced, full);
        }
    }

    #[test]
    fn incomplete_tiles_are_those_of_the_layout() {
        for size in [0, 1, 255, 256, 257, 65_535, 65_536, 70_000, 16_777_216 + 3] {
            let of_layout: BTreeSet<String> = tiles_at(size)
                .filter(|path| !path.is_full())
                .map(|path| path.to_string())
                .collect();
            let here: BTreeSet<String> = incomplete(size).map(|path| path.to_string()).collect();
            assert_eq!(here, of_layout, "size {size}");
        }
    }
}
