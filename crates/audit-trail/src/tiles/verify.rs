//! Verifying a tiled log, whoever serves it: every entry is hashed, every tile compared, up to the signed root.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::{TilePath, WIDTH, decode_bundle};
use crate::checkpoint::Checkpoint;
use crate::kind::Kind;
use crate::note::{NoteError, VerifierKey};
use crate::policy::TlogPolicy;
use crate::receipt::{EvidenceError, verify_checkpoint};
use crate::record::Record;
use crate::tree::{CompactRange, Hash};
use crate::verdict::{Fault, Verified, VerifyError};
use crate::verify::{Walk, is_genesis_of};

/// Bytes of the largest file: a bundle of 256 entries of 65 535 bytes.
const MAX_FILE: u64 = 256 * 65_537;

/// Verifies a log in the layout of C2SP tlog-tiles, in a directory or behind a web server.
///
/// `read` gives the content of a path (`checkpoint`, `tile/…`) or `None` if there is nothing; see [`in_directory`]. It
/// reads the checkpoint, every entry bundle and every tile of hashes, once each and in ascending order; each hash in
/// each tile must be that of the entries below it, and the root the one that `key` has signed. A partial tile that
/// is not there may be the beginning of a full one. `pin` is a checkpoint that was kept elsewhere; with a `policy`, a
/// quorum of its witnesses must have cosigned. Memory use is that of one bundle, however large the log.
///
/// # Errors
/// [`VerifyError`] naming the path or the entry and what is wrong there.
///
/// ```
/// use audit_trail::tiles::{tiles_at, verify_tiles};
/// use audit_trail::{AuditLog, Entry, Level};
///
/// let log = AuditLog::builder().build()?;
/// log.log(Entry::event("started"))?;
/// let served = |path: &str| {
///     Ok(match path.parse() {
///         Ok(tile) => log.tile(tile).ok(),
///         Err(_) => log.checkpoint().ok().map(|c| c.to_string().into_bytes()),
///     })
/// };
/// let verified = verify_tiles(served, log.verifier_key().unwrap(), None, None)?;
/// assert_eq!((verified.level, verified.covered_size), (Level::Signed, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify_tiles(
    mut read: impl FnMut(&str) -> io::Result<Option<Vec<u8>>>,
    key: &VerifierKey,
    pin: Option<&Checkpoint>,
    policy: Option<&TlogPolicy>,
) -> Result<Verified, VerifyError> {
    if let Some(pin) = pin.filter(|pin| pin.origin() != key.name()) {
        return Err(VerifyError::PinOrigin {
            pin: pin.origin().to_owned(),
            log: key.name().to_owned(),
        });
    }
    let established = open(&mut read, key, policy)?;
    let checkpoint = &established.checkpoint;
    let mut walk = Walk::new(CompactRange::default(), pin)?;
    let mut rising = Rising::default();
    let mut index = 0;
    while walk.size() < checkpoint.size() {
        let left = checkpoint.size().saturating_sub(walk.size());
        let width = u16::try_from(left.min(WIDTH)).unwrap_or_default();
        let path = TilePath::entries(index, width).ok_or(VerifyError::Empty)?;
        let (found, bytes) = tile(&mut read, path)?;
        let entries = decode_bundle(&bytes, found.width())
            .map_err(|error| at(&found.to_string(), error.into()))?;
        for entry in entries.into_iter().take(usize::from(width)) {
            let leaf = check(walk.size(), entry, key)?;
            walk.push(leaf)?;
            rising.push(leaf, &mut read)?;
        }
        index = index.saturating_add(1);
    }
    rising.finish(&mut read)?;
    if walk.size() > 0 {
        walk.checkpoint(checkpoint.size(), checkpoint.root(), true)
            .map_err(|fault| at(CHECKPOINT, fault))?;
    }
    let mut verified = walk.finish()?;
    verified.witnesses = established.witnesses;
    verified.level = verified.level.max(established.level);
    Ok(verified)
}

const CHECKPOINT: &str = "checkpoint";

/// Reads the files below `dir`, for [`verify_tiles`]: the checkpoint and tiles, and nothing else that may be there.
/// Files larger than any tile are refused.
pub fn in_directory(dir: impl AsRef<Path>) -> impl FnMut(&str) -> io::Result<Option<Vec<u8>>> {
    move |path| {
        if path != CHECKPOINT && path.parse::<TilePath>().is_err() {
            return Ok(None);
        }
        let file = match File::open(dir.as_ref().join(path)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_FILE.saturating_add(1))
            .read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("{path} is larger than any tile"),
            ));
        }
        Ok(Some(bytes))
    }
}

