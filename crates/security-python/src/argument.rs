//! What Python hands in, read strictly: a wrong type is a `TypeError`, a wrong value an `InvalidArgumentError`, and nothing is guessed.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDateTime, PyInt, PyString};
use pyo3::{Borrowed, intern};
use security_bundle::trust_gate::{Scope, TrustLevel};
use time::OffsetDateTime;

use crate::failure::Failure;

/// A text that can be UTF-8. Python's may hold halves of surrogate pairs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl<'a> FromPyObject<'a, '_> for Text<'a> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, '_, PyAny>) -> PyResult<Self> {
        if !object.is_instance_of::<PyString>() {
            return Err(wrong("a str", object));
        }
        <&str>::extract(object).map(Self).map_err(|_| {
            Failure::argument(
                "a text holds half of a surrogate pair; it cannot be written as UTF-8",
            )
            .into()
        })
    }
}

/// A trust level: an `int` from 0 to 5, which a `TrustLevel` is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level(pub(crate) TrustLevel);

impl FromPyObject<'_, '_> for Level {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        integer(object, "a TrustLevel or an int from 0 to 5")?;
        let level = object.extract::<u8>().ok();
        level
            .and_then(|level| TrustLevel::try_from(level).ok())
            .map(Self)
            .ok_or_else(|| {
                let given = shown(object);
                Failure::argument(format_args!("`{given}` is not a trust level: write 0 to 5"))
                    .into()
            })
    }
}

/// A number of things: an `int` that is not negative.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(pub(crate) u64);

impl FromPyObject<'_, '_> for Count {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        integer(object, "an int")?;
        object.extract::<u64>().map(Self).map_err(|_| {
            let given = shown(object);
            Failure::argument(format_args!(
                "`{given}` is not a count: write 0 to 2^64 - 1"
            ))
            .into()
        })
    }
}

impl Count {
    /// As a length of something in memory.
    pub(crate) fn length(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A `datetime` with a time zone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(pub(crate) OffsetDateTime);

impl FromPyObject<'_, '_> for Moment {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        let given = object
            .cast::<PyDateTime>()
            .map_err(|_| wrong("a datetime", object))?;
        let py = object.py();
        let timezone = py.import(intern!(py, "datetime"))?.getattr("timezone")?;
        if given.getattr(intern!(py, "tzinfo"))?.is_none() {
            return Err(Failure::argument(
                "the datetime has no time zone; write datetime(..., tzinfo=timezone.utc)",
            )
            .into());
        }
        let utc = given
            .call_method1(intern!(py, "astimezone"), (timezone.getattr("utc")?,))
            .map_err(|_| Failure::argument("the datetime is out of range"))?;
        utc.extract::<OffsetDateTime>()
            .map(Self)
            .map_err(|_| Failure::argument("the datetime is out of range").into())
    }
}

/// The scope that was named; the root where none was.
pub(crate) fn scope(named: Option<Text<'_>>) -> Result<Scope, Failure> {
    named.map_or_else(
        || Ok(Scope::root()),
        |text| text.0.parse().map_err(Failure::Trust),
    )
}

/// Whoever acts for the operators where nobody is named.
pub(crate) const OPERATOR: &str = "operator";

/// The type was wrong.
pub(crate) fn wrong(wanted: &str, given: Borrowed<'_, '_, PyAny>) -> PyErr {
    let name = given.get_type().name();
    let name = name.map_or_else(|_| "?".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!("{wanted} is needed, not {name}"))
}

/// A `bool` is an `int` in Python, and never meant as one here.
fn integer(object: Borrowed<'_, '_, PyAny>, wanted: &str) -> PyResult<()> {
    if object.is_instance_of::<PyInt>() && !object.is_instance_of::<PyBool>() {
        return Ok(());
    }
    Err(wrong(wanted, object))
}

/// The value as it may stand in a message.
pub(crate) fn shown(object: Borrowed<'_, '_, PyAny>) -> String {
    const SHOWN: usize = 64;
    // Python refuses to write very large integers out.
    let text = object
        .repr()
        .and_then(|text| text.to_str().map(str::to_owned));
    let text = text.unwrap_or_else(|_| "a value that cannot be shown".to_owned());
    let mut short: String = text.chars().take(SHOWN).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
