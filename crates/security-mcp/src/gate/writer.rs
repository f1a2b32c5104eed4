//! A stream that two pumps write whole lines to.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

/// The writing end. Lines never mix, and none follows one that was cut short.
pub(super) struct Writer<W>(Mutex<State<W>>);

struct State<W> {
    /// Gone once closed; dropping it is what closes a pipe.
    stream: Option<W>,
    /// A line was begun and not ended, for its writer failed or was dropped.
    torn: bool,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub(super) fn new(stream: W) -> Self {
        Self(Mutex::new(State {
            stream: Some(stream),
            torn: false,
        }))
    }

    /// Writes one line, its newline included, and flushes.
    pub(super) async fn send(&self, line: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().await;
        let State { stream, torn } = &mut *state;
        let Some(stream) = stream.as_mut().filter(|_| !*torn) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        *torn = true;
        stream.write_all(line).await?;
        stream.flush().await?;
        *torn = false;
        Ok(())
    }

    /// Closes the stream. What was written before is delivered.
    pub(super) async fn close(&self) {
        let mut state = self.0.lock().await;
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
