//! Answers that wait for a disk or for an operator: a future of the core's, polled by whichever event loop awaits it.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use pyo3::prelude::*;
use security_bundle::{Amounts, Decision, Denied, SettleError, Settled};

use crate::decision::GovernanceDecision;
use crate::failure::Failure;
use crate::permit::{Permit, Settlement};
use crate::seat::Seat;
use crate::wakes::{self, Wakes};

/// What a future of the core's comes to.
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and taken apart at once"
)]
pub(crate) enum Answer {
    Decision(Decision),
    Permit(Result<security_bundle::Permit, Denied>),
    Settled(Amounts, Result<Settled, SettleError>),
}

impl Answer {
    /// What Python is told.
    pub(crate) fn tell<'py>(
        self,
        py: Python<'py>,
        seat: &Arc<Seat>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Ok(match self {
            Self::Decision(decision) => Bound::new(py, GovernanceDecision(decision))?.into_any(),
            Self::Permit(Ok(permit)) => Bound::new(py, Permit::new(seat, permit))?.into_any(),
            Self::Permit(Err(denied)) => {
                return Err(GovernanceDecision(denied.decision().clone()).refusal(py));
            }
            Self::Settled(booked, settled) => {
                let settled = settled.map_err(Failure::from)?;
                Bound::new(py, Settlement::new(booked, settled.record_id))?.into_any()
            }
        })
    }
}

pub(crate) type Work = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Something that is not answered yet. Dropping it gives up, as dropping the core's future does.
#[pyclass(module = "aumos_governance", frozen)]
pub(crate) struct Pending {
    seat: Arc<Seat>,
    /// `None` once it was answered.
    work: Mutex<Option<Work>>,
}

/// Polls it once: the answer where there is one already, else a [`Pending`].
pub(crate) fn begin<'py>(
    py: Python<'py>,
    seat: &Arc<Seat>,
    mut work: Work,
) -> PyResult<Bound<'py, PyAny>> {
    let mut context = Context::from_waker(Waker::noop());
    match work.as_mut().poll(&mut context) {
        Poll::Ready(answer) => answer.tell(py, seat),
        Poll::Pending => {
            let pending = Pending {
                seat: Arc::clone(seat),
                work: Mutex::new(Some(work)),
            };
            Ok(Bound::new(py, pending)?.into_any())
        }
    }
}

/// Blocks the thread until there is an answer; other threads run meanwhile, and signals are looked for.
pub(crate) fn wait(py: Python<'_>, seat: &Seat, mut work: Work) -> PyResult<Answer> {
    const LOOK: Duration = Duration::from_millis(100);
    if !seat.is_durable() {
        // In memory nearly everything is answered already.
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(answer) = polled {
            return Ok(answer);
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        let polled = py.detach(|| {
            let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_pending() {
                thread::park_timeout(LOOK);
            }
            polled
        });
        if let Poll::Ready(answer) = polled {
            return Ok(answer);
        }
        py.check_signals()?;
    }
}

#[pymethods]
impl Pending {
    /// The answer, or `None`; then `wake` is called, from another thread, once asking again is worth it.
    fn poll<'py>(&self, py: Python<'py>, wake: Py<PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if !self.seat.generation().is_here() {
            return Err(Failure::Forked.into());
        }
        let waker = Waker::from(Arc::new(Call {
            wakes: wakes::wakes()?,
            wake: Mutex::new(Some(wake)),
        }));
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = work.as_mut() else {
            return Err(Failure::Internal("this was answered before").into());
        };
        match running.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => Ok(None),
            Poll::Ready(answer) => {
                *work = None;
                drop(work);
                answer.tell(py, &self.seat).map(Some)
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.seat.generation().is_here() {
            let work = self.work.get_mut().unwrap_or_else(PoisonError::into_inner);
            mem::forget(work.take());
        }
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Has Python called, by a thread that may wait for the interpreter: whoever wakes, the log's writer for one, may not.
struct Call {
    wakes: Wakes,
    wake: Mutex<Option<Py<PyAny>>>,
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        let wake = self
            .wake
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(wake) = wake {
            self.wakes.call(wake);
        }
    }
}
