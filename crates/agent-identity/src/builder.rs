//! How an authenticator comes to be: the same questions for every format of token, answered before the first one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::acceptance::Acceptance;
use crate::clock::{Clock, SystemClock};
use crate::error::IdentityError;
use crate::keyring::{KeyAdmin, KeyRing};
use crate::name::{Audience, Issuer, KeyId};
use crate::reading::Readings;
use crate::replay::{Replay, UsedTokens};
use crate::validity::TimeRules;

/// Builds an authenticator whose issuers have keys of type `K`.
///
/// Begun by `builder` of the authenticator that is wanted, and ended by `build`.
#[must_use = "nothing is authenticated until it is built"]
pub struct AuthenticatorBuilder<K> {
    audience: Audience,
    keys: Vec<(Issuer, KeyId, K)>,
    times: TimeRules,
    replay: Replay,
    clock: Box<dyn Clock>,
}

impl<K: PartialEq> AuthenticatorBuilder<K> {
    pub(crate) fn new(audience: Audience) -> Self {
        Self {
            audience,
            keys: Vec::new(),
            times: TimeRules {
                leeway: Duration::ZERO,
                max_lifetime: TimeRules::DAY,
            },
            replay: Replay::default(),
            clock: Box::new(SystemClock::new()),
        }
    }

    /// Trusts tokens of `issuer` that `key` verifies, called `id` in them. An issuer may have several keys.
    ///
    /// A trusted issuer is trusted for every agent id: two issuers that do not trust each other need authenticators of
    /// their own, or agents whose [issuer](crate::VerifiedAgent::issuer) is looked at.
    pub fn trust(mut self, issuer: Issuer, id: KeyId, key: K) -> Self {
        self.keys.push((issuer, id, key));
        self
    }

    /// How far the issuer's clock may differ from this one, at either end of a token's time. None by default, at most
    /// 60 s.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.times.leeway = leeway;
        self
    }

    /// The longest time from issue to expiry that is accepted. 24 h by default: longer than a token should live, for it
    /// cannot be taken back but by revoking its key.
    pub fn max_lifetime(mut self, lifetime: Duration) -> Self {
        self.times.max_lifetime = lifetime;
        self
    }

    /// Whether a token may be presented more than once. [`Replay::Refuse`] by default.
    pub fn replay(mut self, replay: Replay) -> Self {
        self.replay = replay;
        self
    }

    /// Where the time comes from. The operating system by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The parts of an authenticator, checked.
    pub(crate) fn parts(self) -> Result<Parts<K>, IdentityError> {
        let times = self.times.check_config()?;
        if self.keys.is_empty() {
            return Err(IdentityError::config(
                "no issuer is trusted, so every token would be refused; trust a key of one",
            ));
        }
        let ring = Arc::new(KeyRing::new());
        for (issuer, id, key) in self.keys {
            ring.add(issuer, id, key)?;
        }
        let readings = Readings::new(self.clock);
        let used = match self.replay {
            Replay::Refuse { capacity } => Some(UsedTokens::new(capacity, readings.read().latest)),
            Replay::Allow => None,
        };
        let acceptance = Acceptance {
            audience: self.audience,
            times,
            used,
            readings,
        };
        Ok(Parts {
            acceptance,
            admin: KeyAdmin::new(Arc::clone(&ring)),
            ring,
        })
    }
}

impl<K> fmt::Debug for AuthenticatorBuilder<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|(issuer, id, _)| (issuer, id))
            .collect();
        f.debug_struct("AuthenticatorBuilder")
            .field("audience", &self.audience)
            .field("keys", &keys)
            .field("times", &self.times)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Parts<K> {
    pub(crate) acceptance: Acceptance,
    pub(crate) ring: Arc<KeyRing<K>>,
    pub(crate) admin: KeyAdmin<K>,
}
