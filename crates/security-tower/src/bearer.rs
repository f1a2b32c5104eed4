//! Agents that are known by the token which they bear (RFC 6750).

use std::fmt;

use agent_identity::{Authenticator, VerifiedAgent};
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use security_bundle::{ActionBuilder, Guard, TrustLevel};

use crate::asked::{Asked, Caller, NotAnAction, RequestToAction};

/// Takes the agent from `Authorization: Bearer TOKEN`, and what it wants to do from the rest of the request.
///
/// The action is begun for the agent that the token vouches for, with the token's ceiling as the most that trust may give;
/// `describe` adds the tool, the session, the arguments. Nothing else in a request is an identity.
///
/// An agent's token is accepted once unless its authenticator was told otherwise: agents that keep one token for many
/// requests need [`Replay::Allow`](agent_identity::Replay::Allow) there.
pub struct BearerTokens<A, F> {
    authenticator: A,
    describe: F,
}

impl<A, F> BearerTokens<A, F>
where
    A: Authenticator + 'static,
    F: Fn(ActionBuilder, &VerifiedAgent, &Parts) -> Result<ActionBuilder, NotAnAction>
        + Send
        + Sync
        + 'static,
{
    /// Agents that this authenticator knows, doing what `describe` says.
    #[must_use]
    pub fn new(authenticator: A, describe: F) -> Self {
        Self {
            authenticator,
            describe,
        }
    }
}

impl<A, F> RequestToAction for BearerTokens<A, F>
where
    A: Authenticator + 'static,
    F: Fn(ActionBuilder, &VerifiedAgent, &Parts) -> Result<ActionBuilder, NotAnAction>
        + Send
        + Sync
        + 'static,
{
    fn asked(&self, guard: &Guard, request: &Parts) -> Result<Asked, NotAnAction> {
        let token = bearer_token(&request.headers).ok_or_else(NotAnAction::unauthenticated)?;
        let agent = self.authenticator.authenticate(token).map_err(|_| {
            // Why, is between the authenticator and its operator.
            let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            NotAnAction::unauthenticated_with(challenge)
        })?;
        let known = |refused: NotAnAction| refused.told_to(Caller::Authenticated);
        let begun = guard.action(agent.id().as_str());
        let described = (self.describe)(begun, &agent, request).map_err(known)?;
        // Last, so that nothing in between can have lifted it.
        let bounded = match agent.ceiling() {
            None => described,
            Some(ceiling) => described.at_most(level(ceiling.get()).map_err(known)?),
        };
        let action = bounded
            .build()
            .map_err(|error| known(NotAnAction::from(error)))?;
        if action.agent().as_str() != agent.id().as_str() {
            return Err(known(NotAnAction::invalid(
                "the action is not the agent's whose token was presented",
            )));
        }
        Ok(Asked::by_authenticated(action))
    }
}

fn level(ceiling: u8) -> Result<TrustLevel, NotAnAction> {
    TrustLevel::try_from(ceiling).map_err(NotAnAction::invalid)
}

/// The token, where there is exactly one header and it is a bearer's.
fn bearer_token(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = header.as_bytes().split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return None;
    }
    let token = token.strip_prefix(b" ")?;
    (!token.is_empty()).then_some(token)
}

impl<A, F> fmt::Debug for BearerTokens<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerTokens").finish_non_exhaustive()
    }
}
