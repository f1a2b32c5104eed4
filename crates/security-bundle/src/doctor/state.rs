//! The state: whether it comes back from the log, the same from its first entry as from a snapshot, and whether its sums come out.

use std::collections::BTreeMap;

use audit_trail::AuditReader;
use budget_enforcer::{BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig};
use consent::ConsentStore as _;
use time::OffsetDateTime;
use trust_gate::TrustStore as _;

use super::log::Log;
use super::{Finding, shown};
use crate::journal::{BudgetReading, Restored};
use crate::operator::{Books, BudgetAnswer, BudgetRequest, EnvelopeNow, HoldNow};
use crate::stack::snapshot::{FILES, Shot};

const SNAPSHOTS: &str = "snapshots";
const REPLAY: &str = "replay";

/// What was wrong, in words.
type Problem = String;

/// Reads the state back. Gives the budgets, if they come back.
pub(super) fn look(log: &Log, at: OffsetDateTime, findings: &mut Vec<Finding>) -> Option<Books> {
    // Before the size is read: what a snapshot holds stands in the log then.
    let shot = snapshots(log, findings);
    let replayed = log
        .reader
        .refresh()
        .map_err(|error| error.to_string())
        .and_then(|size| Ok((size, from_the_first(&log.reader, size, at)?)));
    let (size, first) = match replayed {
        Ok(replayed) => replayed,
        Err(problem) => {
            findings.push(Finding::wrong(
                REPLAY,
                format!("the log does not give a state: {problem}"),
                "no stack opens on it; go back to a backup, and keep this directory for whoever looks into it",
            ));
            return None;
        }
    };
    findings.push(match shot {
        None => Finding::good(REPLAY, told(size, &first)),
        Some(shot) => match differs(&log.reader, size, at, &first, shot) {
            Ok(None) => {
                let told = told(size, &first);
                Finding::good(REPLAY, format!("{told}; from the snapshot the same"))
            }
            Ok(Some(what)) => different(&what),
            Err(problem) => different(&problem),
        },
    });
    findings.push(sums(&first.books));
    Some(first.books)
}

/// The newest snapshot that holds.
fn snapshots(log: &Log, findings: &mut Vec<Finding>) -> Option<Shot> {
    let key = log.key.as_ref()?;
    let mut newest = None;
    let mut damaged = Vec::new();
    for name in FILES {
        match Shot::read(&log.folder.join(name), key, &log.reader) {
            Ok(None) => {}
            Ok(Some(shot)) => {
                newest.get_or_insert(shot);
            }
            Err(problem) => damaged.push(format!("`{name}` does not hold: {problem}")),
        }
    }
    let size = log.reader.size().unwrap_or(0);
    let age = match &newest {
        None => format!("opening reads all {size} entries"),
        Some(shot) => {
            let last = shot.size.saturating_sub(1);
            let last = log.reader.entry(last).map(|entry| shown(entry.at()));
            let behind = size.saturating_sub(shot.size);
            let last = last.unwrap_or_else(|error| error.to_string());
            format!("the newest is of {last}, {behind} entries ago")
        }
    };
    findings.push(if damaged.is_empty() {
        Finding::good(SNAPSHOTS, age)
    } else {
        let found = format!("{}; {age}", damaged.join("; "));
        let to_do = "remove the file: nothing is lost, as all of it stands in the log; look at the disk, and who writes there";
        Finding::wrong(SNAPSHOTS, found, to_do)
    });
    newest
}

/// The state, as the log gives it from its first entry on.
struct First {
    restored: Restored,
    books: Books,
}

fn from_the_first(reader: &AuditReader, size: u64, at: OffsetDateTime) -> Result<First, Problem> {
    let mut restored = Restored::default();
    restored
        .take_up(reader, 0..size)
        .map_err(|error| error.to_string())?;
    let journal = BudgetReading {
        reader: reader.clone(),
        part: 0..size,
        snapshot: None,
    };
    let books = Books::read_by(journal, move || at).map_err(|error| error.to_string())?;
    Ok(First { restored, books })
}

fn told(size: u64, first: &First) -> String {
    let acts = acts(&first.restored).map_or(0, |acts| acts.len());
    let records = records(&first.restored).map_or(0, |records| records.len());
    format!("{size} entries give {acts} acts of trust and {records} records of consent")
}

fn different(what: &str) -> Finding {
    Finding::wrong(
        REPLAY,
        format!("the snapshot is not the state that the log gives: {what}"),
        "stop the owner, remove the snapshots from the folder, and open the directory again: the log decides",
    )
}

