//! What of a component's state an entry carries in its `ext`, so that the log is the journal of all of them.

use audit_trail::{Ext, Record};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::recorder::RecordError;

/// The key of `ext` under which a stack keeps its journal, and which nobody else may use.
pub(crate) const KEY: &str = "journal";

/// One change of state, as it is read back.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Line {
    Trust(Box<trust_gate::Event>),
    TrustMark(trust_gate::ClockMark),
    Consent(Box<consent::Event>),
    ConsentMark(consent::ClockMark),
    Budget(Box<budget_enforcer::Event>),
    /// A part of a configuration, by its digest, that was applied and must not be applied again.
    Applied(String),
    /// The configuration that is in force from here on, by the digest that all processes on the directory share.
    Activated(String),
}

/// The same as it is written.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineOf<'a> {
    Trust(&'a trust_gate::Event),
    TrustMark(trust_gate::ClockMark),
    Consent(&'a consent::Event),
    ConsentMark(consent::ClockMark),
    Budget(&'a budget_enforcer::Event),
    Applied(&'a str),
    Activated(&'a str),
}

#[derive(Serialize)]
struct Carrying<'a> {
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    besides: Option<&'a serde_json::Value>,
    journal: LineOf<'a>,
}

#[derive(Deserialize)]
struct Carried<'a> {
    #[serde(borrow)]
    journal: Option<&'a RawValue>,
}

impl LineOf<'_> {
    /// The `ext` of an entry that carries this, besides what else stands in it.
    pub(crate) fn ext(self, besides: Option<&serde_json::Value>) -> Result<Ext, RecordError> {
        let journal = self;
        Ext::encode(&Carrying { besides, journal }).map_err(RecordError::new)
    }
}

/// What an entry carries, if anything.
pub(crate) fn read(record: &Record) -> Result<Option<Line>, serde_json::Error> {
    let Some(ext) = record.ext() else {
        return Ok(None);
    };
    let Carried { journal } = serde_json::from_str(ext.as_str())?;
    journal
        .map(|line| serde_json::from_str(line.get()))
        .transpose()
}
