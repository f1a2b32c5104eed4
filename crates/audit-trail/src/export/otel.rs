//! OpenTelemetry log records as OTLP/JSON: each line is one request of bounded size, to be posted or to be read from a file by a collector.

use std::io::Write;

use serde_json::{Value, json};

use super::class::Severity;
use super::columns::{columns, entry};
use super::{Exported, Format};
use crate::AuditError;
use crate::filter::Filter;
use crate::reader::AuditReader;
use crate::record::Record;

/// Log records in one request.
const BATCH: usize = 256;
/// Bytes after which a request ends early; the largest entry comes on top.
const BATCH_BYTES: usize = 1 << 20;

impl AuditReader {
    /// Writes the entries that a filter finds as OpenTelemetry log records in OTLP/JSON.
    ///
    /// Each line is one `ExportLogsServiceRequest` of at most 256 records and about 1 MiB: the body of a `POST` to
    /// `/v1/logs`, or a line for a collector's OTLP/JSON file receiver. The body of a record is the exact entry; its texts
    /// stand as attributes under `audit.`; the severity is INFO (9), but INFO2 (10) with obligations and for operators' acts,
    /// WARN (13) if denied, ERROR (17) for `gap` and `recovery`. A time before the epoch is written as 0, which means unknown.
    ///
    /// # Errors
    /// [`AuditError::Export`] if `writer` fails; part of the export is written then. Otherwise as [`query`](Self::query).
    ///
    /// ```
    /// use audit_trail::{AuditLog, Filter};
    ///
    /// let log = AuditLog::builder().build()?;
    /// let mut out = Vec::new();
    /// log.export_otel(&mut out, &Filter::new())?;
    /// let request: serde_json::Value = serde_json::from_slice(&out)?;
    /// let record = &request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0];
    /// assert_eq!(record["eventName"], "audit.genesis");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export_otel(&self, writer: impl Write, filter: &Filter) -> Result<Exported, AuditError> {
        let mut format = Otel {
            begin: begin(self.namespace()),
            records: 0,
            bytes: 0,
        };
        self.export_as(writer, filter, &mut format)
    }
}

struct Otel {
    /// What stands before the records of each request.
    begin: String,
    /// In the request that is being written.
    records: usize,
    bytes: usize,
}

/// What stands after the records of each request.
const END: &str = "]}]}]}\n";

fn begin(namespace: &str) -> String {
    let service = json!([{ "key": "service.name", "value": { "stringValue": namespace } }]);
    format!(
        "{{\"resourceLogs\":[{{\"resource\":{{\"attributes\":{service}}},\"scopeLogs\":[{{\"scope\":{{\"name\":\"audit-trail\"}},\"logRecords\":["
    )
}

impl Format for Otel {
    fn record(&mut self, record: &Record, out: &mut String) {
        let before = out.len();
        out.push_str(if self.records == 0 { &self.begin } else { "," });
        out.push_str(&log_record(record).to_string());
        self.records = self.records.saturating_add(1);
        self.bytes = self.bytes.saturating_add(out.len().saturating_sub(before));
        if self.records >= BATCH || self.bytes >= BATCH_BYTES {
            self.end(out);
        }
    }

    fn end(&mut self, out: &mut String) {
        if self.records > 0 {
            out.push_str(END);
        }
        (self.records, self.bytes) = (0, 0);
    }
}

fn log_record(record: &Record) -> Value {
    let (number, text) = match Severity::of(record) {
        Severity::Informational => (9, "INFO"),
        Severity::Notice => (10, "INFO2"),
        Severity::Warning => (13, "WARN"),
        Severity::Error => (17, "ERROR"),
    };
    let nanos = u64::try_from(record.ts()).unwrap_or(0).saturating_mul(1000);
    let attribute = |name: &str, value: &str| json!({ "key": format!("audit.{name}"), "value": { "stringValue": value } });
    let mut attributes = vec![
        json!({ "key": "audit.index", "value": { "intValue": record.index().to_string() } }),
        attribute("id", &record.id().to_string()),
        attribute("kind", record.kind().as_str()),
    ];
    for (name, value) in columns(record) {
        attributes.extend(value.map(|value| attribute(name, value)));
    }
    attributes.push(attribute("leaf", &record.leaf().to_string()));
    json!({
        "attributes": attributes,
        "body": { "stringValue": entry(record) },
        "eventName": format!("audit.{}", record.kind()),
        "severityNumber": number,
        "severityText": text,
        "timeUnixNano": nanos.to_string(),
    })
}
