//! Administrative acts are events, and the lists that are made of them.

use trust_gate::{
    ActKind, AssignmentFilter, AssignmentKind, Event, HistoryFilter, Raise, Revision, TrustLevel,
};

use crate::fixture::{Fixture, HOUR, NOON, agent, grant, ops, scope};

fn everything(f: &Fixture) -> Vec<Event> {
    f.admin.history(&HistoryFilter::default()).unwrap()
}

/// One act of each kind.
fn a_history() -> Fixture {
    let f = Fixture::new();
    let (a, root, pay) = (agent("a"), scope(""), scope("payments"));
    f.admin
        .assign(
            grant("a", TrustLevel::ActAndReport)
                .decay(trust_gate::Decay::inactivity())
                .expires_at(NOON + HOUR * 48),
        )
        .unwrap();
    f.clock.advance(HOUR);
    f.admin.touch(&a, &root, &ops(), "seen").unwrap();
    f.admin
        .cap(&a, &pay, TrustLevel::Suggest, &ops(), "audit")
        .unwrap();
    f.admin.quarantine(&a, &pay, &ops(), "odd").unwrap();
    f.clock.advance(HOUR);
    f.admin
        .lift_quarantine(&a, &pay, &ops(), "explained")
        .unwrap();
    f.admin.lift_cap(&a, &pay, &ops(), "audited").unwrap();
    f.admin.revoke(&a, &pay, &ops(), "no need").unwrap();
    f.admin
        .clear(&a, &pay, &ops(), "need", Raise::Allow)
        .unwrap();
    f.admin.set_tool_policies(vec![], &ops(), "none").unwrap();
    f.clock.set(NOON);
    f.admin.accept_clock(&ops(), "was fast").unwrap();
    f
}

