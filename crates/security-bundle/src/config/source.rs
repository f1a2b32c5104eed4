//! From text to the schema, so that an error names its file, line and key, and the key that was probably meant.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::node::Node;
use super::{json, toml, yaml};

/// How long a configuration may be, in bytes: far above what a person writes, far below what hurts to read.
const MAX_BYTES: usize = 1 << 20;

/// How a configuration is written down. The schema is the same in all three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    Yaml,
    Json,
}

impl Format {
    pub(super) fn of_path(path: &Path) -> Result<Self, ConfigError> {
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        match extension.to_str() {
            Some("toml") => Ok(Self::Toml),
            Some("yaml" | "yml") => Ok(Self::Yaml),
            Some("json") => Ok(Self::Json),
            _ => Err(ConfigError::at(
                "",
                "the name does not say how the file is written; let it end in `.toml`, `.yaml` (or `.yml`) or `.json`",
            )),
        }
    }

    /// The text in the form that all three have in common.
    pub(super) fn parse(self, text: &str) -> Result<Node, ConfigError> {
        if text.len() > MAX_BYTES {
            return Err(too_long());
        }
        match self {
            Self::Toml => toml::read(text),
            Self::Yaml => yaml::read(text),
            Self::Json => json::read(text),
        }
    }
}

/// Reads a file, at most as much of it as a configuration may be long. Blocks.
pub(super) fn load(path: &Path) -> Result<String, ConfigError> {
    let mut text = String::new();
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    std::fs::File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_string(&mut text))
        .map_err(|error| ConfigError::at("", error))?;
    if text.len() > MAX_BYTES {
        return Err(too_long());
    }
    Ok(text)
}

fn too_long() -> ConfigError {
    ConfigError::at("", format!("a configuration has at most {MAX_BYTES} bytes"))
}

/// Reads the schema.
pub(super) fn schema<T: DeserializeOwned>(node: &Node) -> Result<T, ConfigError> {
    serde_path_to_error::deserialize(node).map_err(|error| {
        let path = error.path();
        let known = path
            .iter()
            .all(|segment| !matches!(segment, Segment::Unknown));
        let key = path.to_string();
        ConfigError {
            file: None,
            line: Some(node.line_of(path)),
            key: if known && key != "." {
                key
            } else {
                String::new()
            },
            message: with_nearest(&error.inner().to_string()),
        }
    })
}

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

    /// Before anything has a key.
    pub(super) fn on_line(line: usize, message: impl fmt::Display) -> Self {
        Self {
            line: Some(line),
            ..Self::at("", message)
        }
    }

    /// Finds the line of the key in what it was read from.
    pub(super) fn within(mut self, node: &Node) -> Self {
        if self.line.is_none() {
            self.line = Some(node.line_of_key(&self.key));
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

/// `serde` lists the known keys behind an unknown one; the nearest of them is what a person needs.
fn with_nearest(message: &str) -> String {
    let first = message.lines().next().unwrap_or(message);
    let Some(rest) = first.strip_prefix("unknown field `") else {
        // `serde` names the Rust type here, which says nothing to whoever wrote the file.
        return match first.split_once(", expected struct ") {
            Some((found, _)) => format!("{found}, expected a table"),
            None => first.to_owned(),
        };
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

/// Where the lines of a text end.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(offset, _)| offset).collect())
    }

    /// The line, counted from 1, in which the byte stands.
    pub(super) fn at(&self, offset: usize) -> usize {
        self.0
            .partition_point(|end| *end < offset)
            .saturating_add(1)
    }
}
