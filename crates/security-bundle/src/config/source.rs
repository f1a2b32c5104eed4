//! From text to the schema, so that an error names its file, line and key, and the key that was probably meant.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::de::{DeTable, DeValue};

/// What is wrong with a configuration, and where. Nothing of it is in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct ConfigError {
    /// The file, where the text came from one.
    pub file: Option<PathBuf>,
    /// The line, counted from 1, where the text is at hand.
    pub line: Option<usize>,
    /// The path of the key, such as `trust.tools[2].effect`; empty for the whole text.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl ConfigError {
    pub(crate) fn at(key: impl Into<String>, message: impl fmt::Display) -> Self {
        Self {
            file: None,
            line: None,
            key: key.into(),
            message: message.to_string(),
        }
    }

    pub(super) fn in_file(mut self, file: &Path) -> Self {
        self.file = Some(file.to_owned());
        self
    }

    /// Finds the line of the key in the text that it was read from.
    pub(super) fn in_text(mut self, text: &str) -> Self {
        if self.line.is_none() {
            self.line = offset_of(text, &self.key).map(|offset| line_at(text, offset));
        }
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
        }
        match (self.line, &self.file) {
            (Some(line), Some(_)) => write!(f, "{line}: ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            (None, Some(_)) => f.write_str(" ")?,
            (None, None) => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Reads TOML into the schema.
pub(super) fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    let located = |key: String, error: &toml::de::Error| ConfigError {
        file: None,
        line: error.span().map(|span| line_at(text, span.start)),
        key,
        message: with_nearest(error.message()),
    };
    let source = toml::Deserializer::parse(text).map_err(|error| located(String::new(), &error))?;
    serde_path_to_error::deserialize(source).map_err(|error| {
        let key = error.path().to_string();
        let key = if key == "." { String::new() } else { key };
        let unknown = error
            .path()
            .iter()
            .any(|segment| matches!(segment, Segment::Unknown));
        let key = if unknown { String::new() } else { key };
        located(key, error.inner()).in_text(text)
    })
}

/// `serde` lists the known keys behind an unknown one; the nearest of them is what a person needs.
fn with_nearest(message: &str) -> String {
    let first = message.lines().next().unwrap_or(message);
    let Some(rest) = first.strip_prefix("unknown field `") else {
        return first.to_owned();
    };
    let mut names = rest.split('`').step_by(2);
    let unknown = names.next().unwrap_or_default();
    let known: Vec<&str> = names.collect();
    let nearest = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(unknown, name), *name))
        .min();
    match nearest {
        Some((distance, name)) if distance <= 3 => {
            format!("unknown key `{unknown}`; did you mean `{name}`?")
        }
        _ if known.is_empty() => format!("unknown key `{unknown}`; remove it"),
        _ => format!("unknown key `{unknown}`; known here: {}", known.join(", ")),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count().saturating_add(1)
}

/// Where the value of a path such as `trust.tools[2].effect` stands; where it is missing, the nearest table around it.
fn offset_of(text: &str, key: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut table = Some(root.get_ref());
    for part in key.split('.') {
        let (name, indexes) = part.split_once('[').unwrap_or((part, ""));
        let Some((_, value)) = table?.iter().find(|(known, _)| known.get_ref() == name) else {
            break;
        };
        let mut value = value;
        for index in indexes
            .split(['[', ']'])
            .filter_map(|i| i.parse::<usize>().ok())
        {
            let Some(element) = value
                .get_ref()
                .as_array()
                .and_then(|array| array.get(index))
            else {
                break;
            };
            value = element;
        }
        found = Some(value.span().start);
        table = match value.get_ref() {
            DeValue::Table(inner) => Some(inner),
            _ => None,
        };
    }
    found
}
