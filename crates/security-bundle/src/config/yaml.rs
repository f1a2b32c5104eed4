//! YAML into the common form, without what makes YAML say something else than it seems to: anchors, aliases, tags and merge
//! keys are refused, and so is every plain word that YAML's versions read differently (`no`, `010`, `1_000`, `0x10`).

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::node::{Depth, Entry, Node, Value, shown};
use super::source::ConfigError;

pub(super) fn read(text: &str) -> Result<Node, ConfigError> {
    let mut reader = Reader {
        events: Parser::new_from_str(text),
    };
    loop {
        match reader.next()? {
            (Event::StreamStart | Event::DocumentStart(_), _) => {}
            // An empty file: nothing is configured, as in an empty TOML file.
            (Event::StreamEnd, _) => return Node::table(1, Vec::new()),
            (event, line) => {
                let root = reader.value(event, line, Depth::default())?;
                reader.end()?;
                return Ok(root);
            }
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), ConfigError> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, line(span))),
            Some(Err(error)) => Err(told(&error)),
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    /// Nothing follows: a second document would be configuration that is not in force.
    fn end(&mut self) -> Result<(), ConfigError> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentEnd, _) => {}
                (_, line) => {
                    let problem = "a second document follows; write one";
                    return Err(ConfigError::on_line(line, problem));
                }
            }
        }
    }

    fn value(&mut self, event: Event<'a>, line: usize, depth: Depth) -> Result<Node, ConfigError> {
        match event {
            Event::Scalar(text, style, 0, None) => Ok(scalar(&text, style, line)),
            Event::SequenceStart(0, None) => {
                let depth = depth.deeper(line)?;
                let mut list = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, line) => list.push(self.value(event, line, depth)?),
                    }
                }
                Ok(Node {
                    line,
                    value: Value::List(list),
                })
            }
            Event::MappingStart(0, None) => {
                let depth = depth.deeper(line)?;
                let mut entries = Vec::new();
                loop {
                    let (key, line) = match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (Event::Scalar(key, _, 0, None), line) => (key.into_owned(), line),
                        (event, line) => return Err(refused(&event, line)),
                    };
                    let (event, at) = self.next()?;
                    let value = self.value(event, at, depth)?;
                    entries.push(Entry { key, line, value });
                }
                Node::table(line, entries)
            }
            event => Err(refused(&event, line)),
        }
    }
}

fn refused(event: &Event<'_>, line: usize) -> ConfigError {
    ConfigError::on_line(
        line,
        match event {
            Event::Alias(_)
            | Event::Scalar(_, _, 1.., _)
            | Event::SequenceStart(1.., _)
            | Event::MappingStart(1.., _) => {
                "anchors and aliases are not read; write the value where it counts"
            }
            Event::SequenceStart(_, None) | Event::MappingStart(_, None) => "a key is one word",
            Event::Scalar(..) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                "tags are not read; remove it"
            }
            _ => "a value is missing",
        },
    )
}

fn scalar(text: &str, style: ScalarStyle, line: usize) -> Node {
    let value = match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => return Node::empty(line),
        (ScalarStyle::Plain, "true") => Value::Bool(true),
        (ScalarStyle::Plain, "false") => Value::Bool(false),
        (ScalarStyle::Plain, text) if is_whole(text) => {
            return Node::integer(line, text.parse().ok(), text);
        }
        (ScalarStyle::Plain, text) if is_fraction(text) => return Node::fraction(line, text),
        (ScalarStyle::Plain, text) if is_ambiguous(text) => {
            let text = shown(text);
            let problem = format!(
                "`{text}` is read differently by different YAML readers; write `true`, `false` or a plain whole number, or \"{text}\" if it is text"
            );
            return Node::refused(line, problem);
        }
        _ => Value::Text(text.to_owned()),
    };
    Node { line, value }
}

/// `0`, `7`, `-12`: what every reader takes for the same number.
fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits == "0"
        || (!digits.is_empty()
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_fraction(text: &str) -> bool {
    let numeric = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    text.contains(['.', 'e', 'E']) && text.bytes().all(numeric) && text.parse::<f64>().is_ok()
}

/// Booleans of YAML 1.1, and what some version takes for a number: octal, hexadecimal, with underscores, to base 60, infinite.
fn is_ambiguous(text: &str) -> bool {
    const WORDS: [&str; 8] = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    let numeric = |byte: u8| byte.is_ascii_digit() || b"_+-.:e".contains(&byte);
    WORDS.contains(&&*lower)
        || [".inf", ".nan"].contains(&unsigned)
        || ["0x", "0o", "0b"]
            .iter()
            .any(|base| unsigned.starts_with(base))
        || (unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
            && unsigned.contains(|any: char| any.is_ascii_digit())
            && unsigned.bytes().all(numeric))
}

fn line(span: Span) -> usize {
    span.start.line()
}

fn told(error: &ScanError) -> ConfigError {
    ConfigError::on_line(error.marker().line(), error.info())
}
