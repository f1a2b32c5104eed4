//! Taking a verified chain into the log: entries that carry the record's exact text or its digest, and one that closes the import.

use std::borrow::Cow;
use std::io::{BufRead, Seek, SeekFrom};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::line::Line;
use super::{ChainError, ChainFault, ChainVerified, walk};
use crate::emit::emit;
use crate::entry::{Entry, micros, recordable};
use crate::ext::Ext;
use crate::fields::{Action, BudgetFields, Charge, DecisionFields, TrustFields};
use crate::hex::hex;
use crate::kind::Outcome;
use crate::log::{Appended, AuditLog};
use crate::quantity::{MAX_INTEGER, Quantity, is_decimal};
use crate::{EntryError, MAX_TEXT};

/// Records up to this many bytes are kept whole, larger ones as their digest: escaped they still fit.
const MAX_KEPT: usize = 16 * 1024;

/// What an import did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Imported {
    /// What was established of the chain.
    pub verified: ChainVerified,
    /// The entry that closes the import: it names the number of records and the head hash.
    pub summary: Appended,
}

impl AuditLog {
    /// Takes over a hash-chained NDJSON log: verifies all of it, as [`verify_chain`](crate::verify_chain) does, and only then appends.
    ///
    /// A record becomes a decision with the reason code `imported`. `ext` keeps the line's number (`chain_line`), its hash
    /// (`chain_hash`), its id (`chain_id`), its exact text (`chain_text`; over 16 KiB the SHA-256 of it, `chain_text_sha256`) and
    /// what the budget had left (`chain_budget_remaining`). Mapped are agent, action, `permitted`, levels of trust, time and
    /// reason, and what was used of the budget as a charge to `imported` in the unit `unknown`, for the chain names neither.
    /// Texts that break the schema are made [recordable](crate::recordable), numbers that do are left out. A last entry, the event
    /// `chain-imported`, names dialect, number of records and head hash: without it the import is not complete.
    ///
    /// The entries prove what the file said when it was imported; its own history stays as weak as
    /// [`ChainVerified::weaknesses`] says.
    ///
    /// # Errors
    /// [`ChainError::Io`], [`ChainError::Empty`] and [`ChainError::Line`]: nothing was appended. [`ChainError::Log`] and
    /// [`ChainError::Changed`]: what was appended before stays.
    pub fn import_chain(&self, mut reader: impl BufRead + Seek) -> Result<Imported, ChainError> {
        let start = reader.stream_position().map_err(ChainError::Io)?;
        let id = self.next_id()?;
        let mut scratch = String::new();
        let verified = walk(&mut reader, |number, line, hash| {
            scratch.clear();
            let fits = Mapped::read(number, line, hash).and_then(|mapped| {
                let (entry, ts) = (mapped.entry(), micros(mapped.at)?);
                Ok(emit(
                    entry.fields(),
                    id,
                    self.namespace(),
                    ts,
                    &mut scratch,
                )?)
            });
            fits.map_err(|fault| ChainError::Line {
                line: number,
                fault,
            })
        })?;
        reader
            .seek(SeekFrom::Start(start))
            .map_err(ChainError::Io)?;
        let again = walk(&mut reader, |number, line, hash| {
            let mapped = Mapped::read(number, line, hash).map_err(|_| ChainError::Changed)?;
            // One wait for all, below.
            drop(self.submit(mapped.entry())?);
            Ok(())
        });
        match again {
            Ok(again) if again == verified => {}
            Err(error @ (ChainError::Log(_) | ChainError::Io(_))) => return Err(error),
            _ => return Err(ChainError::Changed),
        }
        self.flush()?;
        let ext = json!({
            "chain_dialect": verified.dialect.to_string(),
            "chain_head": verified.head,
            "chain_records": verified.records,
        });
        let ext = Ext::encode(&ext).map_err(crate::AuditError::from)?;
        let summary = self.log(Entry::event("chain-imported").ext(ext))?;
        Ok(Imported { verified, summary })
    }
}

