//! Verifying: the tree is rebuilt from exact bytes and compared with every checkpoint, in its place.

use std::io::BufRead;

use crate::bundle::WIDTH;
use crate::checkpoint::{Checkpoint, parse_body};
use crate::ext::Ext;
use crate::kind::Kind;
use crate::ndjson::{Line, Lines, Mark};
use crate::note::{Note, NoteError, VerifierKey};
use crate::record::Record;
use crate::tree::{CompactRange, Hash, ProofError, leaf_hash};
use crate::verdict::{Fault, Level, Verified, VerifyError};

/// Verifies an exported log, reading line by line.
///
/// It hashes the exact bytes of every entry, checks each against the schema, and checks every checkpoint in its place:
/// signature, size and root. `pin` is a checkpoint that was kept elsewhere; against it cut-off ends and rewritten
/// histories show, too. Memory use does not grow with the file.
///
/// # Errors
/// [`VerifyError`] naming the line and what is wrong there. Success may still mean little: see [`Verified`].
///
/// ```
/// use audit_trail::{AuditLog, Entry, Level, verify_ndjson};
///
/// let log = AuditLog::builder().build()?;
/// log.log(Entry::event("started"))?;
/// let mut file = Vec::new();
/// log.export_ndjson(&mut file)?;
///
/// let key = log.verifier_key().unwrap();
/// let verified = verify_ndjson(&file[..], key, None)?;
/// assert_eq!((verified.level, verified.size), (Level::Signed, 2));
/// assert!(verified.fully_covered());
///
/// file[100] ^= 1;
/// assert!(verify_ndjson(&file[..], key, None).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify_ndjson(
    reader: impl BufRead,
    key: &VerifierKey,
    pin: Option<&Checkpoint>,
) -> Result<Verified, VerifyError> {
    scan(reader, Some(key), pin, |_| {}).map(|(verified, _)| verified)
}

/// Checks that `entry` stands at `index` in the log that `checkpoint` covers.
///
/// # Errors
/// [`ProofError`] if the proof does not lead from the entry's bytes to the checkpoint's root.
pub fn verify_inclusion(
    entry: &[u8],
    index: u64,
    proof: &[Hash],
    checkpoint: &Checkpoint,
) -> Result<(), ProofError> {
    crate::tree::verify_inclusion(
        &leaf_hash(entry),
        index,
        checkpoint.size(),
        proof,
        checkpoint.root(),
    )
}

/// Checks that the log of checkpoint `new` begins with all the entries of checkpoint `old`.
///
/// # Errors
/// [`ProofError`] if they are of different logs, if `old` is larger, or if the proof does not connect their roots.
pub fn verify_consistency(
    old: &Checkpoint,
    new: &Checkpoint,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old.origin() != new.origin() {
        return Err(ProofError::Origin);
    }
    crate::tree::verify_consistency(old.size(), old.root(), new.size(), new.root(), proof)
}

