//! A denial as an error, for `?`.

use std::fmt;

use super::Decision;

/// A denial as an error.
#[derive(Debug, Clone)]
pub struct Denied(Box<Decision>);

impl Denied {
    pub(crate) fn new(decision: Decision) -> Self {
        Self(Box::new(decision))
    }

    /// The decision that denied.
    pub fn decision(&self) -> &Decision {
        &self.0
    }

    /// The decision's stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.code()
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.reason(), f)
    }
}

impl std::error::Error for Denied {}
