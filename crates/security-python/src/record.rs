//! One entry of the audit log, which nobody can change.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use security_bundle::audit_trail::Record;
use serde_json::Value;
use time::OffsetDateTime;

use crate::json;
use crate::vocabulary;

/// A record: what is stored, read-only to its depth.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug, Clone)]
pub(crate) struct AuditRecord(pub(crate) Record);

impl AuditRecord {
    fn value(&self) -> Value {
        // The log holds nothing else.
        serde_json::from_slice(self.0.bytes()).unwrap_or(Value::Null)
    }
}

#[pymethods]
impl AuditRecord {
    #[getter]
    fn record_id(&self) -> String {
        self.0.id().to_string()
    }

    /// Its place in the log.
    #[getter]
    fn index(&self) -> u64 {
        self.0.index()
    }

    #[getter]
    fn timestamp(&self) -> OffsetDateTime {
        self.0.at()
    }

    #[getter]
    fn kind(&self) -> &'static str {
        self.0.kind().as_str()
    }

    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        vocabulary::logged(py, self.0.outcome())
    }

    /// The same as `outcome`.
    #[getter]
    fn decision<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.outcome(py)
    }

    #[getter]
    fn agent_id(&self) -> Option<&str> {
        self.0.agent()
    }

    #[getter]
    fn session_id(&self) -> Option<&str> {
        self.0.session()
    }

    #[getter]
    fn action_type(&self) -> Option<&str> {
        let action = self.0.action()?;
        action.action_type.as_deref().or(Some(&*action.name))
    }

    /// The tool, or the action's name.
    #[getter]
    fn tool(&self) -> Option<&str> {
        self.0.action().map(|action| &*action.name)
    }

    #[getter]
    fn resource(&self) -> Option<&str> {
        self.0.resource()
    }

    #[getter]
    fn scope(&self) -> Option<&str> {
        self.0.scope()
    }

    /// Why, in words: of an event its own, of a decision all of its reasons.
    #[getter]
    fn reason(&self) -> Option<String> {
        if let Some(reason) = self.0.reason() {
            return Some(reason.to_owned());
        }
        let decision = self.0.decision()?;
        (!decision.reasons.is_empty()).then(|| decision.reasons.join(" "))
    }

    #[getter]
    fn reasons<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let reasons = self.0.decision().map(|decision| &*decision.reasons);
        PyTuple::new(py, reasons.unwrap_or_default().iter().map(|text| &**text))
    }

    #[getter]
    fn reason_code(&self) -> Option<&str> {
        self.0.decision().map(|decision| &*decision.reason_code)
    }

    #[getter]
    fn event(&self) -> Option<&str> {
        self.0.event()
    }

    #[getter]
    fn namespace(&self) -> &str {
        self.0.namespace()
    }

    #[getter]
    fn operator(&self) -> Option<&str> {
        self.0.operator()
    }

    /// All that is recorded, read-only.
    #[getter]
    fn details<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::read_only(py, &self.value())
    }

    /// All that is recorded, as a dictionary of the caller's own.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::fresh(py, &self.value())
    }

    /// The exact bytes that are stored and hashed.
    fn json<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.0.bytes())
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.0.index() == other.0.index() && self.0.bytes() == other.0.bytes()
    }

    fn __hash__(&self) -> u64 {
        self.0.id().as_u64_pair().1
    }

    fn __repr__(&self) -> String {
        let outcome = self.0.decision().map(|decision| decision.outcome.as_str());
        let what = outcome.or_else(|| self.0.event()).unwrap_or_default();
        format!(
            "AuditRecord(record_id='{}', kind='{}', {what:?})",
            self.0.id(),
            self.0.kind().as_str()
        )
    }
}
