//! Why a request was refused: the component's own error where it was performed, a code and a sentence where it was asked.

use budget_enforcer::BudgetError;
use consent::ConsentError;
use serde::{Deserialize, Serialize};
use trust_gate::{ApprovalError, TrustError};

/// Why a request was not done, in the process that was to do it.
///
/// Nothing was changed, but by what takes something away and could not be stored: that is in force in memory, and the
/// component's error says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// Trust, or an approval, was refused.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A budget was refused.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// Consent was refused.
    #[error(transparent)]
    Consent(#[from] ConsentError),
    /// The audit log did not take it.
    #[error(transparent)]
    Audit(#[from] audit_trail::AuditError),
    /// It asks about an action that no component could judge.
    #[error(transparent)]
    Action(#[from] crate::ActionError),
    /// There is nothing of that name.
    #[error("there is no {what} {name}")]
    NotFound {
        /// What it would be.
        what: &'static str,
        /// What it was called.
        name: String,
    },
    /// It would take everything from everybody: something has to be named.
    #[error(
        "it names nothing, which would mean everything; name an agent, data, a purpose, a person or an operation"
    )]
    NamesNothing,
    /// Only a journal could tell, and budgets in memory keep none.
    #[error(
        "only a journal can tell that, and budgets in memory keep none; query the audit log, or give the stack a directory"
    )]
    NoJournal,
    /// The books of the budgets do not come out.
    #[error("{problem}")]
    Books {
        /// What is wrong with them.
        problem: String,
    },
    /// The configuration was not put in force.
    #[error(transparent)]
    Reload(#[from] crate::ReloadError),
    /// The stack cannot do that.
    #[error("{what}")]
    Unsupported {
        /// What, and what to do instead.
        what: &'static str,
    },
    /// What was found cannot be written as JSON.
    #[error("the answer cannot be written: {0}")]
    Answer(#[from] serde_json::Error),
}

impl OperatorError {
    /// Stable, in snake case. `not_stored`: in force in memory, though it could not be stored; after every other code nothing was
    /// changed.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Trust(error) => of_trust(error),
            Self::Budget(error) => of_budget(error),
            Self::Consent(error) => of_consent(error),
            Self::Audit(_)
            | Self::Books { .. }
            | Self::Reload(crate::ReloadError::Unrecorded(_)) => "unavailable",
            Self::NotFound { .. } => "not_found",
            Self::NamesNothing => "names_nothing",
            Self::NoJournal => "no_journal",
            Self::Unsupported { .. } => "unsupported",
            Self::Reload(
                crate::ReloadError::WouldRaise(_)
                | crate::ReloadError::WouldRaiseNow { .. }
                | crate::ReloadError::WouldGiveAnew { .. },
            ) => "would_raise",
            Self::Reload(crate::ReloadError::Partial(_)) => "partial",
            Self::Reload(_) | Self::Action(_) | Self::Answer(_) => "refused",
        }
    }
}

fn of_trust(error: &TrustError) -> &'static str {
    match error {
        TrustError::NotStored { .. } => "not_stored",
        TrustError::Store(_) => "unavailable",
        TrustError::WouldRaise { .. } => "would_raise",
        TrustError::Approval(ApprovalError::NotFound(_)) | TrustError::NoSuchReview { .. } => {
            "not_found"
        }
        _ => "refused",
    }
}

fn of_budget(error: &BudgetError) -> &'static str {
    match error {
        BudgetError::NotStored(_) => "not_stored",
        BudgetError::Store(_) | BudgetError::Poisoned => "unavailable",
        BudgetError::Unknown(_) | BudgetError::NoWindow { .. } => "not_found",
        BudgetError::Closed(_) => "closed",
        BudgetError::AlreadyExists { .. } => "already_exists",
        _ => "refused",
    }
}

fn of_consent(error: &ConsentError) -> &'static str {
    match error {
        ConsentError::NotStored { .. } | ConsentError::PublicationNotStored { .. } => "not_stored",
        ConsentError::Store(_) | ConsentError::Poisoned => "unavailable",
        _ => "refused",
    }
}

/// The same for whoever asked from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct OperatorRefusal {
    /// Stable, in snake case: [`OperatorError::code`].
    pub code: String,
    /// What was wrong and what to do, with what lay beneath.
    pub message: String,
}

impl OperatorRefusal {
    /// A refusal by whoever carries requests.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

impl From<OperatorError> for OperatorRefusal {
    fn from(error: OperatorError) -> Self {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self::new(error.code(), message)
    }
}
