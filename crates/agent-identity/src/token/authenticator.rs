//! Accepting compact tokens.

use std::sync::Arc;

use super::claims::Claims;
use super::key::VerifyingKey;
use super::{LIMIT, TAG, signed_text};
use crate::acceptance::{Acceptance, Statement};
use crate::agent::{AuthenticatedBy, VerifiedAgent};
use crate::authenticator::{Authenticator, sealed::Sealed};
use crate::builder::AuthenticatorBuilder;
use crate::ceiling::Ceiling;
use crate::error::IdentityError;
use crate::keyring::{Found, KeyAdmin, KeyRing};
use crate::name::{Audience, claimed, problem};
use crate::segments::{decode, split};
use crate::validity::{Validity, instant};

/// Recognises agents by compact tokens. Wrap it in an [`Arc`] to share it.
///
/// See [`TokenIssuer`](crate::TokenIssuer) for an example.
#[derive(Debug)]
pub struct TokenAuthenticator {
    acceptance: Acceptance,
    ring: Arc<KeyRing<VerifyingKey>>,
}

impl TokenAuthenticator {
    /// Begins an authenticator that accepts tokens meant for `audience`.
    pub fn builder(audience: Audience) -> AuthenticatorBuilder<VerifyingKey> {
        AuthenticatorBuilder::new(audience)
    }
}

impl AuthenticatorBuilder<VerifyingKey> {
    /// The authenticator, and the handle that adds and revokes its keys.
    ///
    /// # Errors
    /// [`IdentityError::InvalidConfig`] if no key is trusted, the leeway is above 60 s or the maximum lifetime below 1 s;
    /// [`KeyExists`](IdentityError::KeyExists) or [`InvalidKey`](IdentityError::InvalidKey) if an id or a key is there twice.
    pub fn build(self) -> Result<(TokenAuthenticator, KeyAdmin<VerifyingKey>), IdentityError> {
        let parts = self.parts()?;
        let authenticator = TokenAuthenticator {
            acceptance: parts.acceptance,
            ring: parts.ring,
        };
        Ok((authenticator, parts.admin))
    }
}

impl Authenticator for TokenAuthenticator {
    fn authenticate(&self, credential: &[u8]) -> Result<VerifiedAgent, IdentityError> {
        let [tag, payload, signature] = split(credential, LIMIT)?;
        if tag != TAG {
            return Err(IdentityError::malformed("it does not begin with `aid1.`"));
        }
        // Nothing that is read here is believed; it only says which key to ask.
        let claims = Claims::from_json(&decode(payload)?)?;
        let found = self.ring.find(
            claimed("issuer", &claims.issuer)?,
            Some(claimed("key_id", &claims.key_id)?),
        )?;
        if !found
            .key
            .verifies(&signed_text(payload), &decode(signature)?)
        {
            return Err(IdentityError::BadSignature);
        }
        self.acceptance.accept(stated(claims, found)?, "token_id")
    }
}

impl Sealed for TokenAuthenticator {}

fn stated(claims: Claims, found: Found<VerifyingKey>) -> Result<Statement, IdentityError> {
    let name = claims.name.as_deref();
    if let Some(problem) = name.and_then(problem) {
        return Err(IdentityError::claim("name", problem));
    }
    let ceiling = claims.ceiling.map(u64::from);
    Ok(Statement {
        by: AuthenticatedBy::Token,
        issuer: found.issuer,
        key: found.id,
        agent: claimed("agent", &claims.agent)?,
        audiences: vec![claims.audience],
        validity: Validity {
            issued_at: instant("issued_at", claims.issued_at)?,
            not_before: Some(instant("not_before", claims.not_before)?),
            expires_at: instant("expires_at", claims.expires_at)?,
        },
        token: Some(claimed("token_id", &claims.token_id)?),
        ceiling: ceiling
            .map(|level| Ceiling::from_claim("ceiling", Some(level)))
            .transpose()?,
        claimed_name: claims.name.map(String::into_boxed_str),
    })
}
