//! Making compact tokens: for whoever starts agents, and knows which one it starts.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

use super::claims::Claims;
use super::key::{SigningKey, VerifyingKey};
use super::{TAG, signed_text};
use crate::ceiling::Ceiling;
use crate::clock::{Clock, SystemClock};
use crate::error::IdentityError;
use crate::name::{AgentId, Audience, Issuer, KeyId, validate};
use crate::random;
use crate::segments::encode;

/// Issues compact agent tokens under one key.
///
/// ```
/// use agent_identity::{SigningKey, TokenAuthenticator, TokenIssuer, TokenRequest, Authenticator as _};
///
/// let issuer = TokenIssuer::new("launcher".parse()?, "2026-11".parse()?, SigningKey::generate()?);
/// let token = issuer.issue(&TokenRequest::new("desk-assistant".parse()?, "gate".parse()?))?;
///
/// let (gate, _admin) = TokenAuthenticator::builder("gate".parse()?)
///     .trust("launcher".parse()?, "2026-11".parse()?, issuer.verifying_key())
///     .build()?;
/// assert_eq!(gate.authenticate(token.as_str().as_bytes())?.id().as_str(), "desk-assistant");
/// # Ok::<(), agent_identity::IdentityError>(())
/// ```
pub struct TokenIssuer {
    issuer: Issuer,
    key_id: KeyId,
    key: SigningKey,
    clock: Box<dyn Clock>,
}

impl TokenIssuer {
    /// Issues as `issuer`, under its key `key_id`.
    #[must_use]
    pub fn new(issuer: Issuer, key_id: KeyId, key: SigningKey) -> Self {
        Self {
            issuer,
            key_id,
            key,
            clock: Box::new(SystemClock::new()),
        }
    }

    /// Where the time comes from. The operating system by default.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The public half of its key.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    /// A token with an id of its own, 128 random bits.
    ///
    /// # Errors
    /// [`IdentityError::InvalidConfig`] if the lifetime is less than a second or ends beyond the year 9999,
    /// [`InvalidName`](IdentityError::InvalidName) if the name is no name, [`Random`](IdentityError::Random) if there is no
    /// randomness.
    pub fn issue(&self, request: &TokenRequest) -> Result<AgentToken, IdentityError> {
        if let Some(name) = &request.name {
            validate("name", name)?;
        }
        let issued_at = self.clock.now().unix_timestamp();
        let not_before = request.not_before.map_or(issued_at, whole_second_after);
        let expires_at = i64::try_from(request.lifetime.as_secs())
            .ok()
            .filter(|seconds| *seconds > 0)
            .and_then(|seconds| not_before.max(issued_at).checked_add(seconds))
            .filter(|seconds| OffsetDateTime::from_unix_timestamp(*seconds).is_ok())
            .ok_or_else(|| {
                IdentityError::config(format!(
                    "a lifetime of {:?} is less than a second or beyond the end of time",
                    request.lifetime
                ))
            })?;
        let claims = Claims {
            agent: request.agent.as_str().to_owned(),
            audience: request.audience.as_str().to_owned(),
            ceiling: request.ceiling.map(Ceiling::get),
            expires_at,
            issued_at,
            issuer: self.issuer.as_str().to_owned(),
            key_id: self.key_id.as_str().to_owned(),
            name: request.name.clone(),
            not_before,
            token_id: encode(&random::bytes::<16>()?),
        };
        let payload = encode(&claims.to_json()?);
        let signature = encode(&self.key.sign(&signed_text(&payload)));
        // The longest names make a token of less than 4096 bytes, which is what is read.
        Ok(AgentToken(format!("{TAG}.{payload}.{signature}")))
    }
}

impl fmt::Debug for TokenIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenIssuer")
            .field("issuer", &self.issuer)
            .field("key_id", &self.key_id)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// What a token is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a request is no token yet"]
pub struct TokenRequest {
    agent: AgentId,
    audience: Audience,
    lifetime: Duration,
    not_before: Option<OffsetDateTime>,
    ceiling: Option<Ceiling>,
    name: Option<String>,
}

impl TokenRequest {
    /// A token for `agent`, to be accepted by `audience` alone, for five minutes from now.
    pub fn new(agent: AgentId, audience: Audience) -> Self {
        Self {
            agent,
            audience,
            lifetime: Duration::from_secs(300),
            not_before: None,
            ceiling: None,
            name: None,
        }
    }

    /// How long it is valid, in whole seconds; a fraction is cut off. Short: a token is not taken back but by its key.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// When it becomes valid, if not at once. Its lifetime counts from then; a fraction of a second is rounded up.
    pub fn not_before(mut self, not_before: OffsetDateTime) -> Self {
        self.not_before = Some(not_before);
        self
    }

    /// The highest trust level that it leaves to the agent.
    pub fn ceiling(mut self, ceiling: Ceiling) -> Self {
        self.ceiling = Some(ceiling);
        self
    }

    /// What people call the agent, for display. The same rule as for an agent id.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// A compact token. Whoever has it is the agent until it is used or expires, so its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "nobody is authenticated by a token that is not handed on"]
pub struct AgentToken(String);

impl AgentToken {
    /// The text to present.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text to present.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Debug for AgentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentToken(…)")
    }
}

fn whole_second_after(at: OffsetDateTime) -> i64 {
    let seconds = at.unix_timestamp();
    if at.nanosecond() == 0 {
        seconds
    } else {
        seconds.saturating_add(1)
    }
}
