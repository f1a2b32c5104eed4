//! What every token must pass once its signature is known to be good, whatever its format: the only place that turns a
//! signed statement into a [`VerifiedAgent`].

use crate::agent::{AuthenticatedBy, Credential, Facts, VerifiedAgent};
use crate::ceiling::Ceiling;
use crate::error::{IdentityError, excerpt};
use crate::name::{AgentId, Audience, Issuer, KeyId, TokenId};
use crate::reading::Readings;
use crate::replay::UsedTokens;
use crate::validity::{TimeRules, Validity};

/// What an issuer has signed.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) by: AuthenticatedBy,
    pub(crate) issuer: Issuer,
    pub(crate) key: KeyId,
    pub(crate) agent: AgentId,
    pub(crate) audiences: Vec<String>,
    pub(crate) validity: Validity,
    pub(crate) token: Option<TokenId>,
    pub(crate) ceiling: Option<Ceiling>,
    pub(crate) claimed_name: Option<Box<str>>,
}

/// What is accepted here.
#[derive(Debug)]
pub(crate) struct Acceptance {
    pub(crate) audience: Audience,
    pub(crate) times: TimeRules,
    /// `None`: tokens may be used more than once.
    pub(crate) used: Option<UsedTokens>,
    pub(crate) readings: Readings,
}

impl Acceptance {
    /// `token_claim` is what the format calls the token's id. Uses the token up last, when nothing else can refuse it.
    pub(crate) fn accept(
        &self,
        statement: Statement,
        token_claim: &str,
    ) -> Result<VerifiedAgent, IdentityError> {
        let me = self.audience.as_str();
        if !statement.audiences.iter().any(|audience| audience == me) {
            return Err(IdentityError::WrongAudience {
                expected: excerpt(me),
            });
        }
        let reading = self.readings.read();
        let valid_until = self.times.check(&statement.validity, reading)?;
        if let Some(used) = &self.used {
            let token = statement.token.as_ref();
            let token = token.ok_or_else(|| IdentityError::missing(token_claim))?;
            used.use_up(&statement.issuer, token, valid_until, reading.latest)?;
        }
        Ok(VerifiedAgent::new(Facts {
            id: statement.agent,
            by: statement.by,
            credential: Some(Credential {
                issuer: statement.issuer,
                key: statement.key,
                token: statement.token,
                valid_until,
            }),
            ceiling: statement.ceiling,
            claimed_name: statement.claimed_name,
        }))
    }
}
