//! RFC 5424 messages, one a line: the entry's texts as structured data, its exact bytes as the message.

use std::fmt::Write as _;
use std::io::Write;

use time::macros::format_description;

use super::class::Severity;
use super::columns::{columns, entry};
use super::{Exported, Format};
use crate::AuditError;
use crate::filter::Filter;
use crate::reader::AuditReader;
use crate::record::Record;

/// What a syslog message says about where it comes from.
///
/// ```
/// use audit_trail::{AuditLog, Filter, Syslog};
///
/// let log = AuditLog::builder().build()?;
/// let mut out = Vec::new();
/// // 32473 stands in documents for the reader's own private enterprise number.
/// let syslog = Syslog::new(32473).hostname("gate-1.example.com")?;
/// log.export_syslog(&mut out, &Filter::new(), &syslog)?;
/// assert!(String::from_utf8(out)?.contains(" gate-1.example.com audit-trail - genesis [audit@32473 index=\"0\" "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "it does nothing until it is given to `export_syslog`"]
pub struct Syslog {
    enterprise: u32,
    facility: u8,
    hostname: String,
    app_name: String,
}

impl Syslog {
    /// `enterprise` is the private enterprise number (IANA) of whoever runs the log: the structured data is named `audit@<number>`.
    ///
    /// Facility 13 (log audit), no host name, application `audit-trail`.
    pub fn new(enterprise: u32) -> Self {
        Self {
            enterprise,
            facility: 13,
            hostname: "-".into(),
            app_name: "audit-trail".into(),
        }
    }

    /// The facility, 0 to 23.
    ///
    /// # Errors
    /// [`AuditError::Config`] for a larger number.
    pub fn facility(mut self, facility: u8) -> Result<Self, AuditError> {
        if facility > 23 {
            return Err(AuditError::Config(format!(
                "the syslog facility {facility} is over 23"
            )));
        }
        self.facility = facility;
        Ok(self)
    }

    /// The host name: 1 to 255 printable ASCII characters.
    ///
    /// # Errors
    /// [`AuditError::Config`] for any other text.
    pub fn hostname(mut self, hostname: impl Into<String>) -> Result<Self, AuditError> {
        self.hostname = printable("host name", hostname.into(), 255)?;
        Ok(self)
    }

    /// The application: 1 to 48 printable ASCII characters.
    ///
    /// # Errors
    /// [`AuditError::Config`] for any other text.
    pub fn app_name(mut self, name: impl Into<String>) -> Result<Self, AuditError> {
        self.app_name = printable("application name", name.into(), 48)?;
        Ok(self)
    }
}

fn printable(what: &str, text: String, max: usize) -> Result<String, AuditError> {
    if !text.is_empty() && text.len() <= max && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(text);
    }
    Err(AuditError::Config(format!(
        "the syslog {what} `{}` is not 1 to {max} printable ASCII characters without spaces",
        crate::error::shortened(&text)
    )))
}

impl AuditReader {
    /// Writes the entries that a filter finds as syslog messages (RFC 5424), one a line.
    ///
    /// The severity is 6 (informational), but 5 with obligations and for operators' acts, 4 if denied, 3 for `gap` and
    /// `recovery`. The message id is the kind; the structured data holds `index`, `id`, `leaf` and the entry's texts; the message
    /// is the exact entry after the byte order mark that RFC 5424 §6.4 asks for. Messages are as long as entries are: receivers
    /// need to take only 480 bytes and should take 2048 (§6.1).
    ///
    /// # Errors
    /// [`AuditError::Export`] if `writer` fails; part of the export is written then. Otherwise as [`query`](Self::query).
    pub fn export_syslog(
        &self,
        writer: impl Write,
        filter: &Filter,
        syslog: &Syslog,
    ) -> Result<Exported, AuditError> {
        self.export_as(writer, filter, &mut Messages(syslog))
    }
}

struct Messages<'s>(&'s Syslog);

impl Format for Messages<'_> {
    fn record(&mut self, record: &Record, out: &mut String) {
        let Syslog {
            enterprise,
            facility,
            hostname,
            app_name,
        } = self.0;
        let severity: u16 = match Severity::of(record) {
            Severity::Informational => 6,
            Severity::Notice => 5,
            Severity::Warning => 4,
            Severity::Error => 3,
        };
        let priority = u16::from(*facility)
            .saturating_mul(8)
            .saturating_add(severity);
        let time = record
            .at()
            .format(format_description!(
                "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z"
            ))
            .unwrap_or_else(|_| "-".into());
        // Writing to memory cannot fail.
        let _ = write!(
            out,
            "<{priority}>1 {time} {hostname} {app_name} - {} [audit@{enterprise}",
            record.kind()
        );
        param("index", &record.index().to_string(), out);
        param("id", &record.id().to_string(), out);
        for (name, value) in columns(record) {
            if let Some(value) = value {
                param(name, value, out);
            }
        }
        param("leaf", &record.leaf().to_string(), out);
        out.push_str("] \u{feff}");
        out.push_str(entry(record));
        out.push('\n');
    }
}

fn param(name: &str, value: &str, out: &mut String) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
