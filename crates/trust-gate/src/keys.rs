//! Whose signatures a gate takes: the public keys of its operators, and how far the serials of each have come.
//!
//! Plain state that events add up to, in every build: a store that has seen signed grants opens in a build that cannot
//! check signatures, and forgets none of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::act::Act;
use crate::error::TrustError;
use crate::event::Revision;
use crate::hex::as_hex;
use crate::name::OperatorId;

/// An operator's public Ed25519 key (RFC 8032): 32 bytes, as text 64 lower-case hexadecimal digits.
///
/// Any 32 bytes are taken here; whether they are a key that can sign is found when the key is trusted.
///
/// ```
/// # use trust_gate::OperatorKey;
/// let key: OperatorKey = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c".parse()?;
/// assert_eq!(key, OperatorKey::from_bytes(*key.as_bytes()));
/// assert_eq!(key.id().to_string().len(), 32);
/// # Ok::<(), trust_gate::TrustError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperatorKey([u8; 32]);

impl OperatorKey {
    /// The key of these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What acts and signed grants call this key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let digest: [u8; 32] = Sha256::digest(self.0).into();
        let mut id = [0; 16];
        id.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        KeyId(id)
    }
}

as_hex!(OperatorKey, TrustError, |value| TrustError::InvalidKey {
    what: "an operator's key of 32 bytes",
    value
});

/// The name of a key: the first 16 bytes of its SHA-256, as text 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; 16]);

as_hex!(KeyId, TrustError, |value| TrustError::InvalidKey {
    what: "the id of a key, 16 bytes",
    value
});

/// What a grant that was signed elsewhere was signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GrantSignature {
    /// The key.
    pub key_id: KeyId,
    /// The operator's serial, higher than all that the gate had taken from this operator before.
    pub serial: u64,
}

/// A key that a gate was told to trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrustedKey {
    /// What it is called.
    pub id: KeyId,
    /// The key.
    pub key: OperatorKey,
    /// Whose it is.
    pub operator: OperatorId,
    /// The act that trusted it.
    pub trusted: Revision,
    /// The act that revoked it, if one did.
    pub revoked: Option<Revision>,
}

/// All keys, those revoked included, with the highest serial of each operator.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyRing {
    keys: BTreeMap<KeyId, TrustedKey>,
    /// By operator and not by key: a new key continues where the old one ended.
    serials: BTreeMap<OperatorId, u64>,
}

impl KeyRing {
    /// The ring after one more act. A key that is there keeps its operator, a revoked one stays revoked, and serials
    /// only go up.
    pub(crate) fn apply(&mut self, revision: Revision, by: &OperatorId, act: &Act) {
        match act {
            Act::TrustKey { operator, key } => {
                let id = key.id();
                self.keys.entry(id).or_insert_with(|| TrustedKey {
                    id,
                    key: *key,
                    operator: operator.clone(),
                    trusted: revision,
                    revoked: None,
                });
            }
            Act::RevokeKey { key_id } => {
                if let Some(key) = self.keys.get_mut(key_id) {
                    key.revoked.get_or_insert(revision);
                }
            }
            Act::Assign {
                signed: Some(signed),
                ..
            } => {
                let highest = self.serials.entry(by.clone()).or_default();
                *highest = signed.serial.max(*highest);
            }
            _ => {}
        }
    }
}

#[cfg(feature = "signed")]
impl KeyRing {
    pub(crate) fn get(&self, key_id: KeyId) -> Option<&TrustedKey> {
        self.keys.get(&key_id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &TrustedKey> {
        self.keys.values()
    }

    /// The highest serial taken from an operator.
    pub(crate) fn serial(&self, operator: &OperatorId) -> Option<u64> {
        self.serials.get(operator).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn act(json: &str) -> Act {
        serde_json::from_str(json).unwrap()
    }

    fn revision(number: u64) -> Revision {
        serde_json::from_str(&number.to_string()).unwrap()
    }

    #[test]
    fn a_revoked_key_stays_revoked_and_a_key_keeps_its_operator() {
        let ops: OperatorId = "ops".parse().unwrap();
        let key = OperatorKey::from_bytes([7; 32]);
        let trust = |whose| {
            act(&format!(
                r#"{{"kind":"trust_key","operator":"{whose}","key":"{key}"}}"#
            ))
        };
        let revoke = act(&format!(
            r#"{{"kind":"revoke_key","key_id":"{}"}}"#,
            key.id()
        ));
        let mut ring = KeyRing::default();
        for (number, act) in (1..).zip([trust("ada"), revoke.clone(), revoke, trust("bob")]) {
            ring.apply(revision(number), &ops, &act);
        }
        let kept = ring.keys.values().next().unwrap();
        assert_eq!(kept.operator.as_str(), "ada");
        assert_eq!(
            (kept.trusted, kept.revoked),
            (revision(1), Some(revision(2)))
        );
    }

    #[test]
    fn serials_only_go_up() {
        let ada: OperatorId = "ada".parse().unwrap();
        let key_id = OperatorKey::from_bytes([7; 32]).id();
        let mut ring = KeyRing::default();
        for serial in [9, 3] {
            let act = act(&format!(
                r#"{{"kind":"assign","agent":"a","scope":"","level":1,"assigned_at":"2026-11-22T12:00:00Z",
                     "decay":{{"shape":"none"}},"signed":{{"key_id":"{key_id}","serial":{serial}}}}}"#
            ));
            ring.apply(revision(1), &ada, &act);
        }
        assert_eq!(ring.serials[&ada], 9);
    }

    #[test]
    fn a_key_and_its_id_have_one_text() {
        let key = OperatorKey::from_bytes([0xab; 32]);
        insta::assert_snapshot!(key.id(), @"9a2db2e23f1504cd056606553ac049c5");
        let text = key.to_string();
        assert_eq!(text.parse::<OperatorKey>().unwrap(), key);
        let refused = text.to_uppercase().parse::<OperatorKey>().unwrap_err();
        insta::assert_snapshot!(refused, @"`ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB` is not an operator's key of 32 bytes; write lower-case hexadecimal digits, two for each byte");
        insta::assert_snapshot!("12".parse::<KeyId>().unwrap_err(), @"`12` is not the id of a key, 16 bytes; write lower-case hexadecimal digits, two for each byte");
    }
}
