//! Several envelopes and dimensions in one charge: all of them or none.

use budget_enforcer::{
    Amounts, BudgetEnforcerConfig, Charge, Dimension, Floor, Reservation, Running,
};

use crate::stage::{budget, calls, charge, code, session, stage, stage_with, usd, used};

#[test]
fn guards_can_be_sent_to_another_thread() {
    fn sendable<T: Send + 'static>() {}
    sendable::<Reservation>();
    sendable::<Running>();
}

#[test]
fn takes_every_envelope_and_dimension_or_none() {
    let stage = stage();
    let (a, b) = (
        stage.create(calls("a", 10).tokens(100)),
        stage.create(calls("b", 5)),
    );
    let hold = stage.reserve(&charge(&a, 5).tokens(100).and(charge(&b, 5)));
    assert_eq!(
        (stage.calls(&a), stage.calls(&b)),
        ([0, 0, 5, 5], [0, 0, 5, 0])
    );
    assert_eq!(
        code(stage.budget.reserve(&charge(&a, 1).and(charge(&b, 1)))),
        "exceeds_budget"
    );
    assert_eq!(
        code(stage.budget.reserve(&charge(&a, 1).tokens(1))),
        "exceeds_budget"
    );
    assert_eq!(stage.calls(&a), [0, 0, 5, 5]);
    hold.release().unwrap();
    assert_eq!(
        (stage.calls(&a), stage.calls(&b)),
        ([0, 0, 0, 10], [0, 0, 0, 5])
    );
}

#[test]
fn amounts_for_the_same_envelope_add_up() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 6).and(charge(&id, 5)))),
        "exceeds_budget"
    );
    let hold = stage.reserve(&charge(&id, 6).and(charge(&id, 4)));
    assert_eq!(stage.calls(&id), [0, 0, 10, 0]);
    drop(hold);
    let overflow = charge(&id, u64::MAX).and(charge(&id, 2));
    assert_eq!(
        code(stage.budget.reserve(&overflow)),
        "exceeds_budget",
        "sums do not wrap"
    );
    let s = session("s");
    let twice = Charge::session(&s)
        .calls(6)
        .and(charge(&id, 1))
        .and(Charge::session(&s).calls(4).tokens(5));
    assert_eq!(twice.lines().count(), 2);
    let running = stage.start(&twice);
    assert_eq!(
        stage.usage(&s, Dimension::Calls).reserved.units(),
        10,
        "of a session that is new, too"
    );
    running.settle(used(3)).unwrap();
    assert_eq!(
        stage.usage(&s, Dimension::Calls).spent.units(),
        3,
        "what was used is booked once for each envelope"
    );
    assert_eq!(stage.usage(&s, Dimension::Tokens).spent.units(), 5);
    let json = r#"[{"envelope":{"budget":"a"},"amounts":{"calls":2}},{"envelope":{"budget":"a"},"amounts":{"calls":3}}]"#;
    assert_eq!(
        serde_json::from_str::<Charge>(json).unwrap(),
        charge(&id, 5)
    );
}

#[test]
fn ancestors_are_charged_along() {
    let stage = stage();
    let org = stage.create(calls("org", 10));
    let team = stage.create(calls("team", 100).parent(org.clone()));
    let agent = stage.create(calls("agent", 100).parent(team.clone()));
    let hold = stage.reserve(&charge(&agent, 8));
    assert_eq!(stage.calls(&org), [0, 0, 8, 2]);
    let decision = stage.budget.check(&charge(&team, 3));
    assert_eq!(
        decision.envelope(),
        Some(&(&org).into()),
        "children never get more than their parent has"
    );
    hold.start(Floor::Hold).unwrap().settle(used(9)).unwrap();
    for id in [&org, &team, &agent] {
        assert_eq!(stage.calls(id)[0], 9);
    }
}

#[test]
fn a_parent_of_two_children_is_charged_the_sum() {
    let stage = stage();
    let org = stage.create(calls("org", 10));
    let (a, b) = (
        stage.create(calls("a", 9).parent(org.clone())),
        stage.create(calls("b", 9).parent(org.clone())),
    );
    assert_eq!(
        code(stage.budget.reserve(&charge(&a, 5).and(charge(&b, 6)))),
        "exceeds_budget"
    );
    let running = stage.start(&charge(&a, 4).and(charge(&b, 6)));
    assert_eq!(stage.calls(&org), [0, 0, 10, 0]);
    running.settle(Amounts::NONE).unwrap();
    assert_eq!(
        (stage.calls(&org)[0], stage.calls(&a)[0], stage.calls(&b)[0]),
        (10, 4, 6),
        "unknown: as held"
    );
    let running = stage.start(&charge(&a, 0).and(charge(&b, 0)));
    running.settle(used(0)).unwrap();
    assert_eq!(stage.calls(&org)[0], 10, "zero is not unknown");
}

