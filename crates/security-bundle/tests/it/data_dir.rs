//! A data directory: what was acknowledged is there again, whatever happened to the process, and nothing is done twice.

use std::fs;
use std::path::Path;

use security_bundle::audit_trail::{AuditReader, Filter, Kind, Record};
use security_bundle::budget_enforcer::{BudgetId, Dimension};
use security_bundle::trust_gate::{Scope, TrustLevel};
use security_bundle::{
    Amounts, SecurityStack, SecurityStackConfig, StackError, Usage, create_security_stack,
};

use crate::support::usd;

fn config(directory: &Path) -> SecurityStackConfig {
    let mut config = SecurityStackConfig::from_toml_str(
        r#"
        [[trust.assignments]]
        agent = "bot"
        level = "L4"
        assigned_by = "ops@example.com"

        [[trust.tools]]
        tool = "read_*"
        required_level = "L1"
        effect = "read_public"

        [budget.session]
        calls = 5

        [[budget.budgets]]
        id = "team"
        cost_usd = "10"
        period = "lifetime"

        [[consent.grants]]
        agent = "bot"
        data_type = "profile"
        purpose = "support"
        granted_by = "ada"
        "#,
    )
    .unwrap();
    config.data_dir = Some(directory.to_owned());
    config
}

fn open(directory: &Path) -> SecurityStack {
    create_security_stack(config(directory)).unwrap()
}

/// One call of the session that costs a dollar of the team's.
fn call(stack: &SecurityStack, session: &str) -> Result<security_bundle::Permit, String> {
    let action = stack
        .action("bot")
        .session(session)
        .tool("read_file")
        .budget("team", Amounts::default().cost(usd("1")))
        .data("profile", "support")
        .build()
        .unwrap();
    let guard = stack.guard();
    guard
        .authorize_blocking(&action)
        .map_err(|denied| denied.code().to_owned())
}

fn left(stack: &SecurityStack) -> String {
    let team: BudgetId = "team".parse().unwrap();
    let used = stack.budget.utilization(&team).unwrap();
    let usage = used.usage(Dimension::Cost);
    format!("{} spent, {} held", usage.spent, usage.reserved)
}

/// What a crash leaves: the directory as it stands, while the process still has it open.
fn crashed(directory: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_all(directory, copy.path());
    copy
}

fn copy_all(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy_all(&entry.path(), &target);
        } else {
            // A spare segment may get another name meanwhile.
            match fs::copy(entry.path(), target) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => assert!(copied.is_ok(), "{copied:?}"),
            }
        }
    }
}

fn entries(log: &AuditReader, kind: Kind) -> usize {
    log.query(&Filter::new().kind(kind).limit(1000))
        .unwrap()
        .records
        .len()
}

#[test]
fn what_was_spent_stays_spent_after_a_restart_and_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    call(&stack, "s")
        .unwrap()
        .settle_blocking(Usage::default())
        .unwrap();
    call(&stack, "s")
        .unwrap()
        .settle_blocking(Usage::default().cost(usd("0.25")))
        .unwrap();
    assert_eq!(left(&stack), "1.2500 spent, 0.0000 held");

    let copy = crashed(dir.path());
    let again = open(copy.path());
    assert_eq!(left(&again), "1.2500 spent, 0.0000 held");
    drop(again);

    drop(stack);
    let again = open(dir.path());
    assert_eq!(left(&again), "1.2500 spent, 0.0000 held");
    // The session, too: three of five calls are left.
    for _ in 0..3 {
        call(&again, "s")
            .unwrap()
            .settle_blocking(Usage::default())
            .unwrap();
    }
    assert_eq!(call(&again, "s").unwrap_err(), "exceeds_budget");
}

#[test]
fn a_call_that_a_crash_left_without_an_end_stays_held() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    let permit = call(&stack, "s").unwrap();
    let copy = crashed(dir.path());
    permit.cancel_blocking().unwrap();
    assert_eq!(left(&stack), "0.0000 spent, 0.0000 held");

    let again = open(copy.path());
    assert_eq!(
        left(&again),
        "0.0000 spent, 1.0000 held",
        "the tool may have run"
    );
}

#[test]
fn an_intent_carries_its_hold_and_an_outcome_its_settlement_in_one_entry_each() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    let before = stack.audit.size().unwrap();
    let permit = call(&stack, "s").unwrap();
    let record = permit.decision().record_id().unwrap();
    permit.settle_blocking(Usage::default()).unwrap();
    let entries = stack.audit.get(record).unwrap();
    assert_eq!(entries.len(), 2);
    assert!(entries[0].ext().unwrap().as_str().contains(r#""reserved""#));
    assert!(entries[1].ext().unwrap().as_str().contains(r#""settled""#));
    let all = stack.audit.query(&Filter::new().indexes(before..)).unwrap();
    let told = |record: &Record| format!("{} {}", record.kind(), record.event().unwrap_or("-"));
    let told: Vec<_> = all.records.iter().map(told).collect();
    let expected = ["event session_opened", "decision -", "outcome settled"];
    assert_eq!(told, expected);
}

#[test]
fn a_level_that_was_revoked_is_not_given_again_by_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    let (agent, by) = ("bot".parse().unwrap(), "ops@example.com".parse().unwrap());
    stack
        .admin()
        .trust()
        .revoke(&agent, &Scope::root(), &by, "enough")
        .unwrap();
    drop(stack);

    let stack = open(dir.path());
    assert!(
        !stack
            .guard()
            .level_suffices(&agent, &Scope::root(), TrustLevel::Monitor)
    );
    assert_eq!(call(&stack, "s").unwrap_err(), "trust_too_low");
    let reader = stack.audit.reader();
    let acts = entries(&reader, Kind::TrustChange);
    drop(stack);
    let stack = open(dir.path());
    assert_eq!(
        entries(&stack.audit.reader(), Kind::TrustChange),
        acts,
        "nothing is applied twice"
    );
}

#[test]
fn consent_that_was_withdrawn_stays_withdrawn() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    stack
        .admin()
        .consent()
        .withdraw_agent("bot".parse().unwrap(), None)
        .unwrap();
    drop(stack);
    let stack = open(dir.path());
    assert_eq!(call(&stack, "s").unwrap_err(), "withdrawn");
}

#[test]
fn a_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    let second = create_security_stack(config(dir.path()));
    assert!(matches!(second, Err(StackError::Owned { .. })));
    drop(stack);
    open(dir.path());
}

