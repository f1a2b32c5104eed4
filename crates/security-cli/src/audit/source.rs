//! What a path names: a log's directory, the tiles of one, or a file with its entries.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use audit_trail::{AuditLog, AuditLogBuilder, AuditReader, Filter, Kind, Record, VerifierKey};

use super::keys;
use crate::failure::Failure;

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A directory that a log is written to.
    Directory,
    /// Static files as they are served (C2SP tlog-tiles), without the log's own.
    Tiles,
    /// Entries and signed checkpoints, one a line.
    File,
}

impl Source {
    pub(super) fn of(path: &Path) -> Result<Self, Failure> {
        let is_dir = fs::metadata(path)
            .map_err(Failure::on(path.display()))?
            .is_dir();
        match is_dir {
            false => Ok(Self::File),
            true if path.join("seg").is_dir() => Ok(Self::Directory),
            true if path.join("checkpoint").is_file() => Ok(Self::Tiles),
            true => Err(Failure::new(format!(
                "there is no log in `{}`",
                path.display()
            ))),
        }
    }
}

pub(super) fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    File::open(path)
        .map(BufReader::new)
        .map_err(Failure::on(path.display()))
}

/// Opens a log to be read, without the writer's lock. A file is refused where an entry, a checkpoint or the tree is wrong; a directory, where what it has
/// published or is asked for cannot be read.
pub(super) fn reader(path: &Path, key: Option<&VerifierKey>) -> Result<AuditReader, Failure> {
    match Source::of(path)? {
        Source::Directory => directory(path, key),
        Source::Tiles => Err(Failure::new(format!(
            "`{}` holds a log's tiles alone, which can be verified; give the log's own directory",
            path.display()
        ))),
        Source::File => AuditReader::read_ndjson(open(path)?, key, None)
            .map(|(reader, _)| reader)
            .map_err(Failure::on(path.display())),
    }
}

fn directory(dir: &Path, key: Option<&VerifierKey>) -> Result<AuditReader, Failure> {
    // Before the log is opened, which can only be ahead of it then.
    let note = fs::read_to_string(dir.join("checkpoint")).unwrap_or_default();
    let published = note
        .lines()
        .nth(1)
        .and_then(|size| size.parse().ok())
        .unwrap_or(0);
    let log = AuditReader::open(dir, key).map_err(Failure::on(dir.display()))?;
    let size = log.size()?;
    if published > size {
        // Silence about entries that were there would pass for an answer.
        return Err(Failure::new(format!(
            "{}: the published checkpoint covers {published} entries, and {size} can be read; `secstack audit verify` says where it is damaged",
            dir.display()
        )));
    }
    Ok(log)
}

/// As [`reader`], with the key that the log itself names where none is given: enough to hand out what others verify by a key that they have.
pub(super) fn reader_by_own_key(path: &Path, key: Option<&str>) -> Result<AuditReader, Failure> {
    if let Some(key) = key {
        return reader(path, Some(&keys::verifier_key(key)?));
    }
    let unsigned = reader(path, None)?;
    match named_keys(&unsigned)?.last() {
        Some(key) => reader(path, Some(key)),
        None => Ok(unsigned),
    }
}

/// The keys that a log says it is signed with, the one in force last. Its word alone: only verification shows whether they are.
pub(super) fn named_keys(log: &AuditReader) -> Result<Vec<VerifierKey>, Failure> {
    let filter = Filter::new().kind(Kind::Genesis).kind(Kind::KeyRotation);
    Ok(log
        .query(&filter)?
        .records
        .iter()
        .filter_map(named_key)
        .collect())
}

/// The key in the entry of a genesis or a rotation.
pub(super) fn named_key(record: &Record) -> Option<VerifierKey> {
    let ext = record.ext()?.to_value();
    ext.get("key")?.as_str()?.parse().ok()
}

/// The one writer of a log that is there already, with the key that signs it now.
pub(super) fn writer(dir: &Path, key: Option<&Path>) -> Result<AuditLogBuilder, Failure> {
    let key = keys::signing_key(dir, key)?;
    let in_force = key_in_force(dir)?;
    if in_force != *key.verifier_key() {
        return Err(Failure::new(format!(
            "the log in `{}` is signed with the key `{in_force}` now, and the key given is `{}`",
            dir.display(),
            key.verifier_key()
        )));
    }
    Ok(AuditLog::builder().directory(dir).signer(key).must_exist())
}

/// The key that a log's directory says it is signed with. A key that was succeeded must not sign again, and it has signed for its successor.
pub(super) fn key_in_force(dir: &Path) -> Result<VerifierKey, Failure> {
    if Source::of(dir)? != Source::Directory {
        return Err(Failure::new(format!(
            "`{}` is not a log's directory",
            dir.display()
        )));
    }
    let log = AuditReader::open(dir, None).map_err(Failure::on(dir.display()))?;
    named_keys(&log)?
        .pop()
        .ok_or_else(|| Failure::new(format!("the log in `{}` names no key", dir.display())))
}
