//! What is in a tile.

use super::entries::push_entry;
use super::{TilePath, WIDTH};
use crate::reader::AuditReader;
use crate::{AuditError, EntryError};

impl AuditReader {
    /// The content of a tile or bundle, as it stands in a directory and is served over HTTP: at most 16 MiB, in practice far less.
    ///
    /// # Errors
    /// [`AuditError::OutOfRange`] if the log is not large enough to have it, [`AuditError::Evicted`] if entries that it
    /// needs are no longer held; and those of reading the log.
    ///
    /// ```
    /// use audit_trail::tiles::TilePath;
    /// use audit_trail::{AuditLog, tree};
    ///
    /// let log = AuditLog::builder().build()?;
    /// let path: TilePath = "tile/0/000.p/1".parse()?;
    /// let leaf = tree::leaf_hash(log.entry(0)?.bytes());
    /// assert_eq!(log.tile(path)?, leaf.as_bytes());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn tile(&self, path: TilePath) -> Result<Vec<u8>, AuditError> {
        let width = u64::from(path.width());
        let mut bytes = Vec::new();
        if let Some(level) = path.level() {
            let leaves = WIDTH.checked_pow(u32::from(level));
            let start = leaves.and_then(|leaves| path.first()?.checked_mul(leaves));
            let (Some(leaves), Some(start)) = (leaves, start) else {
                return Err(self.beyond()?);
            };
            for hash in self.subtrees(start, leaves, width)? {
                bytes.extend_from_slice(hash.as_bytes());
            }
        } else {
            let first = path.first();
            let end = first.and_then(|first| first.checked_add(width));
            let (Some(first), Some(end)) = (first, end) else {
                return Err(self.beyond()?);
            };
            self.bytes(first..end, &mut |_, entry| {
                push_entry(&mut bytes, entry)
                    .map_err(|_| EntryError::TooLarge { len: entry.len() }.into())
            })?;
        }
        Ok(bytes)
    }

    /// The error for a tile of a log that nobody can have.
    fn beyond(&self) -> Result<AuditError, AuditError> {
        Ok(AuditError::OutOfRange {
            index: u64::MAX,
            size: self.size()?,
        })
    }
}
