//! An amount that is held in one budget until its end is known.

use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use security_bundle::Amounts;
use security_bundle::budget_enforcer::{self, Floor};
use time::OffsetDateTime;

use crate::amounts::{Money, amounts};
use crate::argument::Count;
use crate::failure::Failure;
use crate::permit::Settlement;
use crate::seat::Seat;

/// A hold. It ends by `settle`, by `release`, or by itself when its time is up. As a context manager a block that ends normally
/// settles what is held, and one that raises does too, for the money may be spent.
#[pyclass(module = "aumos_governance", frozen)]
pub(crate) struct Reservation {
    seat: Arc<Seat>,
    category: String,
    held: Amounts,
    hold: Mutex<Option<budget_enforcer::Reservation>>,
}

impl Reservation {
    pub(crate) fn new(
        seat: &Arc<Seat>,
        category: &str,
        held: Amounts,
        reservation: budget_enforcer::Reservation,
    ) -> Self {
        Self {
            seat: Arc::clone(seat),
            category: category.to_owned(),
            held,
            hold: Mutex::new(Some(reservation)),
        }
    }

    fn take(&self) -> Result<budget_enforcer::Reservation, Failure> {
        self.seat.stack()?;
        let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.take().ok_or(Failure::Ended("reservation"))
    }

    fn end(&self, py: Python<'_>, actual: Amounts) -> PyResult<Settlement> {
        let hold = self.take()?;
        self.seat.act(py, |_| {
            hold.start(Floor::Hold)?.settle(actual)?;
            Ok(())
        })?;
        Ok(Settlement::new(actual, None))
    }
}

#[pymethods]
impl Reservation {
    #[getter]
    fn id(&self) -> Option<String> {
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.as_ref().map(|hold| hold.id().to_string())
    }

    #[getter]
    fn category(&self) -> &str {
        &self.category
    }

    #[getter]
    fn expires_at(&self) -> Option<OffsetDateTime> {
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.as_ref().map(budget_enforcer::Reservation::expires_at)
    }

    #[getter]
    fn is_ended(&self) -> bool {
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.is_none()
    }

    /// Books what was really used; what is not named is booked as held.
    #[pyo3(signature = (*, cost=None, tokens=None, calls=None))]
    fn settle(
        &self,
        py: Python<'_>,
        cost: Option<Money>,
        tokens: Option<Count>,
        calls: Option<Count>,
    ) -> PyResult<Settlement> {
        self.end(py, or_held(amounts(cost, tokens, calls), self.held))
    }

    /// Gives everything back.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let hold = self.take()?;
        self.seat.act(py, |_| Ok(hold.release()?))?;
        Ok(())
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    #[pyo3(signature = (_kind=None, _error=None, _traceback=None))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: Option<&Bound<'_, PyAny>>,
        _error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        if !self.is_ended() {
            self.end(py, self.held)?;
        }
        Ok(false)
    }

    fn __repr__(&self) -> String {
        format!(
            "Reservation(category={:?}, held={:?})",
            self.category, self.held
        )
    }
}

/// What was named, and what was held where nothing was.
pub(crate) fn or_held(named: Amounts, held: Amounts) -> Amounts {
    let mut actual = named;
    actual.cost = named.cost.or(held.cost);
    actual.tokens = named.tokens.or(held.tokens);
    actual.calls = named.calls.or(held.calls);
    actual
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.seat.generation().is_here() {
            let hold = self.hold.get_mut().unwrap_or_else(PoisonError::into_inner);
            mem::forget(hold.take());
        }
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation")
            .field("category", &self.category)
            .finish_non_exhaustive()
    }
}
