//! Where entries go besides memory: whatever is handed to a sink has been taken by it before the append is acknowledged.

use std::io::{self, Write};

/// Takes the log as it grows, as lines of NDJSON.
///
/// # Contract
/// `write` gets whole lines, in the order of the log, each entry once; between them stand lines with checkpoints. The log
/// calls it from whichever thread appends, never from two at once, and holds its lock meanwhile: a sink must not call the log.
/// The first error ends the log: nothing is handed over after it and every later append fails.
pub trait Sink: Send {
    /// Takes `lines`, all of them or none.
    ///
    /// # Errors
    /// Whatever kept it from taking them. The log shows none of the entries in `lines` to anybody then.
    fn write(&mut self, lines: &str) -> io::Result<()>;
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn write(&mut self, lines: &str) -> io::Result<()> {
        (**self).write(lines)
    }
}

/// Writes the lines to a file, a pipe or any other writer, and flushes it each time.
///
/// What it wrote is read by [`verify_ndjson`](crate::verify_ndjson) and [`AuditReader::read_ndjson`](crate::AuditReader::read_ndjson).
/// Flushed is not synced: after a power failure the newest lines of a file may be missing.
#[derive(Debug)]
pub struct NdjsonSink<W>(W);

impl<W: Write + Send> NdjsonSink<W> {
    /// A sink that writes to `writer`, which should not buffer across lines.
    pub fn new(writer: W) -> Self {
        Self(writer)
    }
}

impl<W: Write + Send> Sink for NdjsonSink<W> {
    fn write(&mut self, lines: &str) -> io::Result<()> {
        self.0.write_all(lines.as_bytes())?;
        self.0.flush()
    }
}
