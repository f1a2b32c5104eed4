//! The Common Event Format (CEF) of `ArcSight`, one event a line: what is not the format's own is escaped, so that no text can end a field or begin another.

use std::fmt::Write as _;
use std::io::Write;

use super::class::{Severity, title};
use super::columns::{columns, millis};
use super::{Exported, Format};
use crate::AuditError;
use crate::filter::Filter;
use crate::kind::{Kind, Outcome};
use crate::reader::AuditReader;
use crate::record::Record;

impl AuditReader {
    /// Writes the entries that a filter finds in the Common Event Format of `ArcSight`, version 0, one event a line.
    ///
    /// | CEF | entry |
    /// |---|---|
    /// | vendor, product, version | `AumOS`, `audit-trail`, version of the entry schema: `1` |
    /// | event class id | `decision:<outcome>`, `event:<event>`, otherwise the kind |
    /// | name | fixed words for the class; the name of an event |
    /// | severity | 1, but 3 with obligations and for operators' acts, 5 if denied, 7 for `gap` and `recovery` |
    /// | `rt` | time in milliseconds since the epoch, rounded down |
    /// | `externalId`, `cat`, `deviceFacility` | `id`, `kind`, `namespace` |
    /// | `suser`, `act` | `agent`, `action.name` |
    /// | `outcome`, `reason` | `decision.outcome`, otherwise how something ended; `decision.reason_code` |
    /// | `msg` | `reason`, otherwise `decision.reasons` with spaces between |
    /// | `cn1` | index in the log |
    /// | `cs1` … `cs6`, each with its label | `session`, `resource`, `scope`, `decision.stage`, `operator`, `event` |
    /// | `flexString1` | hash of the leaf, by which the event is found in the log's tree |
    ///
    /// Everything else stays in the log. Texts are never cut, though the format's dictionary allows 63 to 4000 characters.
    ///
    /// # Errors
    /// [`AuditError::Export`] if `writer` fails; part of the export is written then. Otherwise as [`query`](Self::query).
    ///
    /// ```
    /// use audit_trail::{AuditLog, Entry, Filter};
    ///
    /// let log = AuditLog::builder().build()?;
    /// log.log(Entry::event("a|b").agent("x=1"))?;
    /// let mut out = Vec::new();
    /// log.export_cef(&mut out, &Filter::new().event("a|b"))?;
    /// let line = String::from_utf8(out)?;
    /// assert!(line.starts_with(r"CEF:0|AumOS|audit-trail|1|event:a\|b|a\|b|1|"));
    /// assert!(line.contains(r" suser=x\=1 "));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn export_cef(&self, writer: impl Write, filter: &Filter) -> Result<Exported, AuditError> {
        self.export_as(writer, filter, &mut Cef)
    }
}

struct Cef;

impl Format for Cef {
    fn record(&mut self, record: &Record, out: &mut String) {
        let kind = record.kind().as_str();
        let (detail, name) = match (record.kind(), record.outcome(), record.event()) {
            (_, Some(outcome), _) => (Some(outcome.as_str()), title(record)),
            (Kind::Event, None, Some(event)) => (Some(event), event),
            _ => (None, title(record)),
        };
        out.push_str("CEF:0|AumOS|audit-trail|1|");
        out.push_str(kind);
        if let Some(detail) = detail {
            out.push(':');
            escape(detail, &['|'], out);
        }
        out.push('|');
        escape(name, &['|'], out);
        let severity = match Severity::of(record) {
            Severity::Informational => '1',
            Severity::Notice => '3',
            Severity::Warning => '5',
            Severity::Error => '7',
        };
        out.push('|');
        out.push(severity);
        // Writing to memory cannot fail.
        let _ = write!(out, "|rt={}", millis(record));
        field("externalId", Some(&record.id().to_string()), out);
        field("cat", Some(kind), out);
        field("deviceFacility", Some(record.namespace()), out);
        field("suser", record.agent(), out);
        field("act", record.action().map(|action| &*action.name), out);
        let ending = record.event().filter(|_| record.kind() == Kind::Outcome);
        let outcome = record.outcome().map(Outcome::as_str);
        field("outcome", outcome.or(ending), out);
        field(
            "reason",
            record.decision().map(|decision| &*decision.reason_code),
            out,
        );
        let reasons = record
            .decision()
            .map(|decision| decision.reasons.join(" "))
            .filter(|reasons| !reasons.is_empty());
        field("msg", record.reason().or(reasons.as_deref()), out);
        let _ = write!(out, " cn1={} cn1Label=index", record.index());
        let labelled = [
            ("session", "cs1"),
            ("resource", "cs2"),
            ("scope", "cs3"),
            ("stage", "cs4"),
            ("operator", "cs5"),
            ("event", "cs6"),
        ];
        let columns = columns(record);
        for (name, key) in labelled {
            let value = columns.iter().find(|column| column.0 == name);
            if let Some(value) = value.and_then(|column| column.1) {
                field(key, Some(value), out);
                let _ = write!(out, " {key}Label={name}");
            }
        }
        field("flexString1", Some(&record.leaf().to_string()), out);
        out.push_str(" flexString1Label=leaf\n");
    }
}

/// A member of the extension.
fn field(key: &str, value: Option<&str>, out: &mut String) {
    let Some(value) = value else { return };
    out.push(' ');
    out.push_str(key);
    out.push('=');
    escape(value, &['='], out);
}

/// Newlines cannot stand in entries; should one ever come, it is no end of a line here.
fn escape(text: &str, special: &[char], out: &mut String) {
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if c == '\\' || special.contains(&c) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn what_ends_a_field_is_escaped_and_nothing_else() {
        let escaped = |text, special: &[char]| {
            let mut out = String::new();
            escape(text, special, &mut out);
            out
        };
        assert_eq!(escaped("a|b\\c=d", &['|']), r"a\|b\\c=d");
        assert_eq!(escaped("a|b\\c=d", &['=']), r"a|b\\c\=d");
        assert_eq!(escaped("x\r\ny", &['=']), r"x\r\ny");
    }
}
