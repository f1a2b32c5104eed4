//! What TOML, YAML and JSON have in common, with lines: the one form from which the schema is read, so that all three are
//! judged alike. Nothing in it is a binary fraction, and nothing is absent by being empty.

use std::collections::HashSet;
use std::fmt;

use serde::de::value::{Error, MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{self, IntoDeserializer, Unexpected, Visitor};
use serde_path_to_error::Segment;

use super::source::ConfigError;

/// How deep tables and lists may stand in each other; the schema needs five.
const MAX_DEPTH: usize = 32;

#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Bool(bool),
    Integer(i128),
    Text(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// What stands there can be read in more than one way; told once its key is known.
    Refused(String),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) value: Node,
}

/// How far in a reader is; each table and list takes one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Depth(usize);

impl Depth {
    pub(super) fn deeper(self, line: usize) -> Result<Self, ConfigError> {
        let next = self.0.saturating_add(1);
        if next > MAX_DEPTH {
            let problem = format!("more than {MAX_DEPTH} tables and lists stand in each other");
            return Err(ConfigError::on_line(line, problem));
        }
        Ok(Self(next))
    }
}

impl Node {
    /// A table in which no key stands twice.
    pub(super) fn table(line: usize, entries: Vec<Entry>) -> Result<Self, ConfigError> {
        let mut seen = HashSet::with_capacity(entries.len());
        if let Some(twice) = entries.iter().find(|entry| !seen.insert(&*entry.key)) {
            let problem = format!("duplicate key `{}`; remove one", shown(&twice.key));
            return Err(ConfigError::on_line(twice.line, problem));
        }
        Ok(Self {
            line,
            value: Value::Table(entries),
        })
    }

    pub(super) fn refused(line: usize, problem: impl Into<String>) -> Self {
        Self {
            line,
            value: Value::Refused(problem.into()),
        }
    }

    pub(super) fn integer(line: usize, value: Option<i128>, text: &str) -> Self {
        match value {
            Some(value) => Self {
                line,
                value: Value::Integer(value),
            },
            None => Self::refused(line, format!("`{}` is too large for a number", shown(text))),
        }
    }

    /// A number with a point or an exponent, which nothing in the schema takes.
    pub(super) fn fraction(line: usize, text: &str) -> Self {
        let text = shown(text);
        Self::refused(
            line,
            format!(
                "`{text}` is not a whole number; money is written as text, such as \"5.00\", so that it is exact"
            ),
        )
    }

    /// A key without a value, which one reader takes for nothing and another for a default.
    pub(super) fn empty(line: usize) -> Self {
        Self::refused(line, "it has no value; write one, or remove the key")
    }

    /// The line of a path that `serde` went; where it leads nowhere, the line of the last thing on it that is there.
    pub(super) fn line_of(&self, path: &serde_path_to_error::Path) -> usize {
        self.line_on(path.iter().filter_map(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key)),
            _ => None,
        }))
    }

    /// The line of a key as this crate writes it, such as `trust.tools[2].effect`.
    pub(super) fn line_of_key(&self, key: &str) -> usize {
        let steps = key.split(['.', '[']).map(|part| {
            part.strip_suffix(']')
                .and_then(|index| index.parse().ok())
                .map_or(Step::Key(part), Step::Index)
        });
        self.line_on(steps)
    }

    fn line_on<'a>(&self, steps: impl Iterator<Item = Step<'a>>) -> usize {
        let (mut node, mut line) = (self, self.line);
        for step in steps {
            let next = match (step, &node.value) {
                (Step::Index(index), Value::List(list)) => {
                    list.get(index).map(|item| (item, item.line))
                }
                (Step::Key(key), Value::Table(entries)) => entries
                    .iter()
                    .find(|entry| entry.key == key)
                    .map(|entry| (&entry.value, entry.line)),
                _ => None,
            };
            let Some(next) = next else { break };
            (node, line) = next;
        }
        line
    }
}

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// What somebody else wrote, shortened and without what a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let mut short: String = text
        .chars()
        .take(MOST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Bool(value) => value.fmt(f),
            Value::Integer(value) => value.fmt(f),
            Value::Text(text) => write!(f, "\"{}\"", shown(text)),
            Value::List(_) => f.write_str("a list"),
            Value::Table(_) => f.write_str("a table"),
            Value::Refused(problem) => f.write_str(problem),
        }
    }
}

impl<'de> IntoDeserializer<'de, Error> for &'de Node {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> de::Deserializer<'de> for &'de Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => match (u64::try_from(*value), i64::try_from(*value)) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                _ => visitor.visit_i128(*value),
            },
            Value::Text(text) => visitor.visit_borrowed_str(text),
            // `serde` would fill a struct from a list by position, past every check of its keys.
            Value::List(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            Value::Table(entries) => {
                let pairs = entries
                    .iter()
                    .map(|entry| (entry.key.as_str(), &entry.value));
                let mut pairs = MapDeserializer::new(pairs);
                let value = visitor.visit_map(&mut pairs)?;
                pairs.end()?;
                Ok(value)
            }
            Value::Refused(problem) => Err(de::Error::custom(problem)),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Value::List(list) = &self.value else {
            return self.deserialize_any(visitor);
        };
        let mut items = SeqDeserializer::new(list.iter());
        let value = visitor.visit_seq(&mut items)?;
        items.end()?;
        Ok(value)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.value {
            Value::Text(text) => visitor.visit_enum(StrDeserializer::new(text)),
            Value::Refused(problem) => Err(de::Error::custom(problem)),
            _ => Err(de::Error::invalid_type(
                Unexpected::Other(&self.to_string()),
                &"one of the words that are known here",
            )),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        // What tells one kind of table from another is a word; `serde` would count the kinds as well.
        match &self.value {
            Value::Integer(_) => Err(de::Error::invalid_type(
                Unexpected::Other(&self.to_string()),
                &"one of the words that are known here",
            )),
            _ => self.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct map struct ignored_any
    }
}
