//! What the administering handle does with signatures: whose keys count, and what is assigned by them.

use ed25519_dalek::VerifyingKey;
use time::OffsetDateTime;

use super::signer::other_operator;
use super::{SignedGrant, SignedGrantError};
use crate::act::Act;
use crate::admin::TrustAdmin;
use crate::agent::Decided;
use crate::error::{TrustError, excerpt};
use crate::event::Event;
use crate::grant::Grant;
use crate::keys::{GrantSignature, KeyId, OperatorKey, TrustedKey};
use crate::ledger::{Now, Raise};
use crate::moment::Moment;
use crate::name::OperatorId;
use crate::scope;
use crate::snapshot::Snapshot;

/// Grants that operators sign elsewhere (feature `signed`).
impl TrustAdmin {
    /// Takes grants signed with `key` as those of `operator` from now on. An operator may have several keys: trust the
    /// new one, let the operator change over, revoke the old one.
    ///
    /// # Errors
    /// [`TrustError::SignedGrant`] with [`SignedGrantError::UnsoundKey`]; [`SignedGrantError::KnownKey`], whoever has
    /// it; [`SignedGrantError::RevokedKey`]: a revoked key does not come back.
    pub fn trust_key(
        &self,
        operator: &OperatorId,
        key: OperatorKey,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        self.0.act(by, reason, Raise::Refuse, |snapshot, _| {
            let key_id = key.id();
            if let Some(known) = snapshot.keys.get(key_id) {
                refuse_revoked(known)?;
                return Err(SignedGrantError::KnownKey {
                    key_id,
                    operator: excerpt(known.operator.as_str()),
                }
                .into());
            }
            VerifyingKey::from_bytes(key.as_bytes())
                .ok()
                .filter(|key| !key.is_weak())
                .ok_or(SignedGrantError::UnsoundKey { key_id })?;
            Ok(Act::TrustKey {
                operator: operator.clone(),
                key,
            })
        })
    }

    /// Takes no more grants signed with a key, for good. In force even if it cannot be stored.
    ///
    /// What was granted with it stays: look for it with [`HistoryFilter::key_id`](crate::HistoryFilter::key_id), and
    /// take back what should not have been.
    ///
    /// # Errors
    /// [`TrustError::SignedGrant`] with [`SignedGrantError::UntrustedKey`] if the gate was never told of the key. Not if
    /// it is revoked already.
    pub fn revoke_key(
        &self,
        key_id: KeyId,
        by: &OperatorId,
        reason: &str,
    ) -> Result<Event, TrustError> {
        self.0.act(by, reason, Raise::Refuse, |snapshot, _| {
            known(snapshot, key_id)?;
            Ok(Act::RevokeKey { key_id })
        })
    }

    /// Every key that the gate was told of, those revoked included, by id.
    #[must_use]
    pub fn keys(&self) -> Vec<TrustedKey> {
        self.0.present().snapshot.keys.iter().cloned().collect()
    }

    /// Does what [`assign`](Self::assign) does, on the word of a signature: the act is that of the operator who signed,
    /// with the reason that was signed.
    ///
    /// The text may come from anyone. It counts only if it was signed for this gate, with a key that is trusted as that
    /// operator's and not revoked; if its serial is above all that were taken from that operator, with whatever key; if
    /// it has begun, has not ended, and is dated later than what was assigned on exactly its scope or
    /// revoked there or around it.
    ///
    /// ```
    /// # use time::macros::datetime;
    /// # use trust_gate::{Grant, GrantSigner, Scope, TrustGate, TrustGateConfig, TrustLevel};
    /// # let secret = [7; 32];
    /// let config = TrustGateConfig { name: Some("shop-eu".parse()?), ..TrustGateConfig::default() };
    /// let (gate, admin) = TrustGate::builder().config(config).build()?;
    /// let (ada, agent) = ("ada".parse()?, "desk-assistant".parse()?);
    /// let signer = GrantSigner::from_seed("ada".parse()?, "shop-eu".parse()?, &secret);
    /// admin.trust_key(&ada, signer.key(), &"ops@example.com".parse()?, "on call")?;
    ///
    /// let grant = Grant::new("desk-assistant".parse()?, TrustLevel::Suggest, "ada".parse()?)
    ///     .assigned_at(datetime!(2026-01-01 0:00 UTC));
    /// let text = signer.sign(grant, 1)?.to_string();
    /// admin.assign_signed(&text)?;
    /// assert!(gate.check_level(&agent, &Scope::root(), TrustLevel::Suggest).allowed());
    /// assert!(admin.assign_signed(&text).is_err(), "each counts once");
    /// # Ok::<(), trust_gate::TrustError>(())
    /// ```
    ///
    /// The handle that enforces takes none:
    /// ```compile_fail,E0599
    /// # let (gate, _) = trust_gate::TrustGate::builder().build().unwrap();
    /// gate.assign_signed("tg1.");
    /// ```
    ///
    /// # Errors
    /// [`TrustError::SignedGrant`] with the [`SignedGrantError`] that says why; those of [`assign`](Self::assign),
    /// [`TrustError::FutureDated`] also where the signer's clock is ahead of the gate's. Nothing is changed then, and
    /// the serial is not used up.
    pub fn assign_signed(&self, text: &str) -> Result<Event, TrustError> {
        let signed: SignedGrant = text.parse()?;
        let grant = signed.grant();
        let (by, reason) = (grant.assigned_by.clone(), grant.reason.clone());
        self.0.act(&by, &reason, Raise::Allow, |snapshot, now| {
            authenticate(&signed, &grant, snapshot)?;
            refuse_stale(&signed, &grant, snapshot, now)?;
            let signature = GrantSignature {
                key_id: signed.key_id(),
                serial: signed.serial(),
            };
            grant.accept(Some(signature), snapshot, now)
        })
    }
}