/// What the state from a snapshot has otherwise.
fn differs(
    reader: &AuditReader,
    size: u64,
    at: OffsetDateTime,
    first: &First,
    shot: Shot,
) -> Result<Option<String>, Problem> {
    let from = shot.size;
    let mut restored = Restored::of(shot.trust, shot.consent, shot.applied, shot.activated)
        .map_err(|error| error.to_string())?;
    restored
        .take_up(reader, from..size)
        .map_err(|error| error.to_string())?;
    if acts(&restored)? != acts(&first.restored)? {
        return Ok(Some("other acts of trust".to_owned()));
    }
    if records(&restored)? != records(&first.restored)? {
        return Ok(Some("other records of consent".to_owned()));
    }
    if (&restored.applied, &restored.activated)
        != (&first.restored.applied, &first.restored.activated)
    {
        return Ok(Some(
            "other parts of configurations were applied".to_owned(),
        ));
    }
    let config = BudgetEnforcerConfig {
        max_transactions: usize::MAX,
        ..BudgetEnforcerConfig::default()
    };
    let journal = BudgetReading {
        reader: reader.clone(),
        part: from..size,
        snapshot: Some(shot.budget),
    };
    let built = BudgetEnforcer::builder()
        .config(config)
        .clock(move || at)
        .journal(journal)
        .build();
    let (budget, admin) = built.map_err(|error| error.to_string())?;
    let figures = first.books.all().map_err(|error| error.to_string())?;
    let there = budget.summary().map_err(|error| error.to_string())?;
    if there.budgets.len().saturating_add(there.sessions) != figures.len() {
        return Ok(Some("other budgets and sessions".to_owned()));
    }
    for now in figures {
        let other = budget
            .utilization(now.envelope.clone())
            .map_err(|error| error.to_string())?;
        let other = EnvelopeNow::of(&other);
        if (other.state, &other.windows) != (now.state, &now.windows) {
            let what = format!("other figures of {}", named(&now));
            return Ok(Some(what));
        }
    }
    let holds = held(first.books.open_holds()) != held(open(&admin)?);
    Ok(holds.then(|| "other open holds".to_owned()))
}

fn open(admin: &BudgetAdmin) -> Result<Vec<HoldNow>, Problem> {
    let open = admin.open_holds_all().map_err(|error| error.to_string())?;
    Ok(open.iter().map(HoldNow::of).collect())
}

/// What there is to compare.
fn held(open: Vec<HoldNow>) -> BTreeMap<String, (OffsetDateTime, bool)> {
    open.into_iter()
        .map(|hold| {
            let end = (hold.expires_at, hold.started);
            (hold.reservation.to_string(), end)
        })
        .collect()
}

fn acts(restored: &Restored) -> Result<Vec<trust_gate::Event>, Problem> {
    let mut acts = Vec::new();
    let read = restored
        .trust
        .replay(trust_gate::Revision::ZERO, &mut |event| {
            acts.push(event);
            Ok(())
        });
    read.map_err(|error| error.to_string())?;
    Ok(acts)
}

fn records(restored: &Restored) -> Result<Vec<consent::Event>, Problem> {
    let mut records = Vec::new();
    let read = restored
        .consent
        .replay(consent::Revision::ZERO, &mut |event| {
            records.push(event);
            Ok(())
        });
    read.map_err(|error| error.to_string())?;
    Ok(records)
}

/// Whether what was booked, summed up window by window, is what the budgets say was spent.
fn sums(books: &Books) -> Finding {
    const CHECK: &str = "books";
    match unbalanced(books) {
        Ok((windows, None)) => Finding::good(
            CHECK,
            format!("the sums of {windows} windows in the log are those of the budgets"),
        ),
        Ok((_, Some(problem))) | Err(problem) => Finding::wrong(
            CHECK,
            problem,
            "compare `secstack budget report` with `secstack budget show`; this is an error of the program: please report it",
        ),
    }
}

/// How many windows are open in which something was booked, and the first one that does not come out.
fn unbalanced(books: &Books) -> Result<(usize, Option<Problem>), Problem> {
    let report = BudgetRequest::Report {
        envelope: None,
        sessions: true,
        since: None,
        until: None,
    };
    let BudgetAnswer::Report(booked) = report.look(books).map_err(|error| error.to_string())?
    else {
        return Err("there is no report".to_owned());
    };
    let mut windows: usize = 0;
    let figures = books.all().map_err(|error| error.to_string())?;
    for (now, window) in figures
        .iter()
        .flat_map(|now| now.windows.iter().map(move |window| (now, window)))
    {
        let same = booked.iter().find(|sums| {
            sums.envelope == now.envelope
                && sums.period == window.period
                && sums.window_start == window.start_at
        });
        let sums: BTreeMap<_, _> = same
            .into_iter()
            .flat_map(|sums| sums.sums.rows())
            .map(|(dimension, sums)| (dimension, sums.spent.units()))
            .collect();
        windows = windows.saturating_add(1);
        for (dimension, figures) in window.figures.rows() {
            let spent = figures.spent.units();
            let spent = spent.checked_add(figures.overspent.units());
            let summed = sums.get(&dimension).copied().unwrap_or(0);
            if spent != Some(summed) {
                let problem = format!(
                    "{dimension} of {} by {}: {summed} stand in the log, and the budgets say {}",
                    named(now),
                    window.period,
                    spent.map_or_else(
                        || "more than can be counted".to_owned(),
                        |spent| spent.to_string()
                    )
                );
                return Ok((windows, Some(problem)));
            }
        }
    }
    Ok((windows, None))
}

fn named(now: &EnvelopeNow) -> String {
    match &now.envelope {
        budget_enforcer::Envelope::Budget(id) => format!("budget `{id}`"),
        budget_enforcer::Envelope::Session(id) => format!("session `{id}`"),
    }
}