fn open(
    read: &mut impl FnMut(&str) -> io::Result<Option<Vec<u8>>>,
    key: &VerifierKey,
    policy: Option<&TlogPolicy>,
) -> Result<crate::Established, VerifyError> {
    let fault = |fault| at(CHECKPOINT, fault);
    let bytes = read(CHECKPOINT)
        .map_err(VerifyError::Io)?
        .ok_or_else(|| fault(Fault::Missing))?;
    let note = std::str::from_utf8(&bytes)
        .map_err(|_| fault(NoteError::Malformed("it is not UTF-8").into()))?;
    verify_checkpoint(note, key, policy).map_err(|error| match error {
        EvidenceError::NotWitnessed(witnesses) => VerifyError::NotWitnessed(witnesses),
        EvidenceError::Note(error) => fault(error.into()),
        EvidenceError::Malformed(_) | EvidenceError::Proof(_) => fault(Fault::CheckpointRoot),
    })
}

/// The content of a tile, or of the full one that it is the beginning of; and which of the two it is.
fn tile(
    read: &mut impl FnMut(&str) -> io::Result<Option<Vec<u8>>>,
    path: TilePath,
) -> Result<(TilePath, Vec<u8>), VerifyError> {
    for candidate in [path, path.full()] {
        if let Some(bytes) = read(&candidate.to_string()).map_err(VerifyError::Io)? {
            return Ok((candidate, bytes));
        }
        if path.is_full() {
            break;
        }
    }
    Err(at(&path.to_string(), Fault::Missing))
}

/// The leaf hash of an entry that keeps to the schema and stands where it may.
fn check(index: u64, entry: &[u8], key: &VerifierKey) -> Result<Hash, VerifyError> {
    let fault = |fault| VerifyError::Entry { index, fault };
    let record = Record::parse(index, entry).map_err(|error| fault(error.into()))?;
    let genesis = record.kind() == Kind::Genesis;
    if genesis != (index == 0) || (genesis && !is_genesis_of(&record, Some(key))) {
        return Err(fault(Fault::Genesis));
    }
    Ok(*record.leaf())
}

/// The right edge of the tree, a tile for each level: each that is full is compared and hashed into the level above.
#[derive(Default)]
struct Rising {
    levels: Vec<Edge>,
}

#[derive(Default)]
struct Edge {
    index: u64,
    hashes: Vec<Hash>,
}

impl Rising {
    fn push(
        &mut self,
        leaf: Hash,
        read: &mut impl FnMut(&str) -> io::Result<Option<Vec<u8>>>,
    ) -> Result<(), VerifyError> {
        let mut hash = leaf;
        for level in 0..=u8::MAX {
            if self.levels.len() == usize::from(level) {
                self.levels.push(Edge::default());
            }
            let Some(edge) = self.levels.get_mut(usize::from(level)) else {
                break;
            };
            edge.hashes.push(hash);
            if (edge.hashes.len() as u64) < WIDTH {
                break;
            }
            edge.compare(level, read)?;
            hash = crate::tree::root_of(&edge.hashes);
            edge.hashes.clear();
            edge.index = edge.index.saturating_add(1);
        }
        Ok(())
    }

    /// Compares what is partial at the end.
    fn finish(
        self,
        read: &mut impl FnMut(&str) -> io::Result<Option<Vec<u8>>>,
    ) -> Result<(), VerifyError> {
        for (edge, level) in self.levels.iter().zip(0..) {
            edge.compare(level, read)?;
        }
        Ok(())
    }
}

impl Edge {
    fn compare(
        &self,
        level: u8,
        read: &mut impl FnMut(&str) -> io::Result<Option<Vec<u8>>>,
    ) -> Result<(), VerifyError> {
        let width = u16::try_from(self.hashes.len()).unwrap_or_default();
        let Some(path) = TilePath::hashes(level, self.index, width) else {
            return Ok(());
        };
        let (found, bytes) = tile(read, path)?;
        let expected = self.hashes.iter().flat_map(Hash::as_bytes);
        let length = usize::from(found.width()).saturating_mul(32);
        let compared = usize::from(width).saturating_mul(32);
        if bytes.len() == length && expected.eq(bytes.iter().take(compared)) {
            Ok(())
        } else {
            Err(at(&found.to_string(), Fault::Hashes))
        }
    }
}

fn at(path: &str, fault: Fault) -> VerifyError {
    VerifyError::Tile {
        path: path.to_owned(),
        fault,
    }
}
