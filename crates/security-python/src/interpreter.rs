//! What is kept once for the process — classes, enumerations, the thread that wakes — belongs to one interpreter.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;

/// Where the first interpreter's `sys` is; each has its own.
static FIRST: AtomicUsize = AtomicUsize::new(0);

/// Refuses every interpreter of the process but the first that imports the module. Loading it again in that one is harmless.
pub(crate) fn only_the_first(py: Python<'_>) -> PyResult<()> {
    let here = py.import("sys")?.as_ptr().addr();
    match FIRST.compare_exchange(0, here, Ordering::AcqRel, Ordering::Acquire) {
        Err(first) if first != here => Err(PyImportError::new_err(
            "aumos_governance works in one interpreter of a process, and another one has imported it",
        )),
        _ => Ok(()),
    }
}
