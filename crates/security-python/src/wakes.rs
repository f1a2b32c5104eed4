//! The one thread of ours that calls into Python, so that the log's writer never has to wait for the interpreter.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use pyo3::prelude::*;

use crate::failure::Failure;
use crate::fork::Generation;

/// Takes what is to be called.
#[derive(Debug, Clone)]
pub(crate) struct Wakes(Sender<Option<Py<PyAny>>>);

impl Wakes {
    /// Has it called soon, without waiting.
    pub(crate) fn call(&self, wake: Py<PyAny>) {
        // Nobody listens any more where the interpreter ends.
        drop(self.0.send(Some(wake)));
    }
}

enum Caller {
    NotYet,
    Running(Generation, Wakes, JoinHandle<()>),
    /// The interpreter ends: a thread that waited for it then would be killed in the middle.
    Stopped,
}

/// Locked only while attached to the interpreter, as forking is, so that no child finds it locked.
static CALLER: Mutex<Caller> = Mutex::new(Caller::NotYet);

fn caller() -> MutexGuard<'static, Caller> {
    CALLER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where to send what is to be called. The first that asks starts the thread, in each process.
pub(crate) fn wakes() -> Result<Wakes, Failure> {
    let mut caller = caller();
    match &*caller {
        Caller::Running(generation, wakes, _) if generation.is_here() => return Ok(wakes.clone()),
        Caller::Stopped => return Err(Failure::Internal("the interpreter is ending")),
        Caller::Running(..) | Caller::NotYet => {}
    }
    let (sender, receiver) = mpsc::channel();
    let thread = thread::Builder::new()
        .name("aumos-wakes".to_owned())
        .spawn(move || call_each(&receiver))
        .map_err(|_| Failure::Internal("no thread can be started"))?;
    let wakes = Wakes(sender);
    *caller = Caller::Running(Generation::current(), wakes.clone(), thread);
    Ok(wakes)
}

/// Ends the thread, and waits for what it is calling; `atexit` calls it.
#[pyfunction(name = "_stop_wakes")]
pub(crate) fn stop_wakes(py: Python<'_>) {
    let caller = std::mem::replace(&mut *caller(), Caller::Stopped);
    if let Caller::Running(generation, wakes, thread) = caller
        && generation.is_here()
    {
        drop(wakes.0.send(None));
        // It fails only where the thread panicked, which is told by then.
        drop(py.detach(|| thread.join()));
    }
}

/// Calls what it is sent until it is told to end.
fn call_each(wakes: &Receiver<Option<Py<PyAny>>>) {
    while let Ok(Some(wake)) = wakes.recv() {
        let called = Python::try_attach(|py| {
            // A loop that is closed takes no calls, and nobody waits on it.
            drop(wake.call0(py));
            drop(wake);
        });
        if called.is_none() {
            return;
        }
    }
}
