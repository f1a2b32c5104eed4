//! A stretch of a segment file in memory, so that neighbouring entries are read from disk at once.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use crate::durable::storage::Stored;

/// Before an entry stands its length.
const PREFIX: u64 = 2;

/// Reads entries by where their bytes begin.
#[derive(Debug)]
pub(crate) struct Window {
    file: Arc<dyn Stored>,
    size: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(crate) fn new(file: Arc<dyn Stored>) -> io::Result<Self> {
        let size = file.size()?;
        Ok(Self {
            file,
            size,
            start: 0,
            bytes: Vec::new(),
        })
    }

    /// The entry whose bytes begin at `offset`. If it is not in memory, so many bytes before and after `offset` are read with it.
    pub(crate) fn entry(&mut self, offset: u32, before: u64, after: u64) -> io::Result<&[u8]> {
        let offset = u64::from(offset);
        let prefix = offset
            .checked_sub(PREFIX)
            .ok_or(io::ErrorKind::InvalidData)?;
        if self.place(prefix..offset).is_none() {
            let start = prefix.saturating_sub(before);
            self.fill(start..offset.saturating_add(after).min(self.size))?;
        }
        let prefix = self.place(prefix..offset).unwrap_or_default();
        let len = match self.bytes.get(prefix) {
            Some([high, low]) => u16::from_be_bytes([*high, *low]),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        };
        let entry = offset..offset.saturating_add(len.into());
        if self.place(entry.clone()).is_none() {
            self.fill(offset.saturating_sub(PREFIX)..entry.end)?;
        }
        let place = self.place(entry).unwrap_or_default();
        Ok(self.bytes.get(place).unwrap_or_default())
    }

    /// Where in memory a part of the file is, if it is there whole.
    fn place(&self, part: Range<u64>) -> Option<Range<usize>> {
        let start = usize::try_from(part.start.checked_sub(self.start)?).ok()?;
        let end = usize::try_from(part.end.checked_sub(self.start)?).ok()?;
        (start <= end && end <= self.bytes.len()).then_some(start..end)
    }

    fn fill(&mut self, part: Range<u64>) -> io::Result<()> {
        let len = part.end.saturating_sub(part.start);
        self.bytes.clear();
        self.bytes
            .resize(usize::try_from(len).map_err(io::Error::other)?, 0);
        self.start = part.start;
        self.file.read_at(&mut self.bytes, part.start)
    }
}
