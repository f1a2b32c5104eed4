//! Server-sent events, byte by byte: wherever the network cuts the stream, the events are the same.
//!
//! As the standard parses them (WHATWG HTML, 9.2.6), with a bound: lines end with CRLF, LF or CR, comments and unknown fields are
//! skipped, `data` lines add up, an event without data is none, and one that no blank line ends is none.

use std::collections::VecDeque;
use std::mem;

/// An event as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) name: Option<String>,
    pub(crate) data: String,
}

/// An event is longer than the parser takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

#[derive(Debug)]
pub(crate) struct Parser {
    limit: usize,
    line: Vec<u8>,
    /// Of the event that is being read; `None` where it has none yet.
    data: Option<Vec<u8>>,
    name: Option<String>,
    /// The last byte was a CR: an LF now is the same line's end.
    after_cr: bool,
    is_first_line: bool,
    is_too_long: bool,
    frames: VecDeque<Frame>,
}

impl Parser {
    /// A parser that takes events of at most `limit` bytes of data, and lines of at most so many.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            data: None,
            name: None,
            after_cr: false,
            is_first_line: true,
            is_too_long: false,
            frames: VecDeque::new(),
        }
    }

    /// Takes the next bytes. After an event that is too long nothing is taken any more.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.is_too_long = self.is_too_long || self.read(bytes).is_err();
    }

    /// The next event that is complete.
    pub(crate) fn next(&mut self) -> Option<Result<Frame, TooLong>> {
        let frame = self.frames.pop_front().map(Ok);
        frame.or_else(|| self.is_too_long.then_some(Err(TooLong)))
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), TooLong> {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, end) = match piece.split_last() {
                Some((end @ (b'\n' | b'\r'), text)) => (text, Some(*end)),
                _ => (piece, None),
            };
            if self.line.len().saturating_add(text.len()) > self.limit {
                return Err(TooLong);
            }
            self.line.extend_from_slice(text);
            let is_half_of_crlf = mem::take(&mut self.after_cr) && text.is_empty();
            match end {
                None => {}
                Some(b'\n') if is_half_of_crlf => {}
                Some(end) => {
                    self.after_cr = end == b'\r';
                    self.end_line()?;
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), TooLong> {
        let line = mem::take(&mut self.line);
        let mut line = line.as_slice();
        if mem::take(&mut self.is_first_line) {
            line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        }
        if line.is_empty() {
            self.dispatch();
            return Ok(());
        }
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let field = halves.next().unwrap_or_default();
        let value = halves.next().unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut self.data {
                None => self.data = Some(value.to_vec()),
                Some(data) => {
                    if data.len().saturating_add(value.len()) >= self.limit {
                        return Err(TooLong);
                    }
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            },
            b"event" => self.name = Some(String::from_utf8_lossy(value).into_owned()),
            // A comment has no field; `id` and `retry` are for those who reconnect.
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self) {
        let name = self.name.take().filter(|name| !name.is_empty());
        if let Some(data) = self.data.take() {
            self.frames.push_back(Frame {
                name,
                data: String::from_utf8_lossy(&data).into_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<(Option<String>, String)> {
        let mut parser = Parser::new(1 << 16);
        for piece in pieces {
            parser.push(piece);
        }
        std::iter::from_fn(|| parser.next())
            .map(|frame| frame.unwrap())
            .map(|frame| (frame.name, frame.data))
            .collect()
    }

    fn data(text: &str) -> Vec<String> {
        frames([text.as_bytes()])
            .into_iter()
            .map(|(_, data)| data)
            .collect()
    }

    #[test]
    fn lines_end_in_three_ways() {
        for end in ["\n", "\r", "\r\n"] {
            let text = format!("data: a{end}{end}data: b{end}{end}");
            assert_eq!(data(&text), ["a", "b"], "{end:?}");
        }
        assert_eq!(data("data: a\r\n\ndata: b\r\r\n"), ["a", "b"]);
        assert_eq!(data("data: a\r\ndata: b\r\n\r\n"), ["a\nb"]);
    }

    #[test]
    fn data_lines_add_up_and_one_space_goes() {
        assert_eq!(data("data:a\ndata:  b\ndata\n\n"), ["a\n b\n"]);
        assert_eq!(data("data\n\n"), [""]);
    }

    #[test]
    fn comments_unknown_fields_and_empty_events_are_skipped() {
        let text =
            ": ping\n\nid: 7\nretry: 10\ndatabase: x\nevent: lonely\n\ndata: a\n: inside\n\n";
        assert_eq!(frames([text.as_bytes()]), [(None, "a".to_owned())]);
    }

    #[test]
    fn names_belong_to_their_event() {
        let text = "event: message_start\ndata: a\n\ndata: b\n\n";
        assert_eq!(
            frames([text.as_bytes()]),
            [
                (Some("message_start".to_owned()), "a".to_owned()),
                (None, "b".to_owned())
            ]
        );
    }

    #[test]
    fn an_event_that_nothing_ends_is_none() {
        assert!(data("data: a\n").is_empty());
        assert!(data("data: a").is_empty());
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_only() {
        assert_eq!(data("\u{feff}data: a\n\n\u{feff}data: b\n\n"), ["a"]);
    }

    #[test]
    fn a_line_or_an_event_beyond_the_limit_is_refused() {
        let mut parser = Parser::new(8);
        parser.push(b"data: a\n\n: 345678");
        assert!(!parser.is_too_long);
        parser.push(b"9");
        parser.push(b"\n\ndata: b\n\n");
        assert_eq!(parser.next().unwrap().unwrap().data, "a");
        assert_eq!(parser.next(), Some(Err(TooLong)));
        assert_eq!(parser.next(), Some(Err(TooLong)));
        let mut parser = Parser::new(8);
        parser.push(b"data:123\ndata:456\n");
        assert_eq!(parser.next(), None);
        parser.push(b"data:7\n");
        assert_eq!(parser.next(), Some(Err(TooLong)));
    }

    fn lines() -> impl Strategy<Value = Vec<u8>> {
        let field = prop::sample::select(vec![
            "data: ",
            "data:",
            "event: ",
            ": ",
            "id: ",
            "",
            "data",
            "\u{feff}data:",
        ]);
        let text = prop::sample::select(vec!["", "a", "é", "😀 {\"x\":1}", "[DONE]", ":", " "]);
        let end = prop::sample::select(vec!["\n", "\r", "\r\n", "\n\n", "\r\r", "\r\n\r\n"]);
        prop::collection::vec((field, text, end), 0..24).prop_map(|lines| {
            lines
                .into_iter()
                .flat_map(|(field, text, end)| [field, text, end].concat().into_bytes())
                .collect()
        })
    }

    proptest! {
        #[test]
        fn wherever_it_is_cut_the_events_are_the_same(
            bytes in lines(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&bytes[from..cut]);
                from = cut;
            }
            pieces.push(&bytes[from..]);
            let whole = frames([bytes.as_slice()]);
            prop_assert_eq!(&frames(pieces), &whole);
            prop_assert_eq!(frames(bytes.chunks(1)), whole);
        }

        #[test]
        fn no_bytes_make_it_panic_or_grow(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..64), limit in 1_usize..128,
        ) {
            let mut parser = Parser::new(limit);
            for piece in &pieces {
                parser.push(piece);
                prop_assert!(parser.line.len() <= limit && parser.data.as_ref().is_none_or(|data| data.len() <= limit));
            }
        }
    }
}
