//! Reads what the gate has written since the last look, so that the demo shows decisions as the log tells them.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use security_bundle::audit_trail::Record;

use crate::failure::Failure;

/// The end of a growing log.
pub(super) struct Tail {
    path: PathBuf,
    read: u64,
}

impl Tail {
    pub(super) fn of(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            read: 0,
        }
    }

    /// The entries that were added. A line that is not finished yet is left for the next look.
    pub(super) fn news(&mut self) -> Result<Vec<Record>, Failure> {
        let mut file = BufReader::new(File::open(&self.path)?);
        file.seek(SeekFrom::Start(self.read))?;
        let mut records = Vec::new();
        let mut line = String::new();
        loop {
            line.clear();
            let length = file.read_line(&mut line)?;
            let Some(text) = line.strip_suffix('\n') else {
                return Ok(records);
            };
            self.read = self
                .read
                .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            if !text.starts_with("{\"checkpoint\"") {
                records.push(Record::parse(0, text.as_bytes())?);
            }
        }
    }
}
