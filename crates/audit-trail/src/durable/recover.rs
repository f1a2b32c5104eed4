//! Opening a log after whatever happened to it: what counts, what was never acknowledged and may be cut, and what only damage or tampering can explain.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::AuditError;
use crate::checkpoint::{Checkpoint, parse_body};
use crate::durable::frame::{self, HEADER, Header, MAX_NOTE, MAX_PAYLOAD};
use crate::durable::segment::{self, BLOCK, Frames, Start};
use crate::durable::storage::{self, Storage, Stored};
use crate::durable::writer::{Open, State};
use crate::note::{Note, NoteError, VerifierKey};
use crate::tree::{Hash, leaf_hash};

/// The published checkpoint, beside the segments.
pub(crate) const PUBLISHED: &str = "checkpoint";
/// Where torn tails are kept. `.cut`: not yet told in the log; `.told`: told.
pub(crate) const TORN: &str = "torn";
/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;
const CHUNK: usize = 1 << 20;

/// A checkpoint that survived, and how to call it.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    name: String,
    size: u64,
    root: Hash,
}

impl Evidence {
    /// A checkpoint that the caller kept.
    pub(crate) fn pin(checkpoint: &Checkpoint) -> Self {
        Self {
            name: "the pinned checkpoint".into(),
            size: checkpoint.size(),
            root: *checkpoint.root(),
        }
    }

    fn refuted(&self, problem: impl Into<String>) -> AuditError {
        AuditError::RollbackDetected {
            evidence: self.name.clone(),
            covered: self.size,
            problem: problem.into(),
        }
    }

    /// Compares with the tree of as many entries as it covers.
    fn compare(&self, size: u64, root: impl FnOnce() -> Hash) -> Result<(), AuditError> {
        if size == self.size && root() != self.root {
            return Err(self.refuted("the log begins with other entries"));
        }
        Ok(())
    }
}

/// What is in the directory, made fit to be written to. `None`: no log was begun there.
///
/// Rules 1 to 5 of the design (audit-trail, Recovery). A torn tail is copied to a file of its own before it is zeroed; telling of it in the log is for
/// [`untold`] and whoever writes entries. The newest checkpoint must be signed by one of `keys`; which one, the state tells.
pub(crate) fn recover(
    storage: &dyn Storage,
    keys: &[&VerifierKey],
    pins: &[Evidence],
) -> Result<Option<State>, AuditError> {
    let mut evidence = pins.to_vec();
    let origin = keys.first().map_or("", |key| key.name());
    evidence.extend(published(storage, origin)?);
    let firsts = segment::list(storage).map_err(AuditError::storage("listing segments"))?;
    let Some(last) = firsts.last().copied() else {
        return match evidence.iter().find(|evidence| evidence.size > 0) {
            Some(evidence) => Err(evidence.refuted("there is no segment at all")),
            None => Ok(None),
        };
    };
    for first in &firsts {
        let (file, _) = start(storage, *first)?;
        drop(file);
    }
    // The newest segment may have got its name without that having become durable.
    storage
        .sync_dir(segment::DIR)
        .map_err(AuditError::storage(segment::DIR))?;
    if firsts.first() != Some(&0) {
        return Err(corrupt(&segment::name(0), 0..0, "it is missing"));
    }
    let (file, start) = start(storage, last)?;
    let scanned = scan(Arc::clone(&file), &start, &evidence)?;
    let torn = torn(&file, &start, &scanned)?;
    let size = scanned.range.size();
    for evidence in &evidence {
        if evidence.size > size {
            return Err(evidence.refuted(format!("only {size} entries are there")));
        }
        // Older than the newest segment: the one that holds it is read, too.
        if evidence.size < start.first() {
            let holder = firsts
                .iter()
                .rev()
                .find(|first| **first <= evidence.size)
                .copied()
                .unwrap_or(0);
            let (file, start) = self::start(storage, holder)?;
            let covered = scan(file, &start, std::slice::from_ref(evidence))?;
            if covered.range.size() < evidence.size {
                return Err(corrupt(
                    &segment::name(holder),
                    covered.at..covered.at,
                    "frames are missing at its end",
                ));
            }
        }
    }
    let (last_checkpoint, key) = covering(&scanned, &start, keys)?;
    mend(storage, &*file, &start, &scanned, torn)?;
    let open = Open {
        size: file
            .size()
            .map_err(AuditError::storage(segment::name(last)))?,
        file,
        at: scanned.at,
        start,
    };
    Ok(Some(State {
        open,
        range: scanned.range,
        last: last_checkpoint,
        time: scanned.time,
        key,
    }))
}

