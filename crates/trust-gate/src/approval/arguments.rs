//! What a call is to be made with, as far as an approval is concerned: a digest that binds, and perhaps a text to look at.

use std::sync::Arc;

use crate::args::{self, ArgsDigest, ArgsError};

/// The longest text that an operator is shown and that is kept, in bytes. Longer arguments are known by their digest.
const SHOWN: usize = 16 * 1024;

/// The arguments of one call.
///
/// What an operator is shown is the text that was digested, so that nobody approves one thing and gets another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    pub(crate) digest: ArgsDigest,
    pub(crate) shown: Option<Arc<str>>,
}

impl Arguments {
    /// Arguments as JSON text. Up to 16 KiB of canonical text are kept with the request, for the operator to read.
    ///
    /// ```
    /// # use trust_gate::Arguments;
    /// let spaced = Arguments::of_json(r#"{ "to": "ada", "amount": 5 }"#)?;
    /// assert_eq!(spaced, Arguments::of_json(r#"{"amount":5,"to":"ada"}"#)?);
    /// # Ok::<(), trust_gate::ArgsError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`ArgsDigest::of_json`].
    pub fn of_json(text: &str) -> Result<Self, ArgsError> {
        let canonical = args::canonical(text)?;
        Ok(Self {
            digest: ArgsDigest::of_canonical(&canonical),
            shown: (canonical.len() <= SHOWN).then(|| canonical.into()),
        })
    }

    /// Arguments that the operator shall not read, nor the journal keep: only their digest is known.
    #[must_use]
    pub const fn hidden(digest: ArgsDigest) -> Self {
        Self {
            digest,
            shown: None,
        }
    }

    /// A call without arguments.
    #[must_use]
    pub fn none() -> Self {
        Self::hidden(ArgsDigest::none())
    }

    /// The text that an operator is shown: canonical, and no longer than 16 KiB; `None` where there is only the digest.
    #[must_use]
    pub fn shown(&self) -> Option<&str> {
        self.shown.as_deref()
    }

    /// Their digest.
    #[must_use]
    pub const fn digest(&self) -> ArgsDigest {
        self.digest
    }
}
