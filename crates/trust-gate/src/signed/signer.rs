//! Where an operator signs: it needs no gate, no clock and no store.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey};

use super::SignedGrantError;
use super::grant::{Payload, SignedGrant};
use crate::error::TrustError;
use crate::grant::Grant;
use crate::keys::OperatorKey;
use crate::ledger::check_reason;
use crate::name::{GateName, OperatorId};

/// An operator's private key, with which grants for one gate are signed.
///
/// Its `Debug` form shows the public half alone, and the key is wiped from memory when dropped.
///
/// ```
/// # use time::macros::datetime;
/// # use trust_gate::{Grant, GrantSigner, TrustLevel};
/// # let secret = [7; 32];
/// let signer = GrantSigner::from_seed("ops@example.com".parse()?, "shop-eu".parse()?, &secret);
/// let grant = Grant::new("desk-assistant".parse()?, TrustLevel::Suggest, "ops@example.com".parse()?)
///     .assigned_at(datetime!(2026-11-22 12:00 UTC))
///     .reason("pilot");
/// let text = signer.sign(grant, 1)?.to_string();
/// assert!(text.starts_with("tg1."));
/// # Ok::<(), trust_gate::TrustError>(())
/// ```
pub struct GrantSigner {
    operator: OperatorId,
    audience: GateName,
    key: SigningKey,
}

impl GrantSigner {
    /// Signs as `operator`, for the gate `audience`, with the key that these 32 secret random bytes stand for.
    #[must_use]
    pub fn from_seed(operator: OperatorId, audience: GateName, seed: &[u8; 32]) -> Self {
        Self {
            operator,
            audience,
            key: SigningKey::from_bytes(seed),
        }
    }

    /// The public half, for [`TrustAdmin::trust_key`](crate::TrustAdmin::trust_key).
    #[must_use]
    pub fn key(&self) -> OperatorKey {
        OperatorKey::from_bytes(self.key.verifying_key().to_bytes())
    }

    /// Signs a grant. Each must have a higher `serial` than all that this operator signed before, with whatever key: a
    /// count that is kept, or the time. After `u64::MAX` there is none.
    ///
    /// # Errors
    /// [`TrustError::SignedGrant`] with [`SignedGrantError::Undated`], [`SignedGrantError::OtherOperator`],
    /// [`SignedGrantError::TooLong`]; [`TrustError::InvalidReason`]. What depends on the gate is found there.
    pub fn sign(&self, grant: Grant, serial: u64) -> Result<SignedGrant, TrustError> {
        check_reason(&grant.reason)?;
        if grant.assigned_by != self.operator {
            return Err(other_operator(&grant.assigned_by, &self.operator).into());
        }
        let payload = Payload {
            audience: self.audience.clone(),
            serial,
            key_id: self.key().id(),
            operator: grant.assigned_by,
            agent: grant.agent,
            scope: grant.scope,
            level: grant.level,
            assigned_at: grant.assigned_at.ok_or(SignedGrantError::Undated)?,
            expires_at: grant.expires_at,
            decay: grant.decay,
            reason: grant.reason,
        };
        Ok(SignedGrant::new(payload, |message| self.key.sign(message))?)
    }
}

impl fmt::Debug for GrantSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantSigner")
            .field("operator", &self.operator)
            .field("audience", &self.audience)
            .field("key", &self.key())
            .finish()
    }
}

pub(super) fn other_operator(operator: &OperatorId, owner: &OperatorId) -> SignedGrantError {
    SignedGrantError::OtherOperator {
        operator: crate::error::excerpt(operator.as_str()),
        owner: crate::error::excerpt(owner.as_str()),
    }
}
