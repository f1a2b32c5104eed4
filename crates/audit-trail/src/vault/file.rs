//! A vault in a directory: one file a subject, whose name says nothing about the subject to those who have not the vault's key.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use sha2::{Digest as _, Sha256};

use super::Vault;
use crate::hex::hex;

/// The longest disclosure that is read. Every one that is written fits.
const MAX_LINE: u64 = 64 * 1024;
/// What the name of a subject's file ends in.
const SUFFIX: &str = "sd";

/// Keeps disclosures in a directory of its own, one line each, in one file a subject, only readable by its owner (on Unix).
///
/// The file's name is HMAC-SHA-256 of the subject under the key in the file `key`, which is made with the vault: from the
/// names alone nobody learns or guesses subjects. Whoever reads the directory with its key can test guesses, and reads the
/// data: protect it as personal data, keep it out of backups that cannot forget, and apart from the log.
///
/// What is kept is synced before [`keep`](Vault::keep) returns. A last line that was torn by a crash opens nothing that
/// was logged; it is passed over and cut off by the next line. Erasing removes the file and syncs the directory; **it does not
/// overwrite**: what file system, drive and snapshots still hold is theirs. Where that matters, put the directory on an encrypted file system.
///
/// Several processes may open the same directory; each call waits for the others.
///
/// ```
/// use audit_trail::{AuditLog, Entry, FileVault};
///
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path().join("vault");
/// let log = AuditLog::builder().vault(FileVault::open(&dir)?).build()?;
/// log.log(Entry::event("sign-up").personal("customer-7", "email", "someone@example.com"))?;
/// let erased = log.erase("customer-7", "ops@example.com", "requested by the person")?;
/// assert_eq!(erased.disclosures, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileVault {
    dir: PathBuf,
    key: Key,
    lock: Mutex<File>,
}

impl FileVault {
    /// Opens the vault in `dir`, or makes a new one there. Blocks while another process uses it.
    ///
    /// # Errors
    /// If the directory or a file in it cannot be made or read, if the key is not 32 bytes long, or without randomness.
    pub fn open(dir: impl AsRef<Path>) -> io::Result<Self> {
        let dir = dir.as_ref().to_owned();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&dir)?;
        let lock = private()
            .write(true)
            .create(true)
            .truncate(false)
            .open(dir.join("LOCK"))?;
        lock.lock()?;
        let key = Key::load(&dir);
        lock.unlock()?;
        Ok(Self {
            dir,
            key: key?,
            lock: Mutex::new(lock),
        })
    }

    /// Holds off other threads and processes while it lives.
    fn locked(&self) -> io::Result<Locked<'_>> {
        let lock = self
            .lock
            .lock()
            .map_err(|_| io::Error::other("a thread panicked inside the vault"))?;
        lock.lock()?;
        Ok(Locked(lock))
    }

    fn file_of(&self, subject: &str) -> PathBuf {
        let name = hex(&self.key.mac(subject.as_bytes()));
        self.dir.join(name).with_extension(SUFFIX)
    }
}

impl Vault for FileVault {
    fn keep(&self, subject: &str, disclosures: &[&str]) -> io::Result<()> {
        let _locked = self.locked()?;
        let path = self.file_of(subject);
        let is_new = !path.try_exists()?;
        let mut file = private()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)?;
        let end = end_of_lines(&mut file)?;
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        let lines: String = disclosures.iter().flat_map(|line| [*line, "\n"]).collect();
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        if is_new { sync(&self.dir) } else { Ok(()) }
    }

    fn visit(
        &self,
        subject: Option<&str>,
        see: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let _locked = self.locked()?;
        if let Some(subject) = subject {
            return read(&self.file_of(subject), see).map(|_| ());
        }
        for file in fs::read_dir(&self.dir)? {
            let path = file?.path();
            if path.extension().is_some_and(|suffix| suffix == SUFFIX)
                && read(&path, see)?.is_break()
            {
                break;
            }
        }
        Ok(())
    }

    fn erase(&self, subject: &str) -> io::Result<()> {
        let _locked = self.locked()?;
        match fs::remove_file(self.file_of(subject)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        sync(&self.dir)
    }
}

/// Options for a file that others cannot read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes names in the directory durable, where the system can.
fn sync(dir: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(dir)?.sync_all()
    } else {
        Ok(())
    }
}

/// Where the last whole line ends.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let len = file.metadata()?.len();
    let mut last = [b'\n'];
    if len > 0 {
        file.seek(SeekFrom::Start(len.saturating_sub(1)))?;
        file.read_exact(&mut last)?;
    }
    if last == *b"\n" {
        return Ok(len);
    }
    // A torn line is rare, and no longer than what one call keeps.
    file.seek(SeekFrom::Start(0))?;
    let (mut end, mut line) = (0_u64, Vec::new());
    let mut lines = BufReader::new(file);
    loop {
        line.clear();
        let read = lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(end);
        }
        end = end.saturating_add(read as u64);
    }
}

/// Shows the whole lines of a file; none if there is no such file.
fn read(path: &Path, see: &mut dyn FnMut(&str) -> ControlFlow<()>) -> io::Result<ControlFlow<()>> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(ControlFlow::Continue(())),
        file => file?,
    };
    let (mut lines, mut line) = (BufReader::new(file), Vec::new());
    loop {
        line.clear();
        lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Ok(ControlFlow::Continue(()));
        }
        // What is not text opens nothing.
        if let Ok(disclosure) = std::str::from_utf8(&line)
            && see(disclosure).is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
}

struct Locked<'v>(MutexGuard<'v, File>);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // The system lets go when the file is closed, at the latest.
        drop(self.0.unlock());
    }
}

/// The key of HMAC-SHA-256 (RFC 2104).
struct Key([u8; 32]);

impl Key {
    /// Reads the key, or makes one: whole or not at all, whenever the process ends.
    fn load(dir: &Path) -> io::Result<Self> {
        let path = dir.join("key");
        match fs::read(&path) {
            Ok(bytes) => {
                let key = <[u8; 32]>::try_from(bytes);
                key.map(Self).map_err(|bytes| {
                    let problem = format!("the vault's key is {} bytes long, not 32", bytes.len());
                    io::Error::new(io::ErrorKind::InvalidData, problem)
                })
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                // With another key nobody's file would be found again, and erasing would answer that there is nothing.
                for entry in fs::read_dir(dir)? {
                    if entry?.path().extension().is_some_and(|kind| kind == SUFFIX) {
                        let problem = "the vault's `key` is gone and its data is not: restore the key, or remove the data";
                        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
                    }
                }
                let mut key = [0; 32];
                getrandom::fill(&mut key).map_err(|e| io::Error::other(e.to_string()))?;
                let unfinished = dir.join("key.new");
                let mut file = private()
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .open(&unfinished)?;
                file.write_all(&key)?;
                file.sync_all()?;
                fs::rename(unfinished, path)?;
                sync(dir)?;
                Ok(Self(key))
            }
            Err(e) => Err(e),
        }
    }

    fn mac(&self, message: &[u8]) -> [u8; 32] {
        let pad = |with: u8| {
            let mut block = [with; 64];
            for (byte, key) in block.iter_mut().zip(self.0) {
                *byte ^= key;
            }
            block
        };
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message);
        let outer = Sha256::new().chain_update(pad(0x5c));
        outer.chain_update(inner.finalize()).finalize().into()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hmac_sha_256() {
        // RFC 4231 §4.2: a key of twenty 0x0b, which zeros fill up.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        assert_eq!(
            hex(&Key(key).mac(b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }
}
