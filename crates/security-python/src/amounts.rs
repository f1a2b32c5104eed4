//! Money and counts: exact on the way in, floats where Python's readers expect them, and exact beside that, on the way out.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString, PyType};
use pyo3::{Borrowed, intern};
use security_bundle::budget_enforcer::Quantity;
use security_bundle::{Amounts, Usd};

use crate::argument::{Count, shown, wrong};
use crate::failure::Failure;

/// An amount in USD: `int`, `float`, `str` or `Decimal`.
///
/// A float is rounded to the nearest billionth, for a sum of floats is rarely what was meant to the last bit. The others are taken
/// as they are written, and refused where they are finer than that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Money(pub(crate) Usd);

impl FromPyObject<'_, '_> for Money {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        const KINDS: &str = "an amount of money (int, float, str or Decimal)";
        if let Ok(float) = object.cast::<PyFloat>() {
            return from_float(float.value()).map(Self).map_err(PyErr::from);
        }
        if object.is_instance_of::<PyBool>() {
            return Err(wrong(KINDS, object));
        }
        if object.is_instance_of::<PyInt>() {
            return object
                .extract::<u64>()
                .ok()
                .and_then(|dollars| dollars.checked_mul(1_000_000_000))
                .map(|nanos| Self(Usd::from_nanos(nanos)))
                .ok_or_else(|| refused(&shown(object), "it is negative or too large").into());
        }
        if let Ok(text) = object.cast::<PyString>() {
            let text = text
                .to_str()
                .map_err(|_| refused("…", "it is not a number"))?;
            return from_text(text).map(Self).map_err(PyErr::from);
        }
        if object.is_instance(decimal(object.py())?.as_any())? {
            return from_decimal(object).map(Self);
        }
        Err(wrong(KINDS, object))
    }
}

fn from_float(dollars: f64) -> Result<Usd, Failure> {
    let usd = Usd::try_from_f64(dollars)?;
    if usd == Usd::ZERO && dollars > 0.0 {
        return Err(refused(
            &dollars.to_string(),
            "it is less than a billionth of a dollar",
        ));
    }
    Ok(usd)
}

fn from_text(text: &str) -> Result<Usd, Failure> {
    // Zeros at the end say nothing, however many there are.
    let plain = match text.split_once('.') {
        Some((whole, fraction)) if fraction.len() > 9 && fraction.ends_with('0') => {
            let kept = fraction.trim_end_matches('0');
            format!("{whole}.{}", if kept.is_empty() { "0" } else { kept })
        }
        _ => text.to_owned(),
    };
    Ok(plain.parse()?)
}

fn from_decimal(object: Borrowed<'_, '_, PyAny>) -> PyResult<Usd> {
    let py = object.py();
    if !object
        .call_method0(intern!(py, "is_finite"))?
        .extract::<bool>()?
    {
        return Err(refused(&shown(object), "it is not finite").into());
    }
    // Written out it could have as many digits as its exponent says.
    let size = object
        .call_method0(intern!(py, "adjusted"))?
        .extract::<i64>()?;
    let is_zero = !object.is_truthy()?;
    if !is_zero && !(-9..=11).contains(&size) {
        return Err(refused(
            &shown(object),
            "it is finer than a billionth of a dollar, or too large",
        )
        .into());
    }
    if is_zero {
        return Ok(Usd::ZERO);
    }
    let text = object.call_method1(intern!(py, "__format__"), ("f",))?;
    Ok(from_text(text.extract::<&str>()?)?)
}

fn refused(given: &str, why: &'static str) -> Failure {
    Failure::argument(format_args!("`{given}` is not an amount in USD: {why}"))
}

/// Amounts by name; `None` where nothing is named.
pub(crate) fn amounts(cost: Option<Money>, tokens: Option<Count>, calls: Option<Count>) -> Amounts {
    let mut amounts = Amounts::NONE;
    amounts.cost = cost.map(|cost| cost.0);
    amounts.tokens = tokens.map(|tokens| tokens.0);
    amounts.calls = calls.map(|calls| calls.0);
    amounts
}

/// Money as a float, the nearest that there is.
pub(crate) fn float(usd: Usd) -> f64 {
    // Read from its digits: a division would round twice.
    usd.exact().to_string().parse().unwrap_or(f64::INFINITY)
}

/// Money as a `Decimal`.
pub(crate) fn exact(py: Python<'_>, usd: Usd) -> PyResult<Bound<'_, PyAny>> {
    decimal(py)?.call1((usd.exact().to_string(),))
}

/// A quantity as readers expect it: money as a float, counts as an int.
pub(crate) fn plain(py: Python<'_>, quantity: Quantity) -> PyResult<Bound<'_, PyAny>> {
    match quantity {
        Quantity::Cost(usd) => Ok(float(usd).into_pyobject(py)?.into_any()),
        Quantity::Tokens(count) | Quantity::Calls(count) => Ok(count.into_pyobject(py)?.into_any()),
    }
}

/// A quantity with all its digits: money as a `Decimal`, counts as an int.
pub(crate) fn digits(py: Python<'_>, quantity: Quantity) -> PyResult<Bound<'_, PyAny>> {
    match quantity {
        Quantity::Cost(usd) => exact(py, usd),
        counted => plain(py, counted),
    }
}

fn decimal(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DECIMAL.import(py, "decimal", "Decimal")
}
