//! What a directory holds, for readers: its segments, their indexes and the tree over them, growing as frames become visible.
//!
//! The writer only [announces](Catalog::announce) how far its frames are durable. Taking them in — reading, hashing, indexing — happens here, off the path
//! of a commit: in a [thread](Catalog::follow) of its own, or by whoever reads and finds the catalog behind.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::AuditError;
use crate::durable::files::{Files, OPEN_FILES};
use crate::durable::frame::SegmentId;
use crate::durable::index;
use crate::durable::index::growing::Growing;
use crate::durable::index::part::Part;
use crate::durable::index::row::Row;
use crate::durable::index::sealed::{self, Finished, Sealed};
use crate::durable::index::term::Memo;
use crate::durable::news::News;
use crate::durable::nodes::Nodes;
use crate::durable::segment::{self, Frames, Start};
use crate::durable::storage::{self, Disk, Storage, Stored};
use crate::query::OutcomeCounts;
use crate::tree::{CompactRange, Hash};

/// Knows where everything is in a log's directory.
#[derive(Debug)]
pub(crate) struct Catalog {
    pub(crate) files: Files,
    /// Whether this process writes the log: then it sees what was announced, and may write index files.
    owned: bool,
    pub(crate) news: News,
    /// Held by the one who takes in.
    scan: Mutex<Scan>,
    pub(crate) state: RwLock<State>,
    /// The tree at the size for which it was asked last.
    pub(crate) range: Mutex<CompactRange>,
}

/// A segment's file, and its first block.
type Begun = (Arc<dyn Stored>, Start);

/// Where taking in goes on.
#[derive(Debug, Default)]
struct Scan {
    /// The segment that grows; `None` before the first and between two.
    frames: Option<Frames>,
    /// First indexes of the segments, as they were listed last.
    listed: Vec<u64>,
    /// Size at which nothing was found behind the last valid frame.
    looked: Option<u64>,
    memo: Memo,
}

/// What readers see.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) size: u64,
    pub(crate) finished: Vec<Finished>,
    pub(crate) growing: Option<Growing>,
    pub(crate) nodes: Nodes,
    /// The signed checkpoint of the newest frame.
    note: String,
}

impl State {
    /// The finished segment whose first entry is `first`.
    pub(crate) fn finished(&self, first: u64) -> Option<&Finished> {
        let at = self.finished.partition_point(|s| s.first < first);
        self.finished.get(at).filter(|found| found.first == first)
    }

    fn segment_id(&self, first: u64) -> Option<SegmentId> {
        let growing = self.growing.as_ref().filter(|g| g.first == first);
        let growing = growing.map(|growing| growing.id);
        growing.or_else(|| self.finished(first).map(|finished| finished.id))
    }
}

impl Catalog {
    /// [`with`](Self::with) as many open files as are kept by default.
    pub(crate) fn open(storage: Arc<dyn Storage>, owned: bool) -> Result<Self, AuditError> {
        Self::with(Files::new(storage, OPEN_FILES), owned)
    }

    /// Reads the heads of the indexes and scans nothing: what has none is taken in by [`advance`](Self::advance).
    ///
    /// Not `owned`, it sees everything up to the last valid frame and writes nothing.
    pub(crate) fn with(files: Files, owned: bool) -> Result<Self, AuditError> {
        if owned {
            let made = files.storage().make_dir(index::DIR);
            made.map_err(AuditError::storage("making the directory of indexes"))?;
        }
        let catalog = Self {
            files,
            owned,
            news: News::default(),
            scan: Mutex::default(),
            state: RwLock::default(),
            range: Mutex::default(),
        };
        let mut scan = catalog.scan.lock().map_err(|_| AuditError::Poisoned)?;
        while scan.frames.is_none() && catalog.enter(&mut scan)? {}
        drop(scan);
        Ok(catalog)
    }

