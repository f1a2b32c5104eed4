//! The text of a signed grant: one text for one grant, so that nothing about it is left to its reader.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;

use super::SignedGrantError;
use crate::decay::Decay;
use crate::error::excerpt;
use crate::grant::Grant;
use crate::keys::{KeyId, OperatorKey};
use crate::ledger::check_reason;
use crate::moment::Moment;
use crate::name::{AgentId, GateName, OperatorId};
use crate::scope::Scope;
use crate::tier::LevelRef;

/// What a signature is over begins with this, so that it cannot pass for one over anything else.
const DOMAIN: &[u8] = b"trust-gate signed grant v1\n";
const PREFIX: &str = "tg1.";
pub(super) const MAX_LENGTH: usize = 8192;

/// A grant with its operator's signature: `tg1.`, the grant, `.`, the signature, both as base64url without padding.
///
/// The grant is JSON with the members `audience`, `serial`, `key_id`, `operator`, `agent`, `scope`, `level`,
/// `assigned_at`, `expires_at`, `decay` and `reason`, all of them, in this order, in the one way in which this crate
/// writes them. The signature is Ed25519 (RFC 8032) over `trust-gate signed grant v1`, a line feed and the JSON.
/// Reading refuses every other way of writing the same, and what is longer than 8192 bytes.
///
/// That a text can be read says nothing about who signed it. [`TrustAdmin::assign_signed`](crate::TrustAdmin::assign_signed)
/// asks everything that is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedGrant {
    text: String,
    payload: Payload,
    message: Vec<u8>,
    signature: Signature,
}

impl SignedGrant {
    pub(super) fn new(
        payload: Payload,
        sign: impl FnOnce(&[u8]) -> Signature,
    ) -> Result<Self, SignedGrantError> {
        let payload = payload.in_utc();
        let message = payload.message()?;
        let signature = sign(&message);
        let text = format!(
            "{PREFIX}{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(message.get(DOMAIN.len()..).unwrap_or_default()),
            BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes())
        );
        if text.len() > MAX_LENGTH {
            return Err(SignedGrantError::TooLong { length: text.len() });
        }
        Ok(Self {
            text,
            payload,
            message,
            signature,
        })
    }

    /// The grant as it was signed.
    #[must_use]
    pub fn grant(&self) -> Grant {
        let payload = self.payload.clone();
        let mut grant = Grant::new(payload.agent, payload.level, payload.operator)
            .scope(payload.scope)
            .reason(payload.reason)
            .assigned_at(payload.assigned_at)
            .decay(payload.decay);
        grant.expires_at = payload.expires_at;
        grant
    }

    /// The gate it is for.
    #[must_use]
    pub fn audience(&self) -> &GateName {
        &self.payload.audience
    }

    /// Its number among all that its operator signs.
    #[must_use]
    pub fn serial(&self) -> u64 {
        self.payload.serial
    }

    /// The key that it says it was signed with.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.payload.key_id
    }

    /// Checks the signature alone: not whose key it is, nor whether any gate would take the grant.
    ///
    /// # Errors
    /// [`SignedGrantError::BadSignature`] if it is not that of `key`, or `key` is not the one the grant names.
    pub fn verify(&self, key: &OperatorKey) -> Result<(), SignedGrantError> {
        // Strict: neither a second encoding of a signature nor a key of small order passes.
        (key.id() == self.key_id())
            .then(|| VerifyingKey::from_bytes(key.as_bytes()).ok())
            .flatten()
            .and_then(|key| key.verify_strict(&self.message, &self.signature).ok())
            .ok_or(SignedGrantError::BadSignature {
                key_id: self.key_id(),
            })
    }
}

/// The text that was signed.
impl fmt::Display for SignedGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for SignedGrant {
    type Err = SignedGrantError;

    fn from_str(text: &str) -> Result<Self, SignedGrantError> {
        if text.len() > MAX_LENGTH {
            return Err(malformed("it is longer than 8192 bytes"));
        }
        let (json, signature) = text
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split_once('.'))
            .ok_or_else(|| malformed("it has not the form `tg1.grant.signature`"))?;
        let json = decode("the grant", json)?;
        let signature = Signature::from_slice(&decode("the signature", signature)?)
            .map_err(|_| malformed("the signature is not 64 bytes long"))?;
        let payload: Payload =
            serde_json::from_slice(&json).map_err(|error| malformed(&error.to_string()))?;
        check_reason(&payload.reason).map_err(|error| malformed(&error.to_string()))?;
        let read = Self::new(payload, |_| signature)?;
        if read.text != text {
            return Err(malformed("the grant is not in canonical form"));
        }
        Ok(read)
    }
}

/// What is signed. The order of the fields is part of the format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Payload {
    pub(super) audience: GateName,
    pub(super) serial: u64,
    pub(super) key_id: KeyId,
    pub(super) operator: OperatorId,
    pub(super) agent: AgentId,
    pub(super) scope: Scope,
    pub(super) level: LevelRef,
    #[serde(with = "rfc3339")]
    pub(super) assigned_at: OffsetDateTime,
    #[serde(with = "rfc3339::option")]
    pub(super) expires_at: Option<OffsetDateTime>,
    pub(super) decay: Decay,
    pub(super) reason: String,
}

impl Payload {
    /// One instant has many offsets; this is the one that is written.
    fn in_utc(self) -> Self {
        let in_utc = |at: OffsetDateTime| Moment::from(at).to_datetime();
        Self {
            assigned_at: in_utc(self.assigned_at),
            expires_at: self.expires_at.map(in_utc),
            ..self
        }
    }

    fn message(&self) -> Result<Vec<u8>, SignedGrantError> {
        let mut message = DOMAIN.to_vec();
        serde_json::to_writer(&mut message, self).map_err(|error| malformed(&error.to_string()))?;
        Ok(message)
    }
}

fn decode(what: &str, text: &str) -> Result<Vec<u8>, SignedGrantError> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|error| malformed(&format!("{what} is not base64url: {error}")))
}

fn malformed(problem: &str) -> SignedGrantError {
    SignedGrantError::Malformed {
        problem: excerpt(problem),
    }
}
