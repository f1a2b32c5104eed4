//! Where an operator's request is done: on a component that was opened from its directory, or at a stack, wherever that runs.
//!
//! A verb builds the request and shows the answer, and knows nothing else: so it is the same for both.

use std::path::{Path, PathBuf};

use consent::ConsentLedger;
use security_bundle::operator::{
    ApprovalsAnswer, ApprovalsRequest, BudgetAnswer, BudgetRequest, ConsentAnswer, ConsentRequest,
    OperatorAnswer, OperatorError, OperatorRequest, TrustAnswer, TrustRequest,
};
use trust_gate::{Event, TrustAdmin};

use crate::failure::Failure;
use crate::stack::Stack;

/// Carries requests to where they are done.
pub(crate) trait Caller {
    fn call(&self, request: &OperatorRequest) -> Result<OperatorAnswer, Failure>;
}

/// Where an operator asks.
pub(crate) struct Desk(Box<dyn Caller>);

impl Desk {
    /// At the trust in a directory.
    pub(crate) fn of_trust(dir: &Path) -> Result<Self, Failure> {
        if let Some(stack) = Stack::at(dir) {
            return Ok(Self(Box::new(stack)));
        }
        let (_, admin) = crate::trust::store::open(dir)?;
        Ok(Self(Box::new(Trust(admin))))
    }

    /// At the consent in a directory.
    pub(crate) fn of_consent(dir: &Path) -> Result<Self, Failure> {
        if let Some(stack) = Stack::at(dir) {
            return Ok(Self(Box::new(stack)));
        }
        let (_, ledger) = crate::consent::store::open(dir)?;
        Ok(Self(Box::new(Consent(ledger))))
    }

    /// At the budgets in a directory, which is opened once it is known whether they are to be changed.
    pub(crate) fn of_budgets(dir: &Path) -> Self {
        match Stack::at(dir) {
            Some(stack) => Self(Box::new(stack)),
            None => Self(Box::new(Budgets(dir.to_owned()))),
        }
    }

    pub(crate) fn trust(&self, request: TrustRequest) -> Result<TrustAnswer, Failure> {
        match self.0.call(&request.into())? {
            OperatorAnswer::Trust(answer) => Ok(answer),
            _ => Err(unexpected()),
        }
    }

    /// An act of trust.
    pub(crate) fn act(&self, request: TrustRequest) -> Result<Event, Failure> {
        match self.trust(request)? {
            TrustAnswer::Done(event) => Ok(*event),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn approvals(&self, request: ApprovalsRequest) -> Result<ApprovalsAnswer, Failure> {
        match self.0.call(&request.into())? {
            OperatorAnswer::Approvals(answer) => Ok(answer),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn budgets(&self, request: BudgetRequest) -> Result<BudgetAnswer, Failure> {
        match self.0.call(&request.into())? {
            OperatorAnswer::Budget(answer) => Ok(answer),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn consent(&self, request: ConsentRequest) -> Result<ConsentAnswer, Failure> {
        match self.0.call(&request.into())? {
            OperatorAnswer::Consent(answer) => Ok(answer),
            _ => Err(unexpected()),
        }
    }
}

/// An answer to another question.
pub(crate) fn unexpected() -> Failure {
    Failure::new("the answer is none to this question; is the owner of another version?")
}

struct Trust(TrustAdmin);

impl Caller for Trust {
    fn call(&self, request: &OperatorRequest) -> Result<OperatorAnswer, Failure> {
        let answer = match request {
            OperatorRequest::Trust(request) => request.perform(&self.0).map(Into::into),
            OperatorRequest::Approvals(request) => request.perform(&self.0).map(Into::into),
            _ => return Err(not_kept("trust")),
        };
        answer.map_err(not_done)
    }
}

struct Consent(ConsentLedger);

impl Caller for Consent {
    fn call(&self, request: &OperatorRequest) -> Result<OperatorAnswer, Failure> {
        let OperatorRequest::Consent(request) = request else {
            return Err(not_kept("consent"));
        };
        request.perform(&self.0).map(Into::into).map_err(not_done)
    }
}

struct Budgets(PathBuf);

impl Caller for Budgets {
    fn call(&self, request: &OperatorRequest) -> Result<OperatorAnswer, Failure> {
        let OperatorRequest::Budget(asked) = request else {
            return Err(not_kept("budgets"));
        };
        let answer = if request.is_act() {
            asked.perform(&crate::budget::store::write(&self.0)?)
        } else {
            asked.look(&crate::budget::store::read(&self.0)?)
        };
        answer.map(Into::into).map_err(not_done)
    }
}

fn not_kept(what: &str) -> Failure {
    Failure::new(format!("the directory was opened for its {what} alone"))
}

/// What would be in force in a running gate alone was for nothing here.
fn not_done(error: OperatorError) -> Failure {
    match error {
        OperatorError::Trust(error) => crate::trust::store::not_done(error),
        OperatorError::Consent(error) => crate::consent::store::not_done(error),
        error => error.into(),
    }
}
