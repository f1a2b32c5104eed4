//! The seed's bundle: the trust gate for tool requests, and the fixed budget of each session.

use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use security_bundle::SessionId;
use security_bundle::trust_gate::{AgentId, ToolName, ToolRequest};

use crate::answer::BudgetCheckResult;
use crate::argument::{Count, Text, scope};
use crate::failure::Failure;
use crate::seat::Seat;
use crate::trust::TrustCheckResult;
use crate::usage::BudgetUtilization;

/// Judges tool calls by the level that an operator gave the agent.
#[pyclass(module = "aumos_security", frozen)]
#[derive(Debug)]
pub(crate) struct TrustGate(pub(crate) Arc<Seat>);

#[pymethods]
impl TrustGate {
    /// Reads `agent_id`, `tool_name` and, where there is one, `scope` of the request, whatever its class.
    fn check(&self, request: &Bound<'_, PyAny>) -> PyResult<TrustCheckResult> {
        let py = request.py();
        let agent = request.getattr(intern!(py, "agent_id"))?;
        let tool = request.getattr(intern!(py, "tool_name"))?;
        let within = request.getattr_opt(intern!(py, "scope"))?;
        let agent = agent.extract::<Text<'_>>()?.0.parse::<AgentId>();
        let tool = tool.extract::<Text<'_>>()?.0.parse::<ToolName>();
        let within = within.filter(|scope| !scope.is_none());
        let within = within
            .as_ref()
            .map(PyAnyMethods::extract::<Text<'_>>)
            .transpose()?;
        let asked = ToolRequest::new(agent.map_err(Failure::from)?, tool.map_err(Failure::from)?)
            .scope(scope(within)?);
        let decision = self.0.ask(|stack| Ok(stack.trust_gate.check(&asked)))?;
        Ok(TrustCheckResult(decision))
    }
}

/// The same fixed limits for every session, each of which begins with its first use.
#[pyclass(module = "aumos_security", frozen)]
#[derive(Debug)]
pub(crate) struct SessionBudget(pub(crate) Arc<Seat>);

fn session(named: Text<'_>) -> Result<SessionId, Failure> {
    Ok(named.0.parse::<SessionId>()?)
}

#[pymethods]
impl SessionBudget {
    /// Whether one call more fits. Books nothing.
    fn check_budget(&self, session_id: Text<'_>) -> PyResult<BudgetCheckResult> {
        let session = session(session_id)?;
        let decision = self
            .0
            .ask(|stack| Ok(stack.budget.check_budget(&session)))?;
        Ok(BudgetCheckResult(decision))
    }

    /// Books the tokens and one call, after the fact.
    fn record_spending(&self, py: Python<'_>, session_id: Text<'_>, tokens: Count) -> PyResult<()> {
        let session = session(session_id)?;
        self.0.act(py, |stack| {
            stack.budget.record_spending(&session, tokens.0)?;
            Ok(())
        })?;
        Ok(())
    }

    fn get_utilization(&self, session_id: Text<'_>) -> PyResult<BudgetUtilization> {
        let session = session(session_id)?;
        let used = self
            .0
            .ask(|stack| Ok(stack.budget.utilization(&session)?))?;
        Ok(BudgetUtilization(used))
    }
}
