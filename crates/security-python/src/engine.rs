//! The engine: one stack, its four managers, and the decisions over all of them. Python's own class builds on it.

use std::sync::Arc;

use pyo3::prelude::*;
use security_bundle::trust_gate::{AgentId, Decay, LevelRef};
use security_bundle::{SecurityStackConfig, SessionId, TrustGateConfig};

use crate::action::GovernanceAction;
use crate::approvals::Approvals;
use crate::argument::Text;
use crate::audit::AuditLogger;
use crate::budget::BudgetManager;
use crate::bundle::{SessionBudget, TrustGate};
use crate::consent::ConsentManager;
use crate::decision::GovernanceDecision;
use crate::failure::{self, Failure};
use crate::pending::{self, Answer, Work};
use crate::seat::Seat;
use crate::trust::TrustManager;

/// The native part of `GovernanceEngine`.
#[pyclass(module = "aumos_governance._core", frozen, subclass)]
#[derive(Debug)]
pub(crate) struct Engine {
    seat: Arc<Seat>,
    #[pyo3(get)]
    trust: Py<TrustManager>,
    #[pyo3(get)]
    budget: Py<BudgetManager>,
    #[pyo3(get)]
    consent: Py<ConsentManager>,
    #[pyo3(get)]
    audit: Py<AuditLogger>,
    #[pyo3(get)]
    approvals: Py<Approvals>,
    /// Judges tool requests.
    #[pyo3(get)]
    trust_gate: Py<TrustGate>,
    /// The sessions' budgets.
    #[pyo3(get)]
    sessions: Py<SessionBudget>,
}

/// Reads a configuration as the core does, and raises `ConfigurationError` for the first part that does not hold.
#[pyfunction(name = "_check_configuration")]
pub(crate) fn check_configuration(py: Python<'_>, text: Text<'_>) -> PyResult<()> {
    read(py, text).map(drop)
}

fn read(py: Python<'_>, text: Text<'_>) -> PyResult<SecurityStackConfig> {
    SecurityStackConfig::from_json_str(text.0).map_err(|error| {
        // The text was written by this package: its lines mean nothing to whoever reads the message.
        let message = error.to_string();
        let message = message.strip_prefix("line 1: ").unwrap_or(&message);
        failure::exception(py, "ConfigurationError", message, &[]).unwrap_or_else(|error| error)
    })
}

