//! A directory is for one process, and what the command cannot rely on it does not use.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use budget_enforcer::{BudgetSpec, Charge};
use insta::assert_snapshot;

use crate::budget_stage::{BY, Desk, id};
use crate::support::Ran;

/// Where a process that serves, and is to be killed, finds its directory.
const SERVE: &str = "SECSTACK_TEST_BUDGETS";

/// A service with a budget of a million calls, which says what it has recorded until it is killed. Not a test by itself.
#[test]
fn serves() {
    let Ok(folder) = std::env::var(SERVE) else {
        return;
    };
    let journal = budget_enforcer::durable::DurableJournal::open(folder).unwrap();
    let (enforcer, _) = budget_enforcer::BudgetEnforcer::builder()
        .journal(journal)
        .build()
        .unwrap();
    for _ in 0..1_000_000 {
        let row = enforcer.record(&Charge::budget(&id("a")).calls(1)).unwrap();
        // Not captured, and one write a line.
        std::io::stderr()
            .write_all(format!("recorded {}\n", row.id).as_bytes())
            .unwrap();
    }
}

fn service(desk: &Desk) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "budget_store::serves", "--nocapture"])
        .env(SERVE, desk.dir())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn a_killed_service_leaves_everything_that_it_said_in_the_ledger() {
    let desk = Desk::new();
    desk.act("create", &["a", "--limit-calls", "1000000"]);
    let mut child = service(&desk);
    let out = BufReader::new(child.stderr.take().unwrap());
    let mut said = Vec::new();
    for line in out.lines() {
        said.extend(line.unwrap().strip_prefix("recorded ").map(str::to_owned));
        if said.len() == 20 {
            // While it runs, the directory is its own: every verb says so, and does nothing.
            for (verb, more) in [
                ("list", &[][..]),
                ("show", &["a"]),
                ("ledger", &[]),
                ("report", &[]),
                ("init", &[]),
                ("create", &["b", "--limit-calls", "1", BY[0], BY[1]]),
                ("update", &["a", "--limit-calls", "1", BY[0], BY[1]]),
                ("suspend", &["a", BY[0], BY[1]]),
                ("close", &["a", "--yes", BY[0], BY[1]]),
            ] {
                let refused = desk.refused(verb, more);
                assert_eq!(
                    refused, "error: `DIR/desk` is in use by another process; stop it or ask it",
                    "{verb}"
                );
            }
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    let ledger = desk.lines("ledger", &["--kind", "record"]);
    let booked: Vec<_> = ledger
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    assert!(
        said.len() >= 20 && booked.len() >= said.len(),
        "{} of {}",
        booked.len(),
        said.len()
    );
    assert_eq!(booked[..said.len()], said);
    let shown = desk.budget("show", &["a", "--json"]).json();
    assert_eq!(shown["windows"][0]["calls"]["spent"], booked.len());
    assert_eq!(shown["windows"][0]["calls"]["limit"], 1_000_000);
}

#[test]
fn reading_adds_no_event() {
    let desk = Desk::new();
    {
        let service = desk.service();
        service.create(BudgetSpec::new(id("a")).calls(10));
        let charge = Charge::budget(&id("a")).calls(4);
        service.enforcer.record(&charge).unwrap();
        let _open = service.enforcer.reserve(&charge).unwrap().detach();
    }
    for verb in ["list", "ledger", "report"] {
        desk.done(verb, &[]);
    }
    desk.done("show", &["a"]);
    assert_eq!(desk.service().admin.revision().unwrap().number(), 3);
}

#[test]
fn a_damaged_journal_is_an_error_and_never_a_fresh_one() {
    let desk = Desk::new();
    desk.act("create", &["a", "--limit-calls", "10"]);
    let file = std::path::Path::new(&desk.dir()).join("budget.redb");
    let whole = desk.bytes();
    let mut said = BTreeSet::new();
    let at = whole
        .windows(13)
        .position(|part| part == b"budget_create")
        .unwrap();
    for (damage, change) in [
        ("nothing", Vec::new()),
        ("half", whole[..whole.len() / 2].to_vec()),
        ("something else", b"budgets\n".repeat(1000)),
        ("a letter", {
            let mut bytes = whole.clone();
            bytes[at] = b'B';
            bytes
        }),
        ("zeros", vec![0; whole.len()]),
    ] {
        std::fs::write(&file, &change).unwrap();
        for (verb, more) in [
            ("list", &[][..]),
            ("ledger", &[]),
            ("init", &[]),
            ("update", &["a", "--limit-calls", "1", BY[0], BY[1]]),
        ] {
            let ran: Ran = desk.budget(verb, more);
            assert_eq!(
                (ran.status, ran.out.as_str()),
                (Some(2), ""),
                "{damage}: {verb}"
            );
            let err = desk.0.plain(&ran.err);
            let is_told = err.contains("DIR/desk") && err.lines().count() == 1;
            assert!(is_told, "{damage}: {verb}: {err}");
            said.insert(err);
        }
        assert_eq!(
            std::fs::read(&file).unwrap().len(),
            change.len(),
            "{damage}"
        );
    }
    assert_snapshot!(said.into_iter().collect::<String>(), @r"
    error: DIR/desk: the journal failed: the journal is damaged: revision 1: the text does not fit its fingerprint
    error: DIR/desk: the journal is damaged: it does not begin as a database does
    error: DIR/desk: the journal is damaged: the database cannot make sense of it
    error: there are budgets in `DIR/desk` already
    ");
    std::fs::write(&file, &whole).unwrap();
    assert_eq!(desk.lines("list", &[]).len(), 1);
}
