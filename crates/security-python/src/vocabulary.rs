//! The two enumerations that Python's side owns, looked up once: `TrustLevel` and `GovernanceOutcome`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;
use security_bundle::{Outcome, TrustLevel, audit_trail};

/// The member of `TrustLevel`.
pub(crate) fn level(py: Python<'_>, level: TrustLevel) -> PyResult<Bound<'_, PyAny>> {
    static LEVELS: PyOnceLock<Py<PyList>> = PyOnceLock::new();
    members(py, &LEVELS, "TrustLevel")?.get_item(usize::from(level.as_u8()))
}

/// The member of `GovernanceOutcome`.
pub(crate) fn outcome(py: Python<'_>, outcome: Outcome) -> PyResult<Bound<'_, PyAny>> {
    static OUTCOMES: PyOnceLock<Py<PyList>> = PyOnceLock::new();
    members(py, &OUTCOMES, "GovernanceOutcome")?.get_item(match outcome {
        Outcome::Allow => 0,
        Outcome::Deny => 1,
        Outcome::AllowWithCaveat => 2,
    })
}

/// The member of `GovernanceOutcome` for what stands in the log.
pub(crate) fn logged(
    py: Python<'_>,
    logged: Option<audit_trail::Outcome>,
) -> PyResult<Option<Bound<'_, PyAny>>> {
    let known = match logged {
        Some(audit_trail::Outcome::Allow) => Outcome::Allow,
        Some(audit_trail::Outcome::Deny) => Outcome::Deny,
        Some(audit_trail::Outcome::AllowWithCaveat) => Outcome::AllowWithCaveat,
        _ => return Ok(None),
    };
    outcome(py, known).map(Some)
}

fn members<'py>(
    py: Python<'py>,
    known: &PyOnceLock<Py<PyList>>,
    name: &str,
) -> PyResult<Bound<'py, PyList>> {
    let list = known.get_or_try_init(py, || {
        let class = py.import("aumos_governance.types")?.getattr(name)?;
        let members = PyList::empty(py);
        for member in class.try_iter()? {
            members.append(member?)?;
        }
        Ok::<_, PyErr>(members.unbind())
    })?;
    Ok(list.bind(py).clone())
}
