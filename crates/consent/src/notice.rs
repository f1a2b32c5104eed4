//! What a person was shown before they agreed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::ConsentError;
use crate::id::{NoticeId, NoticeVersion};

/// The notice behind a consent: its name, its version, and the SHA-256 of the very text that was shown.
///
/// Only a notice with a name can be superseded, see [`publish_notice`](crate::ConsentLedger::publish_notice). Versions are
/// told apart by version and hash, and have no order but that of their publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<NoticeId>,
    version: NoticeVersion,
    sha256: NoticeHash,
}

impl Notice {
    /// The notice of that version and hash, without a name.
    #[must_use]
    pub fn new(version: NoticeVersion, sha256: NoticeHash) -> Self {
        Self {
            id: None,
            version,
            sha256,
        }
    }

    /// Gives it its name.
    #[must_use]
    pub fn named(self, id: NoticeId) -> Self {
        Self {
            id: Some(id),
            ..self
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> Option<&NoticeId> {
        self.id.as_ref()
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &NoticeVersion {
        &self.version
    }

    /// The SHA-256 of its text.
    #[must_use]
    pub fn sha256(&self) -> NoticeHash {
        self.sha256
    }
}

/// A SHA-256, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct NoticeHash([u8; 32]);

impl NoticeHash {
    /// The hash as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for NoticeHash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for NoticeHash {
    type Err = ConsentError;

    /// Reads 64 hexadecimal digits, of either case.
    ///
    /// # Errors
    /// [`ConsentError::NoticeHash`] for anything else.
    fn from_str(text: &str) -> Result<Self, ConsentError> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(ConsentError::NoticeHash);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (digit(*high)? << 4) | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(byte: u8) -> Result<u8, ConsentError> {
    let value = char::from(byte)
        .to_digit(16)
        .ok_or(ConsentError::NoticeHash)?;
    u8::try_from(value).map_err(|_| ConsentError::NoticeHash)
}

impl fmt::Display for NoticeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NoticeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoticeHash({self})")
    }
}

impl Serialize for NoticeHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NoticeHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}
