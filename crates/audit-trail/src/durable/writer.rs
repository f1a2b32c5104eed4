//! The one who writes segments: takes ordered entries, makes them durable frame by frame, and signs what they add up to. Knows no thread and no queue.

use std::io;
use std::sync::Arc;

use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::durable::frame::{self, Header, MAX_NOTE, MAX_PAYLOAD, frame_len};
use crate::durable::segment::{self, BLOCK, Start};
use crate::durable::spare::{SPARE, Spares};
use crate::durable::storage::{Storage, Stored};
use crate::note::{SigningKey, VerifierKey};
use crate::tree::{CompactRange, Hash};

/// Bytes that a frame needs besides its entries, at most: where room is reckoned, not where it is used.
pub(crate) const FRAME_OVERHEAD: u64 = 64 + MAX_NOTE as u64;

/// Writes to the newest segment of a log.
pub(crate) struct Writer {
    storage: Arc<dyn Storage>,
    spares: Arc<Spares>,
    key: SigningKey,
    open: Open,
    range: CompactRange,
    /// The newest signed checkpoint; `None` before the first commit.
    last: Option<Checkpoint>,
    /// Time of the last commit: later ones are never before it.
    time: i64,
    /// After a failed write or sync nothing may be believed of the file, so nothing more is written to it.
    failure: Option<Failure>,
    payload: Vec<u8>,
    bytes: Vec<u8>,
}

/// The segment that grows.
pub(crate) struct Open {
    pub(crate) file: Arc<dyn Stored>,
    pub(crate) start: Start,
    /// Where the next frame goes.
    pub(crate) at: u64,
    pub(crate) size: u64,
}

/// What ended the writing, kept for everybody who asks later.
#[derive(Debug, Clone)]
pub(crate) struct Failure(Arc<AuditError>);

/// What recovery found out, for a writer to go on from.
pub(crate) struct State {
    pub(crate) open: Open,
    pub(crate) range: CompactRange,
    pub(crate) last: Option<Checkpoint>,
    pub(crate) time: i64,
    /// Which of the keys it was opened with signed last.
    pub(crate) key: usize,
}

impl Writer {
    /// Begins a log: the first segment, empty. The directories are there.
    pub(crate) fn create(
        storage: Arc<dyn Storage>,
        spares: Arc<Spares>,
        key: SigningKey,
    ) -> Result<Self, AuditError> {
        let start = Start {
            id: new_id()?,
            range: CompactRange::default(),
            time: i64::MIN,
            note: String::new(),
        };
        let open = spares
            .turn(|file| begin(&*storage, file, start))?
            .map_err(AuditError::storage("making the first segment"))?;
        let state = State {
            open,
            range: CompactRange::default(),
            last: None,
            time: i64::MIN,
            key: 0,
        };
        Ok(Self::resume(storage, spares, key, state))
    }

