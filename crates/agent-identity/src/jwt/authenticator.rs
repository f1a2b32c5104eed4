//! Accepting JSON Web Tokens.

use std::sync::Arc;

use super::LIMIT;
use super::claims::Claims;
use super::header::Header;
use super::jwk::JwtKeys;
use super::key::JwtKey;
use super::profile::JwtProfile;
use crate::acceptance::Acceptance;
use crate::agent::VerifiedAgent;
use crate::authenticator::{Authenticator, sealed::Sealed};
use crate::builder::AuthenticatorBuilder;
use crate::error::IdentityError;
use crate::keyring::{KeyAdmin, KeyRing};
use crate::name::{Audience, Issuer};
use crate::segments::{decode, split};

/// Recognises agents by signed JSON Web Tokens in compact form (RFC 7515 §3.1). Wrap it in an [`Arc`] to share it.
///
/// Each key is for one algorithm, and a token that names another is refused. `iss`, `aud`, `exp`, `iat` and the agent's
/// claim are required, `jti` too unless [replay](crate::Replay) is allowed; `nbf` is heeded where it is there. Times are
/// whole seconds.
///
/// ```
/// use agent_identity::{Authenticator as _, JwtAlgorithm, JwtAuthenticator, JwtKeys, JwtProfile};
///
/// let published = r#"{"keys":[{"kid":"k1","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let (gate, _admin) = JwtAuthenticator::builder("gate".parse()?)
///     .trust_keys(&"https://login.example.com".parse()?, JwtKeys::from_jwks(published, &[JwtAlgorithm::EdDsa])?)
///     .build(JwtProfile::default())?;
/// assert_eq!(gate.authenticate(b"eyJhbGciOiJub25lIn0.e30.").unwrap_err().code(), "missing_claim");
/// # Ok::<(), agent_identity::IdentityError>(())
/// ```
#[derive(Debug)]
pub struct JwtAuthenticator {
    acceptance: Acceptance,
    ring: Arc<KeyRing<JwtKey>>,
    profile: JwtProfile,
}

impl JwtAuthenticator {
    /// Begins an authenticator that accepts tokens whose `aud` is, or holds, `audience`.
    pub fn builder(audience: Audience) -> AuthenticatorBuilder<JwtKey> {
        AuthenticatorBuilder::new(audience)
    }
}

impl AuthenticatorBuilder<JwtKey> {
    /// Trusts tokens of `issuer` that one of `keys` verifies.
    pub fn trust_keys(self, issuer: &Issuer, keys: JwtKeys) -> Self {
        keys.into_keys()
            .into_iter()
            .fold(self, |builder, (id, key)| {
                builder.trust(issuer.clone(), id, key)
            })
    }

    /// The authenticator, and the handle that adds and revokes its keys.
    ///
    /// # Errors
    /// [`IdentityError::InvalidConfig`] if no key is trusted, the leeway is above 60 s or the maximum lifetime below 1 s;
    /// [`KeyExists`](IdentityError::KeyExists) or [`InvalidKey`](IdentityError::InvalidKey) if an id or a key is there twice.
    pub fn build(
        self,
        profile: JwtProfile,
    ) -> Result<(JwtAuthenticator, KeyAdmin<JwtKey>), IdentityError> {
        let parts = self.parts()?;
        let authenticator = JwtAuthenticator {
            acceptance: parts.acceptance,
            ring: parts.ring,
            profile,
        };
        Ok((authenticator, parts.admin))
    }
}

impl Authenticator for JwtAuthenticator {
    fn authenticate(&self, credential: &[u8]) -> Result<VerifiedAgent, IdentityError> {
        let [head, payload, signature] = split(credential, LIMIT)?;
        let header = Header::from_json(&decode(head)?, self.profile.typ.as_deref())?;
        // Nothing that is read here is believed; it only says which key to ask.
        let claims = Claims::from_json(&decode(payload)?)?;
        let found = self.ring.find(claims.issuer()?, header.key.clone())?;
        if header.algorithm != found.key.algorithm().as_str() {
            return Err(header.refused_algorithm());
        }
        let signed = [head, payload].join(".");
        if !found.key.verifies(signed.as_bytes(), &decode(signature)?) {
            return Err(IdentityError::BadSignature);
        }
        let statement = claims.stated(found, &self.profile)?;
        self.acceptance.accept(statement, "jti")
    }
}

impl Sealed for JwtAuthenticator {}
