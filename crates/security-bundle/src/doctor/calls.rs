//! Calls without an end: what they hold, since when, and until when.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use audit_trail::{AuditError, Kind, Outcome, Record};
use time::OffsetDateTime;
use uuid::Uuid;

use super::log::Log;
use super::owner::Owner;
use super::{Finding, shown};
use crate::operator::{Books, HoldNow};

const HOLDS: &str = "holds";
const CALLS: &str = "calls";

pub(super) fn look(
    log: &Log,
    books: &Books,
    owner: Option<&Owner>,
    at: OffsetDateTime,
    findings: &mut Vec<Finding>,
) {
    let open = books.open_holds();
    findings.push(holds(&open, owner, at));
    findings.push(match without_outcome(log) {
        Ok(calls) => told(&calls, &open),
        Err(error) => Finding::wrong(
            CALLS,
            format!("the log cannot be read: {error}"),
            "look at it with `secstack audit verify`",
        ),
    });
}

/// Open holds that nobody is known to be using are suspects: their call may have run.
fn holds(open: &[HoldNow], owner: Option<&Owner>, at: OffsetDateTime) -> Finding {
    let suspects: Vec<_> = open
        .iter()
        .filter(|hold| match owner {
            None => true,
            Some(Owner::Unknown) => false,
            Some(Owner::Known(status)) => hold.at.is_some_and(|taken| taken < status.since),
        })
        .collect();
    let Some(last) = suspects.iter().map(|hold| hold.expires_at).max() else {
        let found = format!("{} are open, of calls under way", open.len());
        return Finding::good(HOLDS, found);
    };
    let oldest = suspects.iter().filter_map(|hold| hold.at).min();
    let age = oldest.map_or_else(String::new, |oldest| {
        let seconds = at.unix_timestamp().saturating_sub(oldest.unix_timestamp());
        format!(", the oldest of {} ({seconds} s ago)", shown(oldest))
    });
    Finding::note(
        HOLDS,
        format!(
            "{} open, and whoever took them is gone{age}: their calls may have run",
            suspects.len()
        ),
        format!(
            "nothing: each settles at what it holds when its time is up, the last one at {}; `secstack budget show` names them",
            shown(last)
        ),
    )
}

/// Permitted calls without an outcome: when, and which hold they took.
type Calls = HashMap<Uuid, Option<String>>;

fn without_outcome(log: &Log) -> Result<Calls, AuditError> {
    let size = log.reader.size()?;
    let mut calls = Calls::new();
    let mut tail = log.reader.tail(0);
    while let Some(record) = tail.next(Duration::ZERO)? {
        if record.index() >= size {
            break;
        }
        match record.kind() {
            Kind::Decision if record.outcome() != Some(Outcome::Deny) => {
                calls.insert(record.id(), hold_of(&record));
            }
            Kind::Outcome => {
                calls.remove(&record.id());
            }
            _ => {}
        }
    }
    Ok(calls)
}

fn hold_of(record: &Record) -> Option<String> {
    Some(record.budget()?.hold.as_deref()?.to_owned())
}

fn told(calls: &Calls, open: &[HoldNow]) -> Finding {
    let open: HashSet<_> = open
        .iter()
        .map(|hold| hold.reservation.to_string())
        .collect();
    let holding = calls.values().flatten();
    let ended = holding.filter(|hold| !open.contains(*hold)).count();
    let free = calls.values().filter(|hold| hold.is_none()).count();
    let found = format!(
        "{free} permitted without an outcome hold nothing: calls under way or cut off, and mere evaluations"
    );
    if ended == 0 {
        return Finding::good(CALLS, found);
    }
    Finding::note(
        CALLS,
        format!("{ended} were cut off, and what they held was settled by its time; {found}"),
        "nothing: their tools may have run; the log's intents say which",
    )
}
