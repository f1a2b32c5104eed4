//! On whose data, and for what: explicit consent.

use std::sync::Arc;

use pyo3::prelude::*;
use security_bundle::SecurityStack;
use security_bundle::consent::{
    AgentId, ConsentDecision, ConsentQuery, ConsentRecord as Row, DataType, Extent, Grant,
    GrantorId, Operation, Purpose, RecordFilter, RecordKind, SubjectId,
};
use time::OffsetDateTime;

use crate::argument::{Moment, OPERATOR, Text};
use crate::failure::{self, Failure};
use crate::seat::Seat;

/// The consent gate's answer.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug, Clone)]
pub(crate) struct ConsentCheckResult(pub(crate) ConsentDecision);

#[pymethods]
impl ConsentCheckResult {
    #[getter]
    fn granted(&self) -> bool {
        self.0.allowed()
    }

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

    /// What was decisive.
    #[getter]
    fn record(&self) -> Option<ConsentRecord> {
        let record = self.0.record();
        record.cloned().map(Arc::new).map(ConsentRecord)
    }

    fn __bool__(&self) -> bool {
        self.0.allowed()
    }

    fn __repr__(&self) -> String {
        format!(
            "ConsentCheckResult(granted={}, code='{}', reason={:?})",
            if self.0.allowed() { "True" } else { "False" },
            self.0.code(),
            self.reason()
        )
    }
}

/// A consent that was given, as it stands in the ledger.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug, Clone)]
pub(crate) struct ConsentRecord(Arc<Row>);

#[pymethods]
impl ConsentRecord {
    #[getter]
    fn record_id(&self) -> String {
        self.0.record_id().to_string()
    }

    /// `given`, `refused` or `withdrawn`.
    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind().code()
    }

    #[getter]
    fn agent_id(&self) -> Option<&str> {
        self.0.extent().agent.as_ref().map(AgentId::as_str)
    }

    #[getter]
    fn data_type(&self) -> Option<&str> {
        self.0.extent().data_type.as_ref().map(DataType::as_str)
    }

    /// `None` covers every purpose.
    #[getter]
    fn purpose(&self) -> Option<&str> {
        self.0.extent().purpose.as_ref().map(Purpose::as_str)
    }

    #[getter]
    fn subject(&self) -> Option<&str> {
        self.0.extent().subject.as_ref().map(SubjectId::as_str)
    }

    #[getter]
    fn operation(&self) -> Option<&str> {
        self.0.extent().operation.as_ref().map(Operation::as_str)
    }

    #[getter]
    fn granted_by(&self) -> Option<&str> {
        self.0.by().map(GrantorId::as_str)
    }

    #[getter]
    fn timestamp(&self) -> OffsetDateTime {
        self.0.at()
    }

    #[getter]
    fn expires_at(&self) -> Option<OffsetDateTime> {
        self.0.expires_at()
    }

    fn __repr__(&self) -> String {
        format!(
            "ConsentRecord(agent_id={:?}, data_type={:?}, purpose={}, granted_by={:?})",
            self.agent_id().unwrap_or_default(),
            self.data_type().unwrap_or_default(),
            self.purpose()
                .map_or_else(|| "None".to_owned(), |purpose| format!("{purpose:?}")),
            self.granted_by().unwrap_or_default(),
        )
    }
}

/// Records who agreed to what, and answers by it.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct ConsentManager(pub(crate) Arc<Seat>);

fn extent(
    agent_id: Text<'_>,
    data_type: Text<'_>,
    purpose: Option<Text<'_>>,
    subject: Option<Text<'_>>,
    operation: Option<Text<'_>>,
) -> Result<Extent, Failure> {
    let mut extent = Extent::new(agent_id.0.parse()?, data_type.0.parse()?);
    if let Some(purpose) = purpose {
        extent = extent.purpose(purpose.0.parse()?);
    }
    if let Some(subject) = subject {
        extent = extent.subject(subject.0.parse()?);
    }
    if let Some(operation) = operation {
        extent = extent.operation(operation.0.parse()?);
    }
    Ok(extent)
}

/// The consents in force of which nothing was withdrawn.
fn in_force(stack: &SecurityStack, extent: Extent) -> Vec<Arc<Row>> {
    let filter = RecordFilter {
        extent,
        kind: Some(RecordKind::Given),
        in_force: true,
        ..RecordFilter::default()
    };
    stack.admin().consent().records(&filter)
}

impl ConsentManager {
    fn check(
        &self,
        agent_id: Text<'_>,
        data_type: Text<'_>,
        purpose: Option<Text<'_>>,
        subject: Option<Text<'_>>,
        operation: Option<Text<'_>>,
    ) -> Result<ConsentDecision, Failure> {
        let mut query = ConsentQuery::new(agent_id.0.parse()?, data_type.0.parse()?);
        if let Some(purpose) = purpose {
            query = query.purpose(purpose.0.parse()?);
        }
        if let Some(subject) = subject {
            query = query.subject(subject.0.parse()?);
        }
        if let Some(operation) = operation {
            query = query.operation(operation.0.parse()?);
        }
        self.0.ask(|stack| Ok(stack.consent.check(&query)))
    }
}

