//! Who may act: levels, set by hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use pyo3::prelude::*;
use security_bundle::TrustLevel;
use security_bundle::trust_gate::{
    AgentId, Assignment, AssignmentFilter, AssignmentKind, Grant, OperatorId, TrustDecision,
};

use crate::argument::{Level, Moment, OPERATOR, Text, scope};
use crate::failure::{self, Failure};
use crate::seat::Seat;
use crate::vocabulary;

/// The trust gate's answer about one agent and one level.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug, Clone)]
pub(crate) struct TrustCheckResult(pub(crate) TrustDecision);

#[pymethods]
impl TrustCheckResult {
    #[getter]
    fn allowed(&self) -> bool {
        self.0.allowed()
    }

    #[getter]
    fn code(&self) -> &'static str {
        self.0.code()
    }

    #[getter]
    fn reason(&self) -> String {
        self.0.reason().to_string()
    }

    #[getter]
    fn agent_id(&self) -> &str {
        self.0.agent().as_str()
    }

    #[getter]
    fn scope(&self) -> &str {
        self.0.scope().as_str()
    }

    #[getter]
    fn current_level<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        vocabulary::level(py, self.0.effective())
    }

    #[getter]
    fn required_level<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let required = self.0.required();
        required
            .map(|level| vocabulary::level(py, level))
            .transpose()
    }

    fn __bool__(&self) -> bool {
        self.0.allowed()
    }

    fn __repr__(&self) -> String {
        let Self(decision) = self;
        format!(
            "TrustCheckResult(allowed={}, code='{}', agent_id={:?}, current_level={})",
            if decision.allowed() { "True" } else { "False" },
            decision.code(),
            decision.agent().as_str(),
            decision.effective().as_u8()
        )
    }
}

/// Assigns trust levels by hand and answers by them. Nothing else raises a level.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct TrustManager(pub(crate) Arc<Seat>);

fn agent(named: Text<'_>) -> Result<AgentId, Failure> {
    Ok(named.0.parse::<AgentId>()?)
}

fn operator(named: Option<Text<'_>>) -> Result<OperatorId, Failure> {
    Ok(named
        .map_or(OPERATOR, |text| text.0)
        .parse::<OperatorId>()?)
}

impl TrustManager {
    fn check(
        &self,
        agent_id: Text<'_>,
        required: Level,
        within: Option<Text<'_>>,
    ) -> Result<TrustDecision, Failure> {
        let (agent, scope) = (agent(agent_id)?, scope(within)?);
        self.0
            .ask(|stack| Ok(stack.trust_gate.check_level(&agent, &scope, required.0)))
    }
}

#[pymethods]
impl TrustManager {
    #[pyo3(signature = (agent_id, level, *, scope=None, assigned_by=None, reason=None, expires_at=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn set_level(
        &self,
        py: Python<'_>,
        agent_id: Text<'_>,
        level: Level,
        scope: Option<Text<'_>>,
        assigned_by: Option<Text<'_>>,
        reason: Option<Text<'_>>,
        expires_at: Option<Moment>,
    ) -> PyResult<()> {
        let mut grant = Grant::new(agent(agent_id)?, level.0, operator(assigned_by)?)
            .scope(self::scope(scope)?)
            .decay(self.0.decay);
        if let Some(reason) = reason {
            grant = grant.reason(reason.0);
        }
        if let Some(expires_at) = expires_at {
            grant = grant.expires_at(expires_at.0);
        }
        self.0.act(py, |stack| {
            stack.admin().trust().assign(grant)?;
            Ok(())
        })?;
        Ok(())
    }

    #[pyo3(signature = (agent_id, *, scope=None))]
    fn get_level<'py>(
        &self,
        py: Python<'py>,
        agent_id: Text<'_>,
        scope: Option<Text<'_>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (agent, scope) = (agent(agent_id)?, self::scope(scope)?);
        let level: TrustLevel = self
            .0
            .ask(|stack| Ok(stack.trust_gate.level(&agent, &scope).effective))?;
        vocabulary::level(py, level)
    }

    #[pyo3(signature = (agent_id, required_level, *, scope=None))]
    fn check_level(
        &self,
        agent_id: Text<'_>,
        required_level: Level,
        scope: Option<Text<'_>>,
    ) -> PyResult<TrustCheckResult> {
        Ok(TrustCheckResult(self.check(
            agent_id,
            required_level,
            scope,
        )?))
    }

    #[pyo3(signature = (agent_id, required_level, *, scope=None))]
    fn require_level(
        &self,
        py: Python<'_>,
        agent_id: Text<'_>,
        required_level: Level,
        scope: Option<Text<'_>>,
    ) -> PyResult<()> {
        let decision = self.check(agent_id, required_level, scope)?;
        if decision.allowed() {
            return Ok(());
        }
        let message = decision.reason().to_string();
        let result = Bound::new(py, TrustCheckResult(decision))?.into_any();
        Err(failure::exception(
            py,
            "TrustLevelError",
            &message,
            &[("result", result)],
        )?)
    }

    /// Confirms that the agent is in use, so that its level does not wear out for idleness.
    #[pyo3(signature = (agent_id, *, scope=None, by=None, reason=None))]
    fn touch(
        &self,
        py: Python<'_>,
        agent_id: Text<'_>,
        scope: Option<Text<'_>>,
        by: Option<Text<'_>>,
        reason: Option<Text<'_>>,
    ) -> PyResult<()> {
        let (agent, scope, by) = (agent(agent_id)?, self::scope(scope)?, operator(by)?);
        let reason = reason.map_or("", |text| text.0);
        self.0.act(py, |stack| {
            stack.admin().trust().touch(&agent, &scope, &by, reason)?;
            Ok(())
        })?;
        Ok(())
    }

    /// Takes the level away at once: the agent has level 0 there until one is set again. Says whether there was one.
    #[pyo3(signature = (agent_id, *, scope=None, by=None, reason=None))]
    fn remove(
        &self,
        py: Python<'_>,
        agent_id: Text<'_>,
        scope: Option<Text<'_>>,
        by: Option<Text<'_>>,
        reason: Option<Text<'_>>,
    ) -> PyResult<bool> {
        let (agent, scope, by) = (agent(agent_id)?, self::scope(scope)?, operator(by)?);
        let reason = reason.map_or("", |text| text.0);
        let was_there = self.0.act(py, |stack| {
            let admin = stack.admin().trust();
            let filter = AssignmentFilter {
                agent: Some(agent.clone()),
                scope: Some(scope.clone()),
            };
            let was_there = admin.assignments(&filter).iter().any(is_level);
            admin.revoke(&agent, &scope, &by, reason)?;
            Ok(was_there)
        })?;
        Ok(was_there)
    }

    /// The agents that have a level, in whatever scope.
    fn list_agents(&self) -> PyResult<Vec<String>> {
        let filter = AssignmentFilter::default();
        let all = self
            .0
            .ask(|stack| Ok(stack.admin().trust().assignments(&filter)))?;
        let named = all.iter().filter(|assignment| is_level(assignment));
        let agents: BTreeSet<&str> = named.map(|assignment| assignment.agent.as_str()).collect();
        Ok(agents.into_iter().map(str::to_owned).collect())
    }
}

fn is_level(assignment: &Assignment) -> bool {
    matches!(assignment.kind, AssignmentKind::Grant(_))
}
