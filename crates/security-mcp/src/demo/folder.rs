//! One folder's files, by plain names only: there is no path to follow out of it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Largest file that is read or written, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// The folder whose files the demo's tools work on.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder must exist.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = path.canonicalize()?;
        if path.is_dir() {
            Ok(Self(path))
        } else {
            Err(io::ErrorKind::NotADirectory.into())
        }
    }

    /// Names of the plain files, sorted.
    pub(super) fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    pub(super) fn read(&self, name: &str) -> io::Result<String> {
        let path = self.existing(name)?;
        if path.metadata()?.len() > MAX_FILE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        fs::read_to_string(path)
    }

    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_FILE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let path = self.path(name)?;
        match path.symlink_metadata() {
            Ok(meta) if !meta.is_file() => Err(no_plain_file()),
            _ => fs::write(path, text),
        }
    }

    pub(super) fn delete(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.existing(name)?)
    }

    /// A plain file that is there. Links are not followed.
    fn existing(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path(name)?;
        if path.symlink_metadata()?.is_file() {
            Ok(path)
        } else {
            Err(no_plain_file())
        }
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        let plain = !name.is_empty()
            && !name.starts_with('.')
            && name.len() <= 128
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' '));
        if plain {
            Ok(self.0.join(name))
        } else {
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a file name is letters, digits, `.`, `-`, `_` and spaces, and begins with no `.`",
            ))
        }
    }
}

fn no_plain_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a plain file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_outside_the_folder_can_be_reached() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("secret"), "s").unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(outer.path().join("secret"), inner.join("link")).unwrap();
        let folder = Folder::open(&inner).unwrap();
        for name in [
            "../secret",
            "..",
            ".",
            "",
            "/etc/passwd",
            "a/../../secret",
            "a\\b",
            "a\0b",
            ".x",
            "link",
        ] {
            assert!(folder.read(name).is_err(), "{name}");
            assert!(folder.write(name, "x").is_err(), "{name}");
            assert!(folder.delete(name).is_err(), "{name}");
        }
        assert_eq!(
            fs::read_to_string(outer.path().join("secret")).unwrap(),
            "s"
        );
    }

    #[test]
    fn files_are_written_listed_read_and_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.write("b.txt", "two").unwrap();
        folder.write("a.txt", "one").unwrap();
        assert_eq!(folder.list().unwrap(), ["a.txt", "b.txt"]);
        assert_eq!(folder.read("b.txt").unwrap(), "two");
        folder.delete("b.txt").unwrap();
        assert_eq!(folder.list().unwrap(), ["a.txt"]);
        assert!(folder.read("b.txt").is_err());
    }
}
