//! Verifying a directory from its segments alone: one worker a segment, for each says what the tree before it is; then the segments are joined.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::checkpoint::{Checkpoint, parse_body};
use crate::durable::files::Files;
use crate::durable::recover::PUBLISHED;
use crate::durable::segment::{self, BLOCK};
use crate::durable::segment_check::{Seen, Tell};
use crate::durable::storage;
use crate::note::{Note, VerifierKey};
use crate::tree::{CompactRange, Hash};
use crate::verdict::{Level, Verified, VerifyError};

/// How far a verification has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Entries that were hashed.
    pub entries: u64,
    /// Bytes that were read.
    pub bytes: u64,
    /// Bytes that there are; `None` where that is not known beforehand.
    pub total_bytes: Option<u64>,
}

/// What is to be verified, and against what.
#[derive(Debug)]
pub(crate) struct Check<'c> {
    pub(crate) files: Files,
    /// In the newest segment, commits from this index on are not looked at: they may be under way.
    pub(crate) until: u64,
    /// The key that the genesis entry names.
    pub(crate) genesis: &'c VerifierKey,
    /// The key by which the caller knows the log.
    pub(crate) key: Option<&'c VerifierKey>,
    pub(crate) pin: Option<&'c Checkpoint>,
}

/// Which keys sign, and from where on.
#[derive(Debug)]
pub(crate) struct Keys<'k> {
    genesis: &'k VerifierKey,
    /// The entry that names a key, and the key.
    rotations: Vec<(u64, VerifierKey)>,
}

impl Keys<'_> {
    /// Keys that must have signed for the commit of the entries `[first, end)`: the one in force, and those that it brings.
    pub(crate) fn signers(&self, first: u64, end: u64) -> impl Iterator<Item = &VerifierKey> {
        let before = self.rotations.partition_point(|(index, _)| *index < first);
        let until = self.rotations.partition_point(|(index, _)| *index < end);
        let in_force = before
            .checked_sub(1)
            .and_then(|last| self.rotations.get(last))
            .map_or(self.genesis, |(_, key)| key);
        let brought = self.rotations.get(before..until).unwrap_or_default();
        std::iter::once(in_force).chain(brought.iter().map(|(_, key)| key))
    }

    fn include(&self, key: &VerifierKey) -> bool {
        self.genesis == key || self.rotations.iter().any(|(_, other)| other == key)
    }
}

/// A size at which the root is known from elsewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) size: u64,
    pub(crate) root: Hash,
    /// Whether the caller kept it; else it is the published one.
    pub(crate) kept: bool,
}

impl Mark {
    pub(crate) fn mismatch(&self) -> VerifyError {
        if self.kept {
            VerifyError::PinMismatch { size: self.size }
        } else {
            self.unpublished("the log begins with other entries".into())
        }
    }

    fn beyond(&self, size: u64) -> VerifyError {
        if self.kept {
            let pinned = self.size;
            VerifyError::Truncated { pinned, size }
        } else {
            self.unpublished(format!(
                "the log has {size}: it was cut off or rolled back, or its last commits are damaged"
            ))
        }
    }

    fn unpublished(&self, problem: String) -> VerifyError {
        VerifyError::Published {
            covered: self.size,
            problem,
        }
    }
}

/// What the segments are, all together.
struct Found {
    range: CompactRange,
    commits: u64,
    rotations: Vec<(u64, VerifierKey)>,
    /// The first commit whose signatures are not those of the keys assumed.
    forged: Option<VerifyError>,
}

enum Told {
    Read { entries: u64, bytes: u64 },
    Done(u64, Box<Result<Seen, VerifyError>>),
}