#[pymethods]
impl ConsentManager {
    #[pyo3(signature = (agent_id, data_type, purpose=None, granted_by=None, *, subject=None, operation=None, expires_at=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn record_consent(
        &self,
        py: Python<'_>,
        agent_id: Text<'_>,
        data_type: Text<'_>,
        purpose: Option<Text<'_>>,
        granted_by: Option<Text<'_>>,
        subject: Option<Text<'_>>,
        operation: Option<Text<'_>>,
        expires_at: Option<Moment>,
    ) -> PyResult<ConsentRecord> {
        let by = granted_by.ok_or_else(|| {
            Failure::argument("granted_by is missing; name whoever gave the consent")
        })?;
        let agent = agent_id.0.parse::<AgentId>().map_err(Failure::from)?;
        let data = data_type.0.parse::<DataType>().map_err(Failure::from)?;
        let by = by.0.parse::<GrantorId>().map_err(Failure::from)?;
        let mut grant = match purpose {
            Some(purpose) => {
                let purpose = purpose.0.parse::<Purpose>().map_err(Failure::from)?;
                Grant::new(agent, data, purpose, by)
            }
            None => Grant::blanket(agent, data, by),
        };
        if let Some(subject) = subject {
            grant = grant.subject(subject.0.parse().map_err(Failure::ConsentId)?);
        }
        if let Some(operation) = operation {
            grant = grant.operation(operation.0.parse().map_err(Failure::ConsentId)?);
        }
        if let Some(expires_at) = expires_at {
            grant = grant.expires_at(expires_at.0);
        }
        let record = self
            .0
            .act(py, |stack| Ok(stack.admin().consent().record(grant)?))?;
        Ok(ConsentRecord(record))
    }

    #[pyo3(signature = (agent_id, data_type, purpose=None, *, subject=None, operation=None))]
    fn check_consent(
        &self,
        agent_id: Text<'_>,
        data_type: Text<'_>,
        purpose: Option<Text<'_>>,
        subject: Option<Text<'_>>,
        operation: Option<Text<'_>>,
    ) -> PyResult<ConsentCheckResult> {
        let decision = self.check(agent_id, data_type, purpose, subject, operation)?;
        Ok(ConsentCheckResult(decision))
    }

    #[pyo3(signature = (agent_id, data_type, purpose=None, *, subject=None, operation=None))]
    fn require_consent(
        &self,
        py: Python<'_>,
        agent_id: Text<'_>,
        data_type: Text<'_>,
        purpose: Option<Text<'_>>,
        subject: Option<Text<'_>>,
        operation: Option<Text<'_>>,
    ) -> PyResult<()> {
        let decision = self.check(agent_id, data_type, purpose, subject, operation)?;
        if decision.allowed() {
            return Ok(());
        }
        let message = decision.reason().to_string();
        let result = Bound::new(py, ConsentCheckResult(decision))?.into_any();
        Err(failure::exception(
            py,
            "ConsentDeniedError",
            &message,
            &[("result", result)],
        )?)
    }

    /// Takes consent back, at once, and says how many records that touched. Without a purpose: for every purpose.
    #[pyo3(signature = (agent_id, data_type, purpose=None, *, subject=None, operation=None, by=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn revoke_consent(
        &self,
        py: Python<'_>,
        agent_id: Text<'_>,
        data_type: Text<'_>,
        purpose: Option<Text<'_>>,
        subject: Option<Text<'_>>,
        operation: Option<Text<'_>>,
        by: Option<Text<'_>>,
    ) -> PyResult<usize> {
        let extent = extent(agent_id, data_type, purpose, subject, operation)?;
        let by = revoker(by)?;
        let matched = self.0.act(py, |stack| {
            let withdrawal = stack.admin().consent().withdraw(extent, by)?;
            Ok(withdrawal.matched().len())
        })?;
        if matched == 0 {
            return Err(Failure::ConsentNotFound(format!(
                "agent `{}` had no consent for `{}`; that it must not have it is recorded",
                agent_id.0.escape_debug(),
                data_type.0.escape_debug()
            ))
            .into());
        }
        Ok(matched)
    }

    #[pyo3(signature = (agent_id, *, by=None))]
    fn revoke_all_for_agent(
        &self,
        py: Python<'_>,
        agent_id: Text<'_>,
        by: Option<Text<'_>>,
    ) -> PyResult<usize> {
        let agent = agent_id.0.parse::<AgentId>().map_err(Failure::from)?;
        let by = revoker(by)?;
        let matched = self.0.act(py, |stack| {
            let withdrawal = stack.admin().consent().withdraw_agent(agent, by)?;
            Ok(withdrawal.matched().len())
        })?;
        Ok(matched)
    }

    /// The consents that are in force, of one agent or of all.
    #[pyo3(signature = (agent_id=None))]
    fn list_consents(&self, agent_id: Option<Text<'_>>) -> PyResult<Vec<ConsentRecord>> {
        let extent = match agent_id {
            Some(agent) => Extent::of_agent(agent.0.parse().map_err(Failure::ConsentId)?),
            None => Extent::default(),
        };
        let records = self.0.ask(|stack| Ok(in_force(stack, extent)))?;
        Ok(records.into_iter().map(ConsentRecord).collect())
    }
}

fn revoker(named: Option<Text<'_>>) -> Result<GrantorId, Failure> {
    Ok(named.map_or(OPERATOR, |text| text.0).parse::<GrantorId>()?)
}
