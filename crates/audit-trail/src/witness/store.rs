//! What a witness remembers: for each log the newest checkpoint that it has cosigned, with the cosignature, so that the file proves itself.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::hex::hex;

/// No cosigned checkpoint is longer.
const MAX_NOTE: u64 = 512 * 1024;

/// Where a witness keeps the newest checkpoint of each log.
///
/// One witness alone may write to it. A store that comes back with less than was saved makes the witness sign two
/// histories: never restore one from a copy.
pub trait WitnessStore: Send {
    /// The note that was saved last for this origin; `None` if none ever was.
    ///
    /// # Errors
    /// Whatever keeps it from being read; never `None` then.
    fn load(&self, origin: &str) -> io::Result<Option<String>>;

    /// Saves the note, so that it outlives a crash of the machine; after a failure the old or the new one is there, whole.
    ///
    /// # Errors
    /// Whatever keeps it from being durable.
    fn save(&mut self, origin: &str, note: &str) -> io::Result<()>;
}

/// A directory with one file for each log, named `<hex SHA-256 of the origin>`, replaced as a whole and synced.
#[derive(Debug)]
pub struct WitnessDir {
    dir: PathBuf,
    /// Locked for as long as this value lives.
    _lock: File,
}

impl WitnessDir {
    /// Opens or makes the directory, and locks it against other processes.
    ///
    /// # Errors
    /// Any of the file system; [`io::ErrorKind::WouldBlock`] if another witness has it open.
    pub fn open(dir: impl Into<PathBuf>) -> io::Result<Self> {
        let dir = dir.into();
        fs::create_dir_all(&dir)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(dir.join("LOCK"))?;
        lock.try_lock()?;
        Ok(Self { dir, _lock: lock })
    }
}

impl WitnessStore for WitnessDir {
    fn load(&self, origin: &str) -> io::Result<Option<String>> {
        let file = match File::open(self.dir.join(origin_hash(origin))) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut note = String::new();
        file.take(MAX_NOTE).read_to_string(&mut note)?;
        Ok(Some(note))
    }

    fn save(&mut self, origin: &str, note: &str) -> io::Result<()> {
        let name = origin_hash(origin);
        let new = self.dir.join(format!("{name}.new"));
        let mut file = File::create(&new)?;
        file.write_all(note.as_bytes())?;
        file.sync_all()?;
        drop(file);
        fs::rename(&new, self.dir.join(name))?;
        sync_directory(&self.dir)
    }
}

/// The hex SHA-256 of a log's origin, by which a witness serves its checkpoint.
pub(crate) fn origin_hash(origin: &str) -> String {
    hex(&Sha256::digest(origin))
}

/// A rename is durable only with the directory that holds it.
#[cfg(unix)]
fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_the_newest_note_of_each_origin_and_one_owner() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = WitnessDir::open(dir.path()).unwrap();
        assert_eq!(store.load("a").unwrap(), None);
        store.save("a", "one").unwrap();
        store.save("a", "two").unwrap();
        store.save("../b", "three").unwrap();
        let second = WitnessDir::open(dir.path()).map_err(|e| e.kind());
        assert_eq!(second.unwrap_err(), io::ErrorKind::WouldBlock);
        drop(store);
        let store = WitnessDir::open(dir.path()).unwrap();
        assert_eq!(store.load("a").unwrap().as_deref(), Some("two"));
        assert_eq!(store.load("../b").unwrap().as_deref(), Some("three"));
        // LOCK and two notes: nothing is left of the writing.
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }
}