impl Check<'_> {
    /// `rotations` are what the indexes know of. If the entries say otherwise, all is read once more with what they say.
    pub(crate) fn run(
        &self,
        rotations: Vec<(u64, VerifierKey)>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Verified, VerifyError> {
        // Before the segments are listed, so that they can only be ahead of it.
        let published = self.published()?;
        let marks = self.marks(published.as_deref())?;
        let mut keys = Keys {
            genesis: self.genesis,
            rotations,
        };
        let mut found = self.pass(&keys, &marks, progress)?;
        if found.rotations != keys.rotations {
            keys.rotations = found.rotations;
            found = self.pass(&keys, &marks, progress)?;
        }
        if let Some(forged) = found.forged {
            return Err(forged);
        }
        let size = found.range.size();
        if let Some(mark) = marks.iter().find(|mark| mark.size > size) {
            return Err(mark.beyond(size));
        }
        if let Some(key) = self.key.filter(|key| !keys.include(key)) {
            return Err(VerifyError::Key {
                key: key.to_string(),
            });
        }
        if let (Some(note), Some(mark)) = (&published, marks.iter().find(|mark| !mark.kept)) {
            let unsigned = || mark.unpublished("it is not signed by the log's key".into());
            let note = Note::parse(note).map_err(|_| unsigned())?;
            let last = mark.size.saturating_sub(1);
            let mut signers = keys.signers(last, mark.size);
            if !signers.all(|key| note.verify(&[key]).is_ok()) {
                return Err(unsigned());
            }
        }
        let pinned_size = self.pin.map(Checkpoint::size).filter(|size| *size > 0);
        let signed = self.key.map(|_| size);
        let level = match (pinned_size, signed) {
            (Some(_), _) => Level::Pinned,
            (None, Some(_)) => Level::Signed,
            (None, None) => Level::Tree,
        };
        Ok(Verified {
            level,
            size,
            first_index: 0,
            covered_size: signed.max(pinned_size).unwrap_or(0),
            root: found.range.root(),
            checkpoints: found.commits,
            pinned_size,
            witnesses: None,
        })
    }

    /// The text of the checkpoint beside the segments.
    fn published(&self) -> Result<Option<String>, VerifyError> {
        let bytes = storage::read(self.files.storage(), PUBLISHED).map_err(VerifyError::Io)?;
        let unreadable = |_| VerifyError::Published {
            covered: 0,
            problem: "it is not text".into(),
        };
        bytes.map(String::from_utf8).transpose().map_err(unreadable)
    }

    fn marks(&self, published: Option<&str>) -> Result<Vec<Mark>, VerifyError> {
        let mut marks = Vec::new();
        // A pin of the empty tree agrees with every log and says nothing.
        if let Some(pin) = self.pin.filter(|pin| pin.size() > 0) {
            marks.push(Mark {
                size: pin.size(),
                root: *pin.root(),
                kept: true,
            });
        }
        if let Some(published) = published {
            let malformed = |error| VerifyError::Published {
                covered: 0,
                problem: format!("it cannot be read: {error}"),
            };
            let note = Note::parse(published).map_err(malformed)?;
            let (origin, size, root) = parse_body(note.text()).map_err(malformed)?;
            let mark = Mark {
                size,
                root,
                kept: false,
            };
            if origin != self.genesis.name() {
                return Err(mark.unpublished("it is of another log".into()));
            }
            marks.push(mark);
        }
        Ok(marks)
    }

    fn pass(
        &self,
        keys: &Keys<'_>,
        marks: &[Mark],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Found, VerifyError> {
        let firsts = segment::list(self.files.storage()).map_err(VerifyError::Io)?;
        let mut total_bytes = 0_u64;
        for first in &firsts {
            let file = self.files.segment(*first, None).map_err(VerifyError::Io)?;
            total_bytes = total_bytes.saturating_add(file.size().map_err(VerifyError::Io)?);
        }
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let workers = thread::available_parallelism().map_or(1, NonZero::get);
        let seen = thread::scope(|scope| {
            for _ in 0..workers.min(firsts.len()) {
                let tell = tell.clone();
                let (next, stop, firsts) = (&next, &stop, &firsts);
                scope.spawn(move || {
                    while let Some(first) = firsts.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let newest = firsts.last() == Some(first);
                        let see: &Tell<'_> = &|entries, bytes| {
                            let told = tell.send(Told::Read { entries, bytes });
                            told.is_ok() && !stop.load(Ordering::Relaxed)
                        };
                        let seen = self.segment(*first, newest, keys, marks, see);
                        if tell.send(Told::Done(*first, Box::new(seen))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(tell);
            collect(&told, &stop, total_bytes, progress)
        })?;
        join(&firsts, seen)
    }
}

/// Hears the workers out, and stops them after the first error.
fn collect(
    told: &mpsc::Receiver<Told>,
    stop: &AtomicBool,
    total_bytes: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<BTreeMap<u64, Seen>, VerifyError> {
    let mut all = BTreeMap::new();
    let mut errors = BTreeMap::new();
    let (mut read, mut hashed) = (0_u64, 0_u64);
    for told in told {
        match told {
            Told::Read { entries, bytes } => {
                hashed = hashed.saturating_add(entries);
                read = read.saturating_add(bytes);
                progress(Progress {
                    entries: hashed,
                    bytes: read,
                    total_bytes: Some(total_bytes),
                });
            }
            Told::Done(first, seen) => match *seen {
                Ok(seen) => {
                    all.insert(first, seen);
                }
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    errors.insert(first, error);
                }
            },
        }
    }
    // The oldest damage that was found.
    match errors.pop_first() {
        Some((_, error)) => Err(error),
        None => Ok(all),
    }
}

/// Each segment must begin with the tree with which the one before it ended.
fn join(firsts: &[u64], mut seen: BTreeMap<u64, Seen>) -> Result<Found, VerifyError> {
    let mut found = Found {
        range: CompactRange::default(),
        commits: 0,
        rotations: Vec::new(),
        forged: None,
    };
    let mut note = String::new();
    for first in firsts {
        let Some(part) = seen.remove(first) else {
            return Err(VerifyError::Log("a worker ended without a word".into()));
        };
        let size = found.range.size();
        let problem = if *first != size {
            format!("the segment before it ends at entry {size}")
        } else if part.before != found.range {
            "the entries before it are not those of the segments before it".into()
        } else if part.begins_with != note {
            "the checkpoint in the first block is not the last one of the segment before it".into()
        } else {
            found.range = part.after;
            note = part.ends_with;
            found.commits = found.commits.saturating_add(part.commits);
            found.rotations.extend(part.rotations);
            found.forged = found.forged.or(part.forged);
            continue;
        };
        return Err(VerifyError::Segment {
            file: segment::name(*first),
            range: 0..BLOCK as u64,
            index: *first,
            problem,
        });
    }
    if found.range.size() == 0 {
        return Err(VerifyError::Empty);
    }
    Ok(found)
}
