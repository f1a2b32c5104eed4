//! An agent that somebody vouched for. Not one function here takes an identity from what a caller says about itself.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::ceiling::Ceiling;
use crate::error::IdentityError;
use crate::name::{AgentId, Issuer, KeyId, TokenId};

/// Who is calling, as an authenticator found out. Cheap to clone.
///
/// Only [authenticators](crate::Authenticator) and [`local_agent`] make one. There is no other constructor:
/// ```compile_fail,E0451
/// # use agent_identity::VerifiedAgent;
/// let forged = VerifiedAgent { facts: unreachable!() };
/// ```
/// ```compile_fail,E0277
/// # use agent_identity::VerifiedAgent;
/// fn make<T: Default>() -> T { T::default() }
/// let forged: VerifiedAgent = make();
/// ```
/// ```compile_fail,E0277
/// # use agent_identity::VerifiedAgent;
/// let forged: VerifiedAgent = serde_json::from_str("{}").unwrap();
/// ```
/// ```compile_fail,E0624
/// # use agent_identity::VerifiedAgent;
/// let make = VerifiedAgent::new;
/// ```
/// ```compile_fail,E0277
/// # use agent_identity::{AgentId, VerifiedAgent};
/// let claimed: AgentId = "admin".parse().unwrap();
/// let forged: VerifiedAgent = claimed.into();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an identity that nobody looks at protects nothing"]
pub struct VerifiedAgent {
    facts: Arc<Facts>,
}

/// What an authenticator found out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) id: AgentId,
    pub(crate) by: AuthenticatedBy,
    pub(crate) credential: Option<Credential>,
    pub(crate) ceiling: Option<Ceiling>,
    pub(crate) claimed_name: Option<Box<str>>,
}

/// The token that vouched.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) issuer: Issuer,
    pub(crate) key: KeyId,
    pub(crate) token: Option<TokenId>,
    pub(crate) valid_until: OffsetDateTime,
}

impl VerifiedAgent {
    pub(crate) fn new(facts: Facts) -> Self {
        Self {
            facts: Arc::new(facts),
        }
    }

    /// The agent. Unique under its issuer: an issuer that is trusted may vouch for any id.
    #[must_use]
    pub fn id(&self) -> &AgentId {
        &self.facts.id
    }

    /// How the agent was found out.
    #[must_use]
    pub fn authenticated_by(&self) -> AuthenticatedBy {
        self.facts.by
    }

    /// Who vouched. `None`: this process itself.
    #[must_use]
    pub fn issuer(&self) -> Option<&Issuer> {
        self.credential().map(|credential| &credential.issuer)
    }

    /// With which of the issuer's keys.
    #[must_use]
    pub fn key_id(&self) -> Option<&KeyId> {
        self.credential().map(|credential| &credential.key)
    }

    /// The id of the token, for the record. Not a secret: the token cannot be made from it.
    #[must_use]
    pub fn token_id(&self) -> Option<&TokenId> {
        self.credential()?.token.as_ref()
    }

    /// When it ends: the instant from which the authenticator refuses the token, its leeway included. `None`: with the
    /// process.
    #[must_use]
    pub fn valid_until(&self) -> Option<OffsetDateTime> {
        self.credential().map(|credential| credential.valid_until)
    }

    /// Whether it is still valid: before its end, not at it. The object outlives the token, so whoever keeps one asks
    /// before each use.
    ///
    /// `now` should be a reading that never goes back, such as that of the gate which judges: a clock set back would
    /// otherwise revive the agent.
    #[must_use]
    pub fn is_valid_at(&self, now: OffsetDateTime) -> bool {
        self.check(now).is_ok()
    }

    /// The same as [`is_valid_at`](Self::is_valid_at), for those who want `?`.
    ///
    /// # Errors
    /// [`IdentityError::Expired`] at and after [`valid_until`](Self::valid_until).
    pub fn check(&self, now: OffsetDateTime) -> Result<(), IdentityError> {
        match self.valid_until() {
            Some(valid_until) if now >= valid_until => {
                Err(IdentityError::Expired { valid_until, now })
            }
            _ => Ok(()),
        }
    }

    /// The highest trust level that the token leaves to the agent, if it says. A token can only lower what the gate
    /// would give: whoever judges gives the gate this limit, or applies [`lower`](Self::lower) to its answer.
    #[must_use]
    pub fn ceiling(&self) -> Option<Ceiling> {
        self.facts.ceiling
    }

    /// The lower of `level` and the ceiling; `level` itself where the token says nothing. Never more than `level`.
    #[must_use]
    pub fn lower(&self, level: u8) -> u8 {
        self.ceiling().map_or(level, |ceiling| ceiling.lower(level))
    }

    /// What the token says that people call the agent. A **claim** for display, which several agents may share: never
    /// compare it, never decide by it.
    #[must_use]
    pub fn claimed_name(&self) -> Option<&str> {
        self.facts.claimed_name.as_deref()
    }

    fn credential(&self) -> Option<&Credential> {
        self.facts.credential.as_ref()
    }
}

/// How an agent was found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthenticatedBy {
    /// This process set the agent's id itself, by [`local_agent`].
    Local,
    /// A compact agent token, by a [`TokenAuthenticator`](crate::TokenAuthenticator).
    Token,
    /// A JSON Web Token, by a `JwtAuthenticator`.
    Jwt,
}

impl AuthenticatedBy {
    /// What happened, as a word that programs can compare. Stable.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Token => "token",
            Self::Jwt => "jwt",
        }
    }
}

/// The agent of a process that sets its own agent id: started by an operator for one agent, with the id fixed in its
/// configuration.
///
/// An explicit statement by the program, and one to look for in a review: the id must come from the operator and never
/// from a request. It has no issuer, no ceiling, and does not end.
///
/// ```
/// # use agent_identity::{AuthenticatedBy, local_agent};
/// let agent = local_agent("desk-assistant".parse()?);
/// assert_eq!(agent.authenticated_by(), AuthenticatedBy::Local);
/// assert_eq!(agent.valid_until(), None);
/// # Ok::<(), agent_identity::IdentityError>(())
/// ```
pub fn local_agent(id: AgentId) -> VerifiedAgent {
    VerifiedAgent::new(Facts {
        id,
        by: AuthenticatedBy::Local,
        credential: None,
        ceiling: None,
        claimed_name: None,
    })
}
