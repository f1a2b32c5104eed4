//! Times as the command shows and reads them: instants by RFC 3339, shown in UTC, and spans as configuration writes them.

use std::time::Duration;

use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};
use trust_gate::Decay;

use crate::paint;

/// RFC 3339, in UTC.
pub(crate) fn shown(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC)
        .format(&Rfc3339)
        .unwrap_or_else(|_| at.to_string())
}

/// For clap.
pub(crate) fn parse(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        format!(
            "`{}` is no time; write it as 2026-01-31T12:00:00Z",
            paint::cut(text, 40)
        )
    })
}

/// For clap: `30m`, `36h`. The configuration reads one as part of a decay.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    match serde_json::from_value(json!({ "shape": "cliff", "ttl": text })) {
        Ok(Decay::Cliff { ttl, .. }) => Ok(ttl),
        Ok(_) => Err("it is no span of time".to_owned()),
        Err(error) => Err(paint::plain(&error.to_string())),
    }
}

/// A span as configuration writes it, in the longest unit that says it exactly.
pub(crate) fn length(span: Duration) -> String {
    let written = serde_json::to_value(Decay::cliff(span)).unwrap_or_default();
    let text = written.get("ttl").and_then(serde_json::Value::as_str);
    text.map_or_else(|| format!("{span:?}"), str::to_owned)
}
