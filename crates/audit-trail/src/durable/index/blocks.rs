//! Checked bytes: content cut into blocks with a checksum each, so that any part of it can be read and known to be whole without reading the rest.

use std::io;

use crate::durable::storage::Stored;

/// Bytes of a block in the file.
const BLOCK: usize = 4096;
/// Bytes of content in it; its checksum follows.
pub(crate) const CONTENT: usize = BLOCK - 4;

/// The file that holds `content`; its last block is filled up with zeros.
pub(crate) fn encode(content: &[u8]) -> Vec<u8> {
    let blocks = content.len().div_ceil(CONTENT);
    let mut out = Vec::with_capacity(blocks.saturating_mul(BLOCK));
    for (number, chunk) in (0_u64..).zip(content.chunks(CONTENT)) {
        let start = out.len();
        out.extend_from_slice(chunk);
        out.resize(start.saturating_add(CONTENT), 0);
        let crc = checksum(number, out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_be_bytes());
    }
    out
}

/// Length of the file that holds so much content.
pub(crate) fn file_len(content: u64) -> u64 {
    content
        .div_ceil(CONTENT as u64)
        .saturating_mul(BLOCK as u64)
}

/// The `len` bytes of content from `at`. `InvalidData` if a block is not what was written.
pub(crate) fn read(file: &dyn Stored, at: u64, len: usize) -> io::Result<Vec<u8>> {
    if len == 0 {
        return Ok(Vec::new());
    }
    let content = CONTENT as u64;
    let first = at.checked_div(content).unwrap_or(0);
    let end = at
        .checked_add(len as u64)
        .ok_or(io::ErrorKind::InvalidInput)?;
    let count = end.div_ceil(content).saturating_sub(first);
    let count = usize::try_from(count).map_err(io::Error::other)?;
    let mut raw = vec![0; count.saturating_mul(BLOCK)];
    file.read_at(&mut raw, first.saturating_mul(BLOCK as u64))?;
    let mut out = Vec::with_capacity(count.saturating_mul(CONTENT));
    for (number, block) in (first..).zip(raw.chunks_exact(BLOCK)) {
        let (payload, crc) = block
            .split_last_chunk::<4>()
            .ok_or(io::ErrorKind::InvalidData)?;
        if checksum(number, payload) != u32::from_be_bytes(*crc) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        out.extend_from_slice(payload);
    }
    let skip = at.saturating_sub(first.saturating_mul(content));
    let skip = usize::try_from(skip).map_err(io::Error::other)?;
    out.truncate(skip.saturating_add(len));
    out.drain(..skip.min(out.len()));
    Ok(out)
}

/// Of the block's place, too: blocks cannot change places.
fn checksum(number: u64, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(payload), &number.to_be_bytes())
}

/// A file that is in memory, because it cannot or must not be on disk.
#[derive(Debug)]
pub(crate) struct InMemory(pub(crate) Vec<u8>);

impl Stored for InMemory {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let found = usize::try_from(at)
            .ok()
            .and_then(|at| self.0.get(at..at.checked_add(buffer.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn write_at(&self, _bytes: &[u8], _at: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_reads_back_and_no_flipped_or_missing_byte_goes_unseen() {
        let content: Vec<u8> = (0..10_000_u32).map(|i| (i % 251) as u8).collect();
        let file = InMemory(encode(&content));
        assert_eq!(file.size().unwrap(), file_len(10_000));
        for (at, len) in [
            (0, 1),
            (0, 10_000),
            (4091, 2),
            (4092, 4092),
            (9_999, 1),
            (5, 0),
        ] {
            let part = read(&file, at as u64, len).unwrap();
            assert_eq!(part, content[at..at + len], "{at} {len}");
        }
        for at in (0..file.0.len()).step_by(7) {
            let mut flipped = file.0.clone();
            flipped[at] ^= 0x40;
            assert!(read(&InMemory(flipped), 0, 10_000).is_err(), "byte {at}");
        }
        let swapped = [&file.0[4096..8192], &file.0[..4096], &file.0[8192..]].concat();
        assert!(read(&InMemory(swapped), 0, 10).is_err());
        assert!(read(&InMemory(file.0[..8000].to_vec()), 0, 10_000).is_err());
    }
}