/// What [`scan`] came upon.
pub(crate) enum Seen<'a> {
    /// The log begins after this tree.
    Pruned(&'a CompactRange),
    Entry(&'a Record),
}

/// Reads and verifies a log, and shows what it reads before it is known to be true. Gives the last checkpoint, too.
pub(crate) fn scan(
    reader: impl BufRead,
    key: Option<&VerifierKey>,
    pin: Option<&Checkpoint>,
    mut see: impl FnMut(Seen<'_>),
) -> Result<(Verified, Option<Checkpoint>), VerifyError> {
    if let (Some(key), Some(pin)) = (key, pin)
        && key.name() != pin.origin()
    {
        return Err(VerifyError::PinOrigin {
            pin: pin.origin().to_owned(),
            log: key.name().to_owned(),
        });
    }
    let mut lines = Lines::new(reader);
    let mut walk = Walk::new(CompactRange::default(), pin)?;
    let mut last = None;
    while let Some((line, content)) = lines.next()? {
        let at = |fault| VerifyError::Line { line, fault };
        match content {
            Line::Entry(bytes) => {
                let index = walk.range.size();
                let record = Record::parse(index, bytes).map_err(|e| at(e.into()))?;
                if (record.kind() == Kind::Genesis) != (index == 0)
                    || (index == 0 && !is_genesis_of(&record, key))
                {
                    return Err(at(Fault::Genesis));
                }
                see(Seen::Entry(&record));
                walk.push(*record.leaf())?;
            }
            Line::Mark(Mark::Checkpoint(note)) => {
                let (size, root) = match key {
                    Some(key) => {
                        let checkpoint = Checkpoint::open(&note, key).map_err(|e| at(e.into()))?;
                        let found = (checkpoint.size(), *checkpoint.root());
                        last = Some(checkpoint);
                        found
                    }
                    None => unsigned(&note).map_err(|e| at(e.into()))?,
                };
                walk.checkpoint(size, &root, key.is_some()).map_err(at)?;
            }
            Line::Mark(Mark::Pruned { peaks, size }) => {
                let peaks = peaks
                    .iter()
                    .map(|peak| peak.parse())
                    .collect::<Result<_, _>>();
                let range = peaks
                    .and_then(|peaks| CompactRange::from_parts(size, peaks))
                    .map_err(|_| at(Fault::Mark))?;
                if line != 1 || size == 0 || size & WIDTH.saturating_sub(1) != 0 {
                    return Err(at(Fault::Mark));
                }
                see(Seen::Pruned(&range));
                walk = Walk::new(range, pin)?;
            }
            Line::Mark(Mark::Extract { .. }) => return Err(at(Fault::Extract)),
        }
    }
    Ok((walk.finish()?, last))
}

/// Size and root of a checkpoint whose signature nobody can verify here.
fn unsigned(note: &str) -> Result<(u64, Hash), NoteError> {
    let note = Note::parse(note)?;
    parse_body(note.text()).map(|(_, size, root)| (size, root))
}

/// Whether an entry is the genesis entry of the log whose key this is.
pub(crate) fn is_genesis_of(record: &Record, key: Option<&VerifierKey>) -> bool {
    let origin = record
        .ext()
        .map(Ext::to_value)
        .and_then(|ext| ext.get("origin")?.as_str().map(str::to_owned));
    record.event() == Some(crate::SCHEMA)
        && key.is_none_or(|key| origin.as_deref() == Some(key.name()))
}

/// The tree as a verifier rebuilds it from entries, and what was found out on the way.
pub(crate) struct Walk<'p> {
    range: CompactRange,
    first_index: u64,
    pin: Option<&'p Checkpoint>,
    covered: Option<u64>,
    checkpoints: u64,
}

impl<'p> Walk<'p> {
    /// Begins after `range`, the tree of the entries that are not there.
    pub(crate) fn new(
        range: CompactRange,
        pin: Option<&'p Checkpoint>,
    ) -> Result<Self, VerifyError> {
        let first_index = range.size();
        if let Some(pin) = pin.filter(|pin| pin.size() < first_index) {
            return Err(VerifyError::PinUnreachable {
                pinned: pin.size(),
                first_index,
            });
        }
        let walk = Self {
            range,
            first_index,
            pin,
            covered: None,
            checkpoints: 0,
        };
        walk.compare_pin()?;
        Ok(walk)
    }

    pub(crate) fn push(&mut self, leaf: Hash) -> Result<(), VerifyError> {
        self.range.push(leaf);
        self.compare_pin()
    }

    fn compare_pin(&self) -> Result<(), VerifyError> {
        match self.pin {
            Some(pin) if pin.size() == self.range.size() && *pin.root() != self.range.root() => {
                Err(VerifyError::PinMismatch { size: pin.size() })
            }
            _ => Ok(()),
        }
    }

    /// Takes the word of a checkpoint that stands after the entries so far.
    pub(crate) fn checkpoint(&mut self, size: u64, root: &Hash, signed: bool) -> Result<(), Fault> {
        let before = self.range.size();
        if size != before || self.covered == Some(size) {
            return Err(Fault::CheckpointSize {
                covers: size,
                before,
            });
        }
        if *root != self.range.root() {
            return Err(Fault::CheckpointRoot);
        }
        self.checkpoints = self.checkpoints.saturating_add(1);
        if signed {
            self.covered = Some(size);
        }
        Ok(())
    }

    pub(crate) fn size(&self) -> u64 {
        self.range.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.range.root()
    }

    pub(crate) fn finish(self) -> Result<Verified, VerifyError> {
        let size = self.range.size();
        if size == 0 {
            return Err(VerifyError::Empty);
        }
        // A pin of the empty tree agrees with every log and says nothing.
        let pinned_size = self.pin.map(Checkpoint::size).filter(|pinned| *pinned > 0);
        if let Some(pinned) = pinned_size.filter(|pinned| *pinned > size) {
            return Err(VerifyError::Truncated { pinned, size });
        }
        let level = match (pinned_size, self.covered) {
            (Some(_), _) => Level::Pinned,
            (None, Some(_)) => Level::Signed,
            (None, None) => Level::Tree,
        };
        Ok(Verified {
            level,
            size,
            first_index: self.first_index,
            covered_size: self.covered.max(pinned_size).unwrap_or(0),
            root: self.range.root(),
            checkpoints: self.checkpoints,
            pinned_size,
            witnesses: None,
        })
    }
}
