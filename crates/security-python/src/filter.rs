//! What to look for in the log, and what was found.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use security_bundle::audit_trail::{Filter, Kind, Outcome};
use serde_json::Value;
use time::OffsetDateTime;

use crate::argument::{Count, Moment, Text};
use crate::failure::Failure;
use crate::record::AuditRecord;
use crate::vocabulary;

/// Conditions, of which a record must meet all. Records from `since` on, and before `until`.
#[pyclass(module = "aumos_governance", frozen, eq)]
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct AuditFilter {
    agent: Option<String>,
    outcome: Option<Outcome>,
    action_type: Option<String>,
    resource: Option<String>,
    since: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
    session: Option<String>,
    event: Option<String>,
    kind: Option<Kind>,
    limit: Option<usize>,
    offset: usize,
    newest_first: bool,
}

impl AuditFilter {
    pub(crate) fn to_filter(&self) -> Filter {
        let mut filter = Filter::new().count_matches().offset(self.offset);
        if let Some(agent) = &self.agent {
            filter = filter.agent(agent);
        }
        if let Some(outcome) = self.outcome {
            filter = filter.outcome(outcome);
        }
        if let Some(action_type) = &self.action_type {
            filter = filter.action_type(action_type);
        }
        if let Some(resource) = &self.resource {
            filter = filter.resource(resource);
        }
        if let Some(since) = self.since {
            filter = filter.since(since);
        }
        if let Some(until) = self.until {
            filter = filter.until(until);
        }
        if let Some(session) = &self.session {
            filter = filter.session(session);
        }
        if let Some(event) = &self.event {
            filter = filter.event(event);
        }
        if let Some(kind) = self.kind {
            filter = filter.kind(kind);
        }
        if let Some(limit) = self.limit {
            filter = filter.limit(limit);
        }
        if self.newest_first {
            filter = filter.newest_first();
        }
        filter
    }
}

fn owned(text: Option<Text<'_>>) -> Option<String> {
    text.map(|text| text.0.to_owned())
}

fn outcome(text: Text<'_>) -> Result<Outcome, Failure> {
    match text.0 {
        "allow" => Ok(Outcome::Allow),
        "deny" => Ok(Outcome::Deny),
        "allow_with_caveat" => Ok(Outcome::AllowWithCaveat),
        other => Err(Failure::argument(format_args!(
            "`{}` is not an outcome: write allow, deny or allow_with_caveat",
            other.escape_debug()
        ))),
    }
}

fn kind(text: Text<'_>) -> Result<Kind, Failure> {
    serde_json::from_value(Value::from(text.0)).map_err(|_| {
        Failure::argument(format_args!(
            "`{}` is not a kind of record: write decision, outcome, event, trust_change, budget_change, consent_change or policy_change",
            text.0.escape_debug()
        ))
    })
}

#[pymethods]
impl AuditFilter {
    #[new]
    #[pyo3(
        signature = (
            agent_id=None, outcome=None, action_type=None, resource=None, since=None, until=None, *, session_id=None,
            event=None, kind=None, limit=None, offset=Count(0), newest_first=false
        ),
        text_signature = "(agent_id=None, outcome=None, action_type=None, resource=None, since=None, until=None, *, session_id=None, event=None, kind=None, limit=None, offset=0, newest_first=False)"
    )]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn new(
        agent_id: Option<Text<'_>>,
        outcome: Option<Text<'_>>,
        action_type: Option<Text<'_>>,
        resource: Option<Text<'_>>,
        since: Option<Moment>,
        until: Option<Moment>,
        session_id: Option<Text<'_>>,
        event: Option<Text<'_>>,
        kind: Option<Text<'_>>,
        limit: Option<Count>,
        offset: Count,
        newest_first: bool,
    ) -> PyResult<Self> {
        Ok(Self {
            agent: owned(agent_id),
            outcome: outcome.map(self::outcome).transpose()?,
            action_type: owned(action_type),
            resource: owned(resource),
            since: since.map(|moment| moment.0),
            until: until.map(|moment| moment.0),
            session: owned(session_id),
            event: owned(event),
            kind: kind.map(self::kind).transpose()?,
            limit: limit.map(Count::length),
            offset: offset.length(),
            newest_first,
        })
    }

    #[getter]
    fn agent_id(&self) -> Option<&str> {
        self.agent.as_deref()
    }

    #[getter]
    fn outcome<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        vocabulary::logged(py, self.outcome)
    }

    #[getter]
    fn action_type(&self) -> Option<&str> {
        self.action_type.as_deref()
    }

    #[getter]
    fn resource(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    #[getter]
    fn since(&self) -> Option<OffsetDateTime> {
        self.since
    }

    #[getter]
    fn until(&self) -> Option<OffsetDateTime> {
        self.until
    }

    #[getter]
    fn session_id(&self) -> Option<&str> {
        self.session.as_deref()
    }

    #[getter]
    fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    #[getter]
    fn kind(&self) -> Option<&'static str> {
        self.kind.map(Kind::as_str)
    }

    #[getter]
    fn limit(&self) -> Option<usize> {
        self.limit
    }

    #[getter]
    fn offset(&self) -> usize {
        self.offset
    }

    #[getter]
    fn newest_first(&self) -> bool {
        self.newest_first
    }

    fn __repr__(&self) -> String {
        let mut named = Vec::new();
        let texts = [
            ("agent_id", self.agent.as_deref()),
            ("outcome", self.outcome.map(Outcome::as_str)),
            ("action_type", self.action_type.as_deref()),
            ("resource", self.resource.as_deref()),
            ("session_id", self.session.as_deref()),
            ("event", self.event.as_deref()),
            ("kind", self.kind.map(Kind::as_str)),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                named.push(format!("{name}={value:?}"));
            }
        }
        for (name, value) in [("since", self.since), ("until", self.until)] {
            if let Some(value) = value {
                named.push(format!("{name}='{value}'"));
            }
        }
        if let Some(limit) = self.limit {
            named.push(format!("limit={limit}"));
        }
        if self.offset > 0 {
            named.push(format!("offset={}", self.offset));
        }
        format!("AuditFilter({})", named.join(", "))
    }
}

/// A page of records.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct AuditQueryResult {
    #[pyo3(get)]
    pub(crate) records: Py<PyTuple>,
    /// How many records meet the conditions, whatever limit and offset are.
    #[pyo3(get)]
    pub(crate) total_matched: u64,
}

impl AuditQueryResult {
    pub(crate) fn new(
        py: Python<'_>,
        found: Vec<security_bundle::audit_trail::Record>,
        total_matched: u64,
    ) -> PyResult<Self> {
        let records: Vec<_> = found
            .into_iter()
            .map(|record| Bound::new(py, AuditRecord(record)))
            .collect::<PyResult<_>>()?;
        Ok(Self {
            records: PyTuple::new(py, records)?.unbind(),
            total_matched,
        })
    }
}

#[pymethods]
impl AuditQueryResult {
    fn __len__(&self, py: Python<'_>) -> usize {
        self.records.bind(py).len()
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        format!(
            "AuditQueryResult({} of {})",
            self.records.bind(py).len(),
            self.total_matched
        )
    }
}