#[test]
fn naming_a_child_and_its_parent_charges_the_parent_twice() {
    let stage = stage();
    let org = stage.create(calls("org", 10));
    let team = stage.create(calls("team", 10).parent(org.clone()));
    let hold = stage.reserve(&charge(&team, 3).and(charge(&org, 4)));
    assert_eq!(
        (stage.calls(&org), stage.calls(&team)),
        ([0, 0, 7, 3], [0, 0, 3, 7])
    );
    drop(hold);
}

#[test]
fn a_session_and_two_trees_are_one_charge() {
    let stage = stage_with(
        BudgetEnforcerConfig::per_session()
            .tokens(1000)
            .calls(10)
            .cost(usd("1")),
    );
    let (a, b) = (stage.create(calls("a", 10)), stage.create(calls("b", 10)));
    let s = session("s");
    let all = charge(&b, 1)
        .and(Charge::session(&s).calls(1).tokens(100))
        .and(charge(&a, 1));
    let settled = stage
        .start(&all)
        .settle(Amounts::NONE.calls(1).tokens(150).cost(usd("0.25")))
        .unwrap();
    assert!(!settled.late && settled.overspent.is_none());
    for id in [&a, &b] {
        assert_eq!(stage.calls(id), [1, 0, 0, 9]);
    }
    assert_eq!(stage.usage(&s, Dimension::Tokens).spent.units(), 150);
    assert_eq!(
        stage.usage(&s, Dimension::Cost).spent.to_string(),
        "0.2500",
        "what was not held is booked too"
    );
}

#[test]
fn a_resolved_path_reserves_as_its_charge_does() {
    let stage = stage();
    let org = stage.create(calls("org", 10));
    let team = stage.create(calls("team", 10).parent(org.clone()));
    let asked = charge(&team, 3).and(Charge::session(&session("s")).calls(1));
    let path = stage.budget.resolve(&asked).unwrap();
    assert_eq!(path.charge(), asked);
    assert_eq!(
        stage.budget.summary().unwrap().sessions,
        1,
        "resolving is a use: it opens the session"
    );
    let hold = stage.budget.reserve_path(&path).unwrap();
    assert_eq!(stage.calls(&org), [0, 0, 3, 7]);
    let more = stage.budget.reserve_path_amounts(&path, used(7)).unwrap();
    assert_eq!(stage.calls(&org), [0, 0, 10, 0]);
    assert_eq!(code(stage.budget.reserve_path(&path)), "exceeds_budget");
    drop((hold, more));
    stage.admin.suspend(&org).unwrap();
    assert_eq!(code(stage.budget.reserve_path(&path)), "suspended");
    assert_eq!(
        code(stage.budget.resolve(&charge(&budget("none"), 1))),
        "no_budget"
    );
}

#[test]
fn settle_at_least_books_the_larger_of_hold_and_report() {
    let stage = stage();
    let id = stage.create(calls("a", 100).tokens(100));
    let hold = || stage.start(&charge(&id, 10).tokens(10));
    hold().settle_at_least(used(3).tokens(30)).unwrap();
    assert_eq!(stage.calls(&id)[0], 10);
    assert_eq!(stage.usage(&id, Dimension::Tokens).spent.units(), 30);
    hold().settle_at_least(Amounts::NONE).unwrap();
    assert_eq!(stage.calls(&id)[0], 20);
}

#[test]
fn a_path_of_another_enforcer_is_no_path_here() {
    let (stage, other) = (stage(), stage());
    let (id, theirs) = (stage.create(calls("a", 5)), other.create(calls("a", 5)));
    let path = other.budget.resolve(&charge(&theirs, 1)).unwrap();
    assert_eq!(code(stage.budget.reserve_path(&path)), "no_budget");
    assert_eq!(
        code(stage.budget.reserve_path_at(&path, crate::stage::START)),
        "no_budget"
    );
    assert_eq!(
        code(stage.budget.reserve_path_amounts(&path, used(1))),
        "no_budget"
    );
    assert_eq!(
        code(
            stage
                .budget
                .reserve_path_explained_at(&path, crate::stage::START)
        ),
        "no_budget"
    );
    assert_eq!(
        code(stage.budget.reserve_path_and_start_explained_at(
            &path,
            crate::stage::START,
            Floor::Hold
        )),
        "no_budget"
    );
    assert!(
        stage
            .budget
            .reserve_path_and_start(&path, Floor::Hold)
            .is_err()
    );
    assert_eq!(stage.calls(&id), [0, 0, 0, 5]);
    assert_eq!(other.calls(&theirs), [0, 0, 0, 5]);
    assert_eq!(code(other.budget.reserve_path(&path)), "ok");
}
