//! OCSF events of class API Activity, one JSON object a line. What the log does not know is said to be unknown, never made up.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::class::{Severity, title};
use super::columns::{entry, millis};
use super::{Exported, Format};
use crate::AuditError;
use crate::filter::Filter;
use crate::kind::{Kind, Outcome};
use crate::reader::AuditReader;
use crate::record::Record;

/// Members of an entry that have no attribute of their own in the class.
const UNMAPPED: [&str; 13] = [
    "_sd", "action", "approval", "budget", "consent", "decision", "event", "ext", "kind",
    "operator", "policy", "scope", "trust",
];

impl AuditReader {
    /// Writes the entries that a filter finds as events of the Open Cybersecurity Schema Framework, version 1.3.0, class API
    /// Activity (6003), one JSON object a line.
    ///
    /// | OCSF | entry |
    /// |---|---|
    /// | `activity_id` | 1 for `genesis`, 3 for operators' changes, 4 for `erasure`, otherwise 99; `activity_name` is the kind |
    /// | `actor` | `user.name`: `operator`, otherwise `agent`; `session.uid`: `session`; `app_name`: `namespace` |
    /// | `api` | `operation`: `action.name`, otherwise `event`, otherwise the kind; `service.name`: `namespace` |
    /// | `message` | fixed words for kind and outcome |
    /// | `metadata` | `uid`: `<id>/<index>`, `correlation_uid`: `id`, `sequence`: index, `log_name`: `namespace` |
    /// | `raw_data` | the exact entry |
    /// | `resources` | `resource`, and the agent where an operator acted on it |
    /// | `severity_id` | 1, but 2 with obligations and for operators' acts, 3 if denied, 4 for `gap` and `recovery` |
    /// | `src_endpoint` | of type Unknown: the log does not know from where an agent acts |
    /// | `status_id` | permitted, `settled` and operators' acts: 1; denied and `failed`: 2; other endings: 99; otherwise 0 |
    /// | `status_code`, `status_detail` | `decision.reason_code`, `reason` |
    /// | `time` | milliseconds since the epoch, rounded down |
    /// | `unmapped` | the rest of the entry, as it is |
    ///
    /// # Errors
    /// [`AuditError::Export`] if `writer` fails; part of the export is written then. Otherwise as [`query`](Self::query).
    ///
    /// ```
    /// use audit_trail::{AuditLog, Entry, Filter};
    ///
    /// let log = AuditLog::builder().build()?;
    /// log.log(Entry::event("tool-call-complete").agent("desk-assistant"))?;
    /// let mut out = Vec::new();
    /// log.export_ocsf(&mut out, &Filter::new().event("tool-call-complete"))?;
    /// let event: serde_json::Value = serde_json::from_slice(&out)?;
    /// assert_eq!(event["type_uid"], 600_399);
    /// assert_eq!(event["actor"]["user"]["name"], "desk-assistant");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export_ocsf(&self, writer: impl Write, filter: &Filter) -> Result<Exported, AuditError> {
        self.export_as(writer, filter, &mut Ocsf)
    }
}

struct Ocsf;

impl Format for Ocsf {
    fn record(&mut self, record: &Record, out: &mut String) {
        let (activity, type_uid) = match record.kind() {
            Kind::Genesis => (1, 600_301),
            Kind::TrustChange
            | Kind::BudgetChange
            | Kind::ConsentChange
            | Kind::PolicyChange
            | Kind::KeyRotation => (3, 600_303),
            Kind::Erasure => (4, 600_304),
            _ => (99, 600_399),
        };
        let (severity_id, severity) = match Severity::of(record) {
            Severity::Informational => (1, "Informational"),
            Severity::Notice => (2, "Low"),
            Severity::Warning => (3, "Medium"),
            Severity::Error => (4, "High"),
        };
        let (status_id, status) = status(record, activity);
        let mut event = json!({
            "activity_id": activity,
            "activity_name": record.kind().as_str(),
            "actor": actor(record),
            "api": {
                "operation": record
                    .action()
                    .map(|action| &*action.name)
                    .or(record.event())
                    .unwrap_or(record.kind().as_str()),
                "service": { "name": record.namespace() },
            },
            "category_name": "Application Activity",
            "category_uid": 6,
            "class_name": "API Activity",
            "class_uid": 6003,
            "message": title(record),
            "metadata": {
                "correlation_uid": record.id(),
                "log_name": record.namespace(),
                "product": { "name": "audit-trail", "vendor_name": "AumOS" },
                "sequence": record.index(),
                "uid": format!("{}/{}", record.id(), record.index()),
                "version": "1.3.0",
            },
            "raw_data": entry(record),
            "severity": severity,
            "severity_id": severity_id,
            "src_endpoint": { "name": "unknown", "type": "Unknown", "type_id": 0 },
            "status": status,
            "status_id": status_id,
            "time": millis(record),
            "type_uid": type_uid,
            "unmapped": unmapped(record),
        });
        if let Value::Object(event) = &mut event {
            let agent = record.agent().filter(|_| record.operator().is_some());
            let resources: Vec<Value> = (record.resource().map(|name| json!({ "name": name })))
                .into_iter()
                .chain(agent.map(|name| json!({ "name": name, "type": "agent" })))
                .collect();
            if !resources.is_empty() {
                event.insert("resources".into(), resources.into());
            }
            let code = record.decision().map(|decision| &*decision.reason_code);
            insert(event, "status_code", code);
            insert(event, "status_detail", record.reason());
        }
        out.push_str(&event.to_string());
        out.push('\n');
    }
}

fn insert(object: &mut Map<String, Value>, key: &str, value: Option<&str>) {
    if let Some(value) = value {
        object.insert(key.into(), value.into());
    }
}

fn status(record: &Record, activity: u8) -> (u8, &str) {
    match (record.outcome(), record.kind(), record.event()) {
        (Some(Outcome::Deny), ..) | (None, Kind::Outcome, Some("failed")) => (2, "Failure"),
        (Some(Outcome::Allow | Outcome::AllowWithCaveat), ..)
        | (None, Kind::Outcome, Some("settled")) => (1, "Success"),
        (None, Kind::Outcome, Some(ending)) => (99, ending),
        _ if activity != 99 => (1, "Success"),
        _ => (0, "Unknown"),
    }
}

fn actor(record: &Record) -> Value {
    let mut actor = Map::new();
    insert(&mut actor, "app_name", Some(record.namespace()));
    if let Some(name) = record.operator().or(record.agent()) {
        actor.insert("user".into(), json!({ "name": name }));
    }
    if let Some(session) = record.session() {
        actor.insert("session".into(), json!({ "uid": session }));
    }
    actor.into()
}

/// Members of the entry as values; numbers in `ext` that no double holds exactly keep their digits in `raw_data`.
fn unmapped(record: &Record) -> Map<String, Value> {
    let members: BTreeMap<&str, &RawValue> =
        serde_json::from_slice(record.bytes()).unwrap_or_default();
    members
        .into_iter()
        .filter(|(key, _)| UNMAPPED.contains(key))
        .filter_map(|(key, value)| Some((key.to_owned(), serde_json::from_str(value.get()).ok()?)))
        .collect()
}