impl Engine {
    fn authorizing(
        &self,
        py: Python<'_>,
        action: &GovernanceAction,
        wait_for_approval: bool,
    ) -> Result<Work, Failure> {
        let action = action.read(&self.seat)?;
        self.seat.act(py, move |stack| {
            let guard = stack.guard();
            Ok(if wait_for_approval {
                let work = guard.authorize_when_approved(&action);
                Box::pin(async move { Answer::Permit(work.await) }) as Work
            } else {
                let work = guard.authorize(&action);
                Box::pin(async move { Answer::Permit(work.await) }) as Work
            })
        })
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (configuration, decay_days=None, gate=None))]
    fn new(
        py: Python<'_>,
        configuration: Text<'_>,
        decay_days: Option<(u32, u32)>,
        gate: Option<(String, String)>,
    ) -> PyResult<Self> {
        let mut config = read(py, configuration)?;
        if let Some((level, tool)) = gate {
            // A rule that compares levels and looks at nothing else; a file has no words for it.
            let level: LevelRef = level.parse().map_err(Failure::Trust)?;
            let gate = TrustGateConfig::new(level, tool).map_err(Failure::Trust)?;
            config.trust_gate.tools.extend(gate.tools);
        }
        let decay = match decay_days {
            Some((gradual_days, cliff_days)) => Decay::Inactivity {
                gradual_days,
                cliff_days,
            },
            None => Decay::None,
        };
        let seat = Arc::new(py.detach(|| Seat::open(config, decay))?);
        let share = || Arc::clone(&seat);
        Ok(Self {
            trust: Py::new(py, TrustManager(share()))?,
            budget: Py::new(py, BudgetManager(share()))?,
            consent: Py::new(py, ConsentManager(share()))?,
            audit: Py::new(py, AuditLogger(share()))?,
            approvals: Py::new(py, Approvals(share()))?,
            trust_gate: Py::new(py, TrustGate(share()))?,
            sessions: Py::new(py, SessionBudget(share()))?,
            seat,
        })
    }

    /// Decides without holding anything, and writes one audit record.
    fn evaluate_sync(
        &self,
        py: Python<'_>,
        action: &GovernanceAction,
    ) -> PyResult<GovernanceDecision> {
        let read = action.read(&self.seat)?;
        let decision = self.seat.act(py, |stack| Ok(stack.evaluate_sync(&read)))?;
        Ok(GovernanceDecision(decision))
    }

    /// The decision, or something to wait for.
    fn _evaluate<'py>(
        &self,
        py: Python<'py>,
        action: &GovernanceAction,
    ) -> PyResult<Bound<'py, PyAny>> {
        if !self.seat.is_durable() {
            let decision = self.evaluate_sync(py, action)?;
            return Ok(Bound::new(py, decision)?.into_any());
        }
        let action = action.read(&self.seat)?;
        let work: Work = self.seat.act(py, |stack| {
            let work = stack.evaluate(&action);
            Ok(Box::pin(async move { Answer::Decision(work.await) }) as Work)
        })?;
        pending::begin(py, &self.seat, work)
    }

    /// Judges as `evaluate_sync` does and records nothing.
    fn preview(&self, action: &GovernanceAction) -> PyResult<GovernanceDecision> {
        let read = action.read(&self.seat)?;
        let decision = self.seat.ask(|stack| Ok(stack.guard().preview(&read)))?;
        Ok(GovernanceDecision(decision))
    }

    /// A permit: decided, held and recorded. Raises `GovernanceDeniedError` where the action may not run.
    #[pyo3(signature = (action, *, wait_for_approval=false))]
    fn authorize_sync<'py>(
        &self,
        py: Python<'py>,
        action: &GovernanceAction,
        wait_for_approval: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let work = self.authorizing(py, action, wait_for_approval)?;
        pending::wait(py, &self.seat, work)?.tell(py, &self.seat)
    }

    /// The permit, or something to wait for.
    fn _authorize<'py>(
        &self,
        py: Python<'py>,
        action: &GovernanceAction,
        wait_for_approval: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let work = self.authorizing(py, action, wait_for_approval)?;
        pending::begin(py, &self.seat, work)
    }

    /// Records an event of an agent's beside the decisions, such as a message that was refused, and gives the record's id.
    #[pyo3(
        signature = (event, agent_id, *, session_id=None, detail=Text("")),
        text_signature = "($self, event, agent_id, *, session_id=None, detail='')"
    )]
    fn record_event(
        &self,
        py: Python<'_>,
        event: Text<'_>,
        agent_id: Text<'_>,
        session_id: Option<Text<'_>>,
        detail: Text<'_>,
    ) -> PyResult<String> {
        let agent = agent_id.0.parse::<AgentId>().map_err(Failure::from)?;
        let session = session_id
            .map(|session| session.0.parse::<SessionId>())
            .transpose()
            .map_err(Failure::from)?;
        let recorded = self.seat.act(py, |stack| {
            let guard = stack.guard();
            Ok(guard.record_event(event.0, &agent, session.as_ref(), detail.0)?)
        })?;
        Ok(recorded.id.to_string())
    }

    /// How many entries the log did not take.
    #[getter]
    fn losses(&self) -> PyResult<u64> {
        Ok(self.seat.ask(|stack| Ok(stack.guard().losses()))?)
    }

    /// Waits until everything that was recorded is stored.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        self.seat.act(py, |stack| Ok(stack.audit.flush()?))?;
        Ok(())
    }

    /// Ends it: later calls raise `EngineClosedError`. A data directory is free once the last permit has ended.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.seat.close());
    }
}
