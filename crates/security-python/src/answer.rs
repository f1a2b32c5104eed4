//! What a budget answers: whether something fits, and what was booked.

use pyo3::prelude::*;
use security_bundle::Amounts;
use security_bundle::budget_enforcer::{
    BudgetDecision, Dimension, Envelope, Quantity, Retry, Transaction as Row,
};
use time::OffsetDateTime;

use crate::amounts::{self, digits, plain};

/// The budget's answer.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug, Clone)]
pub(crate) struct BudgetCheckResult(pub(crate) BudgetDecision);

#[pymethods]
impl BudgetCheckResult {
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

    /// The budget, or the session, that says so.
    #[getter]
    fn category(&self) -> Option<&str> {
        Some(match self.0.envelope()? {
            Envelope::Budget(id) => id.as_str(),
            Envelope::Session(id) => id.as_str(),
        })
    }

    /// `cost`, `tokens` or `calls`.
    #[getter]
    fn dimension(&self) -> Option<&'static str> {
        self.0.dimension().map(Dimension::name)
    }

    #[getter]
    fn requested<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        shown(py, self.0.requested())
    }

    #[getter]
    fn requested_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        exactly(py, self.0.requested())
    }

    #[getter]
    fn available<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        shown(py, self.0.available())
    }

    #[getter]
    fn available_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        exactly(py, self.0.available())
    }

    #[getter]
    fn limit<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        shown(py, self.0.limit())
    }

    #[getter]
    fn limit_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        exactly(py, self.0.limit())
    }

    #[getter]
    fn spent<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        shown(py, self.0.spent())
    }

    #[getter]
    fn spent_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        exactly(py, self.0.spent())
    }

    #[getter]
    fn reserved<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        shown(py, self.0.reserved())
    }

    #[getter]
    fn reserved_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        exactly(py, self.0.reserved())
    }

    #[getter]
    fn resets_at(&self) -> Option<OffsetDateTime> {
        self.0.resets_at()
    }

    #[getter]
    fn retry_at(&self) -> Option<OffsetDateTime> {
        match self.0.retry() {
            Retry::AfterHoldsExpire(at) | Retry::AfterReset(at) => Some(at),
            _ => None,
        }
    }

    fn __bool__(&self) -> bool {
        self.0.allowed()
    }

    fn __repr__(&self) -> String {
        format!(
            "BudgetCheckResult(allowed={}, code='{}', reason={:?})",
            if self.0.allowed() { "True" } else { "False" },
            self.0.code(),
            self.reason()
        )
    }
}

fn shown(py: Python<'_>, quantity: Option<Quantity>) -> PyResult<Option<Bound<'_, PyAny>>> {
    quantity.map(|quantity| plain(py, quantity)).transpose()
}

fn exactly(py: Python<'_>, quantity: Option<Quantity>) -> PyResult<Option<Bound<'_, PyAny>>> {
    quantity.map(|quantity| digits(py, quantity)).transpose()
}

/// A booking, as the ledger has it.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) category: String,
    pub(crate) booked: Amounts,
    pub(crate) row: Row,
}

#[pymethods]
impl Transaction {
    #[getter]
    fn id(&self) -> String {
        self.row.id.to_string()
    }

    #[getter]
    fn category(&self) -> &str {
        &self.category
    }

    #[getter]
    fn timestamp(&self) -> OffsetDateTime {
        self.row.at
    }

    #[getter]
    fn description(&self) -> Option<&str> {
        self.row.note.as_deref()
    }

    #[getter]
    fn amount(&self) -> Option<f64> {
        self.booked.cost.map(amounts::float)
    }

    #[getter]
    fn amount_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let cost = self.booked.cost;
        cost.map(|cost| amounts::exact(py, cost)).transpose()
    }

    #[getter]
    fn tokens(&self) -> Option<u64> {
        self.booked.tokens
    }

    #[getter]
    fn calls(&self) -> Option<u64> {
        self.booked.calls
    }

    fn __repr__(&self) -> String {
        format!(
            "Transaction(id='{}', category={:?})",
            self.row.id, self.category
        )
    }
}
