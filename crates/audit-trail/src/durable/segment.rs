//! Segment files: pre-zeroed, so that a commit changes no metadata, with a first block that says where in the log they stand and what the tree was there.

use std::io;
use std::sync::Arc;

use crate::durable::frame::{
    self, ALIGN, Frame, HEADER, Header, MAX_NOTE, MAX_PAYLOAD, SegmentId, frame_len, take,
};
use crate::durable::storage::{Storage, Stored};
use crate::tree::{CompactRange, Hash};

/// Directory of the segments.
pub(crate) const DIR: &str = "seg";
/// Bytes of the first block; frames begin after it.
pub(crate) const BLOCK: usize = 8192;
const MAGIC: [u8; 8] = *b"ATSEG\0\0\x01";
const PEAKS: usize = 64;

/// What the first block of a segment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) id: SegmentId,
    /// The tree before the segment's first entry.
    pub(crate) range: CompactRange,
    /// Time of the last commit before it, in microseconds.
    pub(crate) time: i64,
    /// The signed checkpoint that covers all before it; empty in the first segment.
    pub(crate) note: String,
}

impl Start {
    /// Index of the segment's first entry.
    pub(crate) fn first(&self) -> u64 {
        self.range.size()
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.first().to_be_bytes());
        out.extend_from_slice(&self.time.to_be_bytes());
        for length in [self.range.peaks().len(), self.note.len()] {
            out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
        for peak in self.range.peaks() {
            out.extend_from_slice(peak.as_bytes());
        }
        out.extend_from_slice(self.note.as_bytes());
        out.resize(BLOCK.saturating_sub(4), 0);
        let crc = crc32c::crc32c(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }

    /// Reads a first block; `None` unless everything in it holds.
    pub(crate) fn decode(block: &[u8]) -> Option<Self> {
        let (body, crc) = block.first_chunk::<BLOCK>()?.split_last_chunk::<4>()?;
        if crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return None;
        }
        let mut rest = body;
        if take(&mut rest)? != MAGIC {
            return None;
        }
        let id = take(&mut rest)?;
        let first = u64::from_be_bytes(take(&mut rest)?);
        let time = i64::from_be_bytes(take(&mut rest)?);
        let peaks = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
        let note = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
        if peaks > PEAKS {
            return None;
        }
        let mut hashes = Vec::with_capacity(peaks);
        for _ in 0..peaks {
            hashes.push(Hash::from(take::<32>(&mut rest)?));
        }
        let range = CompactRange::from_parts(first, hashes).ok()?;
        let (note, padding) = rest.split_at_checked(note)?;
        if padding.iter().any(|b| *b != 0) {
            return None;
        }
        let note = std::str::from_utf8(note).ok()?.to_owned();
        Some(Self {
            id,
            range,
            time,
            note,
        })
    }