    /// Goes on where recovery says that the log ends.
    pub(crate) fn resume(
        storage: Arc<dyn Storage>,
        spares: Arc<Spares>,
        key: SigningKey,
        state: State,
    ) -> Self {
        let State {
            open,
            range,
            last,
            time,
            key: _,
        } = state;
        Self {
            storage,
            spares,
            key,
            open,
            range,
            last,
            time,
            failure: None,
            payload: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// Number of durable entries.
    pub(crate) fn size(&self) -> u64 {
        self.range.size()
    }

    /// The checkpoint that covers them all.
    pub(crate) fn last(&self) -> Option<&Checkpoint> {
        self.last.as_ref()
    }

    pub(crate) fn verifier_key(&self) -> &VerifierKey {
        self.key.verifier_key()
    }

    /// Bytes of entries, frames' own bytes included, that still fit into the segment that grows.
    pub(crate) fn left(&self) -> u64 {
        self.open.size.saturating_sub(self.open.at)
    }

    /// Makes `entries` durable, all of them or, on an error, a prefix that [`size`](Self::size) tells: bytes and leaf hash of each, in order.
    ///
    /// With `successor` the checkpoint of the last frame is signed by both keys, and from then on by the new one alone.
    pub(crate) fn commit(
        &mut self,
        entries: &[(&str, Hash)],
        now: i64,
        successor: Option<SigningKey>,
    ) -> Result<(), AuditError> {
        if let Some(failure) = &self.failure {
            return Err(failure.error());
        }
        let mut rest = entries;
        while !rest.is_empty() {
            let count = self.fitting(rest);
            let (head, tail) = rest.split_at(count);
            if head.is_empty() {
                self.roll(now)?;
                continue;
            }
            let also = if tail.is_empty() {
                successor.as_ref()
            } else {
                None
            };
            self.write(head, now, also)?;
            rest = tail;
        }
        if let Some(successor) = successor {
            self.key = successor;
        }
        Ok(())
    }

    /// How many of `entries` go into one frame here.
    fn fitting(&self, entries: &[(&str, Hash)]) -> usize {
        let room = self
            .left()
            .saturating_sub(FRAME_OVERHEAD)
            .min(MAX_PAYLOAD as u64);
        let mut used = 0_u64;
        entries
            .iter()
            .take_while(|(text, _)| {
                used = used.saturating_add(2).saturating_add(text.len() as u64);
                used <= room
            })
            .count()
    }

    fn write(
        &mut self,
        entries: &[(&str, Hash)],
        now: i64,
        also: Option<&SigningKey>,
    ) -> Result<(), AuditError> {
        self.payload.clear();
        let mut range = self.range.clone();
        for (text, leaf) in entries {
            // An entry is at most 60 KiB long.
            let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
            self.payload.extend_from_slice(&len.to_be_bytes());
            self.payload.extend_from_slice(text.as_bytes());
            range.push(*leaf);
        }
        let keys: Vec<&SigningKey> = std::iter::once(&self.key).chain(also).collect();
        let checkpoint = Checkpoint::sign_with(&keys, range.size(), range.root())?;
        let time = now.max(self.time);
        let header = Header {
            payload: self.payload.len(),
            count: u32::try_from(entries.len()).unwrap_or(u32::MAX),
            note: checkpoint.as_str().len(),
            first: self.range.size(),
            time,
            segment: self.open.start.id,
        };
        frame::encode(
            &header,
            &self.payload,
            checkpoint.as_str().as_bytes(),
            &mut self.bytes,
        );
        let name = || segment::name(self.open.start.first());
        self.open
            .file
            .write_at(&self.bytes, self.open.at)
            .map_err(|e| poison(&mut self.failure, format!("writing to {}", name()), e))?;
        self.open
            .file
            .sync()
            .map_err(|e| poison(&mut self.failure, format!("syncing {}", name()), e))?;
        self.open.at = self
            .open
            .at
            .saturating_add(frame_len(header.payload, header.note) as u64);
        self.range = range;
        self.last = Some(checkpoint);
        self.time = time;
        if self.bytes.capacity() > 2 * MAX_PAYLOAD {
            self.bytes = Vec::new();
        }
        Ok(())
    }

    /// Goes on in a new segment: the spare if it is there. [`AuditError::DiskFull`] leaves everything as it is.
    fn roll(&mut self, now: i64) -> Result<(), AuditError> {
        let note = self
            .last
            .as_ref()
            .map_or_else(String::new, |last| last.as_str().to_owned());
        let start = Start {
            id: new_id()?,
            range: self.range.clone(),
            time: now.max(self.time),
            note,
        };
        let first = start.first();
        let begun = self
            .spares
            .turn(|file| begin(&*self.storage, file, start))?;
        self.open = begun.map_err(|e| {
            poison(
                &mut self.failure,
                format!("beginning {}", segment::name(first)),
                e,
            )
        })?;
        Ok(())
    }
}

impl Failure {
    pub(crate) fn of(error: AuditError) -> Self {
        Self(Arc::new(error))
    }

    /// Keeps what an error says that somebody else keeps.
    pub(crate) fn again(error: &AuditError) -> Self {
        Self::of(copy(error))
    }

    /// The error, once more.
    pub(crate) fn error(&self) -> AuditError {
        copy(&self.0)
    }
}

/// Errors cannot be cloned, but what they say can.
fn copy(error: &AuditError) -> AuditError {
    match error {
        AuditError::Storage { what, source } => AuditError::Storage {
            what: what.clone(),
            source: Arc::clone(source),
        },
        AuditError::RollbackDetected {
            evidence,
            covered,
            problem,
        } => AuditError::RollbackDetected {
            evidence: evidence.clone(),
            covered: *covered,
            problem: problem.clone(),
        },
        AuditError::DiskFull => AuditError::DiskFull,
        AuditError::Poisoned => AuditError::Poisoned,
        other => AuditError::storage("writing the log")(io::Error::other(other.to_string())),
    }
}

/// Remembers what ended the writing.
fn poison(failure: &mut Option<Failure>, what: String, error: io::Error) -> AuditError {
    let found = Failure::of(AuditError::storage(what)(error));
    let error = found.error();
    *failure = Some(found);
    error
}

/// Turns the spare into the segment that `start` describes.
fn begin(storage: &dyn Storage, file: Arc<dyn Stored>, start: Start) -> io::Result<Open> {
    file.write_at(&start.encode(), 0)?;
    file.sync()?;
    storage.rename(SPARE, &segment::name(start.first()))?;
    storage.sync_dir(segment::DIR)?;
    let size = file.size()?;
    Ok(Open {
        file,
        start,
        at: BLOCK as u64,
        size,
    })
}

fn new_id() -> Result<[u8; 16], AuditError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|e| AuditError::Random(io::Error::other(e.to_string())))?;
    Ok(id)
}