/// Size that the text of a checkpoint speaks of.
pub(crate) fn size_of(note: &[u8]) -> Option<u64> {
    let note = Note::parse(std::str::from_utf8(note).ok()?).ok()?;
    parse_body(note.text()).ok().map(|(_, size, _)| size)
}

/// Copies of torn tails of which the log does not tell yet: name and length.
pub(crate) fn untold(storage: &dyn Storage) -> Result<Vec<(String, u64)>, AuditError> {
    let mut found = Vec::new();
    for name in storage.list(TORN).map_err(AuditError::storage(TORN))? {
        if name.strip_suffix(".cut").is_some() {
            let path = format!("{TORN}/{name}");
            let file = storage
                .open(&path, false)
                .map_err(AuditError::storage(path.as_str()))?;
            let len = file
                .map_or(Ok(0), |file| file.size())
                .map_err(AuditError::storage(path.as_str()))?;
            found.push((path, len));
        }
    }
    found.sort();
    Ok(found)
}

/// Marks a copy as told of.
pub(crate) fn told(storage: &dyn Storage, path: &str) -> Result<(), AuditError> {
    let name = format!("{}.told", path.trim_end_matches(".cut"));
    storage
        .rename(path, &name)
        .and_then(|()| storage.sync_dir(TORN))
        .map_err(AuditError::storage(path))
}

/// The published checkpoint. Its signature plays no part: whoever can write it can also remove it, and what it says must fit either way.
fn published(storage: &dyn Storage, expected: &str) -> Result<Option<Evidence>, AuditError> {
    let Some(bytes) = storage::read(storage, PUBLISHED).map_err(AuditError::storage(PUBLISHED))?
    else {
        return Ok(None);
    };
    let damaged = |problem: &str| corrupt(PUBLISHED, 0..bytes.len() as u64, problem);
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged("it is not text"))?;
    let note = Note::parse(text).map_err(|e| damaged(&e.to_string()))?;
    let (origin, size, root) = parse_body(note.text()).map_err(|e| damaged(&e.to_string()))?;
    if origin != expected {
        return Err(AuditError::Config(format!(
            "the directory holds the log `{}`, and the key is of `{expected}`",
            crate::error::shortened(origin)
        )));
    }
    Ok(Some(Evidence {
        name: "the published checkpoint".into(),
        size,
        root,
    }))
}

fn start(storage: &dyn Storage, first: u64) -> Result<(Arc<dyn Stored>, Start), AuditError> {
    let name = segment::name(first);
    let file = storage
        .open(&name, true)
        .map_err(AuditError::storage(name.as_str()))?;
    let file = file.ok_or_else(|| corrupt(&name, 0..0, "it vanished"))?;
    let start = Start::read(&*file).map_err(AuditError::storage(name.as_str()))?;
    match start {
        Some(start) if start.first() == first => Ok((file, start)),
        _ => Err(corrupt(
            &name,
            0..BLOCK as u64,
            "its first block is damaged or of another segment",
        )),
    }
}

/// The valid frames of a segment.
struct Scanned {
    range: crate::tree::CompactRange,
    /// Where they end.
    at: u64,
    /// The last one, if there is one: where it begins and its note.
    last: Option<(u64, String)>,
    time: i64,
}

fn scan(
    file: Arc<dyn Stored>,
    start: &Start,
    evidence: &[Evidence],
) -> Result<Scanned, AuditError> {
    let name = segment::name(start.first());
    let mut scanned = Scanned {
        range: start.range.clone(),
        at: BLOCK as u64,
        last: None,
        time: start.time,
    };
    let compare = |range: &crate::tree::CompactRange| {
        evidence
            .iter()
            .try_for_each(|evidence| evidence.compare(range.size(), || range.root()))
    };
    compare(&scanned.range)?;
    let mut frames = Frames::new(file, start).map_err(AuditError::storage(name.as_str()))?;
    while let Some((at, frame)) = frames.next().map_err(AuditError::storage(name.as_str()))? {
        for (_, entry) in frame.entries() {
            scanned.range.push(leaf_hash(entry));
            compare(&scanned.range)?;
        }
        scanned.time = frame.header.time;
        scanned.last = Some((at, frame.note.to_owned()));
    }
    scanned.at = frames.at();
    Ok(scanned)
}

