//! Which claims of a JWT mean what: providers differ in that, and nothing is guessed.

use crate::error::IdentityError;
use crate::name::validate;

/// How to read an issuer's tokens. By default `sub` names the agent, and no claim lowers trust or gives a name.
///
/// ```
/// # use agent_identity::JwtProfile;
/// let profile = JwtProfile::default().agent_claim("client_id")?.ceiling_claim("trust_ceiling")?.typ("at+jwt")?;
/// # Ok::<(), agent_identity::IdentityError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a profile is given to `build`"]
pub struct JwtProfile {
    pub(super) agent: String,
    pub(super) ceiling: Option<String>,
    pub(super) name: Option<String>,
    pub(super) typ: Option<String>,
}

impl Default for JwtProfile {
    fn default() -> Self {
        Self {
            agent: "sub".to_owned(),
            ceiling: None,
            name: None,
            typ: None,
        }
    }
}

impl JwtProfile {
    /// The claim that names the agent. Choose one that the issuer sets and no user can write.
    ///
    /// # Errors
    /// [`IdentityError::InvalidName`] if it is empty, longer than 256 bytes, or has control characters or white space
    /// around it. The same goes for the other claims.
    pub fn agent_claim(mut self, claim: &str) -> Result<Self, IdentityError> {
        self.agent = checked(claim)?;
        Ok(self)
    }

    /// The claim that holds a [`Ceiling`](crate::Ceiling), a whole number from 0 to 5. A token without it leaves the
    /// gate's level as it is; one with any other value is refused.
    ///
    /// # Errors
    /// As for [`agent_claim`](Self::agent_claim).
    pub fn ceiling_claim(mut self, claim: &str) -> Result<Self, IdentityError> {
        self.ceiling = Some(checked(claim)?);
        Ok(self)
    }

    /// The claim that holds what people call the agent, for display.
    ///
    /// # Errors
    /// As for [`agent_claim`](Self::agent_claim).
    pub fn name_claim(mut self, claim: &str) -> Result<Self, IdentityError> {
        self.name = Some(checked(claim)?);
        Ok(self)
    }

    /// The `typ` that the header must have (RFC 8725 §3.11), such as `at+jwt` for access tokens (RFC 9068). Where none is
    /// demanded, the header may have `JWT`, `at+jwt` or none.
    ///
    /// # Errors
    /// As for [`agent_claim`](Self::agent_claim).
    pub fn typ(mut self, typ: &str) -> Result<Self, IdentityError> {
        self.typ = Some(checked(typ)?);
        Ok(self)
    }
}

fn checked(claim: &str) -> Result<String, IdentityError> {
    validate("claim name", claim)?;
    Ok(claim.to_owned())
}
