//! The directory of a store: locked for as long as the store is open, and never with half a store in it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::error::DurableError;

/// The store.
const STORE: &str = "consent.redb";
/// One that is being made.
const NEW: &str = "consent.redb.new";
/// Locked while the store is in use. It stays empty. Other components lock files of their own, so that they can share a directory.
const LOCK: &str = "consent.lock";

#[derive(Debug)]
pub(super) struct Directory {
    dir: PathBuf,
    lock: File,
}

impl Directory {
    /// Locks `dir`. With `create` it is made where there is none; without, there must be a store in it.
    pub(super) fn lock(dir: &Path, create: bool) -> Result<Self, DurableError> {
        if create {
            make(dir)?;
        } else if !exists(&dir.join(STORE))? {
            return Err(DurableError::NotFound {
                dir: dir.to_owned(),
            });
        }
        let path = dir.join(LOCK);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| DurableError::io("open", &path, error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                dir: dir.to_owned(),
                lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DurableError::InUse {
                dir: dir.to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(DurableError::io("lock", &path, error)),
        }
    }

    /// The path of the store. Where there is none, `create` makes one beside it, and it gets its name when it is complete:
    /// a file of that name is a whole store or damaged, never one that was about to be made.
    pub(super) fn store(
        &self,
        create: impl FnOnce(&Path) -> Result<(), DurableError>,
    ) -> Result<PathBuf, DurableError> {
        let (path, new) = (self.dir.join(STORE), self.dir.join(NEW));
        if exists(&path)? {
            return Ok(path);
        }
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(DurableError::io("remove", &new, error));
            }
            Ok(()) | Err(_) => {}
        }
        create(&new)?;
        std::fs::rename(&new, &path).map_err(|error| DurableError::io("rename", &new, error))?;
        sync(&self.dir)?;
        Ok(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // By name: a process that was being started meanwhile may have a copy of the handle for a moment longer.
        drop(self.lock.unlock());
    }
}

/// Makes `dir` and what is missing above it, for good.
fn make(dir: &Path) -> Result<(), DurableError> {
    let mut missing = Vec::new();
    for path in dir.ancestors() {
        if path.as_os_str().is_empty() || exists(path)? {
            break;
        }
        missing.push(path);
    }
    std::fs::create_dir_all(dir).map_err(|error| DurableError::io("create", dir, error))?;
    missing
        .into_iter()
        .filter_map(Path::parent)
        .try_for_each(sync)
}

fn exists(path: &Path) -> Result<bool, DurableError> {
    path.try_exists()
        .map_err(|error| DurableError::io("look for", path, error))
}

/// A new name in a directory is on the disk once the directory is.
fn sync(dir: &Path) -> Result<(), DurableError> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let dir = if dir.as_os_str().is_empty() {
        Path::new(".")
    } else {
        dir
    };
    File::open(dir)
        .and_then(|file| file.sync_all())
        .map_err(|error| DurableError::io("sync", dir, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creation_that_did_not_end_leaves_no_store() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::lock(dir.path(), true).unwrap();
        let failed = directory.store(|path| {
            std::fs::write(path, "half of one").unwrap();
            Err(DurableError::damaged("planted"))
        });
        assert!(failed.is_err());
        drop(directory);
        assert!(matches!(
            Directory::lock(dir.path(), false),
            Err(DurableError::NotFound { .. })
        ));
        let directory = Directory::lock(dir.path(), true).unwrap();
        let made = directory.store(|path| {
            assert!(!path.exists(), "half of one is in the way");
            std::fs::write(path, "a whole one").unwrap();
            Ok(())
        });
        assert_eq!(std::fs::read(made.unwrap()).unwrap(), b"a whole one");
        let again = directory.store(|_| panic!("there is one"));
        assert_eq!(std::fs::read(again.unwrap()).unwrap(), b"a whole one");
    }

    #[test]
    fn a_directory_is_locked_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let first = Directory::lock(dir.path(), true).unwrap();
        assert!(matches!(
            Directory::lock(dir.path(), true),
            Err(DurableError::InUse { .. })
        ));
        drop(first);
        drop(Directory::lock(dir.path(), true).unwrap());
    }
}
