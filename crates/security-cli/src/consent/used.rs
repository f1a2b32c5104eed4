//! Uses of data after consent to them was withdrawn: what only the log and the records together can tell. A list, no judgement.
//!
//! A decision in the log names agent, data and purpose, but neither person nor operation. So a withdrawal that names one of these may
//! or may not concern it, and is told apart. Which was first is told by the times of the log and of the records.

use std::io::{self, Write};

use audit_trail::{AuditReader, Filter, Kind, Outcome, Record};
use consent::{AgentId, ConsentRecord, Extent, Purpose, RecordKind};
use security_bundle::operator::RecordNow;
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::failure::Failure;
use crate::{paint, times};

/// Entries that are in memory at once.
const PAGE: usize = 1000;

/// Data that an agent was let use after a withdrawal.
#[derive(Debug)]
pub(super) struct Use {
    index: u64,
    at: OffsetDateTime,
    action: String,
    extent: Extent,
    /// The latest such refusal or withdrawal.
    taken: ConsentRecord,
}

/// Every use that the log allowed after consent to it had been taken back, and before it was given again.
pub(super) fn after_withdrawal(
    log: &AuditReader,
    records: &[RecordNow],
    agent: Option<&AgentId>,
) -> Result<Vec<Use>, Failure> {
    let records: Vec<_> = records.iter().map(|now| &now.record).collect();
    let taken = records
        .iter()
        .find(|record| record.kind() != RecordKind::Given);
    let Some(first) = taken.map(|record| record.at()) else {
        return Ok(Vec::new());
    };
    let mut filter = Filter::new()
        .kind(Kind::Decision)
        .outcome(Outcome::Allow)
        .outcome(Outcome::AllowWithCaveat)
        .since(first)
        .limit(PAGE);
    if let Some(agent) = agent {
        filter = filter.agent(agent.as_str());
    }
    let mut found = Vec::new();
    loop {
        let page = log.query(&filter)?;
        for entry in &page.records {
            found.extend(extents(entry).into_iter().filter_map(|extent| {
                let taken = taken_from(&extent, entry.at(), &records)?;
                Some(Use {
                    index: entry.index(),
                    at: entry.at(),
                    action: entry
                        .action()
                        .map(|a| a.name.to_string())
                        .unwrap_or_default(),
                    extent,
                    taken: taken.clone(),
                })
            }));
        }
        match page.next {
            Some(next) => filter = filter.after(next),
            None => return Ok(found),
        }
    }
}

/// What a decision was about: each kind of data with its purpose. Names that no record can have are left out.
fn extents(entry: &Record) -> Vec<Extent> {
    let Some(agent) = entry
        .agent()
        .and_then(|agent| agent.parse::<AgentId>().ok())
    else {
        return Vec::new();
    };
    let extent = |data: &str, purpose: Option<&str>| {
        let extent = Extent::new(agent.clone(), data.parse().ok()?);
        match purpose {
            Some(purpose) => Some(extent.purpose(purpose.parse::<Purpose>().ok()?)),
            None => Some(extent),
        }
    };
    // Where there are several purposes they stand beside, each with its data.
    let several = entry.ext().map(audit_trail::Ext::to_value);
    let several = several
        .as_ref()
        .and_then(|ext| ext.get("consents")?.as_array());
    if let Some(several) = several {
        let each = several.iter().flat_map(|asked| {
            let purpose = asked.get("purpose").and_then(Value::as_str);
            let data = asked.get("data_types").and_then(Value::as_array);
            let data = data.into_iter().flatten().filter_map(Value::as_str);
            data.map(move |data| (data, purpose))
        });
        return each
            .filter_map(|(data, purpose)| extent(data, purpose))
            .collect();
    }
    let Some(asked) = entry.consent() else {
        return Vec::new();
    };
    let data = asked.data_types.iter();
    data.filter_map(|data| extent(data, asked.purpose.as_deref()))
        .collect()
}

/// The latest act that took something of it by then, and that no later consent made good by then.
fn taken_from<'a>(
    used: &Extent,
    at: OffsetDateTime,
    records: &[&'a ConsentRecord],
) -> Option<&'a ConsentRecord> {
    let by_then = || {
        records
            .iter()
            .rev()
            .copied()
            .filter(|record| record.at() <= at)
    };
    by_then()
        .filter(|record| record.kind() != RecordKind::Given)
        .find(|taken| {
            let Some(part) = taken.extent().intersection(used) else {
                return false;
            };
            let given_again = by_then().any(|record| {
                record.kind() == RecordKind::Given
                    && record.revision() > taken.revision()
                    && record.valid_from().is_none_or(|from| from <= at)
                    && record.expires_at().is_none_or(|end| at < end)
                    && record.extent().covers(&part)
            });
            !given_again
        })
}

impl Use {
    /// Whether the withdrawal names all of it. Otherwise it names a person or an operation, of which the log is silent, or less data.
    fn is_whole(&self) -> bool {
        self.taken.extent().covers(&self.extent)
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "index": self.index,
            "at": times::shown(self.at),
            "action": self.action,
            "used": self.extent,
            "withdrawn_by": self.taken.record_id(),
            "withdrawn_at": times::shown(self.taken.at()),
            "covered": if self.is_whole() { "wholly" } else { "in_part" },
        })
    }
}

pub(super) fn markdown(uses: &[Use], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n## Used after it was withdrawn\n")?;
    if uses.is_empty() {
        return writeln!(out, "Nothing.");
    }
    writeln!(
        out,
        "| entry | at | agent | action | data | purpose | withdrawn at | by record | covered |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|")?;
    uses.iter().try_for_each(|used| {
        let extent = &used.extent;
        let name = |name: Option<&str>| cell(name.unwrap_or("every"));
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            used.index,
            times::shown(used.at),
            name(extent.agent.as_ref().map(AgentId::as_str)),
            cell(&used.action),
            name(extent.data_type.as_ref().map(consent::DataType::as_str)),
            name(extent.purpose.as_ref().map(Purpose::as_str)),
            times::shown(used.taken.at()),
            used.taken.record_id(),
            if used.is_whole() { "wholly" } else { "in part" }
        )
    })
}

/// Text as it is, whatever Markdown would make of it: any punctuation may stand behind a backslash (`CommonMark`, 2.4).
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for c in paint::plain(text).chars() {
        if c.is_ascii_punctuation() && !matches!(c, '.' | '-' | ',') {
            cell.push('\\');
        }
        cell.push(c);
    }
    cell
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_text_and_nothing_else() {
        assert_eq!(cell("read_mail"), "read\\_mail");
        assert_eq!(
            cell("a|b <i>\n[x](y)"),
            "a\\|b \\<i\\>\u{fffd}\\[x\\]\\(y\\)"
        );
    }
}
