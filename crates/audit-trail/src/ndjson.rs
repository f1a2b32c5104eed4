//! The lines of an exported log: an entry's exact bytes, or one of three marks that no entry can be mistaken for.

use std::io::{BufRead, Read};

use serde::{Deserialize, Serialize};

use crate::MAX_ENTRY;
use crate::checkpoint::Checkpoint;
use crate::tree::{CompactRange, Hash};
use crate::verdict::{Fault, VerifyError};

/// The longest line that is read, newline excluded. Entries and every mark fit.
const MAX_LINE: usize = MAX_ENTRY + 4096;

/// A line that is not an entry. None of these names is a field of an entry.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Mark {
    /// The signed note that covers all entries before this line.
    Checkpoint(String),
    /// First line only: what follows was selected, and proves nothing as a whole.
    Extract { origin: String, size: u64 },
    /// First line only: the tree of the entries that were no longer held.
    Pruned { peaks: Vec<String>, size: u64 },
}

impl Mark {
    pub(crate) fn checkpoint(checkpoint: &Checkpoint) -> Self {
        Self::Checkpoint(checkpoint.as_str().to_owned())
    }

    pub(crate) fn pruned(range: &CompactRange) -> Self {
        Self::Pruned {
            peaks: range.peaks().iter().map(Hash::to_string).collect(),
            size: range.size(),
        }
    }

    /// Appends the line, newline included.
    pub(crate) fn push_to(&self, out: &mut String) {
        // Writing strings and integers to memory cannot fail.
        out.push_str(&serde_json::to_string(self).unwrap_or_default());
        out.push('\n');
    }
}

#[derive(Debug)]
pub(crate) enum Line<'a> {
    Entry(&'a [u8]),
    Mark(Mark),
}

/// Reads lines one by one, never more than [`MAX_LINE`] bytes at once.
pub(crate) struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            number: 0,
        }
    }

    /// The number of the next line and the line, or `None` after the last one.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Line<'_>)>, VerifyError> {
        self.buffer.clear();
        let limit = MAX_LINE.saturating_add(1) as u64;
        self.reader
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut self.buffer)
            .map_err(VerifyError::Io)?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.number = self.number.saturating_add(1);
        let fault = |fault| VerifyError::Line {
            line: self.number,
            fault,
        };
        if self.buffer.pop() != Some(b'\n') {
            let too_long = self.buffer.len() >= MAX_LINE;
            return Err(fault(if too_long {
                Fault::TooLong
            } else {
                Fault::Torn
            }));
        }
        let line = parse(&self.buffer).map_err(fault)?;
        Ok(Some((self.number, line)))
    }
}

/// Marks are told apart by how they begin, and must be written exactly as they are written here: nothing can be slipped between their bytes.
fn parse(line: &[u8]) -> Result<Line<'_>, Fault> {
    let begins = [
        b"{\"checkpoint\":".as_slice(),
        b"{\"extract\":",
        b"{\"pruned\":",
    ];
    if !begins.iter().any(|begin| line.starts_with(begin)) {
        return Ok(Line::Entry(line));
    }
    let mark: Mark = serde_json::from_slice(line).map_err(|_| Fault::Mark)?;
    if serde_json::to_vec(&mark).ok().as_deref() == Some(line) {
        Ok(Line::Mark(mark))
    } else {
        Err(Fault::Mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_read_back_and_nothing_can_be_slipped_into_them() {
        for line in [
            "{\"checkpoint\":\"a\\nb — c\"}",
            "{\"extract\":{\"origin\":\"o\",\"size\":3}}",
            "{\"pruned\":{\"peaks\":[\"x\"],\"size\":256}}",
        ] {
            assert!(
                matches!(parse(line.as_bytes()), Ok(Line::Mark(_))),
                "{line}"
            );
            for at in (0..=line.len()).filter(|at| line.is_char_boundary(*at)) {
                let spaced = format!("{} {}", &line[..at], &line[at..]);
                let same = matches!((parse(line.as_bytes()), parse(spaced.as_bytes())),
                    (Ok(Line::Mark(a)), Ok(Line::Mark(b))) if format!("{a:?}") == format!("{b:?}"));
                assert!(!same, "{spaced}");
            }
        }
        assert!(parse(b"{\"checkpoint\":\"a\",\"checkpoint\":\"a\"}").is_err());
        assert!(parse(b"{\"pruned\":{\"peaks\":[],\"size\":0,\"x\":1}}").is_err());
    }

    #[test]
    fn an_endless_line_is_refused_without_being_read_whole() {
        let mut lines = Lines::new(std::io::BufReader::new(
            std::io::repeat(b'x').take(64 << 20),
        ));
        assert!(matches!(
            lines.next(),
            Err(VerifyError::Line {
                line: 1,
                fault: Fault::TooLong
            })
        ));
        assert!(lines.buffer.capacity() < 1 << 20);
    }
}