/// What an entry says of a record.
struct Mapped<'l> {
    at: OffsetDateTime,
    outcome: Outcome,
    agent: Option<String>,
    action: Option<String>,
    reason: Option<String>,
    effective: Option<u8>,
    required: Option<u8>,
    used: Option<Quantity<'l>>,
    ext: Ext,
}

impl<'l> Mapped<'l> {
    fn read(number: u64, line: &Line<'l>, hash: &str) -> Result<Self, ChainFault> {
        let at = line
            .string("timestamp", "timestamp")
            .and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok())
            .ok_or(ChainFault::Member("timestamp"))?;
        let outcome = match line.member("permitted", "permitted") {
            Some("true") => Outcome::Allow,
            Some("false") => Outcome::Deny,
            _ => return Err(ChainFault::Member("permitted")),
        };
        let text = |camel, snake| {
            line.string(camel, snake)
                .filter(|text| !text.is_empty())
                .map(|text| recordable(&text).into_owned())
        };
        let level = |camel, snake| line.member(camel, snake).and_then(whole);
        Ok(Self {
            at,
            outcome,
            agent: text("agentId", "agent_id"),
            action: text("action", "action"),
            reason: text("reason", "reason"),
            effective: level("trustLevel", "trust_level"),
            required: level("requiredLevel", "required_level"),
            used: line.member("budgetUsed", "budget_used").and_then(quantity),
            ext: ext(number, line, hash)?,
        })
    }

    fn entry(&self) -> Entry<'_> {
        let mut entry = Entry::decision(DecisionFields::new(self.outcome, "imported"))
            .at(self.at)
            .ext(self.ext.clone());
        if let Some(agent) = &self.agent {
            entry = entry.agent(agent);
        }
        if let Some(action) = &self.action {
            entry = entry.action(Action {
                name: Cow::Borrowed(action),
                ..Action::default()
            });
        }
        if let Some(reason) = &self.reason {
            entry = entry.reason_text(reason);
        }
        if self.effective.is_some() || self.required.is_some() {
            entry = entry.trust(TrustFields {
                effective: self.effective,
                required: self.required,
                ..TrustFields::default()
            });
        }
        if let Some(amount) = &self.used {
            let charge = Charge {
                amount: amount.clone(),
                available: None,
                budget: "imported".into(),
                limit: None,
                unit: "unknown".into(),
            };
            entry = entry.budget(BudgetFields {
                charges: vec![charge].into(),
                ..BudgetFields::default()
            });
        }
        entry
    }
}

/// A level, which one dialect may write as `2.0`.
fn whole(number: &str) -> Option<u8> {
    number.strip_suffix(".0").unwrap_or(number).parse().ok()
}

/// The number as it is written, if it is a plain one.
fn quantity(number: &str) -> Option<Quantity<'_>> {
    match number.parse() {
        Ok(n) if (-MAX_INTEGER..=MAX_INTEGER).contains(&n) => Some(Quantity::Integer(n)),
        _ => (is_decimal(number) && number.len() <= MAX_TEXT).then(|| number.into()),
    }
}

fn ext(number: u64, line: &Line<'_>, hash: &str) -> Result<Ext, EntryError> {
    let string = |text: &str| serde_json::Value::from(text).to_string();
    let mut members = vec![
        format!("\"chain_hash\":\"{hash}\""),
        format!("\"chain_line\":{number}"),
        if line.text.len() <= MAX_KEPT {
            format!("\"chain_text\":{}", string(line.text))
        } else {
            format!(
                "\"chain_text_sha256\":\"{}\"",
                hex(&Sha256::digest(line.text))
            )
        },
    ];
    if let Some(id) = line.string("id", "id").filter(|id| id.len() <= MAX_TEXT) {
        members.push(format!("\"chain_id\":{}", string(&id)));
    }
    let remaining = line.member("budgetRemaining", "budget_remaining");
    if let Some(number) = remaining.filter(|number| quantity(number).is_some()) {
        members.push(format!("\"chain_budget_remaining\":{number}"));
    }
    Ext::parse(&format!("{{{}}}", members.join(",")))
}
