//! Every way to fail, as one exception of `aumos_governance.errors`.

use std::error::Error;
use std::fmt;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use security_bundle::audit_trail::{AuditError, EvidenceError, VerifyError};
use security_bundle::budget_enforcer::{BudgetDenied, BudgetError};
use security_bundle::consent::{ConsentError, IdError};
use security_bundle::trust_gate::TrustError;
use security_bundle::{ActionError, ArgsError, RecordError, SettleError, StackError};

/// What went wrong, before it is an exception: it can be told from code that is not attached to the interpreter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Argument(String),
    #[error("the engine is closed")]
    Closed,
    #[error(
        "the engine was made before this process was forked; make one in the child, or start the child with `spawn`"
    )]
    Forked,
    #[error("the {0} has ended already")]
    Ended(&'static str),
    #[error("there is no {what} `{name}`")]
    NotFound { what: &'static str, name: String },
    #[error("{0}")]
    ConsentNotFound(String),
    #[error("{0}")]
    NoBudget(String),
    #[error("{0}")]
    Internal(&'static str),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Budget(#[from] BudgetError),
    #[error(transparent)]
    Consent(#[from] ConsentError),
    #[error(transparent)]
    ConsentId(#[from] IdError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error(transparent)]
    Action(#[from] ActionError),
    #[error(transparent)]
    Args(#[from] ArgsError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Settle(#[from] SettleError),
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<BudgetDenied> for Failure {
    fn from(denied: BudgetDenied) -> Self {
        Self::Budget(denied.into())
    }
}

impl Failure {
    pub(crate) fn argument(why: impl fmt::Display) -> Self {
        Self::Argument(why.to_string())
    }

    /// The class that the exception is of.
    fn class(&self) -> &'static str {
        const ARGUMENT: &str = "InvalidArgumentError";
        const STORE: &str = "StoreError";
        match self {
            Self::Argument(_)
            | Self::ConsentId(_)
            | Self::Action(_)
            | Self::Args(_)
            | Self::Audit(AuditError::Entry(_)) => ARGUMENT,
            Self::Closed => "EngineClosedError",
            Self::Forked => "ForkedProcessError",
            Self::Ended(_) => "PermitEndedError",
            Self::NotFound { .. } => "NotFoundError",
            Self::ConsentNotFound(_) => "ConsentNotFoundError",
            Self::NoBudget(_) => "BudgetNotFoundError",
            Self::Internal(_) => "InternalError",
            Self::Trust(error) => trust(error),
            Self::Budget(error) => budget(error),
            Self::Consent(error) => match error {
                ConsentError::Store(_)
                | ConsentError::NotStored { .. }
                | ConsentError::PublicationNotStored { .. }
                | ConsentError::Poisoned => STORE,
                _ => ARGUMENT,
            },
            Self::Verify(_) | Self::Evidence(_) => "VerificationError",
            Self::Stack(StackError::Config(_)) => "ConfigurationError",
            Self::Audit(_) | Self::Record(_) | Self::Settle(_) | Self::Stack(_) => STORE,
        }
    }

    /// The exception, with what belongs to it as attributes.
    pub(crate) fn raise(self, py: Python<'_>, attributes: &[(&str, Bound<'_, PyAny>)]) -> PyErr {
        exception(py, self.class(), &whole(&self), attributes).unwrap_or_else(|error| error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        Python::attach(|py| failure.raise(py, &[]))
    }
}

/// An exception of `aumos_governance.errors`.
pub(crate) fn exception(
    py: Python<'_>,
    class: &str,
    message: &str,
    attributes: &[(&str, Bound<'_, PyAny>)],
) -> PyResult<PyErr> {
    static ERRORS: PyOnceLock<Py<PyModule>> = PyOnceLock::new();
    let errors = ERRORS
        .get_or_try_init(py, || {
            py.import(intern!(py, "aumos_governance.errors"))
                .map(Bound::unbind)
        })?
        .bind(py);
    let class = errors.getattr(class)?.cast_into::<PyType>()?;
    let made = class.call1((message,))?;
    for (name, value) in attributes {
        made.setattr(*name, value)?;
    }
    Ok(PyErr::from_value(made))
}

fn trust(error: &TrustError) -> &'static str {
    match error {
        TrustError::InvalidConfig { .. } | TrustError::AmbiguousTier { .. } => "ConfigurationError",
        TrustError::Approval(_) => "ApprovalError",
        TrustError::NothingThere { .. } => "NotFoundError",
        TrustError::Store(_)
        | TrustError::NotStored { .. }
        | TrustError::Corrupt { .. }
        | TrustError::Poisoned
        | TrustError::RevisionsExhausted(_) => "StoreError",
        TrustError::WouldRaise { .. }
        | TrustError::CapWouldLoosen { .. }
        | TrustError::RaisesNothing { .. }
        | TrustError::AlreadyElevated { .. } => "ConflictError",
        _ => "InvalidArgumentError",
    }
}

fn budget(error: &BudgetError) -> &'static str {
    match error {
        BudgetError::Denied(denied) => match denied.code() {
            "no_budget" => "BudgetNotFoundError",
            "amount_missing" => "InvalidArgumentError",
            "unavailable" => "StoreError",
            _ => "BudgetExceededError",
        },
        BudgetError::Unknown(_) => "BudgetNotFoundError",
        BudgetError::InvalidPeriod { .. } => "InvalidPeriodError",
        BudgetError::AlreadyExists { .. }
        | BudgetError::Closed(_)
        | BudgetError::KeyConflict { .. }
        | BudgetError::KeyTooOld
        | BudgetError::KeyTooNew => "ConflictError",
        BudgetError::Expired { .. }
        | BudgetError::UnknownReservation { .. }
        | BudgetError::AlreadyEnded { .. } => "PermitEndedError",
        BudgetError::Poisoned
        | BudgetError::Store(_)
        | BudgetError::NotStored(_)
        | BudgetError::Replay { .. } => "StoreError",
        _ => "InvalidArgumentError",
    }
}

/// The message and what is below it, where the message does not say it already.
fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        below = cause.source();
    }
    text
}
