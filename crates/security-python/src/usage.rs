//! How much of a budget is used.

use pyo3::prelude::*;
use security_bundle::budget_enforcer::{
    Dimension, Envelope, EnvelopeState, Quantity, Usage, Utilization,
};
use time::OffsetDateTime;

use crate::amounts::{digits, plain};

/// A budget's figures at one moment: a snapshot, never a promise.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct BudgetUtilization(pub(crate) Utilization);

impl BudgetUtilization {
    pub(crate) fn name(&self) -> String {
        match &self.0.envelope {
            Envelope::Budget(id) => id.as_str().to_owned(),
            Envelope::Session(id) => id.as_str().to_owned(),
        }
    }

    /// Money where it is limited or anything was spent; what is limited otherwise.
    fn main(&self) -> &Usage {
        let limited = [Dimension::Cost, Dimension::Tokens, Dimension::Calls]
            .into_iter()
            .find(|dimension| self.0.usage(*dimension).limit.is_some());
        self.0.usage(limited.unwrap_or(Dimension::Cost))
    }

    fn count(&self, dimension: Dimension, of: impl Fn(&Usage) -> Option<Quantity>) -> Option<u64> {
        of(self.0.usage(dimension)).map(Quantity::units)
    }
}

#[pymethods]
impl BudgetUtilization {
    #[getter]
    fn category(&self) -> String {
        self.name()
    }

    #[getter]
    fn period(&self) -> String {
        self.0.main.period.to_string()
    }

    /// `active`, `suspended` or `closed`.
    #[getter]
    fn state(&self) -> &'static str {
        match self.0.state {
            EnvelopeState::Active => "active",
            EnvelopeState::Suspended => "suspended",
            EnvelopeState::Closed => "closed",
        }
    }

    #[getter]
    fn limit<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let limit = self.main().limit;
        limit.map(|quantity| plain(py, quantity)).transpose()
    }

    #[getter]
    fn limit_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let limit = self.main().limit;
        limit.map(|quantity| digits(py, quantity)).transpose()
    }

    #[getter]
    fn spent<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, self.main().spent)
    }

    #[getter]
    fn spent_exact<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        digits(py, self.main().spent)
    }

    /// What was spent beyond the limit, where an overdraft is allowed or it was booked after the fact.
    #[getter]
    fn overspent<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, self.main().overspent)
    }

    #[getter]
    fn overspent_exact<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        digits(py, self.main().overspent)
    }

    #[getter]
    fn reserved<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        plain(py, self.main().reserved)
    }

    #[getter]
    fn reserved_exact<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        digits(py, self.main().reserved)
    }

    #[getter]
    fn available<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let available = self.main().available;
        available.map(|quantity| plain(py, quantity)).transpose()
    }

    #[getter]
    fn available_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let available = self.main().available;
        available.map(|quantity| digits(py, quantity)).transpose()
    }

    /// Spent as a part of the limit, at most 1.0; 0.0 where nothing is limited.
    #[getter]
    #[expect(
        clippy::float_arithmetic,
        clippy::cast_precision_loss,
        reason = "a ratio to look at; nothing is decided by it"
    )]
    fn utilization(&self) -> f64 {
        let used = self.main();
        match used.limit.map(Quantity::units) {
            None => 0.0,
            Some(0) if used.spent.units() == 0 => 0.0,
            Some(limit) => used.spent.units() as f64 / limit as f64,
        }
    }

    #[getter]
    fn tokens_spent(&self) -> Option<u64> {
        self.count(Dimension::Tokens, |used| Some(used.spent))
    }

    #[getter]
    fn tokens_limit(&self) -> Option<u64> {
        self.count(Dimension::Tokens, |used| used.limit)
    }

    #[getter]
    fn calls_spent(&self) -> Option<u64> {
        self.count(Dimension::Calls, |used| Some(used.spent))
    }

    #[getter]
    fn calls_limit(&self) -> Option<u64> {
        self.count(Dimension::Calls, |used| used.limit)
    }

    #[getter]
    fn resets_at(&self) -> Option<OffsetDateTime> {
        self.0.main.window.end_at
    }

    fn __repr__(&self) -> String {
        let used = self.main();
        let limit = used
            .limit
            .map_or("None".to_owned(), |limit| limit.to_string());
        format!(
            "BudgetUtilization(category={:?}, period='{}', spent={}, limit={limit})",
            self.name(),
            self.0.main.period,
            used.spent,
        )
    }
}
