//! Following a log: entry after entry, waiting for those that are not there yet.

use std::collections::VecDeque;
use std::time::Duration;

use crate::AuditError;
use crate::filter::Filter;
use crate::reader::AuditReader;
use crate::record::Record;

/// How long to wait before looking again where nobody tells.
const LOOK: Duration = Duration::from_millis(20);
/// Entries that are read at once.
const BATCH: usize = 256;

/// Hands out entries in the order of the log, and waits for more at its end. Made by [`AuditReader::tail`].
///
/// In the process that writes a directory it is woken by a commit; elsewhere — in memory, or on a directory that another
/// process writes — it looks fifty times a second while it waits.
///
/// ```
/// use std::time::Duration;
/// use audit_trail::{AuditLog, Entry};
///
/// let log = AuditLog::builder().build()?;
/// let mut tail = log.tail(1);
/// log.log(Entry::event("started"))?;
/// let next = tail.next(Duration::from_secs(1))?;
/// assert_eq!(next.unwrap().event(), Some("started"));
/// assert!(tail.next(Duration::ZERO)?.is_none());
/// # Ok::<(), audit_trail::AuditError>(())
/// ```
#[derive(Debug)]
pub struct Tail {
    reader: AuditReader,
    next: u64,
    ready: VecDeque<Record>,
}

impl Tail {
    pub(crate) fn new(reader: AuditReader, from: u64) -> Self {
        Self {
            reader,
            next: from,
            ready: VecDeque::new(),
        }
    }

    /// The index of the entry that comes next: where another tail goes on after this one.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The next entry; `None` if there is none within `timeout`. Blocks for no longer than that; zero does not wait.
    ///
    /// # Errors
    /// [`AuditError::Evicted`] if the entry has left memory, [`AuditError::Closed`] if the log was closed and all of it has been
    /// handed out, otherwise as [`AuditReader::query`]. What could not be read is asked for again by the next call.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Record>, AuditError> {
        let mut left = timeout;
        loop {
            if self.ready.is_empty() {
                self.fetch()?;
            }
            if let Some(record) = self.ready.pop_front() {
                self.next = record.index().saturating_add(1);
                return Ok(Some(record));
            }
            if left.is_zero() {
                return Ok(None);
            }
            left = self.wait(left)?;
        }
    }

    fn fetch(&mut self) -> Result<(), AuditError> {
        if self.reader.refresh()? > self.next {
            let filter = Filter::new().indexes(self.next..).limit(BATCH);
            self.ready = self.reader.query(&filter)?.records.into();
        }
        Ok(())
    }

    /// Waits for more, for at most `left`, and says what is left of that.
    fn wait(&self, left: Duration) -> Result<Duration, AuditError> {
        let writer = self.reader.catalog().filter(|catalog| catalog.is_owned());
        let Some(catalog) = writer else {
            let step = left.min(LOOK);
            std::thread::sleep(step);
            return Ok(left.saturating_sub(step));
        };
        // Either there is more now, or all the time has passed.
        if !catalog.news.wait(self.next, left) && catalog.news.is_closed() {
            return Err(AuditError::Closed);
        }
        Ok(Duration::ZERO)
    }
}
