//! An entry of the ledger as the command shows it.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use security_bundle::operator::{EntryKind, LedgerEntry};

use super::envelope;
use super::limits::{shown, shown_windows};
use crate::{paint, times};

/// For clap.
pub(super) fn kinds() -> impl TypedValueParser<Value = EntryKind> {
    PossibleValuesParser::new(EntryKind::ALL.map(EntryKind::name)).try_map(|name| {
        let mut all = EntryKind::ALL.into_iter();
        all.find(|kind| kind.name() == name)
            .ok_or("it is no kind of entry")
    })
}

/// One line: when, what, which, how much, and what is special about it.
pub(super) fn line(entry: &LedgerEntry) -> String {
    let lines = entry.charge.iter();
    let lines = lines.map(|line| {
        let (name, amounts) = (envelope::name(&line.envelope), &line.amounts);
        match (entry.kind, &entry.spec, entry.window) {
            (EntryKind::Suspend | EntryKind::Resume | EntryKind::Close, ..) => name,
            (_, Some(spec), _) => format!("{name}: {}", shown_windows(spec)),
            (_, _, Some(period)) => format!("{name}: {period} {}", shown(amounts)),
            (_, _, None) => format!("{name}: {}", shown(amounts)),
        }
    });
    let mut parts = vec![lines.collect::<Vec<_>>().join("; ")];
    if entry.kind == EntryKind::Expire {
        let fate = if entry.hold_spent {
            "spent"
        } else {
            "given back"
        };
        parts.push(fate.to_owned());
    }
    if entry.late {
        parts.push("late".to_owned());
    }
    if !entry.overspent.is_none() {
        parts.push(format!("overspent {}", shown(&entry.overspent)));
    }
    parts.extend(entry.reservation.map(|id| id.to_string()));
    parts.extend(entry.refund_of.map(|id| format!("of {id}")));
    parts.extend(
        entry
            .by
            .as_ref()
            .map(|by| format!("by {}", paint::plain(by.as_str()))),
    );
    parts.extend(
        entry
            .note
            .as_ref()
            .map(|note| format!("\"{}\"", paint::cut(note, 120))),
    );
    parts.retain(|part| !part.is_empty());
    let dim = paint::DIM;
    let id = entry.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    format!(
        "{dim}{:<27}{dim:#}  {:<12}  {id:<10}  {}",
        times::shown(entry.at),
        entry.kind.name(),
        parts.join("  ")
    )
}
