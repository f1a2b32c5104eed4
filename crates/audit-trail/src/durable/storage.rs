//! What the durable log needs of a file system, as two small traits: so that a simulated disk can stand in for the real one and fail on purpose.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A directory, addressed by relative names with `/`.
pub(crate) trait Storage: fmt::Debug + Send + Sync {
    /// The file, for reading and, where `writing`, for writing; `None` if there is none.
    fn open(&self, name: &str, writing: bool) -> io::Result<Option<Arc<dyn Stored>>>;
    /// A new empty file in place of whatever has the name. Not durable before [`Stored::sync`] and [`Storage::sync_dir`].
    fn create(&self, name: &str) -> io::Result<Arc<dyn Stored>>;
    /// Gives a file another name, replacing what has it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; that it was not there is no error.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Names of the files in a directory, in no order; none if it is not there.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
    /// Makes a directory and those above it; that it was there is no error.
    fn make_dir(&self, dir: &str) -> io::Result<()>;
    /// Removes a directory and what is in it; that it was not there is no error.
    fn remove_dir(&self, dir: &str) -> io::Result<()>;
    /// Makes creations, renames and removals in a directory durable. The top one is `""`.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;
}

/// An open file. Reads and writes name their place, so that handles can be shared.
pub(crate) trait Stored: fmt::Debug + Send + Sync {
    /// Its length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Fills `buffer` from `at`; that the file ends before is `UnexpectedEof`.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `at`.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Returns when everything written is durable. After an error nothing may be believed of what was written since the last success.
    fn sync(&self) -> io::Result<()>;
}

/// Reads a whole file; `None` if it is not there.
pub(crate) fn read(storage: &dyn Storage, name: &str) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = storage.open(name, false)? else {
        return Ok(None);
    };
    let len = usize::try_from(file.size()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; len];
    file.read_at(&mut bytes, 0)?;
    Ok(Some(bytes))
}

/// Puts `bytes` in place of a file, so that after a crash either the old or the new content is there, and the new one once this has returned.
pub(crate) fn replace(storage: &dyn Storage, name: &str, bytes: &[u8]) -> io::Result<()> {
    let dir = name.rsplit_once('/').map_or("", |(dir, _)| dir);
    let fresh = format!("{name}.new");
    let file = storage.create(&fresh)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    storage.rename(&fresh, name)?;
    storage.sync_dir(dir)
}

/// A directory of the operating system.
#[derive(Debug, Clone)]
pub(crate) struct Disk {
    root: PathBuf,
}

impl Disk {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The path of a name in this directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() {
            self.root.clone()
        } else {
            self.root.join(name)
        }
    }
}

impl Storage for Disk {
    fn open(&self, name: &str, writing: bool) -> io::Result<Option<Arc<dyn Stored>>> {
        match OpenOptions::new()
            .read(true)
            .write(writing)
            .open(self.path(name))
        {
            Ok(file) => Ok(Some(Arc::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn Stored>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        Ok(Arc::new(options.open(self.path(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(self.path(dir)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if let (Ok(name), true) = (
                entry.file_name().into_string(),
                entry.file_type()?.is_file(),
            ) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn make_dir(&self, dir: &str) -> io::Result<()> {
        fs::create_dir_all(self.path(dir))
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.path(dir)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    #[cfg(unix)]
    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        File::open(self.path(dir))?.sync_all()
    }

    // Elsewhere a directory cannot be opened; the file system's own journal has to do.
    #[cfg(not(unix))]
    fn sync_dir(&self, _dir: &str) -> io::Result<()> {
        Ok(())
    }
}

impl Stored for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, at)
    }

    #[cfg(unix)]
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, at)
    }

    #[cfg(windows)]
    fn read_at(&self, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            let count = std::os::windows::fs::FileExt::seek_read(self, buffer, at)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buffer = buffer.get_mut(count..).unwrap_or_default();
            at = at.saturating_add(count as u64);
        }
        Ok(())
    }

    #[cfg(windows)]
    fn write_at(&self, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = std::os::windows::fs::FileExt::seek_write(self, bytes, at)?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            bytes = bytes.get(count..).unwrap_or_default();
            at = at.saturating_add(count as u64);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
