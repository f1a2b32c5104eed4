//! Tool patterns: a name in which `*` stands for anything, matched in linear time whatever a client calls its tool.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::TrustError;
use crate::name::{self, ToolName};

/// A tool's name, or a glob over names: `*` stands for any run of characters, none included. Nothing else is special,
/// and case counts.
///
/// ```
/// # use trust_gate::ToolPattern;
/// let reads: ToolPattern = "get_*".parse()?;
/// assert!(reads.matches(&"get_time".parse()?));
/// assert!(!reads.matches(&"Get_time".parse()?));
/// # Ok::<(), trust_gate::TrustError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ToolPattern {
    text: Box<str>,
    parts: Option<Parts>,
}

/// What stands around the stars of a glob.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Parts {
    prefix: Box<str>,
    middle: Box<[Box<str>]>,
    suffix: Box<str>,
}

impl ToolPattern {
    /// The pattern as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this names one tool and no other.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.parts.is_none()
    }

    /// Whether a tool of this name is meant. Takes time linear in the name; allocates nothing.
    #[must_use]
    pub fn matches(&self, tool: &ToolName) -> bool {
        let name = tool.as_str();
        match &self.parts {
            None => *self.text == *name,
            Some(parts) => parts.match_whole(name),
        }
    }
}

impl Parts {
    fn of(glob: &str) -> Option<Self> {
        let (prefix, rest) = glob.split_once('*')?;
        let (middle, suffix) = rest.rsplit_once('*').unwrap_or(("", rest));
        Some(Self {
            prefix: prefix.into(),
            middle: middle
                .split('*')
                .filter(|part| !part.is_empty())
                .map(Into::into)
                .collect(),
            suffix: suffix.into(),
        })
    }

    fn match_whole(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(&*self.prefix) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(&*self.suffix) else {
            return false;
        };
        // Taking each part where it first occurs leaves the most room for those after it.
        self.middle
            .iter()
            .all(|part| match rest.split_once(&**part) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
    }
}

impl TryFrom<&str> for ToolPattern {
    type Error = TrustError;

    fn try_from(text: &str) -> Result<Self, TrustError> {
        name::validate("tool pattern", text)?;
        Ok(Self {
            text: text.into(),
            parts: Parts::of(text),
        })
    }
}

impl TryFrom<String> for ToolPattern {
    type Error = TrustError;

    fn try_from(text: String) -> Result<Self, TrustError> {
        Self::try_from(text.as_str())
    }
}

impl FromStr for ToolPattern {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        Self::try_from(text)
    }
}

impl From<ToolPattern> for String {
    fn from(pattern: ToolPattern) -> Self {
        pattern.text.into()
    }
}

impl fmt::Display for ToolPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The slow obvious lines: a star takes nothing, or one character and is tried again.
    fn model(glob: &[char], name: &[char]) -> bool {
        match (glob.split_first(), name.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), None) => model(rest, name),
            (Some(('*', rest)), Some((_, shorter))) => model(rest, name) || model(glob, shorter),
            (Some((g, glob)), Some((n, name))) => g == n && model(glob, name),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_star_stands_for_any_run_of_characters(glob in "[ab*]{1,8}", name in "[abé]{1,10}") {
            let pattern: ToolPattern = glob.parse().unwrap();
            let tool: ToolName = name.parse().unwrap();
            let expected = model(&glob.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>());
            prop_assert_eq!(pattern.matches(&tool), expected, "{} on {}", glob, name);
        }
    }

    #[test]
    fn prefix_and_suffix_do_not_share_characters() {
        let pattern: ToolPattern = "aba*aba".parse().unwrap();
        assert!(!pattern.matches(&"ababa".parse().unwrap()));
        assert!(pattern.matches(&"abaaba".parse().unwrap()));
    }
}
