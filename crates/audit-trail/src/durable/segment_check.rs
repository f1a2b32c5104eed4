//! Verifying one segment: every commit in it, and that nothing stands after the last one.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use memchr::memmem;

use crate::checkpoint::parse_body;
use crate::durable::check::{Check, Keys, Mark};
use crate::durable::directory::{genesis_key, named_key};
use crate::durable::frame::{
    ALIGN, Frame, HEADER, Header, MAGIC, MAX_NOTE, MAX_PAYLOAD, frame_len,
};
use crate::durable::segment::{self, BLOCK, Frames, Start};
use crate::durable::storage::Stored;
use crate::kind::Kind;
use crate::note::{Note, VerifierKey};
use crate::record::Record;
use crate::tree::{CompactRange, leaf_hash};
use crate::verdict::{Fault, VerifyError};

/// How often, and how long apart, bytes that are no commit are looked at again: a writer may be about to finish them.
const LOOKS: u32 = 5;
const PATIENCE: Duration = Duration::from_millis(20);
/// Bytes between two words on progress.
const STEP: u64 = 8 << 20;
const CHUNK: usize = 1 << 20;

/// Is told of entries and bytes since the last time; `false` asks to stop.
pub(crate) type Tell<'t> = dyn Fn(u64, u64) -> bool + 't;

/// What a segment is.
pub(crate) struct Seen {
    pub(crate) before: CompactRange,
    pub(crate) after: CompactRange,
    /// The checkpoints in the first block and in the last commit.
    pub(crate) begins_with: String,
    pub(crate) ends_with: String,
    pub(crate) commits: u64,
    pub(crate) rotations: Vec<(u64, VerifierKey)>,
    pub(crate) forged: Option<VerifyError>,
}

/// What stands after the last commit.
enum Rest {
    /// Nothing.
    Zeros,
    /// Something that is no commit, and no commit after it.
    Torn(Range<u64>),
    /// Something that is no commit, and after it a commit.
    Hole(Range<u64>),
}

impl Check<'_> {
    /// Reads the segment whose first entry is `first`. The `newest` one may grow meanwhile.
    pub(crate) fn segment(
        &self,
        first: u64,
        newest: bool,
        keys: &Keys<'_>,
        marks: &[Mark],
        tell: &Tell<'_>,
    ) -> Result<Seen, VerifyError> {
        let at_fault = |range: Range<u64>, index: u64, problem: String| VerifyError::Segment {
            file: segment::name(first),
            range,
            index,
            problem,
        };
        let file = self.files.segment(first, None).map_err(VerifyError::Io)?;
        let start = Start::read(&*file).map_err(VerifyError::Io)?;
        let start = start
            .filter(|start| start.first() == first)
            .ok_or_else(|| {
                let problem = "the first block does not hold or is of another segment";
                at_fault(0..BLOCK as u64, first, problem.into())
            })?;
        let mut seen = Seen {
            before: start.range.clone(),
            after: start.range.clone(),
            begins_with: start.note.clone(),
            ends_with: start.note.clone(),
            commits: 0,
            rotations: Vec::new(),
            forged: None,
        };
        let mut frames = Frames::new(Arc::clone(&file), &start).map_err(VerifyError::Io)?;
        let (mut looks, mut told) = (0, (first, 0));
        while !newest || frames.end() < self.until {
            if let Some((at, frame)) = frames.next().map_err(VerifyError::Io)? {
                looks = 0;
                let range = at..at.saturating_add(frame.header.frame_len() as u64);
                let Header { first: index, .. } = frame.header;
                let problem = |problem| at_fault(range.clone(), index, problem);
                self.commit(&frame, keys, marks, &mut seen, &problem)?;
                if range.end.saturating_sub(told.1) >= STEP {
                    let entries = frame.header.end().saturating_sub(told.0);
                    if !tell(entries, range.end.saturating_sub(told.1)) {
                        break;
                    }
                    told = (frame.header.end(), range.end);
                }
                continue;
            }
            let problem = match rest(&*file, &start, frames.at()).map_err(VerifyError::Io)? {
                Rest::Zeros => break,
                // A writer may be at it: between two looks one commit became whole and the next was begun.
                Rest::Torn(_) | Rest::Hole(_) if newest && looks < LOOKS => {
                    looks = looks.saturating_add(1);
                    std::thread::sleep(PATIENCE);
                    continue;
                }
                Rest::Torn(range) if newest => (
                    range,
                    "bytes after the last whole commit: one that a crash tore, which opening the log for writing clears away, or damage",
                ),
                Rest::Torn(range) => (
                    range,
                    "a commit does not hold, or bytes stand after the last",
                ),
                Rest::Hole(range) => (range, "a commit does not hold, and whole ones follow it"),
            };
            let (range, problem) = problem;
            return Err(at_fault(range, frames.end(), problem.into()));
        }
        let size = file.size().map_err(VerifyError::Io)?;
        // Whether to stop is of no interest any more.
        let _ = tell(
            frames.end().saturating_sub(told.0),
            size.saturating_sub(told.1),
        );
        Ok(seen)
    }

    fn commit(
        &self,
        frame: &Frame<'_>,
        keys: &Keys<'_>,
        marks: &[Mark],
        seen: &mut Seen,
        at_fault: &dyn Fn(String) -> VerifyError,
    ) -> Result<(), VerifyError> {
        let Header { first, .. } = frame.header;
        let end = frame.header.end();
        if first == 0 {
            let entry = frame.entries().next().map_or(&[][..], |(_, entry)| entry);
            let genesis = Record::parse(0, entry).ok().and_then(|r| genesis_key(&r));
            if genesis.as_ref() != Some(self.genesis) {
                let fault = Fault::Genesis;
                return Err(VerifyError::Entry { index: 0, fault });
            }
        }
        for (_, entry) in frame.entries() {
            seen.after.push(leaf_hash(entry));
            let size = seen.after.size();
            if let Some(mark) = marks.iter().find(|mark| mark.size == size)
                && mark.root != seen.after.root()
            {
                return Err(mark.mismatch());
            }
        }
        seen.commits = seen.commits.saturating_add(1);
        frame.note.clone_into(&mut seen.ends_with);
        let malformed = |error| at_fault(format!("its checkpoint cannot be read: {error}"));
        let note = Note::parse(frame.note).map_err(malformed)?;
        let (origin, size, root) = parse_body(note.text()).map_err(malformed)?;
        if origin != self.genesis.name() || size != end {
            let problem = format!("its checkpoint is of {size} entries of `{origin}`");
            return Err(at_fault(crate::error::shortened(&problem)));
        }
        if root != seen.after.root() {
            let problem = "the entries up to here are not those that its checkpoint covers";
            return Err(at_fault(problem.into()));
        }
        // Not only where two keys have signed: the line of the new one could have been taken away.
        if memmem::find(frame.payload(), NAMES_A_KEY).is_some() {
            seen.rotations.extend(rotations(frame));
        }
        if seen.forged.is_none() {
            let unsigned = keys
                .signers(first, end)
                .find(|key| note.verify(&[key]).is_err());
            seen.forged = unsigned
                .map(|key| at_fault(format!("its checkpoint is not signed by the key `{key}`")));
        }
        Ok(())
    }
}

