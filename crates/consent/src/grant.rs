//! A consent about to be given. A blanket one has a constructor of its own: leaving the purpose out cannot make one.

use serde::Serialize;
use time::OffsetDateTime;

use crate::extent::Extent;
use crate::id::{AgentId, Authority, DataType, GrantorId, Method, Operation, Purpose, SubjectId};
use crate::notice::Notice;

/// A consent to record with [`ConsentLedger::record`](crate::ConsentLedger::record).
///
/// ```
/// # use consent::Grant;
/// # use time::macros::datetime;
/// let grant = Grant::new("desk-assistant".parse()?, "user.contact".parse()?, "support".parse()?, "ada".parse()?)
///     .subject("ada".parse()?)
///     .expires_at(datetime!(2027-01-01 0:00 UTC));
/// # Ok::<(), consent::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[must_use = "a grant has no effect until the ledger records it"]
pub struct Grant {
    pub(crate) extent: Extent,
    pub(crate) agent: AgentId,
    pub(crate) granted_by: GrantorId,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) valid_from: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub(crate) expires_at: Option<OffsetDateTime>,
    pub(crate) notice: Option<Notice>,
    pub(crate) method: Option<Method>,
    pub(crate) authority: Option<Authority>,
}

impl Grant {
    /// What it would allow.
    #[must_use]
    pub fn extent(&self) -> &Extent {
        &self.extent
    }

    /// Consent that `agent` uses data of this type for this purpose: everyone's data, in every operation, from now on
    /// and without end, until narrowed by the methods below.
    pub fn new(
        agent: AgentId,
        data_type: DataType,
        purpose: Purpose,
        granted_by: GrantorId,
    ) -> Self {
        let blanket = Self::blanket(agent, data_type, granted_by);
        Self {
            extent: blanket.extent.purpose(purpose),
            ..blanket
        }
    }

    /// Consent for every purpose, those included that no one has thought of yet. Prefer [`Grant::new`].
    pub fn blanket(agent: AgentId, data_type: DataType, granted_by: GrantorId) -> Self {
        Self {
            extent: Extent::new(agent.clone(), data_type),
            agent,
            granted_by,
            valid_from: None,
            expires_at: None,
            notice: None,
            method: None,
            authority: None,
        }
    }

    /// For the data of this subject only. The grant then matches only queries that name the subject.
    pub fn subject(self, subject: SubjectId) -> Self {
        Self {
            extent: self.extent.subject(subject),
            ..self
        }
    }

    /// For this operation only. The grant then matches only queries that name the operation.
    pub fn operation(self, operation: Operation) -> Self {
        Self {
            extent: self.extent.operation(operation),
            ..self
        }
    }

    /// For the data of this subject only, and given in the subject's place, by someone whom `authority` entitles
    /// (`parental`). The ledger's [`AuthorityCheck`](crate::AuthorityCheck) must agree.
    pub fn on_behalf_of(self, subject: SubjectId, authority: Authority) -> Self {
        Self {
            authority: Some(authority),
            ..self.subject(subject)
        }
    }

    /// Not in force before this instant.
    pub fn valid_from(self, at: OffsetDateTime) -> Self {
        Self {
            valid_from: Some(at),
            ..self
        }
    }

    /// In force before this instant, not at it.
    pub fn expires_at(self, at: OffsetDateTime) -> Self {
        Self {
            expires_at: Some(at),
            ..self
        }
    }

    /// What the grantor was shown.
    pub fn notice(self, notice: Notice) -> Self {
        Self {
            notice: Some(notice),
            ..self
        }
    }

    /// How consent was obtained.
    pub fn method(self, method: Method) -> Self {
        Self {
            method: Some(method),
            ..self
        }
    }
}