/// The signed checkpoint that covers everything found, which must be there and be right, and the number of the key that signed it.
fn covering(
    scanned: &Scanned,
    start: &Start,
    keys: &[&VerifierKey],
) -> Result<(Option<Checkpoint>, usize), AuditError> {
    let size = scanned.range.size();
    let (at, note) = match &scanned.last {
        Some((at, note)) => (*at, note.as_str()),
        None if size == 0 => return Ok((None, 0)),
        None => (0, start.note.as_str()),
    };
    let name = segment::name(start.first());
    let mut problem = None;
    for (number, key) in keys.iter().enumerate() {
        match Checkpoint::open(note, key)
            .and_then(|checkpoint| last_signer(note, key).map(|()| checkpoint))
        {
            Ok(checkpoint)
                if checkpoint.size() == size && *checkpoint.root() == scanned.range.root() =>
            {
                return Ok((Some(checkpoint), number));
            }
            Ok(_) => {
                let problem = "its entries are not those that its signed checkpoint covers";
                return Err(corrupt(&name, at..scanned.at, problem));
            }
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    let problem = problem.map_or_else(String::new, |error| error.to_string());
    Err(AuditError::Config(format!(
        "the newest checkpoint in {name} was not signed by this key ({problem}): open the log with the key that it was last written with"
    )))
}

/// Where several keys of the log have signed, one succeeded the other: the last of them is the one in force.
fn last_signer(note: &str, key: &VerifierKey) -> Result<(), NoteError> {
    let note = Note::parse(note)?;
    let last = note
        .lines()
        .iter()
        .rev()
        .find(|line| line.name == key.name());
    match last {
        Some(line) if line.id == key.id() => Ok(()),
        _ => Err(NoteError::Checkpoint("it names a successor of this key")),
    }
}

/// Rules 2 and 3: judges what stands after the last valid frame. Gives the end of a torn tail, if there is one.
fn torn(
    file: &Arc<dyn Stored>,
    start: &Start,
    scanned: &Scanned,
) -> Result<Option<u64>, AuditError> {
    let name = segment::name(start.first());
    let failed = || AuditError::storage(name.clone());
    let size = file.size().map_err(failed())?;
    let Some(end) = last_byte(&**file, scanned.at..size).map_err(failed())? else {
        return Ok(None);
    };
    let judged = judge(file, start, scanned, end).map_err(failed())?;
    judged.map_err(|problem| corrupt(&name, scanned.at..end, problem))?;
    Ok(Some(end))
}

/// Rules 3 and 5: cuts a torn tail, and makes the last frame durable again.
fn mend(
    storage: &dyn Storage,
    file: &dyn Stored,
    start: &Start,
    scanned: &Scanned,
    torn: Option<u64>,
) -> Result<(), AuditError> {
    let failed = || AuditError::storage(segment::name(start.first()));
    if let Some(end) = torn {
        keep(storage, file, start.first(), scanned.at..end)?;
        let zeros = vec![0; usize::try_from(end.saturating_sub(scanned.at)).unwrap_or(CHUNK)];
        file.write_at(&zeros, scanned.at)
            .and_then(|()| file.sync())
            .map_err(failed())?;
    }
    // A sync may have failed after the frame was written: the system then shows bytes that are not on the disk, and calls them clean.
    if let Some((at, _)) = &scanned.last {
        let mut bytes = vec![0; usize::try_from(scanned.at.saturating_sub(*at)).unwrap_or(0)];
        file.read_at(&mut bytes, *at)
            .and_then(|()| file.write_at(&bytes, *at))
            .and_then(|()| file.sync())
            .map_err(failed())?;
    }
    Ok(())
}

/// After the last byte that is not zero.
fn last_byte(file: &dyn Stored, range: Range<u64>) -> io::Result<Option<u64>> {
    let mut end = None;
    let mut buffer = Vec::new();
    let mut at = range.start;
    while at < range.end {
        let len = usize::try_from(range.end.saturating_sub(at))
            .unwrap_or(CHUNK)
            .min(CHUNK);
        buffer.resize(len, 0);
        file.read_at(&mut buffer, at)?;
        if let Some(last) = buffer.iter().rposition(|b| *b != 0) {
            end = Some(at.saturating_add(last as u64).saturating_add(1));
        }
        at = at.saturating_add(len as u64);
    }
    Ok(end)
}

/// Whether the rest is what a write leaves that was cut short: nothing else may be cut.
///
/// The file was zeros before: a torn frame misses a sector, which disks write whole, or its end. A frame of which all is there and that still does
/// not hold was altered after it was written, and perhaps acknowledged.
fn judge(
    file: &Arc<dyn Stored>,
    start: &Start,
    scanned: &Scanned,
    end: u64,
) -> io::Result<Result<(), &'static str>> {
    let next = scanned.range.size();
    let behind = Frames::from(Arc::clone(file), start.id, scanned.at, next)?.followed_at()?;
    if behind.is_some() {
        return Ok(Err("a damaged frame is followed by a later one"));
    }
    let at = scanned.at;
    let longest = frame::frame_len(MAX_PAYLOAD, MAX_NOTE) as u64;
    if end.saturating_sub(at) > longest {
        return Ok(Err("what follows the last frame is longer than a frame"));
    }
    let mut bytes = vec![0; usize::try_from(longest).unwrap_or(CHUNK)];
    let there = file.size()?.saturating_sub(at).min(longest);
    bytes.truncate(usize::try_from(there).unwrap_or(0));
    file.read_at(&mut bytes, at)?;
    // Up to the end of the checksum that should hold.
    let extent = match Header::decode(&bytes) {
        Some(header) if header.segment != start.id || header.first != next => {
            return Ok(Err("a frame stands there that does not belong there"));
        }
        Some(header) => {
            if end.saturating_sub(at) > header.frame_len() as u64 {
                return Ok(Err("bytes follow the last frame"));
            }
            HEADER
                .saturating_add(header.payload)
                .saturating_add(header.note)
                .saturating_add(4)
        }
        None => HEADER,
    };
    let mut rest = bytes.get(..extent.min(bytes.len())).unwrap_or_default();
    if rest.ends_with(&[0; 4]) {
        return Ok(Ok(()));
    }
    let mut here = at;
    while !rest.is_empty() {
        let to_boundary = SECTOR.saturating_sub(here.checked_rem(SECTOR).unwrap_or(0));
        let (sector, tail) = rest.split_at(
            rest.len()
                .min(usize::try_from(to_boundary).unwrap_or(usize::MAX)),
        );
        if sector.iter().all(|b| *b == 0) {
            return Ok(Ok(()));
        }
        here = here.saturating_add(sector.len() as u64);
        rest = tail;
    }
    Ok(Err("the last frame is complete and was altered"))
}

/// Copies a range to a side file that did not exist before.
fn keep(
    storage: &dyn Storage,
    file: &dyn Stored,
    first: u64,
    range: Range<u64>,
) -> Result<(), AuditError> {
    let failed = || AuditError::storage("keeping a copy of a torn tail");
    storage
        .make_dir(TORN)
        .and_then(|()| storage.sync_dir(""))
        .map_err(failed())?;
    let there = storage.list(TORN).map_err(failed())?;
    let name = (0..=u32::MAX)
        .map(|number| format!("{first:020}-{}-{number}", range.start))
        .find(|name| {
            !there
                .iter()
                .any(|other| other.starts_with(&format!("{name}.")))
        })
        .unwrap_or_default();
    let mut bytes = vec![0; usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0)];
    file.read_at(&mut bytes, range.start).map_err(failed())?;
    storage::replace(storage, &format!("{TORN}/{name}.cut"), &bytes).map_err(failed())
}

fn corrupt(file: &str, range: Range<u64>, problem: &str) -> AuditError {
    AuditError::Corrupt {
        file: file.to_owned(),
        range,
        problem: problem.to_owned(),
    }
}