/// What stands in every entry that names a new key, and in few others.
const NAMES_A_KEY: &[u8] = b"\"kind\":\"key_rotation\"";

/// Entries that name a new key.
fn rotations(frame: &Frame<'_>) -> impl Iterator<Item = (u64, VerifierKey)> {
    (frame.header.first..)
        .zip(frame.entries())
        .filter_map(|(index, (_, entry))| {
            let record = Record::parse(index, entry).ok()?;
            let rotation = record.kind() == Kind::KeyRotation;
            Some((index, named_key(&record).filter(|_| rotation)?))
        })
}

/// Looks at what stands from `at` on, where no commit goes on from the last.
fn rest(file: &dyn Stored, start: &Start, at: u64) -> std::io::Result<Rest> {
    let size = file.size()?;
    let mut chunk = vec![0; CHUNK];
    let (mut from, mut torn) = (at, None::<Range<u64>>);
    while from < size {
        let len = usize::try_from(size.saturating_sub(from)).unwrap_or(CHUNK);
        let Some(part) = chunk.get_mut(..len.min(CHUNK)) else {
            break;
        };
        file.read_at(part, from)?;
        let place = |at: usize| from.saturating_add(at as u64);
        if let Some(last) = part.iter().rposition(|byte| *byte != 0) {
            let first = part.iter().position(|byte| *byte != 0).unwrap_or(last);
            let begun = torn.map_or(place(first), |torn| torn.start);
            torn = Some(begun..place(last).saturating_add(1));
        }
        for (candidate, bytes) in part.chunks(ALIGN).enumerate() {
            let place = place(candidate.saturating_mul(ALIGN));
            if bytes.starts_with(&MAGIC) && place > at && is_frame(file, start, place, size)? {
                return Ok(Rest::Hole(at..place));
            }
        }
        from = from.saturating_add(part.len() as u64);
    }
    Ok(torn.map_or(Rest::Zeros, Rest::Torn))
}

/// Whether a whole commit of this segment begins at `at`.
fn is_frame(file: &dyn Stored, start: &Start, at: u64, size: u64) -> std::io::Result<bool> {
    let left = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX);
    let mut header = vec![0; HEADER.min(left)];
    file.read_at(&mut header, at)?;
    let Some(header) = Header::decode(&header).filter(|h| h.segment == start.id) else {
        return Ok(false);
    };
    let mut bytes = vec![
        0;
        header
            .frame_len()
            .min(left)
            .min(frame_len(MAX_PAYLOAD, MAX_NOTE))
    ];
    file.read_at(&mut bytes, at)?;
    Ok(Frame::decode(&bytes).is_some())
}
