//! The claims of a JWT (RFC 7519 §4.1), of which those that count are required and have one type each.

use serde_json::{Map, Value};

use super::profile::JwtProfile;
use crate::acceptance::Statement;
use crate::agent::AuthenticatedBy;
use crate::ceiling::Ceiling;
use crate::error::IdentityError;
use crate::keyring::Found;
use crate::name::{Issuer, claimed, problem};
use crate::strict_json::object;
use crate::validity::{Validity, instant};

/// The claims as they were presented, not yet believed.
#[derive(Debug)]
pub(super) struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn from_json(json: &[u8]) -> Result<Self, IdentityError> {
        object(json).map(Self).ok_or_else(|| {
            IdentityError::malformed("its payload is not a JSON object, each member once")
        })
    }

    /// Who claims to have signed: only good for finding the key.
    pub(super) fn issuer(&self) -> Result<Issuer, IdentityError> {
        claimed("iss", required(self.text("iss"), "iss")?)
    }

    /// What was signed, once the signature is known to be `found`'s.
    pub(super) fn stated<K>(
        &self,
        found: Found<K>,
        profile: &JwtProfile,
    ) -> Result<Statement, IdentityError> {
        let name = match &profile.name {
            Some(claim) => self.text(claim)?.map(|name| (claim, name)),
            None => None,
        };
        if let Some((claim, problem)) = name.and_then(|(claim, name)| Some((claim, problem(name)?)))
        {
            return Err(IdentityError::claim(claim, problem));
        }
        let time = |claim| self.seconds(claim)?.map(|s| instant(claim, s)).transpose();
        let token = self.text("jti")?.map(|id| claimed("jti", id));
        Ok(Statement {
            by: AuthenticatedBy::Jwt,
            agent: claimed(
                &profile.agent,
                required(self.text(&profile.agent), &profile.agent)?,
            )?,
            issuer: found.issuer,
            key: found.id,
            audiences: self.audiences()?,
            validity: Validity {
                issued_at: required(time("iat"), "iat")?,
                not_before: time("nbf")?,
                expires_at: required(time("exp"), "exp")?,
            },
            token: token.transpose()?,
            ceiling: match &profile.ceiling {
                Some(claim) => self.ceiling(claim)?,
                None => None,
            },
            claimed_name: name.map(|(_, name)| name.into()),
        })
    }

    fn ceiling(&self, claim: &str) -> Result<Option<Ceiling>, IdentityError> {
        let value = self.0.get(claim);
        value
            .map(|value| Ceiling::from_claim(claim, value.as_u64()))
            .transpose()
    }

    /// One text or several (RFC 7519 §4.1.3).
    fn audiences(&self) -> Result<Vec<String>, IdentityError> {
        let audiences = match required(Ok(self.0.get("aud")), "aud")? {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(several) => several
                .iter()
                .map(|one| one.as_str().map(str::to_owned))
                .collect(),
            _ => None,
        };
        audiences
            .ok_or_else(|| IdentityError::claim("aud", "is neither a text nor a list of texts"))
    }

    fn text(&self, claim: &str) -> Result<Option<&str>, IdentityError> {
        match self.0.get(claim) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(IdentityError::claim(claim, "is not a text")),
        }
    }

    fn seconds(&self, claim: &str) -> Result<Option<i64>, IdentityError> {
        match self.0.get(claim) {
            None => Ok(None),
            Some(value) => value
                .as_i64()
                .map(Some)
                .ok_or_else(|| IdentityError::claim(claim, "is not a whole number of seconds")),
        }
    }
}

fn required<T>(value: Result<Option<T>, IdentityError>, claim: &str) -> Result<T, IdentityError> {
    value?.ok_or_else(|| IdentityError::missing(claim))
}
