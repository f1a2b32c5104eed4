//! The C2SP view on disk: tiles, entry bundles and the published checkpoint, derived from the segments and rebuilt where they are missing.

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

/// Writes the view, and knows up to where it is written.
#[derive(Debug)]
pub(crate) struct Publisher {
    storage: Arc<dyn Storage>,
    /// Size up to which complete tiles are there.
    done: u64,
    /// Size of the published checkpoint.
    published: u64,
}

impl Publisher {
    /// Goes on after what the published checkpoint covers. Incomplete tiles are written anew, for they are not synced.
    pub(crate) fn new(storage: Arc<dyn Storage>, published: u64) -> Self {
        Self {
            storage,
            done: complete(published),
            published: complete(published),
        }
    }

    /// Size of the published checkpoint.
    pub(crate) fn published(&self) -> u64 {
        self.published
    }

    /// Makes the view that of `checkpoint`, a newer one than before, or goes a step in that direction: `true` when it is done. Blocks for its
    /// writes and syncs.
    ///
    /// # Errors
    /// As reading the log, and [`AuditError::Storage`]; the view is then as it was, or has tiles that nobody asks for yet.
    pub(crate) fn step(
        &mut self,
        reader: &AuditReader,
        checkpoint: &Checkpoint,
    ) -> Result<bool, AuditError> {
        let failed = || AuditError::storage("publishing the log's tiles");
        let size = checkpoint.size();
        // Up to the end of some bundle; the tiles above it come when they are complete, or at the end.
        let end = complete(self.done.saturating_add(STEP)).min(size);
        let mut paths: Vec<TilePath> = tiles_between(self.done, end)
            .filter(TilePath::is_full)
            .collect();
        paths.extend(incomplete(size).filter(|_| end == size));
        let (mut dirs, mut files) = (BTreeSet::new(), Vec::new());
        for path in &paths {
            let name = path.to_string();
            for dir in parents(&name) {
                if dirs.insert(dir.to_owned()) {
                    self.storage.make_dir(dir).map_err(failed())?;
                }
            }
            let file = self.storage.create(&name).map_err(failed())?;
            file.write_at(&reader.tile(*path)?, 0).map_err(failed())?;
            files.push((path, file));
        }
        // All are written before the first is synced, for a file system does that work together. Incomplete tiles are not, but written anew.
        for (_, file) in files.iter().filter(|(path, _)| path.is_full()) {
            file.sync().map_err(failed())?;
        }
        for dir in dirs.iter().map(String::as_str).chain([""]) {
            self.storage.sync_dir(dir).map_err(failed())?;
        }
        self.done = complete(end);
        if end == size {
            self.replace(checkpoint)?;
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

    /// Publishes a checkpoint whose tiles are there, such as the last one with more signatures; not one that is older than what is published.
    pub(crate) fn replace(&self, checkpoint: &Checkpoint) -> Result<(), AuditError> {
        if checkpoint.size() < self.published {
            return Ok(());
        }
        storage::replace(&*self.storage, PUBLISHED, checkpoint.as_str().as_bytes())
            .map_err(AuditError::storage("publishing a checkpoint"))
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
    use super::*;
    use crate::tiles::tiles_at;

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