    /// Reads the first block of a file.
    pub(crate) fn read(file: &dyn Stored) -> io::Result<Option<Self>> {
        let mut block = vec![0; BLOCK];
        match file.read_at(&mut block, 0) {
            Ok(()) => Ok(Self::decode(&block)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The name of the segment whose first entry is `first`.
pub(crate) fn name(first: u64) -> String {
    format!("{DIR}/{first:020}.seg")
}

/// First indexes of the segments that are there, in order.
pub(crate) fn list(storage: &dyn Storage) -> io::Result<Vec<u64>> {
    let mut firsts: Vec<u64> = storage
        .list(DIR)?
        .iter()
        .filter_map(|file| {
            let number = file.strip_suffix(".seg")?;
            (number.len() == 20).then(|| number.parse().ok())?
        })
        .collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// Makes a file of `size` zeros on disk, so that later writes neither extend it nor find the disk full.
pub(crate) fn zeroed(storage: &dyn Storage, name: &str, size: u64) -> io::Result<Arc<dyn Stored>> {
    const CHUNK: usize = 1 << 20;
    let file = storage.create(name)?;
    let zeros = vec![0; CHUNK.min(usize::try_from(size).unwrap_or(CHUNK))];
    let mut at = 0_u64;
    while at < size {
        let left = usize::try_from(size.saturating_sub(at)).unwrap_or(CHUNK);
        let chunk = zeros.get(..left.min(zeros.len())).unwrap_or_default();
        file.write_at(chunk, at)?;
        at = at.saturating_add(chunk.len() as u64);
    }
    file.sync()?;
    Ok(file)
}

/// Reads the frames of a segment one after another, holding one in memory.
#[derive(Debug)]
pub(crate) struct Frames {
    file: Arc<dyn Stored>,
    segment: SegmentId,
    /// Where the next frame begins.
    at: u64,
    /// The index that the next frame must begin with.
    next: u64,
    size: u64,
    buffer: Vec<u8>,
}

impl Frames {
    pub(crate) fn new(file: Arc<dyn Stored>, start: &Start) -> io::Result<Self> {
        Self::from(file, start.id, BLOCK as u64, start.first())
    }

    /// Goes on at `at`, where the frame with entry `next` begins.
    pub(crate) fn from(
        file: Arc<dyn Stored>,
        segment: SegmentId,
        at: u64,
        next: u64,
    ) -> io::Result<Self> {
        let size = file.size()?;
        Ok(Self {
            file,
            segment,
            at,
            next,
            size,
            buffer: Vec::new(),
        })
    }

    /// Where the next frame begins, or would.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The index after all frames read so far.
    pub(crate) fn end(&self) -> u64 {
        self.next
    }

    /// The next frame and where it begins; `None` where no valid one that goes on from the last follows (recovery rule 1).
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Frame<'_>)>> {
        let at = self.at;
        let Some(header) = self.header(at)? else {
            return Ok(None);
        };
        if header.segment != self.segment || header.first != self.next {
            return Ok(None);
        }
        let len = header.frame_len();
        if at.saturating_add(len as u64) > self.size {
            return Ok(None);
        }
        self.buffer.resize(len, 0);
        self.file.read_at(&mut self.buffer, at)?;
        let Some(frame) = Frame::decode(&self.buffer) else {
            return Ok(None);
        };
        self.at = at.saturating_add(len as u64);
        self.next = header.end();
        Ok(Some((at, frame)))
    }

    /// The index after the last frame, going by headers alone.
    pub(crate) fn skim(mut self) -> io::Result<u64> {
        while let Some(header) = self.header(self.at)? {
            if header.segment != self.segment || header.first != self.next {
                break;
            }
            self.at = self.at.saturating_add(header.frame_len() as u64);
            self.next = header.end();
        }
        Ok(self.next)
    }

    /// Whether no valid frame follows where the last one ended.
    pub(crate) fn is_end(&self) -> io::Result<bool> {
        let mut ahead = Self {
            file: Arc::clone(&self.file),
            buffer: Vec::new(),
            ..*self
        };
        Ok(ahead.next()?.is_none())
    }

    /// Where a frame of this segment stands behind a place where none is valid: something between was damaged.
    pub(crate) fn followed_at(&self) -> io::Result<Option<u64>> {
        const CHUNK: usize = 1 << 20;
        let longest = frame_len(MAX_PAYLOAD, MAX_NOTE) as u64;
        let end = self.at.saturating_add(longest).min(self.size);
        let mut buffer = vec![0; CHUNK];
        let mut at = self.at;
        while at < end {
            let len = usize::try_from(end.saturating_sub(at))
                .unwrap_or(CHUNK)
                .min(CHUNK);
            let chunk = buffer.get_mut(..len).unwrap_or_default();
            self.file.read_at(chunk, at)?;
            for (number, group) in chunk.chunks(ALIGN).enumerate() {
                let here = at.saturating_add(number.saturating_mul(ALIGN) as u64);
                if group.starts_with(&frame::MAGIC)
                    && here > self.at
                    && self
                        .header(here)?
                        .is_some_and(|header| header.segment == self.segment)
                {
                    return Ok(Some(here));
                }
            }
            at = at.saturating_add(len as u64);
        }
        Ok(None)
    }

    fn header(&self, at: u64) -> io::Result<Option<Header>> {
        if at.saturating_add(HEADER as u64) > self.size {
            return Ok(None);
        }
        let mut bytes = [0; HEADER];
        self.file.read_at(&mut bytes, at)?;
        Ok(Header::decode(&bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::leaf_hash;

    #[test]
    fn a_first_block_reads_back_and_no_bit_of_it_can_change() {
        let mut range = CompactRange::default();
        for i in 0..1000_u32 {
            range.push(leaf_hash(&i.to_be_bytes()));
        }
        let start = Start {
            id: [3; 16],
            range,
            time: 12,
            note: "a note\n".into(),
        };
        let block = start.encode();
        assert_eq!(block.len(), BLOCK);
        assert_eq!(Start::decode(&block), Some(start));
        for at in 0..BLOCK {
            let mut flipped = block.clone();
            flipped[at] ^= 1;
            assert!(Start::decode(&flipped).is_none(), "byte {at}");
        }
    }
}
