//! The right to run one action, and how it ends.

use std::fmt;
use std::future::Future;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::PyBaseException;
use pyo3::intern;
use pyo3::prelude::*;
use security_bundle::budget_enforcer::Charge;
use security_bundle::{Amounts, Decision, SettleError, Settled, Usage};
use uuid::Uuid;

use crate::amounts::{self, Money, amounts};
use crate::argument::{Count, wrong};
use crate::decision::GovernanceDecision;
use crate::failure::Failure;
use crate::pending::{self, Answer, Work};
use crate::reservation::or_held;
use crate::seat::Seat;

/// Only while it is held may the action run. It ends once: by `settle`, `fail` or `cancel`; one that is forgotten settles its whole
/// hold and is recorded as abandoned.
#[pyclass(module = "aumos_governance", frozen)]
pub(crate) struct Permit {
    seat: Arc<Seat>,
    decision: Decision,
    held: Amounts,
    hold: Mutex<Option<security_bundle::Permit>>,
}

/// How an action ends.
enum Ending {
    Settle {
        usage: Usage,
        at_least: bool,
    },
    Fail {
        error: String,
        usage: Usage,
        at_least: bool,
    },
    Cancel,
}

impl Permit {
    pub(crate) fn new(seat: &Arc<Seat>, permit: security_bundle::Permit) -> Self {
        let mut held = Amounts::NONE;
        for (_, line) in permit.action().charge().into_iter().flat_map(Charge::lines) {
            held = larger(held, *line);
        }
        Self {
            seat: Arc::clone(seat),
            decision: permit.decision().clone(),
            held,
            hold: Mutex::new(Some(permit)),
        }
    }

    /// Ends it: booking and recording begin here, and only the log is still to be waited for.
    fn begin(&self, py: Python<'_>, ending: Ending) -> Result<Work, Failure> {
        if !self.seat.generation().is_here() {
            return Err(Failure::Forked);
        }
        let permit = {
            let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
            hold.take().ok_or(Failure::Ended("permit"))?
        };
        let held = self.held;
        let run = move || match ending {
            Ending::Settle { usage, at_least } => {
                let booked = booked(usage, at_least, held);
                if at_least {
                    telling(booked, permit.settle_at_least(usage))
                } else {
                    telling(booked, permit.settle(usage))
                }
            }
            Ending::Fail {
                error,
                usage,
                at_least,
            } => {
                let booked = booked(usage, at_least, held);
                if at_least {
                    telling(booked, permit.fail_at_least(error, usage))
                } else {
                    telling(booked, permit.fail(error, usage))
                }
            }
            Ending::Cancel => telling(Amounts::NONE, permit.cancel()),
        };
        Ok(if self.seat.is_durable() {
            py.detach(run)
        } else {
            run()
        })
    }

    fn end<'py>(&self, py: Python<'py>, ending: Ending) -> PyResult<Bound<'py, PyAny>> {
        let work = self.begin(py, ending)?;
        pending::wait(py, &self.seat, work)?.tell(py, &self.seat)
    }

    /// The same as something to await.
    fn end_async<'py>(&self, py: Python<'py>, ending: Ending) -> PyResult<Bound<'py, PyAny>> {
        let work = self.begin(py, ending)?;
        let begun = pending::begin(py, &self.seat, work)?;
        py.import(intern!(py, "aumos_governance._waiting"))?
            .call_method1(intern!(py, "finish"), (begun,))
    }

    fn has_ended(&self) -> bool {
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
        hold.is_none()
    }
}

/// An end that has begun, and what it books.
fn telling(
    booked: Amounts,
    ended: impl Future<Output = Result<Settled, SettleError>> + Send + 'static,
) -> Work {
    Box::pin(async move { Answer::Settled(booked, ended.await) })
}

/// What the core books on an envelope of which this was held.
fn booked(usage: Usage, at_least: bool, held: Amounts) -> Amounts {
    if at_least {
        larger(usage, held)
    } else {
        or_held(usage, held)
    }
}

fn larger(one: Amounts, other: Amounts) -> Amounts {
    let mut amounts = Amounts::NONE;
    amounts.cost = one.cost.max(other.cost);
    amounts.tokens = one.tokens.max(other.tokens);
    amounts.calls = one.calls.max(other.calls);
    amounts
}

/// What went wrong, in words: an exception with its type, or a text.
fn told(error: &Bound<'_, PyAny>) -> PyResult<String> {
    if error.is_instance_of::<PyBaseException>() {
        let name = error.get_type().name()?.to_string();
        // Its `__str__` is anybody's.
        let text = error.str().map(|text| text.to_string_lossy().into_owned());
        return Ok(match text {
            Ok(text) if !text.is_empty() => format!("{name}: {text}"),
            _ => name,
        });
    }
    match error.cast::<pyo3::types::PyString>() {
        Ok(text) => Ok(text.to_string_lossy().into_owned()),
        Err(_) => Err(wrong("an exception or a str", error.as_borrowed())),
    }
}

