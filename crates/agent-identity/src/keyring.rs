//! Which keys may vouch, and for whom: a key belongs to one issuer and is found under it, never by its id alone.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use crate::error::{IdentityError, excerpt};
use crate::name::{Issuer, KeyId};

/// The administering handle of an authenticator: adds and revokes keys while it runs.
///
/// Keep it where operators are. The authenticator itself has no way to it.
///
/// # Concurrency
/// Once a call has returned, every authentication that begins afterwards takes it into account.
pub struct KeyAdmin<K> {
    ring: Arc<KeyRing<K>>,
}

impl<K: PartialEq> KeyAdmin<K> {
    pub(crate) fn new(ring: Arc<KeyRing<K>>) -> Self {
        Self { ring }
    }

    /// Trusts `key` of `issuer` under `id`, beside the keys that it has. To rotate, add the new key, let the issuer change
    /// over, and revoke the old one.
    ///
    /// # Errors
    /// [`IdentityError::KeyExists`] or [`KeyRevoked`](IdentityError::KeyRevoked) if the id is taken: an id means one key
    /// for good. [`InvalidKey`](IdentityError::InvalidKey) if the same key is or was there under another id or issuer, so
    /// that a revoked key cannot come back by a new name. Nothing was changed.
    pub fn trust(&self, issuer: Issuer, id: KeyId, key: K) -> Result<(), IdentityError> {
        self.ring.add(issuer, id, key)
    }

    /// Revokes one key for good. What it signed is refused from the next authentication on; agents that were
    /// authenticated before stay so until their token's expiry.
    ///
    /// # Errors
    /// [`IdentityError::UnknownIssuer`] or [`UnknownKey`](IdentityError::UnknownKey) if there is no such key. Revoking
    /// twice is no error.
    pub fn revoke(&self, issuer: &Issuer, id: &KeyId) -> Result<(), IdentityError> {
        self.ring.revoke(issuer, id)
    }
}

impl<K> fmt::Debug for KeyAdmin<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyAdmin").field(&self.ring).finish()
    }
}

/// All keys, by issuer and then by id. Revoked ones stay, so that they stay revoked.
pub(crate) struct KeyRing<K> {
    issuers: RwLock<BTreeMap<Issuer, BTreeMap<KeyId, Slot<K>>>>,
}

struct Slot<K> {
    key: Arc<K>,
    revoked: bool,
}

/// A key that is trusted, and whose it is.
#[derive(Debug)]
pub(crate) struct Found<K> {
    pub(crate) issuer: Issuer,
    pub(crate) id: KeyId,
    pub(crate) key: Arc<K>,
}

impl<K> KeyRing<K> {
    pub(crate) fn new() -> Self {
        Self {
            issuers: RwLock::new(BTreeMap::new()),
        }
    }

    /// The key of `issuer` that is called `id`; the only one it has, where the token names none.
    pub(crate) fn find(
        &self,
        issuer: Issuer,
        id: Option<KeyId>,
    ) -> Result<Found<K>, IdentityError> {
        let issuers = self.issuers.read().map_err(|_| IdentityError::Poisoned)?;
        let keys = issuers
            .get(&issuer)
            .ok_or_else(|| unknown_issuer(&issuer))?;
        let (id, slot) = match id {
            Some(id) => {
                let slot = keys.get(&id).ok_or_else(|| unknown_key(&issuer, &id))?;
                (id, slot)
            }
            None => only(keys).ok_or_else(|| IdentityError::KeyNotNamed {
                issuer: excerpt(issuer.as_str()),
            })?,
        };
        if slot.revoked {
            return Err(revoked(&issuer, &id));
        }
        Ok(Found {
            key: Arc::clone(&slot.key),
            issuer,
            id,
        })
    }

    fn revoke(&self, issuer: &Issuer, id: &KeyId) -> Result<(), IdentityError> {
        let mut issuers = self.issuers.write().map_err(|_| IdentityError::Poisoned)?;
        let keys = issuers
            .get_mut(issuer)
            .ok_or_else(|| unknown_issuer(issuer))?;
        let slot = keys.get_mut(id).ok_or_else(|| unknown_key(issuer, id))?;
        slot.revoked = true;
        Ok(())
    }
}

impl<K: PartialEq> KeyRing<K> {
    pub(crate) fn add(&self, issuer: Issuer, id: KeyId, key: K) -> Result<(), IdentityError> {
        let mut issuers = self.issuers.write().map_err(|_| IdentityError::Poisoned)?;
        if let Some(taken) = issuers.get(&issuer).and_then(|keys| keys.get(&id)) {
            return Err(if taken.revoked {
                revoked(&issuer, &id)
            } else {
                IdentityError::KeyExists {
                    issuer: excerpt(issuer.as_str()),
                    key: excerpt(id.as_str()),
                }
            });
        }
        let mut slots = issuers.values().flat_map(BTreeMap::values);
        if slots.any(|slot| *slot.key == key) {
            return Err(IdentityError::key(
                "it is or was trusted under another id or issuer; make a new one",
            ));
        }
        let slot = Slot {
            key: Arc::new(key),
            revoked: false,
        };
        issuers.entry(issuer).or_default().insert(id, slot);
        Ok(())
    }
}

impl<K> fmt::Debug for KeyRing<K> {
    /// The ids of the keys, and nothing of the keys themselves.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        if let Ok(issuers) = self.issuers.read() {
            for (issuer, keys) in issuers.iter() {
                list.entries(keys.iter().map(|(id, slot)| (issuer, id, slot.revoked)));
            }
        }
        list.finish()
    }
}

/// The one key that is not revoked, if there is just one.
fn only<K>(keys: &BTreeMap<KeyId, Slot<K>>) -> Option<(KeyId, &Slot<K>)> {
    let mut live = keys.iter().filter(|(_, slot)| !slot.revoked);
    let (id, slot) = live.next()?;
    live.next().is_none().then(|| (id.clone(), slot))
}

fn unknown_issuer(issuer: &Issuer) -> IdentityError {
    IdentityError::UnknownIssuer {
        issuer: excerpt(issuer.as_str()),
    }
}

fn unknown_key(issuer: &Issuer, id: &KeyId) -> IdentityError {
    IdentityError::UnknownKey {
        issuer: excerpt(issuer.as_str()),
        key: excerpt(id.as_str()),
    }
}

fn revoked(issuer: &Issuer, id: &KeyId) -> IdentityError {
    IdentityError::KeyRevoked {
        issuer: excerpt(issuer.as_str()),
        key: excerpt(id.as_str()),
    }
}
