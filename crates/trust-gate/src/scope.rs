//! Scopes: where a level holds, as a path from the whole gate down to one corner of it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{TrustError, excerpt};
use crate::name;

const MAX_SEGMENTS: usize = 16;

/// A path of segments such as `payments/eu`; the root is empty and holds everything.
///
/// Up to 16 segments, each under the rule of [`AgentId`](crate::AgentId). A segment cannot contain `/`, so two scopes
/// are equal only if they are equal segment by segment. Cheap to clone; the root costs nothing.
///
/// ```
/// # use trust_gate::Scope;
/// let scope: Scope = "payments/eu".parse()?;
/// assert!(Scope::from_segments(["payments"])?.contains(&scope));
/// assert!(!"pay".parse::<Scope>()?.contains(&scope));
/// assert!(Scope::root().contains(&scope));
/// # Ok::<(), trust_gate::TrustError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Option<Arc<str>>);

impl Scope {
    /// The whole gate.
    #[must_use]
    pub const fn root() -> Self {
        Self(None)
    }

    /// The scope of these segments, outermost first.
    ///
    /// # Errors
    /// [`TrustError::InvalidScope`] if a segment is malformed or contains `/`; [`TrustError::ScopeTooDeep`] beyond 16.
    pub fn from_segments<'a>(
        segments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, TrustError> {
        let mut path = String::new();
        for (depth, segment) in segments.into_iter().enumerate() {
            if depth >= MAX_SEGMENTS {
                return Err(TrustError::ScopeTooDeep {
                    value: excerpt(&path),
                });
            }
            let slash = segment.contains('/').then_some("contains `/`");
            if let Some(problem) = name::problem(segment).or(slash) {
                return Err(TrustError::InvalidScope {
                    value: excerpt(segment),
                    problem,
                });
            }
            if depth > 0 {
                path.push('/');
            }
            path.push_str(segment);
        }
        Ok(Self((!path.is_empty()).then(|| path.into())))
    }

    /// Whether this is the whole gate.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// The path as text; empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// The segments, outermost first.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|path| path.split('/'))
    }

    /// The scopes around this one, as text, from the nearest to the root (empty). The scope itself is not among them.
    pub fn ancestors(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(outer(self.as_str()), |path| outer(path))
    }

    /// Whether `other` is this scope or lies within it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self == other || other.ancestors().any(|ancestor| ancestor == self.as_str())
    }
}

/// The path one segment further out; `None` outside the root.
pub(crate) fn outer(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    Some(path.rsplit_once('/').map_or("", |(outer, _)| outer))
}

impl TryFrom<&str> for Scope {
    type Error = TrustError;

    fn try_from(path: &str) -> Result<Self, TrustError> {
        if path.is_empty() {
            return Ok(Self::root());
        }
        Self::from_segments(path.split('/'))
    }
}

impl TryFrom<String> for Scope {
    type Error = TrustError;

    fn try_from(path: String) -> Result<Self, TrustError> {
        Self::try_from(path.as_str())
    }
}

impl FromStr for Scope {
    type Err = TrustError;

    fn from_str(path: &str) -> Result<Self, TrustError> {
        Self::try_from(path)
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.as_str().to_owned()
    }
}

impl AsRef<str> for Scope {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Scope").field(&self.as_str()).finish()
    }
}