#[pymethods]
impl Permit {
    /// The decision that permitted the action.
    #[getter]
    fn decision(&self) -> GovernanceDecision {
        GovernanceDecision(self.decision.clone())
    }

    /// The id that decision and outcome share in the log.
    #[getter]
    fn record_id(&self) -> Option<String> {
        self.decision.record_id().map(|id| id.to_string())
    }

    #[getter]
    fn is_ended(&self) -> bool {
        self.has_ended()
    }

    /// The money that is held for it.
    #[getter]
    fn held_cost(&self) -> Option<f64> {
        self.held.cost.map(amounts::float)
    }

    #[getter]
    fn held_cost_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let cost = self.held.cost;
        cost.map(|cost| amounts::exact(py, cost)).transpose()
    }

    #[getter]
    fn held_tokens(&self) -> Option<u64> {
        self.held.tokens
    }

    #[getter]
    fn held_calls(&self) -> Option<u64> {
        self.held.calls
    }

    /// Ends it with what was used; what is not named is booked as it was held.
    #[pyo3(signature = (*, cost=None, tokens=None, calls=None, at_least=false))]
    fn settle<'py>(
        &self,
        py: Python<'py>,
        cost: Option<Money>,
        tokens: Option<Count>,
        calls: Option<Count>,
        at_least: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let usage = amounts(cost, tokens, calls);
        self.end(py, Ending::Settle { usage, at_least })
    }

    #[pyo3(signature = (*, cost=None, tokens=None, calls=None, at_least=false))]
    fn settle_async<'py>(
        &self,
        py: Python<'py>,
        cost: Option<Money>,
        tokens: Option<Count>,
        calls: Option<Count>,
        at_least: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let usage = amounts(cost, tokens, calls);
        self.end_async(py, Ending::Settle { usage, at_least })
    }

    /// Ends it as failed, with why, and what was used all the same.
    #[pyo3(signature = (error, *, cost=None, tokens=None, calls=None, at_least=false))]
    fn fail<'py>(
        &self,
        py: Python<'py>,
        error: &Bound<'_, PyAny>,
        cost: Option<Money>,
        tokens: Option<Count>,
        calls: Option<Count>,
        at_least: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let ending = Ending::Fail {
            error: told(error)?,
            usage: amounts(cost, tokens, calls),
            at_least,
        };
        self.end(py, ending)
    }

    #[pyo3(signature = (error, *, cost=None, tokens=None, calls=None, at_least=false))]
    fn fail_async<'py>(
        &self,
        py: Python<'py>,
        error: &Bound<'_, PyAny>,
        cost: Option<Money>,
        tokens: Option<Count>,
        calls: Option<Count>,
        at_least: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let ending = Ending::Fail {
            error: told(error)?,
            usage: amounts(cost, tokens, calls),
            at_least,
        };
        self.end_async(py, ending)
    }

    /// Gives everything back, for an action that was never started.
    fn cancel<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.end(py, Ending::Cancel)
    }

    fn cancel_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.end_async(py, Ending::Cancel)
    }

    fn __enter__(this: Py<Self>) -> Py<Self> {
        this
    }

    /// A block that ends normally settles what is held; one that raises ends as failed, with all that is held: the tool may have run.
    #[pyo3(signature = (_kind=None, error=None, _traceback=None))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: Option<&Bound<'_, PyAny>>,
        error: Option<&Bound<'_, PyAny>>,
        _traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        if !self.has_ended() {
            let usage = Usage::NONE;
            let at_least = false;
            self.end(
                py,
                match error {
                    None => Ending::Settle { usage, at_least },
                    Some(error) => Ending::Fail {
                        error: told(error)?,
                        usage,
                        at_least,
                    },
                },
            )?;
        }
        Ok(false)
    }

    fn __repr__(&self) -> String {
        format!(
            "<Permit record_id={} {}>",
            self.record_id().unwrap_or_default(),
            if self.has_ended() { "ended" } else { "held" }
        )
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.seat.generation().is_here() {
            let hold = self.hold.get_mut().unwrap_or_else(PoisonError::into_inner);
            mem::forget(hold.take());
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// What was booked at the end.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct Settlement {
    booked: Amounts,
    record_id: Option<Uuid>,
}

impl Settlement {
    pub(crate) fn new(booked: Amounts, record_id: Option<Uuid>) -> Self {
        Self { booked, record_id }
    }
}

#[pymethods]
impl Settlement {
    #[getter]
    fn cost(&self) -> Option<f64> {
        self.booked.cost.map(amounts::float)
    }

    #[getter]
    fn cost_exact<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
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

    #[getter]
    fn record_id(&self) -> Option<String> {
        self.record_id.map(|id| id.to_string())
    }

    fn __repr__(&self) -> String {
        let cost = self.booked.cost.map(|cost| cost.exact().to_string());
        format!(
            "Settlement(cost={}, tokens={:?}, calls={:?})",
            cost.as_deref().unwrap_or("None"),
            self.booked.tokens,
            self.booked.calls
        )
    }
}
