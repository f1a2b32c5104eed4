//! Frames: four bytes of length, big-endian, then as many bytes of JSON. Pure: bytes in, bodies out, however they were cut.

use std::ops::Range;

use serde::Serialize;

/// How many bytes the body of a frame may have.
pub(super) const MAX_BODY: usize = 1 << 20;

/// The length in front of a body.
const HEAD: usize = 4;

/// A body that is longer than allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a frame of {bytes} bytes, where at most {most} are allowed")]
pub(super) struct TooLarge {
    pub(super) bytes: usize,
    pub(super) most: usize,
}

/// Appends `message` as one frame. What is refused leaves nothing behind.
pub(super) fn append<T: Serialize>(out: &mut Vec<u8>, message: &T) -> Result<(), AppendError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD]);
    let appended = fill(out, start, message);
    if appended.is_err() {
        out.truncate(start);
    }
    appended
}

/// Why a message did not become a frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum AppendError {
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error("the message is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

fn fill<T: Serialize>(out: &mut Vec<u8>, start: usize, message: &T) -> Result<(), AppendError> {
    serde_json::to_writer(&mut *out, message)?;
    let bytes = out.len().saturating_sub(start).saturating_sub(HEAD);
    let too_large = TooLarge {
        bytes,
        most: MAX_BODY,
    };
    let length = u32::try_from(bytes).map_err(|_| too_large)?;
    if bytes > MAX_BODY {
        return Err(too_large.into());
    }
    if let Some(head) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *head = length.to_be_bytes();
    }
    Ok(())
}

/// Takes bodies out of the bytes that have arrived. Holds no more than was sent: a length alone allocates nothing.
#[derive(Debug)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    /// Where the first byte stands that belongs to no body yet handed out.
    start: usize,
    most: usize,
}

impl Decoder {
    /// Bodies may have `most` bytes.
    pub(super) fn new(most: usize) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            most,
        }
    }

    /// Bodies may have `most` bytes from now on.
    pub(super) fn allow(&mut self, most: usize) {
        self.most = most;
    }

    /// Where bytes that arrive are to be appended, with room for `more` of them.
    pub(super) fn room(&mut self, more: usize) -> &mut Vec<u8> {
        self.bytes.drain(..self.start.min(self.bytes.len()));
        self.start = 0;
        self.bytes.reserve(more);
        &mut self.bytes
    }

    /// The next whole body, if it has arrived.
    ///
    /// # Errors
    /// A length beyond what is allowed: nothing that follows can be understood.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, TooLarge> {
        let Some(body) = self.next_range()? else {
            return Ok(None);
        };
        self.start = body.end;
        Ok(self.bytes.get(body))
    }

    fn next_range(&self) -> Result<Option<Range<usize>>, TooLarge> {
        let arrived = self.bytes.get(self.start..).unwrap_or_default();
        let Some((head, _)) = arrived.split_first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let most = self.most;
        let bytes = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
        if bytes > most {
            return Err(TooLarge { bytes, most });
        }
        let start = self.start.saturating_add(HEAD);
        let end = start.saturating_add(bytes);
        Ok((end <= self.bytes.len()).then_some(start..end))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Feeds `bytes` in the pieces that `cuts` makes of them, and gives the bodies.
    fn decode(bytes: &[u8], cuts: &[usize], most: usize) -> Result<Vec<Vec<u8>>, TooLarge> {
        let mut decoder = Decoder::new(most);
        let mut bodies = Vec::new();
        let mut rest = bytes;
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let piece = cuts.next().map_or(rest.len(), |cut| rest.len().min(*cut));
            decoder.room(piece).extend_from_slice(&rest[..piece]);
            rest = &rest[piece..];
            while let Some(body) = decoder.next()? {
                bodies.push(body.to_vec());
            }
        }
        Ok(bodies)
    }

    #[test]
    fn a_frame_is_its_length_and_its_json() {
        let mut out = b"before".to_vec();
        append(&mut out, &"hä").unwrap();
        assert_eq!(out, b"before\0\0\0\x05\"h\xc3\xa4\"");
    }

    #[test]
    fn a_message_beyond_the_bound_leaves_nothing_behind() {
        let mut out = b"before".to_vec();
        // Two of the bytes are the quotes.
        append(&mut out, &"x".repeat(MAX_BODY - 2)).unwrap();
        out.truncate(6);
        let refused = append(&mut out, &"x".repeat(MAX_BODY - 1)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a frame of 1048577 bytes, where at most 1048576 are allowed"
        );
        assert_eq!(out, b"before");
    }

    #[test]
    fn a_length_beyond_the_bound_is_refused_before_its_body_comes() {
        assert_eq!(
            decode(&[0, 0, 0, 8, 1], &[], 7),
            Err(TooLarge { bytes: 8, most: 7 })
        );
        assert_eq!(decode(&[0, 0, 0, 7, 1], &[], 7), Ok(vec![]));
        assert!(decode(&[255; 4], &[1], MAX_BODY).is_err());
    }

    #[test]
    fn a_length_alone_allocates_nothing() {
        let mut decoder = Decoder::new(MAX_BODY);
        decoder.room(4).extend_from_slice(&[0, 0x10, 0, 0]);
        assert_eq!(decoder.next(), Ok(None));
        assert!(decoder.bytes.capacity() < 4096);
    }

    proptest! {
        #[test]
        fn frames_come_out_as_they_went_in_however_they_are_cut(
            messages in prop::collection::vec(".{0,40}", 0..8),
            cuts in prop::collection::vec(1_usize..20, 1..9),
        ) {
            let mut bytes = Vec::new();
            for message in &messages {
                append(&mut bytes, message).unwrap();
            }
            let bodies = decode(&bytes, &cuts, MAX_BODY).unwrap();
            let read: Vec<String> = bodies.iter().map(|body| serde_json::from_slice(body).unwrap()).collect();
            prop_assert_eq!(read, messages);
        }

        #[test]
        fn any_bytes_are_decoded_alike_however_they_are_cut(
            bytes in prop::collection::vec(prop_oneof![3 => 0_u8..4, 1 => any::<u8>()], 0..200),
            cuts in prop::collection::vec(1_usize..20, 1..9),
        ) {
            let whole = decode(&bytes, &[], 300);
            prop_assert_eq!(decode(&bytes, &cuts, 300), whole);
        }
    }
}
