//! The engine's answer. Its texts are written only when they are read.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use security_bundle::Decision;
use security_bundle::trust_gate::ApprovalId;
use time::OffsetDateTime;

use crate::answer::BudgetCheckResult;
use crate::consent::ConsentCheckResult;
use crate::failure;
use crate::trust::TrustCheckResult;
use crate::vocabulary;

/// One decision about one action. It is true where the action may run, and never changes.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug, Clone)]
pub(crate) struct GovernanceDecision(pub(crate) Decision);

impl GovernanceDecision {
    /// The exception of a denial.
    pub(crate) fn refusal(self, py: Python<'_>) -> PyErr {
        let message = self.0.reason().to_string();
        let decision = match Bound::new(py, self) {
            Ok(decision) => decision.into_any(),
            Err(error) => return error,
        };
        let attributes = [("decision", decision)];
        failure::exception(py, "GovernanceDeniedError", &message, &attributes)
            .unwrap_or_else(|error| error)
    }
}

#[pymethods]
impl GovernanceDecision {
    /// Whether the action may run.
    #[getter]
    fn allowed(&self) -> bool {
        self.0.allowed()
    }

    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        vocabulary::outcome(py, self.0.outcome())
    }

    /// A stable code in snake case.
    #[getter]
    fn code(&self) -> &str {
        self.0.code()
    }

    /// The first gate that closed.
    #[getter]
    fn stage(&self) -> Option<&'static str> {
        self.0.stage().map(security_bundle::Stage::as_str)
    }

    #[getter]
    fn reasons<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let reasons: Vec<String> = self.0.reasons().map(|reason| reason.to_string()).collect();
        PyTuple::new(py, reasons)
    }

    /// The reasons as one line.
    #[getter]
    fn reason(&self) -> String {
        self.0.reason().to_string()
    }

    #[getter]
    fn audit_record_id(&self) -> Option<String> {
        self.0.record_id().map(|id| id.to_string())
    }

    #[getter]
    fn timestamp(&self) -> OffsetDateTime {
        self.0.at()
    }

    #[getter]
    fn obligations<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let obligations: Vec<&str> = self
            .0
            .obligations()
            .map(security_bundle::Obligation::as_str)
            .collect();
        PyTuple::new(py, obligations)
    }

    #[getter]
    fn approval_id(&self) -> Option<u64> {
        self.0.approval().map(ApprovalId::as_u64)
    }

    #[getter]
    fn retry_at(&self) -> Option<OffsetDateTime> {
        self.0.retry_at()
    }

    #[getter]
    fn would_deny(&self) -> Option<&str> {
        self.0.would_deny()
    }

    #[getter]
    fn visible(&self) -> bool {
        self.0.visible()
    }

    #[getter]
    fn trust(&self) -> Option<TrustCheckResult> {
        self.0.trust().cloned().map(TrustCheckResult)
    }

    #[getter]
    fn budget(&self) -> Option<BudgetCheckResult> {
        self.0.budget().cloned().map(BudgetCheckResult)
    }

    #[getter]
    fn consent(&self) -> Option<ConsentCheckResult> {
        self.0.consent().cloned().map(ConsentCheckResult)
    }

    /// Raises `GovernanceDeniedError` where the action may not run.
    fn require(&self, py: Python<'_>) -> PyResult<()> {
        if self.0.allowed() {
            return Ok(());
        }
        Err(self.clone().refusal(py))
    }

    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("allowed", self.allowed())?;
        dict.set_item("outcome", self.0.outcome().as_str())?;
        dict.set_item("code", self.code())?;
        dict.set_item("stage", self.stage())?;
        dict.set_item("reasons", self.reasons(py)?.to_list())?;
        dict.set_item("obligations", self.obligations(py)?.to_list())?;
        dict.set_item("audit_record_id", self.audit_record_id())?;
        dict.set_item("approval_id", self.approval_id())?;
        dict.set_item("would_deny", self.would_deny())?;
        dict.set_item(
            "timestamp",
            self.timestamp()
                .into_pyobject(py)?
                .call_method0("isoformat")?,
        )?;
        Ok(dict)
    }

    fn __bool__(&self) -> bool {
        self.0.allowed()
    }

    fn __repr__(&self) -> String {
        format!(
            "GovernanceDecision(outcome='{}', code='{}', audit_record_id={})",
            self.0.outcome(),
            self.0.code(),
            self.audit_record_id()
                .map_or_else(|| "None".to_owned(), |id| format!("'{id}'"))
        )
    }
}
