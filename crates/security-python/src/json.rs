//! JSON between Python and the core: arguments on the way in, read-only structures on the way out.

use pyo3::exceptions::PyException;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use serde_json::Value;

use crate::failure::Failure;

/// What Python would write as JSON. The object is read once, here: what becomes of it later changes nothing.
pub(crate) fn written(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = object.py();
    let options = PyDict::new(py);
    options.set_item("allow_nan", false)?;
    let text = py
        .import(intern!(py, "json"))?
        .call_method(intern!(py, "dumps"), (object,), Some(&options))
        .and_then(|text| text.extract::<String>());
    text.map_err(|error| {
        // Recursion, unknown types, floats that are no numbers; but not an interrupt.
        if error.is_instance_of::<PyException>(py) {
            let why = error.value(py).str().map(|text| text.to_string());
            let why = why.unwrap_or_else(|_| "it cannot be read".to_owned());
            Failure::argument(format_args!("args cannot be written as JSON: {why}")).into()
        } else {
            error
        }
    })
}

/// The value as something nobody can change: objects as read-only mappings, arrays as tuples.
pub(crate) fn read_only<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Array(items) => {
            let items: Vec<_> = items
                .iter()
                .map(|item| read_only(py, item))
                .collect::<PyResult<_>>()?;
            PyTuple::new(py, items)?.into_any()
        }
        Value::Object(members) => {
            static PROXY: PyOnceLock<Py<PyType>> = PyOnceLock::new();
            let inner = PyDict::new(py);
            for (key, value) in members {
                inner.set_item(key, read_only(py, value)?)?;
            }
            PROXY
                .import(py, "types", "MappingProxyType")?
                .call1((inner,))?
        }
        scalar => plain(py, scalar)?,
    })
}

/// The value as a fresh structure of Python's own, for whoever asked to do with as they like.
pub(crate) fn fresh<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    plain(py, value)
}

fn plain<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    py.import(intern!(py, "json"))?
        .call_method1(intern!(py, "loads"), (value.to_string(),))
}
