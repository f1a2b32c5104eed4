//! What waits to be written to the server: neither pump waits for a server that does not read.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::GateError;
use crate::wire::RequestId;

/// How many bytes may wait before the client has to. The line that exceeds it is still taken.
const ROOM: usize = 1 << 20;

/// How many of the gate's own replies may wait.
const REPLIES: usize = 256;

/// What an entry takes beside its line.
const ENTRY: usize = 128;

/// Lines for the server, first in, first out.
#[derive(Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    /// There is a line to write, or there will be none any more.
    filled: Notify,
    /// A line was written.
    freed: Notify,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Outgoing>,
    /// Apart, so that one can be dropped without a search.
    replies: VecDeque<Outgoing>,
    /// Counts entries, to tell which of the two fronts is older.
    entered: u64,
    /// What the client's lines take, with the one that is being written.
    bytes: usize,
    closed: bool,
    /// There was no room for longer than patience lasts, and the server took nothing in that time.
    stalled: bool,
}

/// A line for the server.
pub(super) struct Outgoing {
    pub(super) line: Vec<u8>,
    /// The request that the line is.
    pub(super) id: Option<RequestId>,
    entered: u64,
    bytes: usize,
}

impl Outbox {
    /// Adds a line of the client's. It is for the caller to await [`room`](Self::room) before it reads another.
    pub(super) fn push(&self, line: Vec<u8>, id: Option<RequestId>) -> Result<(), GateError> {
        let mut state = self.state()?;
        let bytes = line.len().saturating_add(ENTRY);
        let entered = state.enter();
        state.bytes = state.bytes.saturating_add(bytes);
        state.lines.push_back(Outgoing {
            line,
            id,
            entered,
            bytes,
        });
        self.filled.notify_one();
        Ok(())
    }

    /// Adds a reply of the gate's own. `false`: there were too many, and the oldest is lost.
    pub(super) fn push_reply(&self, line: Vec<u8>) -> Result<bool, GateError> {
        let mut state = self.state()?;
        let full = state.replies.len() >= REPLIES;
        if full {
            state.replies.pop_front();
        }
        let entered = state.enter();
        state.replies.push_back(Outgoing {
            line,
            id: None,
            entered,
            bytes: 0,
        });
        self.filled.notify_one();
        Ok(!full)
    }

    /// Waits for room. `false`: there is none, and the server takes nothing, so what comes now cannot be kept. Cancel
    /// safe.
    pub(super) async fn room(
        &self,
        patience: Duration,
        progress: impl Fn() -> usize,
    ) -> Result<bool, GateError> {
        loop {
            {
                let state = self.state()?;
                if state.bytes < ROOM {
                    return Ok(true);
                }
                if state.stalled {
                    return Ok(false);
                }
            }
            let before = progress();
            let freed = timeout(patience, self.freed.notified()).await;
            if freed.is_err() && progress() == before {
                self.state()?.stalled = true;
            }
        }
    }

    pub(super) fn is_stalled(&self) -> Result<bool, GateError> {
        Ok(self.state()?.stalled)
    }

    /// The next line to write. `None`: closed, and all is written. Cancel safe.
    pub(super) async fn next(&self) -> Result<Option<Outgoing>, GateError> {
        loop {
            {
                let mut state = self.state()?;
                if let Some(outgoing) = state.pop() {
                    return Ok(Some(outgoing));
                }
                if state.closed {
                    return Ok(None);
                }
            }
            self.filled.notified().await;
        }
    }

    /// Gives back the room of a line that is written, or that nobody takes.
    pub(super) fn done(&self, outgoing: &Outgoing) -> Result<(), GateError> {
        let mut state = self.state()?;
        state.bytes = state.bytes.saturating_sub(outgoing.bytes);
        if state.bytes < ROOM {
            state.stalled = false;
        }
        self.freed.notify_one();
        Ok(())
    }

    /// No line follows those that wait.
    pub(super) fn close(&self) -> Result<(), GateError> {
        self.state()?.closed = true;
        self.filled.notify_one();
        Ok(())
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, GateError> {
        self.state.lock().map_err(|_| GateError::Poisoned)
    }
}

impl State {
    fn enter(&mut self) -> u64 {
        self.entered = self.entered.saturating_add(1);
        self.entered
    }

    fn pop(&mut self) -> Option<Outgoing> {
        let reply_first = match (self.lines.front(), self.replies.front()) {
            (Some(line), Some(reply)) => reply.entered < line.entered,
            (line, _) => line.is_none(),
        };
        if reply_first {
            self.replies.pop_front()
        } else {
            self.lines.pop_front()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(outbox: &Outbox) -> Option<String> {
        let outgoing = outbox.next().await.unwrap()?;
        outbox.done(&outgoing).unwrap();
        Some(String::from_utf8(outgoing.line).unwrap())
    }

    #[tokio::test]
    async fn lines_and_replies_come_out_as_they_came_in() {
        let outbox = Outbox::default();
        outbox.push(b"a".to_vec(), None).unwrap();
        assert!(outbox.push_reply(b"b".to_vec()).unwrap());
        outbox.push(b"c".to_vec(), None).unwrap();
        outbox.close().unwrap();
        for expected in [Some("a"), Some("b"), Some("c"), None] {
            assert_eq!(text(&outbox).await.as_deref(), expected);
        }
    }

    #[tokio::test]
    async fn of_too_many_replies_the_oldest_is_lost() {
        let outbox = Outbox::default();
        for number in 0..REPLIES {
            assert!(outbox.push_reply(number.to_string().into_bytes()).unwrap());
        }
        assert!(!outbox.push_reply(b"last".to_vec()).unwrap());
        assert_eq!(text(&outbox).await.as_deref(), Some("1"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_nothing_stalls_and_one_that_reads_slowly_does_not() {
        let patience = Duration::from_secs(1);
        let outbox = Outbox::default();
        outbox.push(vec![b'x'; ROOM], None).unwrap();
        let calls = std::sync::atomic::AtomicUsize::new(0);
        let slowly = || calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let waited = timeout(patience * 60, outbox.room(patience, slowly)).await;
        assert!(waited.is_err() && !outbox.is_stalled().unwrap());
        assert!(!outbox.room(patience, || 0).await.unwrap());
        assert!(outbox.is_stalled().unwrap());
        text(&outbox).await;
        assert!(outbox.room(patience, || 0).await.unwrap());
        assert!(!outbox.is_stalled().unwrap());
    }
}