    /// The catalog of a directory that others may write.
    pub(crate) fn read_only(dir: &Path) -> Result<Self, AuditError> {
        let catalog = Self::open(Arc::new(Disk::new(dir)), false)?;
        catalog.refresh()?;
        Ok(catalog)
    }

    pub(crate) fn is_owned(&self) -> bool {
        self.owned
    }

    /// All entries below `size` are durable. To be called before anybody is told so.
    pub(crate) fn announce(&self, size: u64) {
        self.news.announce(size);
    }

    /// Takes in what is announced, until [`close`](Self::close).
    pub(crate) fn follow(&self) {
        while let Some(size) = self.news.beyond(self.size()) {
            if self.advance(size).is_err() {
                // Whoever reads meets the same error and gets to know it.
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
    }

    /// Ends [`follow`](Self::follow) and all waiting for more.
    pub(crate) fn close(&self) {
        self.news.close();
    }

    /// Number of entries that were taken in.
    pub(crate) fn size(&self) -> u64 {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .size
    }

    /// Takes in what was announced, and says how much there is to be seen. Not owned, that is what the last [`refresh`](Self::refresh) found.
    pub(crate) fn current(&self) -> Result<u64, AuditError> {
        if self.owned {
            return self.refresh();
        }
        Ok(self.size())
    }

    /// Takes in all that may be seen, and says how much that is.
    pub(crate) fn refresh(&self) -> Result<u64, AuditError> {
        if self.owned {
            self.advance(self.target())?;
            return Ok(self.size());
        }
        // As far as the log goes now: a busy writer would be run after for ever.
        let target = self.horizon()?;
        self.advance(target)?;
        if self.size() >= target {
            // And whether that is an end, or damage hides what follows.
            self.advance(self.size().saturating_add(1))?;
        }
        Ok(self.size())
    }

    /// Where the newest segment's frames end, by their headers.
    fn horizon(&self) -> Result<u64, AuditError> {
        let firsts = segment::list(self.files.storage());
        let firsts = firsts.map_err(AuditError::storage("listing segments"))?;
        let Some(first) = firsts.last().copied() else {
            return Ok(0);
        };
        let Some((file, start)) = self.start(first)? else {
            return Ok(first);
        };
        let failed = || AuditError::storage("reading the newest segment");
        Frames::new(file, &start)
            .map_err(failed())?
            .skim()
            .map_err(failed())
    }

    /// As far as this catalog may look.
    pub(crate) fn target(&self) -> u64 {
        if self.owned {
            self.news.announced()
        } else {
            u64::MAX
        }
    }

    /// The signed checkpoint that covers all that was taken in; empty if nothing was.
    pub(crate) fn note(&self) -> Result<String, AuditError> {
        Ok(self.state()?.note.clone())
    }

    pub(crate) fn outcome_counts(&self) -> Result<OutcomeCounts, AuditError> {
        let state = self.state()?;
        let mut counts = OutcomeCounts::default();
        let growing = state.growing.iter().map(|growing| growing.outcomes);
        for other in state.finished.iter().map(|s| s.outcomes).chain(growing) {
            counts.join(other);
        }
        Ok(counts)
    }

    /// Takes in the frames up to `size`, or to the last one there is.
    ///
    /// What was announced must be there: owned, fewer frames are an error.
    pub(crate) fn advance(&self, size: u64) -> Result<(), AuditError> {
        if self.size() >= size {
            return Ok(());
        }
        let mut scan = self.scan.lock().map_err(|_| AuditError::Poisoned)?;
        while self.size() < size {
            let Scan { frames, memo, .. } = &mut *scan;
            let Some(frames) = frames.as_mut() else {
                if self.enter(&mut scan)? {
                    continue;
                }
                return self.missing(segment::name(self.size()), 0..0, size);
            };
            let read = frames.next();
            let read = read.map_err(AuditError::storage("reading the newest segment"))?;
            if let Some((at, frame)) = read {
                let mut rows = Vec::new();
                for (offset, bytes) in frame.entries() {
                    let offset = at.saturating_add(offset as u64);
                    // Segments are smaller than 4 GiB.
                    let offset = u32::try_from(offset).unwrap_or(u32::MAX);
                    rows.push(Row::of(offset, bytes, memo));
                }
                self.take_in(&rows, frame.note)?;
            } else {
                let (at, end) = (frames.at(), frames.end());
                let first = self.first_growing()?.unwrap_or(end);
                if first == end || !self.is_there(&segment::name(end))? {
                    if !self.owned
                        && scan.looked != Some(end)
                        && let Some(next) = Self::damaged_to(&mut scan)?
                    {
                        let problem = "a damaged frame is followed by a later one".to_owned();
                        return Err(AuditError::Corrupt {
                            file: segment::name(first),
                            range: at..next,
                            problem,
                        });
                    }
                    return self.missing(segment::name(first), at..at, size);
                }
                self.seal()?;
                scan.frames = None;
            }
        }
        Ok(())
    }

    /// Where the next frame stands if the end that was found is none, and not because one was written just now.
    fn damaged_to(scan: &mut Scan) -> Result<Option<u64>, AuditError> {
        let Some(frames) = &mut scan.frames else {
            return Ok(None);
        };
        let failed = || AuditError::storage("reading the newest segment");
        let end = frames.end();
        let followed = frames.followed_at().map_err(failed())?;
        scan.looked = followed.is_none().then_some(end);
        // A writer may have completed the frame meanwhile, and then the next.
        let damaged = followed.is_some() && frames.is_end().map_err(failed())?;
        Ok(followed.filter(|_| damaged))
    }

    fn missing(&self, file: String, range: Range<u64>, size: u64) -> Result<(), AuditError> {
        if !self.owned || size == u64::MAX {
            return Ok(());
        }
        let problem =
            format!("a frame that was written is gone; entries up to {size} must be there");
        Err(AuditError::Corrupt {
            file,
            range,
            problem,
        })
    }

    /// Goes to the segment that begins where the last one ended: takes in its index if it has one that is of use, else gets ready to read its frames.
    /// `false` if there is no such segment yet.
    fn enter(&self, scan: &mut Scan) -> Result<bool, AuditError> {
        let first = self.size();
        let Some((file, start)) = self.start(first)? else {
            return Ok(false);
        };
        self.state_mut()?.note.clone_from(&start.note);
        if let Some(end) = self.next_listed(scan, first)?
            && let Some((_, next)) = self.start(end)?
            && let Ok((finished, wide)) = self.load(&start, end)
        {
            let mut state = self.state_mut()?;
            for root in wide {
                state.nodes.push(root);
            }
            state.size = end;
            state.finished.push(finished);
            state.note = next.note;
            return Ok(true);
        }
        let frames = Frames::new(file, &start);
        scan.frames = Some(frames.map_err(AuditError::storage("reading the newest segment"))?);
        self.state_mut()?.growing = Some(Growing::new(&start));
        Ok(true)
    }

    /// The file of a segment and its first block. `None` if there is none, or none that was finished.
    pub(crate) fn start(&self, first: u64) -> Result<Option<Begun>, AuditError> {
        let known = self.state()?.segment_id(first);
        let file = match self.files.segment(first, known) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(|error| unreadable(first, error))?,
        };
        let start = Start::read(&*file).map_err(|error| unreadable(first, error))?;
        match start.filter(|start| start.first() == first) {
            Some(start) => Ok(Some((file, start))),
            None => Err(unreadable(first, io::ErrorKind::InvalidData.into())),
        }
    }

    /// The file of a segment that was taken in. Opened anew, it must still be that one.
    ///
    /// # Errors
    /// [`AuditError::Corrupt`] if it is gone, or another one has its name.
    pub(crate) fn segment(&self, first: u64) -> Result<Arc<dyn Stored>, AuditError> {
        let known = self.state()?.segment_id(first);
        let file = self.files.segment(first, known);
        file.map_err(|error| unreadable(first, error))
    }

    /// The first index of the segment after the one that begins at `first`.
    fn next_listed(&self, scan: &mut Scan, first: u64) -> Result<Option<u64>, AuditError> {
        let after = |listed: &[u64]| listed.iter().copied().find(|other| *other > first);
        if after(&scan.listed).is_none() {
            let listed = segment::list(self.files.storage());
            scan.listed = listed.map_err(AuditError::storage("listing segments"))?;
        }
        Ok(after(&scan.listed))
    }

    /// The index file of a finished segment, if it is of use.
    fn load(&self, start: &Start, end: u64) -> io::Result<(Finished, Vec<Hash>)> {
        let first = start.first();
        let sealed = self.files.index(first, |about| {
            about.id == start.id && about.first == first && about.end() == end
        })?;
        Ok((sealed.about, sealed.wide()?))
    }

    fn take_in(&self, rows: &[Row], note: &str) -> Result<(), AuditError> {
        let mut state = self.state_mut()?;
        let State {
            size,
            growing: Some(growing),
            nodes,
            note: newest,
            ..
        } = &mut *state
        else {
            return Err(AuditError::Poisoned);
        };
        let before = growing.wide.len();
        for row in rows {
            growing.push(row);
        }
        for root in growing.wide.iter().skip(before) {
            nodes.push(*root);
        }
        *size = growing.end();
        note.clone_into(newest);
        drop(state);
        Ok(())
    }

    /// The segment that grew is finished: its index goes to a file.
    fn seal(&self) -> Result<(), AuditError> {
        let encoded = {
            let state = self.state()?;
            let Some(growing) = &state.growing else {
                return Ok(());
            };
            sealed::encode(growing).map(|bytes| (growing.first, bytes))
        };
        let (first, bytes) = encoded.map_err(AuditError::storage("making an index"))?;
        let sealed = self.put(first, bytes)?;
        let mut state = self.state_mut()?;
        state.growing = None;
        state.finished.push(sealed.about);
        Ok(())
    }

    /// Writes an index file. Where that may not be or fails, the index stays in memory while it is in use, and is made anew when it is asked for after that.
    fn put(&self, first: u64, bytes: Vec<u8>) -> Result<Arc<Sealed>, AuditError> {
        let name = index::name(first);
        let storage = self.files.storage();
        let written = self.owned && storage::replace(storage, &name, &bytes).is_ok();
        let sealed = Sealed::in_memory(bytes).map_err(AuditError::storage("making an index"))?;
        let sealed = Arc::new(sealed);
        if written {
            self.files.forget_index(first);
        } else {
            self.files.use_index(Arc::clone(&sealed));
        }
        Ok(sealed)
    }

    /// Makes a damaged index anew from its segment.
    fn rebuild(&self, old: &Finished) -> Result<Arc<Sealed>, AuditError> {
        let name = segment::name(old.first);
        let gone = |at: u64| AuditError::Corrupt {
            file: name.clone(),
            range: at..at,
            problem: format!("it must hold the entries {} to {}", old.first, old.end()),
        };
        let (file, start) = self.start(old.first)?.ok_or_else(|| gone(0))?;
        let (mut growing, mut memo) = (Growing::new(&start), Memo::default());
        let failed = || AuditError::storage(format!("reading {name}"));
        let mut frames = Frames::new(file, &start).map_err(failed())?;
        while let Some((at, frame)) = frames.next().map_err(failed())? {
            for (offset, bytes) in frame.entries() {
                let offset = at.saturating_add(offset as u64);
                let offset = u32::try_from(offset).unwrap_or(u32::MAX);
                growing.push(&Row::of(offset, bytes, &mut memo));
            }
        }
        if growing.end() != old.end() {
            return Err(gone(frames.at()));
        }
        let bytes = sealed::encode(&growing).map_err(AuditError::storage("making an index"))?;
        let sealed = self.put(old.first, bytes)?;
        let mut state = self.state_mut()?;
        let at = state.finished.partition_point(|s| s.first < old.first);
        if let Some(place) = state.finished.get_mut(at) {
            *place = sealed.about;
        }
        Ok(sealed)
    }

    /// Asks the index of the segment whose first entry is `first`. A damaged one is made anew and asked again.
    pub(crate) fn ask<T>(
        &self,
        first: u64,
        question: impl Fn(&Part<'_>) -> io::Result<T>,
    ) -> Result<T, AuditError> {
        let failed = || AuditError::storage(format!("reading {}", index::name(first)));
        let finished = {
            let state = self.state()?;
            match &state.growing {
                Some(growing) if growing.first == first => {
                    return question(&Part::Growing(growing)).map_err(failed());
                }
                _ => state.finished(first).copied(),
            }
        };
        let finished = finished.ok_or(AuditError::Poisoned)?;
        let sealed = self.files.index(first, |about| *about == finished);
        match sealed.and_then(|sealed| question(&Part::Sealed(&sealed))) {
            Err(error) if is_damage(&error) => {
                let again = self.rebuild(&finished)?;
                question(&Part::Sealed(&again)).map_err(failed())
            }
            answer => answer.map_err(failed()),
        }
    }

    /// The segments that hold `range`, in order: their first entries, and the ordinals in them.
    pub(crate) fn parts(&self, range: &Range<u64>) -> Result<Vec<(u64, Range<u32>)>, AuditError> {
        let state = self.state()?;
        let size = state.size;
        if range.end > size {
            return Err(AuditError::OutOfRange {
                index: range.end,
                size,
            });
        }
        let ordinal = |index: u64, first: u64| {
            // Segments are smaller than 4 GiB, so that their entries are counted in 32 bits.
            u32::try_from(index.saturating_sub(first)).unwrap_or(u32::MAX)
        };
        let from = state.finished.partition_point(|s| s.end() <= range.start);
        let finished = state.finished.iter().skip(from);
        let growing = state.growing.iter().map(|g| (g.first, g.end()));
        Ok(finished
            .map(|s| (s.first, s.end()))
            .chain(growing)
            .take_while(|(first, _)| *first < range.end)
            .filter(|(_, end)| *end > range.start)
            .map(|(first, end)| {
                let (start, end) = (range.start.max(first), range.end.min(end));
                (first, ordinal(start, first)..ordinal(end, first))
            })
            .collect())
    }

    fn first_growing(&self) -> Result<Option<u64>, AuditError> {
        Ok(self.state()?.growing.as_ref().map(|growing| growing.first))
    }

    fn is_there(&self, name: &str) -> Result<bool, AuditError> {
        let opened = self.files.storage().open(name, false);
        let opened = opened.map_err(AuditError::storage(format!("opening {name}")))?;
        Ok(opened.is_some())
    }

    pub(crate) fn state(&self) -> Result<std::sync::RwLockReadGuard<'_, State>, AuditError> {
        self.state.read().map_err(|_| AuditError::Poisoned)
    }

    fn state_mut(&self) -> Result<std::sync::RwLockWriteGuard<'_, State>, AuditError> {
        self.state.write().map_err(|_| AuditError::Poisoned)
    }
}

/// What it means that a segment that has been there could not be read.
fn unreadable(first: u64, error: io::Error) -> AuditError {
    let file = segment::name(first);
    let (range, problem) = match error.kind() {
        io::ErrorKind::NotFound => (0..0, "it vanished"),
        io::ErrorKind::InvalidData => (
            0..segment::BLOCK as u64,
            "the first block is not one of this segment",
        ),
        _ => return AuditError::storage(format!("reading {file}"))(error),
    };
    AuditError::Corrupt {
        file,
        range,
        problem: problem.into(),
    }
}

/// Whether an index answered as only a damaged or missing one does.
fn is_damage(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    matches!(error.kind(), InvalidData | NotFound | UnexpectedEof)
}