#[test]
fn every_act_is_an_event_with_the_next_revision() {
    let f = a_history();
    let lines: Vec<String> = everything(&f)
        .iter()
        .map(|event| {
            let level = |level: Option<TrustLevel>| level.map_or("-".to_owned(), |l| l.to_string());
            format!(
                "{} {} {} by {} because `{}`: {} -> {}",
                event.revision,
                event.at.time(),
                event.act.kind().code(),
                event.by.as_ref().unwrap(),
                event.reason,
                level(event.before),
                level(event.after),
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r##"
    1 12:00:00.0 configure by configuration because `configuration at start`: - -> -
    2 12:00:00.0 assign by ops@example.com because `test`: L0 -> L4
    3 13:00:00.0 touch by ops@example.com because `seen`: L4 -> L4
    4 13:00:00.0 cap by ops@example.com because `audit`: L4 -> L2
    5 13:00:00.0 quarantine by ops@example.com because `odd`: L2 -> L0
    6 14:00:00.0 lift_quarantine by ops@example.com because `explained`: L0 -> L2
    7 14:00:00.0 lift_cap by ops@example.com because `audited`: L2 -> L4
    8 14:00:00.0 revoke by ops@example.com because `no need`: L4 -> L0
    9 14:00:00.0 clear by ops@example.com because `need`: L0 -> L4
    10 14:00:00.0 configure by ops@example.com because `none`: - -> -
    11 14:00:00.0 accept_clock by ops@example.com because `was fast`: - -> -
    "##);
    assert_eq!(f.gate.revision().as_u64(), 11);
}

#[test]
fn events_are_stored_in_this_form_and_read_back() {
    let f = a_history();
    let events = everything(&f);
    let text: String = events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap() + "\n")
        .collect();
    let read: Vec<Event> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(read, events);
    insta::assert_snapshot!("events", text);
    let strange = text.lines().next().unwrap().replacen('{', r#"{"x":1,"#, 1);
    assert!(serde_json::from_str::<Event>(&strange).is_err());
}

#[test]
fn history_is_filtered_by_every_field() {
    let f = a_history();
    f.grant("b", "payments", TrustLevel::Monitor);
    let revisions = |filter: HistoryFilter| -> Vec<u64> {
        let events = f.admin.history(&filter).unwrap();
        events.iter().map(|event| event.revision.as_u64()).collect()
    };
    let all = HistoryFilter::default;
    assert_eq!(
        revisions(HistoryFilter {
            agent: Some(agent("b")),
            ..all()
        }),
        [12]
    );
    assert_eq!(
        revisions(HistoryFilter {
            scope: Some(scope("payments")),
            ..all()
        }),
        [4, 5, 6, 7, 8, 9, 12]
    );
    assert_eq!(
        revisions(HistoryFilter {
            scope: Some(scope("")),
            ..all()
        }),
        [2, 3],
        "exactly the root"
    );
    assert_eq!(
        revisions(HistoryFilter {
            kind: Some(ActKind::Assign),
            ..all()
        }),
        [2, 12]
    );
    let window = HistoryFilter {
        since: Some(NOON + HOUR),
        until: Some(NOON + HOUR * 2),
        ..all()
    };
    assert_eq!(revisions(window), [3, 4, 5], "since ≤ at < until");
    let after = HistoryFilter {
        after: f.gate.revision(),
        ..all()
    };
    assert!(revisions(after).is_empty());
    let both = HistoryFilter {
        agent: Some(agent("a")),
        kind: Some(ActKind::Configure),
        ..all()
    };
    assert!(revisions(both).is_empty(), "AND across fields");
}

#[test]
fn assignments_agents_and_scopes_are_listed() {
    let f = Fixture::new();
    f.grant("b", "", TrustLevel::Monitor);
    f.grant("a", "x/y", TrustLevel::Suggest);
    f.admin.revoke(&agent("a"), &scope(""), &ops(), "").unwrap();
    f.admin
        .cap(&agent("a"), &scope("x/y"), TrustLevel::Monitor, &ops(), "")
        .unwrap();
    f.admin
        .quarantine(&agent("c"), &scope("x"), &ops(), "")
        .unwrap();
    let list = |filter: &AssignmentFilter| -> Vec<(String, String, AssignmentKind)> {
        f.admin
            .assignments(filter)
            .into_iter()
            .map(|it| (it.agent.to_string(), it.scope.to_string(), it.kind))
            .collect()
    };
    let row = |agent: &str, scope: &str, kind| (agent.to_owned(), scope.to_owned(), kind);
    let tombstone = row("a", "", AssignmentKind::Tombstone);
    let given = row("a", "x/y", AssignmentKind::Grant(TrustLevel::Suggest));
    let cap = row("a", "x/y", AssignmentKind::Cap(TrustLevel::Monitor));
    let of_b = row("b", "", AssignmentKind::Grant(TrustLevel::Monitor));
    let of_c = row("c", "x", AssignmentKind::Quarantine);
    assert_eq!(
        list(&AssignmentFilter::default()),
        [
            tombstone.clone(),
            given.clone(),
            cap.clone(),
            of_b.clone(),
            of_c
        ]
    );
    let of_a = AssignmentFilter {
        agent: Some(agent("a")),
        scope: None,
    };
    assert_eq!(list(&of_a), [tombstone.clone(), given.clone(), cap.clone()]);
    let at_root = AssignmentFilter {
        agent: None,
        scope: Some(scope("")),
    };
    assert_eq!(list(&at_root), [tombstone, of_b]);

    assert_eq!(f.admin.agents(), ["a", "b", "c"].map(agent).into());
    assert_eq!(f.admin.scopes(), ["", "x", "x/y"].map(scope).into());
    f.admin
        .lift_quarantine(&agent("c"), &scope("x"), &ops(), "")
        .unwrap();
    assert_eq!(f.admin.agents(), ["a", "b"].map(agent).into());
    assert_eq!(f.admin.scopes(), ["", "x/y"].map(scope).into());
}

#[test]
fn a_level_is_explained_by_the_assignment_behind_it() {
    let f = Fixture::new();
    let event = f
        .admin
        .assign(grant("a", TrustLevel::ActAndReport).scope(scope("payments")))
        .unwrap();
    f.admin
        .cap(&agent("a"), &scope(""), TrustLevel::Suggest, &ops(), "")
        .unwrap();
    let explained = f.gate.level(&agent("a"), &scope("payments/eu"));
    let base = explained.base.unwrap();
    assert_eq!(base.revision, event.revision);
    assert_eq!(base.scope, scope("payments"));
    assert_eq!(base.assigned_by, ops());
    assert_eq!(
        (explained.decayed, explained.cap, explained.effective),
        (
            TrustLevel::ActAndReport,
            TrustLevel::Suggest,
            TrustLevel::Suggest
        )
    );
    assert_eq!(f.gate.level(&agent("b"), &scope("")).base, None);
}

#[test]
fn an_assignment_is_written_for_people_and_programs() {
    let f = Fixture::new();
    f.grant("a", "payments", TrustLevel::ActAndReport);
    let listed = f.admin.assignments(&AssignmentFilter::default());
    let json = serde_json::to_string(&listed[0]).unwrap();
    insta::assert_snapshot!(json, @r##"
    {"revision":2,"agent":"a","scope":"payments","kind":"grant","level":4,"assigned_at":"2026-11-22T12:00:00Z","decay":{"shape":"none"},"assigned_by":"ops@example.com","reason":"test"}
    "##);
}

#[test]
fn setting_the_same_rules_again_at_start_is_no_act() {
    let f = Fixture::new().restart().restart();
    assert_eq!(f.gate.revision(), Revision::ZERO.next().unwrap());
    assert_eq!(everything(&f)[0].reason, "configuration at start");
}
