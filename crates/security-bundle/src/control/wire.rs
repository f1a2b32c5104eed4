//! A connection as messages: reads and writes at once, bounded both ways, and nothing is lost where a wait is given up.

use std::io;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};

use super::frame::{self, AppendError, Decoder, TooLarge};

/// How many bytes may wait to be written before no more are made.
const BACKLOG: usize = 256 * 1024;

/// How many bytes are read at once.
const PIECE: usize = 16 * 1024;

/// Why there are no more messages.
#[derive(Debug, thiserror::Error)]
pub(super) enum Closed {
    #[error("the other side has closed the connection")]
    Ended,
    #[error("the other side does not read what is sent to it")]
    Stalled,
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error("a message is not understood: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: UnixStream,
    incoming: Decoder,
    outgoing: Vec<u8>,
    /// How many of the outgoing bytes are written.
    gone: usize,
    /// How many bytes were written before those.
    written: u64,
    /// When the other side has taken nothing for too long.
    stalled_at: Instant,
    patience: Duration,
}

impl Wire {
    /// Bodies may have `most` bytes. Whoever takes nothing for as long as `patience` is given up.
    pub(super) fn new(stream: UnixStream, most: usize, patience: Duration) -> Self {
        Self {
            stream,
            incoming: Decoder::new(most),
            outgoing: Vec::new(),
            gone: 0,
            written: 0,
            stalled_at: Instant::now(),
            patience,
        }
    }

    /// Bodies may have `most` bytes from now on.
    pub(super) fn allow(&mut self, most: usize) {
        self.incoming.allow(most);
    }

    /// Queues a message, which is written while others are waited for. Returns what [`written`](Self::written) will be
    /// once it is out.
    pub(super) fn push<T: Serialize>(&mut self, message: &T) -> Result<u64, AppendError> {
        if self.waiting() == 0 {
            self.stalled_at = self.later();
        }
        frame::append(&mut self.outgoing, message)?;
        Ok(self.written.saturating_add(as_u64(self.outgoing.len())))
    }

    /// How many bytes the system has taken.
    pub(super) fn written(&self) -> u64 {
        self.written.saturating_add(as_u64(self.gone))
    }

    /// Whether more may be pushed, as far as memory goes.
    pub(super) fn has_room(&self) -> bool {
        self.waiting() < BACKLOG
    }

    /// The next message. Writes what is queued meanwhile. May be given up and called again.
    pub(super) async fn next<T: DeserializeOwned>(&mut self) -> Result<T, Closed> {
        loop {
            if let Some(body) = self.incoming.next()? {
                return Ok(serde_json::from_slice(body)?);
            }
            self.turn(Interest::READABLE).await?;
        }
    }

    /// Writes, and reads nothing, until there is room again. May be given up and called again.
    pub(super) async fn make_room(&mut self) -> Result<(), Closed> {
        while !self.has_room() {
            self.turn(Interest::WRITABLE).await?;
        }
        Ok(())
    }

    /// Writes all that is queued, and reads nothing.
    pub(super) async fn flush(&mut self) -> Result<(), Closed> {
        while self.waiting() > 0 {
            self.turn(Interest::WRITABLE).await?;
        }
        Ok(())
    }

    /// Waits for what it may do, and does as much as goes at once.
    async fn turn(&mut self, interest: Interest) -> Result<(), Closed> {
        // Who sends without a pause must not keep others from their turn.
        tokio::task::consume_budget().await;
        let ready = if self.waiting() == 0 {
            self.stream.ready(interest).await?
        } else {
            let ready = self.stream.ready(interest.add(Interest::WRITABLE));
            timeout_at(self.stalled_at, ready)
                .await
                .map_err(|_| Closed::Stalled)??
        };
        let arrives = ready.is_readable() && interest.is_readable();
        if arrives {
            self.read()?;
        }
        if ready.is_writable() && self.waiting() > 0 {
            match self.write() {
                // Whoever has closed may have said why: the next turn finds out whether more comes.
                Err(_) if arrives => {}
                written => written?,
            }
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Closed> {
        let waiting = self.outgoing.get(self.gone..).unwrap_or_default();
        let Some(taken) = at_once(self.stream.try_write(waiting))? else {
            return Ok(());
        };
        self.gone = self.gone.saturating_add(taken);
        self.stalled_at = self.later();
        // Moving what is left is worth it once there is less of it than of what is gone.
        if self.gone >= self.waiting() {
            self.outgoing.drain(..self.gone.min(self.outgoing.len()));
            self.written = self.written.saturating_add(as_u64(self.gone));
            self.gone = 0;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), Closed> {
        let arrived = self.stream.try_read_buf(self.incoming.room(PIECE));
        match at_once(arrived)? {
            Some(0) => Err(Closed::Ended),
            _ => Ok(()),
        }
    }

    fn waiting(&self) -> usize {
        self.outgoing.len().saturating_sub(self.gone)
    }

    fn later(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.patience).unwrap_or(now)
    }
}

/// What was done at once, if anything could be.
fn at_once(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

fn as_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
