//! Commit frames: what one write and one sync make durable — some entries, and the signed checkpoint that covers them.
//!
//! ```text
//! 0  magic "ATF1"          4  payload length     8  number of entries   12  length of the note
//! 16 first index           24 commit time, µs    32 segment id (16)     48  CRC-32C of bytes 0 to 48
//! 52 payload: entries as an entry bundle (u16 length, bytes), then the note, then CRC-32C of both, then zeros up to a multiple of 8
//! ```
//! Numbers are big-endian. The checksums are for torn writes; authenticity is the tree's and the signature's.

/// What a frame begins with.
pub(crate) const MAGIC: [u8; 4] = *b"ATF1";
/// Bytes before the payload.
pub(crate) const HEADER: usize = 52;
/// Bytes of entries in one frame, their lengths included: what is at most unsynced, and read at once.
pub(crate) const MAX_PAYLOAD: usize = 4 << 20;
/// The longest signed checkpoint: a note with the signatures of a few keys.
pub(crate) const MAX_NOTE: usize = 2048;
/// Frames begin at multiples of this.
pub(crate) const ALIGN: usize = 8;

/// Identifies a segment file, so that a frame of another one is never taken for one of this.
pub(crate) type SegmentId = [u8; 16];

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) payload: usize,
    pub(crate) count: u32,
    pub(crate) note: usize,
    pub(crate) first: u64,
    /// Microseconds since the epoch; never goes back within a log.
    pub(crate) time: i64,
    pub(crate) segment: SegmentId,
}

impl Header {
    /// Bytes of the whole frame, padding included.
    pub(crate) fn frame_len(&self) -> usize {
        frame_len(self.payload, self.note)
    }

    /// The index after the frame's last entry.
    pub(crate) fn end(&self) -> u64 {
        self.first.saturating_add(self.count.into())
    }

    /// Reads a header; `None` unless magic, checksum and bounds hold.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER] = bytes.first_chunk()?;
        let (body, crc) = header.split_last_chunk::<4>()?;
        if body.first_chunk() != Some(&MAGIC) || crc32c::crc32c(body) != u32::from_be_bytes(*crc) {
            return None;
        }
        let (_, mut rest) = body.split_at_checked(4)?;
        let payload = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
        let count = u32::from_be_bytes(take(&mut rest)?);
        let note = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
        let first = u64::from_be_bytes(take(&mut rest)?);
        let time = i64::from_be_bytes(take(&mut rest)?);
        let segment = take(&mut rest)?;
        let header = Self {
            payload,
            count,
            note,
            first,
            time,
            segment,
        };
        let sound = payload <= MAX_PAYLOAD
            && note <= MAX_NOTE
            && count > 0
            && first.checked_add(count.into()).is_some();
        sound.then_some(header)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        // Bounded by MAX_PAYLOAD and MAX_NOTE.
        for length in [self.payload, self.count as usize, self.note] {
            out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        }
        out.extend_from_slice(&self.first.to_be_bytes());
        out.extend_from_slice(&self.time.to_be_bytes());
        out.extend_from_slice(&self.segment);
        let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_be_bytes());
    }
}

/// Bytes of a frame with such a payload and note.
pub(crate) fn frame_len(payload: usize, note: usize) -> usize {
    HEADER
        .saturating_add(payload)
        .saturating_add(note)
        .saturating_add(4)
        .next_multiple_of(ALIGN)
}

/// Writes a frame into `out`, which is emptied before. `payload` is an entry bundle of `header.payload` bytes.
pub(crate) fn encode(header: &Header, payload: &[u8], note: &[u8], out: &mut Vec<u8>) {
    out.clear();
    header.encode(out);
    out.extend_from_slice(payload);
    out.extend_from_slice(note);
    let crc = crc32c::crc32c(out.get(HEADER..).unwrap_or_default());
    out.extend_from_slice(&crc.to_be_bytes());
    out.resize(out.len().next_multiple_of(ALIGN), 0);
}

/// A frame whose checksums hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) header: Header,
    payload: &'a [u8],
    /// The signed checkpoint that covers everything up to the end of this frame.
    pub(crate) note: &'a str,
}

impl<'a> Frame<'a> {
    /// Reads the frame at the beginning of `bytes`; `None` unless everything in it holds.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::decode(bytes)?;
        let (whole, _) = bytes.split_at_checked(header.frame_len())?;
        let (_, body) = whole.split_at_checked(HEADER)?;
        let (sealed, rest) = body.split_at_checked(header.payload.checked_add(header.note)?)?;
        let (crc, padding) = rest.split_first_chunk::<4>()?;
        if crc32c::crc32c(sealed) != u32::from_be_bytes(*crc) || padding.iter().any(|b| *b != 0) {
            return None;
        }
        let (payload, note) = sealed.split_at_checked(header.payload)?;
        let frame = Self {
            header,
            payload,
            note: std::str::from_utf8(note).ok()?,
        };
        let mut entries = frame.entries();
        let count = entries.by_ref().count();
        (entries.rest.is_empty() && u32::try_from(count) == Ok(header.count)).then_some(frame)
    }

    /// The bytes of its entries, with their lengths.
    pub(crate) fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Its entries: where each begins, counted from the frame's beginning, and its exact bytes.
    pub(crate) fn entries(&self) -> Entries<'a> {
        Entries {
            rest: self.payload,
            at: HEADER,
        }
    }
}

/// The entries of a bundle, in order. Stops before a part that is no entry.
#[derive(Debug)]
pub(crate) struct Entries<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (len, rest) = self.rest.split_first_chunk::<2>()?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*len).into())?;
        let at = self.at.saturating_add(2);
        self.rest = rest;
        self.at = at.saturating_add(entry.len());
        Some((at, entry))
    }
}

/// Takes the next `N` bytes.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut payload = Vec::new();
        for entry in [b"{\"a\":1}".as_slice(), b"{}", &[b'x'; 700]] {
            payload.extend_from_slice(&u16::try_from(entry.len()).unwrap().to_be_bytes());
            payload.extend_from_slice(entry);
        }
        let header = Header {
            payload: payload.len(),
            count: 3,
            note: 5,
            first: 7,
            time: -3,
            segment: [9; 16],
        };
        let mut out = Vec::new();
        encode(&header, &payload, b"note\n", &mut out);
        out
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let bytes = sample();
        assert_eq!(bytes.len() % ALIGN, 0);
        let frame = Frame::decode(&bytes).unwrap();
        assert_eq!(
            (frame.header.first, frame.header.end(), frame.header.time),
            (7, 10, -3)
        );
        assert_eq!(frame.note, "note\n");
        let entries: Vec<_> = frame.entries().collect();
        assert_eq!(entries.len(), 3);
        for (at, entry) in entries {
            assert_eq!(&bytes[at..at + entry.len()], entry);
        }
    }

    #[test]
    fn any_flipped_bit_and_any_missing_byte_is_refused() {
        let bytes = sample();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                assert!(Frame::decode(&flipped).is_none(), "byte {at} bit {bit}");
            }
            assert!(Frame::decode(&bytes[..at]).is_none(), "cut at {at}");
        }
    }
}
