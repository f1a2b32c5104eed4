//! Bounded lines: one message a line, and no line takes more memory than its limit.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Buffers above this size are given back once their line is done with.
const KEEP: usize = 1 << 20;

/// What the next read came to. The bytes are in [`LineReader::line`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line with its newline; a last line without one gets it.
    Whole,
    /// The line is longer than the limit; only its beginning is there. The rest is skipped, unread, by the next call.
    TooLong,
    /// The stream has ended.
    End,
}

/// Splits a stream at newlines.
#[derive(Debug)]
pub(crate) struct LineReader<R> {
    stream: BufReader<R>,
    line: Vec<u8>,
    limit: usize,
    /// The bytes in `line` were handed out and go at the next call.
    done: bool,
    /// Inside a line that was too long.
    skipping: bool,
}

impl<R: AsyncRead + Unpin> LineReader<R> {
    /// `limit` is the longest line in bytes, its newline not counted.
    pub(crate) fn new(stream: R, limit: usize) -> Self {
        Self {
            stream: BufReader::with_capacity(1 << 16, stream),
            line: Vec::new(),
            limit,
            done: false,
            skipping: false,
        }
    }

    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// Takes the line out instead of copying it.
    pub(crate) fn take_line(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.line)
    }

    /// Reads on to the end of the next line. Cancel safe: a dropped call loses nothing.
    pub(crate) async fn next(&mut self) -> io::Result<Line> {
        if std::mem::take(&mut self.done) {
            if self.line.capacity() > KEEP {
                self.line = Vec::new();
            }
            self.line.clear();
        }
        loop {
            let chunk = self.stream.fill_buf().await?;
            if chunk.is_empty() {
                return Ok(self.end());
            }
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            let (part, used) = match newline {
                Some(at) => (chunk.get(..at), at.saturating_add(1)),
                None => (Some(chunk), chunk.len()),
            };
            let part = part.unwrap_or_default();
            if self.skipping {
                self.skipping = newline.is_none();
            } else if part.len() > self.limit.saturating_sub(self.line.len()) {
                let room = self.limit.saturating_sub(self.line.len());
                self.line
                    .extend_from_slice(part.get(..room).unwrap_or_default());
                self.skipping = newline.is_none();
                self.done = true;
                self.stream.consume(used);
                return Ok(Line::TooLong);
            } else {
                self.line.extend_from_slice(part);
                if newline.is_some() {
                    self.line.push(b'\n');
                    self.done = true;
                    self.stream.consume(used);
                    return Ok(Line::Whole);
                }
            }
            self.stream.consume(used);
        }
    }

    fn end(&mut self) -> Line {
        if self.line.is_empty() || self.skipping {
            return Line::End;
        }
        self.line.push(b'\n');
        self.done = true;
        Line::Whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines(input: &[u8], limit: usize) -> Vec<(Line, String)> {
        let mut reader = LineReader::new(input, limit);
        let mut seen = Vec::new();
        loop {
            match reader.next().await.unwrap() {
                Line::End => return seen,
                line => seen.push((line, String::from_utf8_lossy(reader.line()).into_owned())),
            }
        }
    }

    #[tokio::test]
    async fn keeps_every_byte_of_a_line() {
        assert_eq!(
            lines(b"a\r\n\nlast", 10).await,
            [
                (Line::Whole, "a\r\n".into()),
                (Line::Whole, "\n".into()),
                (Line::Whole, "last\n".into())
            ]
        );
    }

    #[tokio::test]
    async fn an_overlong_line_is_cut_and_the_next_one_is_whole() {
        assert_eq!(
            lines(b"12345\n123456\nok\n1234567", 5).await,
            [
                (Line::Whole, "12345\n".into()),
                (Line::TooLong, "12345".into()),
                (Line::Whole, "ok\n".into()),
                (Line::TooLong, "12345".into())
            ]
        );
    }

    #[tokio::test]
    async fn a_line_of_64_mib_takes_no_64_mib() {
        use tokio::io::AsyncReadExt;
        let long = tokio::io::repeat(b'x').take(64 << 20);
        let mut reader = LineReader::new(long.chain(&b"\nok\n"[..]), 1 << 20);
        assert_eq!(reader.next().await.unwrap(), Line::TooLong);
        assert!(reader.line.capacity() <= 2 << 20);
        assert_eq!(reader.next().await.unwrap(), Line::Whole);
        assert_eq!(reader.line(), b"ok\n");
        assert!(reader.line.capacity() <= 2 << 20);
    }
}