#[test]
fn whoever_holds_the_log_cannot_write_what_comes_back_as_an_act() {
    use security_bundle::audit_trail::{Entry, Ext};
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    let entry = stack
        .audit
        .query(&Filter::new().kind(Kind::TrustChange))
        .unwrap()
        .records
        .remove(0);
    let ext = Ext::parse(entry.ext().unwrap().as_str()).unwrap();
    let forged = Entry::admin(Kind::TrustChange, "mallory").ext(ext);
    let refused = stack.audit.log(forged).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the entry was not recorded: `ext` has the key `journal`, which the log's owner keeps for itself; use another one"
    );
}

#[test]
fn a_snapshot_stands_in_for_the_log_before_it_and_a_damaged_one_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    call(&stack, "s")
        .unwrap()
        .settle_blocking(Usage::default())
        .unwrap();
    drop(stack);
    let snapshot = dir.path().join("stack/snapshot.json");
    let stack = open(dir.path());
    assert_eq!(left(&stack), "1.0000 spent, 0.0000 held");
    drop(stack);

    // Somebody gives the money back, in the snapshot.
    let newest = fs::read_to_string(&snapshot).unwrap();
    let forged = newest.replacen("1000000000", "0000000000", 1);
    assert_ne!(forged, newest);
    fs::write(&snapshot, forged).unwrap();
    let stack = open(dir.path());
    assert_eq!(left(&stack), "1.0000 spent, 0.0000 held");
    let events = stack.audit.query(&Filter::new().kind(Kind::Event)).unwrap();
    let passed_over = |record: &Record| record.event() == Some("snapshot_passed_over");
    assert_eq!(events.records.iter().filter(|r| passed_over(r)).count(), 1);
}

#[test]
fn a_log_that_is_gone_or_older_than_its_snapshots_gives_no_state() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let seg = dir.path().join("seg");
    let old = crashed(dir.path());
    let stack = open(dir.path());
    for _ in 0..3 {
        let permit = call(&stack, "s").unwrap();
        permit.settle_blocking(Usage::default()).unwrap();
    }
    drop(stack);
    // With the checkpoint the log itself would know.
    for name in ["checkpoint", "tile", "idx"] {
        let path = dir.path().join(name);
        drop(fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path)));
    }
    let kept = dir.path().join("kept");
    fs::rename(&seg, &kept).unwrap();
    let refused = || create_security_stack(config(dir.path())).unwrap_err();
    let told = refused().to_string();
    assert!(told.contains("the log was lost"), "{told}");
    assert!(!seg.exists(), "nothing is begun anew");

    fs::create_dir(&seg).unwrap();
    copy_all(&old.path().join("seg"), &seg);
    let told = refused().to_string();
    assert!(told.contains("put back from an old copy"), "{told}");

    fs::remove_dir_all(&seg).unwrap();
    fs::rename(&kept, &seg).unwrap();
    assert_eq!(left(&open(dir.path())), "3.0000 spent, 0.0000 held");
}

#[test]
fn a_log_that_cannot_be_opened_names_its_directory_and_who_knows_more() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    fs::remove_dir_all(dir.path().join("seg")).unwrap();
    fs::create_dir(dir.path().join("seg")).unwrap();
    let refused = create_security_stack(config(dir.path())).unwrap_err();
    let doctor = format!("secstack doctor {}", dir.path().display());
    assert!(refused.to_string().contains(&doctor), "{refused}");
}

#[test]
fn a_log_that_was_tampered_with_gives_no_state() {
    let dir = tempfile::tempdir().unwrap();
    let stack = open(dir.path());
    call(&stack, "s")
        .unwrap()
        .settle_blocking(Usage::default())
        .unwrap();
    drop(stack);
    for name in ["snapshot.json", "snapshot.1.json"] {
        drop(fs::remove_file(dir.path().join("stack").join(name)));
    }
    let segment = fs::read_dir(dir.path().join("seg"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .min()
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let agent = br#""agent":"bot""#;
    let at = bytes.windows(agent.len()).position(|w| w == agent).unwrap();
    bytes[at + 10] = b'a';
    fs::write(&segment, bytes).unwrap();
    assert!(create_security_stack(config(dir.path())).is_err());
}

#[test]
fn parts_of_ones_own_and_a_log_that_is_not_required_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut lax = config(dir.path());
    lax.audit.required = false;
    let refused = create_security_stack(lax).unwrap_err().to_string();
    assert!(refused.starts_with("audit.required: "), "{refused}");
    let log = security_bundle::AuditLog::builder().build().unwrap();
    let refused = SecurityStack::builder(config(dir.path()))
        .audit(log)
        .build();
    assert!(refused.unwrap_err().to_string().starts_with("data_dir: "));
}
