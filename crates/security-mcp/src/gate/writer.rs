//! A stream that two pumps write whole lines to.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

/// The writing end. Lines never mix, and none follows one that was cut short.
pub(super) struct Writer<W> {
    state: Mutex<State<W>>,
    progress: AtomicUsize,
}

struct State<W> {
    /// Gone once closed; dropping it is what closes a pipe.
    stream: Option<W>,
    /// A line was begun and not ended, for its writer failed or was dropped.
    torn: bool,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(stream: W) -> Self {
        Self {
            state: Mutex::new(State {
                stream: Some(stream),
                torn: false,
            }),
            progress: AtomicUsize::new(0),
        }
    }

    /// Writes one line, its newline included, and flushes.
    pub(super) async fn send(&self, line: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock().await;
        let State { stream, torn } = &mut *state;
        let Some(stream) = stream.as_mut().filter(|_| !*torn) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        *torn = true;
        let mut rest = line;
        while !rest.is_empty() {
            let written = stream.write(rest).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.progress.fetch_add(1, Ordering::Relaxed);
            rest = rest.get(written..).unwrap_or_default();
        }
        stream.flush().await?;
        *torn = false;
        Ok(())
    }

    /// A count that changes whenever the other side takes something.
    pub(super) fn progress(&self) -> usize {
        self.progress.load(Ordering::Relaxed)
    }

    /// Closes the stream. What was written before is delivered.
    pub(super) async fn close(&self) {
        let mut state = self.state.lock().await;
        if let Some(mut stream) = state.stream.take() {
            // It is closed either way, by being dropped.
            drop(stream.shutdown().await);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nothing_follows_a_line_that_was_cut_short() {
        let (ours, mut theirs) = tokio::io::duplex(4);
        let writer = Writer::new(ours);
        {
            let mut send = std::pin::pin!(writer.send(b"long line\n"));
            let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(send.as_mut().poll(cx)));
            assert!(polled.await.is_pending());
        }
        let next = timeout(Duration::from_secs(1), writer.send(b"x\n"));
        assert!(next.await.expect("refused at once").is_err());
        writer.close().await;
        let mut read = String::new();
        theirs.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "long");
    }
}
