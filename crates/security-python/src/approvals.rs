//! What waits for an operator's yes or no.

use std::sync::Arc;

use pyo3::prelude::*;
use security_bundle::trust_gate::{
    self, AgentId, ApprovalFilter, ApprovalId, OperatorId, TrustError,
};
use time::OffsetDateTime;

use crate::argument::{Count, Text};
use crate::failure::Failure;
use crate::seat::Seat;

/// One call that needs an operator's approval.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct Approval(trust_gate::Approval);

#[pymethods]
impl Approval {
    #[getter]
    fn id(&self) -> u64 {
        self.0.id.as_u64()
    }

    #[getter]
    fn agent_id(&self) -> &str {
        self.0.agent.as_str()
    }

    #[getter]
    fn tool(&self) -> &str {
        self.0.tool.as_str()
    }

    #[getter]
    fn scope(&self) -> &str {
        self.0.scope.as_str()
    }

    /// `pending`, `approved`, `denied`, `expired`, `cancelled` or `consumed`.
    #[getter]
    fn state(&self) -> &'static str {
        self.0.state.code()
    }

    #[getter]
    fn expires_at(&self) -> OffsetDateTime {
        self.0.expires_at
    }

    fn __repr__(&self) -> String {
        format!(
            "Approval(id={}, agent_id={:?}, tool={:?}, state='{}')",
            self.0.id,
            self.0.agent.as_str(),
            self.0.tool.as_str(),
            self.0.state
        )
    }
}

/// The operators' side of approvals.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct Approvals(pub(crate) Arc<Seat>);

fn id(number: Count) -> Result<ApprovalId, Failure> {
    number
        .0
        .to_string()
        .parse()
        .map_err(|error| Failure::Trust(TrustError::Approval(error)))
}

fn operator(by: Text<'_>) -> Result<OperatorId, Failure> {
    Ok(by.0.parse::<OperatorId>()?)
}

#[pymethods]
impl Approvals {
    /// What is pending; with `all`, what has ended too.
    #[pyo3(signature = (agent_id=None, *, all=false))]
    fn list(&self, agent_id: Option<Text<'_>>, all: bool) -> PyResult<Vec<Approval>> {
        let agent = agent_id
            .map(|agent| agent.0.parse::<AgentId>())
            .transpose()
            .map_err(Failure::from)?;
        let filter = ApprovalFilter { agent, all };
        let listed = self
            .0
            .ask(|stack| Ok(stack.admin().trust().approvals().list(&filter)))?;
        Ok(listed.into_iter().map(Approval).collect())
    }

    fn get(&self, approval_id: Count) -> PyResult<Option<Approval>> {
        let id = id(approval_id)?;
        let found = self
            .0
            .ask(|stack| Ok(stack.admin().trust().approvals().get(id)))?;
        Ok(found.map(Approval))
    }

    #[pyo3(signature = (approval_id, *, by, reason=None))]
    fn approve(
        &self,
        py: Python<'_>,
        approval_id: Count,
        by: Text<'_>,
        reason: Option<Text<'_>>,
    ) -> PyResult<Approval> {
        let (id, by) = (id(approval_id)?, operator(by)?);
        let reason = reason.map_or("", |text| text.0);
        let approval = self.0.act(py, |stack| {
            Ok(stack.admin().trust().approvals().approve(id, &by, reason)?)
        })?;
        Ok(Approval(approval))
    }

    #[pyo3(signature = (approval_id, *, by, reason=None))]
    fn deny(
        &self,
        py: Python<'_>,
        approval_id: Count,
        by: Text<'_>,
        reason: Option<Text<'_>>,
    ) -> PyResult<Approval> {
        let (id, by) = (id(approval_id)?, operator(by)?);
        let reason = reason.map_or("", |text| text.0);
        let approval = self.0.act(py, |stack| {
            Ok(stack.admin().trust().approvals().deny(id, &by, reason)?)
        })?;
        Ok(Approval(approval))
    }
}