/// That the operator whom the grant names signed it, for this gate.
fn authenticate(
    signed: &SignedGrant,
    grant: &Grant,
    snapshot: &Snapshot,
) -> Result<(), SignedGrantError> {
    let key = known(snapshot, signed.key_id())?;
    refuse_revoked(key)?;
    signed.verify(&key.key)?;
    if key.operator != grant.assigned_by {
        return Err(other_operator(&grant.assigned_by, &key.operator));
    }
    let gate = snapshot.rules.config.name.as_ref();
    let gate = gate.ok_or(SignedGrantError::UnnamedGate)?;
    if gate != signed.audience() {
        return Err(SignedGrantError::WrongAudience {
            audience: excerpt(signed.audience().as_str()),
            gate: excerpt(gate.as_str()),
        });
    }
    Ok(())
}

/// That the grant is still what the operator wants, as far as a gate can tell.
fn refuse_stale(
    signed: &SignedGrant,
    grant: &Grant,
    snapshot: &Snapshot,
    now: Now,
) -> Result<(), SignedGrantError> {
    let highest = snapshot.keys.serial(&grant.assigned_by);
    if let Some(highest) = highest.filter(|highest| signed.serial() <= *highest) {
        return Err(SignedGrantError::StaleSerial {
            operator: excerpt(grant.assigned_by.as_str()),
            serial: signed.serial(),
            highest,
        });
    }
    if let Some(expires_at) = grant.expires_at.filter(|end| now.at >= (*end).into()) {
        return Err(SignedGrantError::Ended {
            expires_at,
            now: now.at.to_datetime(),
        });
    }
    match decided_since(grant, snapshot) {
        Some((assigned_at, since)) => Err(SignedGrantError::Superseded {
            assigned_at,
            revision: since.revision,
            since: since.at.to_datetime(),
        }),
        None => Ok(()),
    }
}

/// The grant's date and what is not older: anything on its scope, or a revocation there or around it. Whoever revokes cannot
/// know of a grant that somebody holds back.
fn decided_since(grant: &Grant, snapshot: &Snapshot) -> Option<(OffsetDateTime, Decided)> {
    let assigned_at = grant.assigned_at?;
    let record = snapshot.agent(&grant.agent)?;
    std::iter::successors(Some(grant.scope.as_str()), |path| scope::outer(path))
        .filter_map(|path| {
            let past = &record.slot(path)?.base.as_ref()?.past;
            if path == grant.scope.as_str() {
                Some(past.decided)
            } else {
                past.revoked
            }
        })
        .find(|since| Moment::from(assigned_at) <= since.at)
        .map(|since| (assigned_at, since))
}

fn known(snapshot: &Snapshot, key_id: KeyId) -> Result<&TrustedKey, SignedGrantError> {
    snapshot
        .keys
        .get(key_id)
        .ok_or(SignedGrantError::UntrustedKey { key_id })
}

fn refuse_revoked(key: &TrustedKey) -> Result<(), SignedGrantError> {
    match key.revoked {
        Some(revision) => Err(SignedGrantError::RevokedKey {
            key_id: key.id,
            revision,
        }),
        None => Ok(()),
    }
}
