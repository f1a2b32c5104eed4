//! What operators do, and what is left when it goes wrong.

use budget_enforcer::{
    Amounts, BudgetEnforcerConfig, BudgetError, BudgetId, Charge, Dimension, EnvelopeState, Floor,
    Limits,
};

use crate::stage::{budget, calls, charge, code, session, stage, stage_with, used};

#[test]
fn an_id_is_used_once_and_for_good() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let again = |limit| stage.admin.create_budget(calls("a", limit));
    assert!(matches!(again(20), Err(BudgetError::AlreadyExists { .. })));
    assert_eq!(stage.calls(&id)[3], 10);
    stage.admin.close(&id).unwrap();
    assert!(matches!(again(20), Err(BudgetError::AlreadyExists { .. })));
    assert_eq!(code(stage.budget.reserve(&charge(&id, 1))), "closed");
    for refused in [
        stage.admin.resume(&id),
        stage.admin.suspend(&id),
        stage.admin.close(&id),
    ] {
        assert!(matches!(refused, Err(BudgetError::Closed(_))));
    }
    assert!(matches!(
        stage.admin.update_limit(&id, Limits::NONE.calls(1)),
        Err(BudgetError::Closed(_))
    ));
}

#[test]
fn a_closed_session_stays_closed() {
    let stage = stage();
    let s = session("s");
    stage.budget.record_spending(&s, 1).unwrap();
    stage.admin.close(&s).unwrap();
    assert_eq!(stage.budget.check_budget(&s).code(), "closed");
    assert_eq!(
        code(stage.budget.reserve(&Charge::session(&s).calls(1))),
        "closed"
    );
}

#[test]
fn closed_sessions_count_among_the_most_there_may_be() {
    let stage = stage_with(BudgetEnforcerConfig {
        max_sessions: 1,
        ..BudgetEnforcerConfig::per_session().calls(10)
    });
    stage.budget.record_spending(&session("s"), 1).unwrap();
    stage.admin.close(&session("s")).unwrap();
    assert_eq!(
        code(
            stage
                .budget
                .reserve(&Charge::session(&session("t")).calls(1))
        ),
        "session_limit"
    );
}

#[test]
fn suspending_an_envelope_refuses_everything_under_it() {
    let stage = stage();
    let org = stage.create(calls("org", 10));
    let team = stage.create(calls("team", 10).parent(org.clone()));
    let before = stage.reserve(&charge(&team, 2));
    stage.admin.suspend(&org).unwrap();
    assert_eq!(code(stage.budget.reserve(&charge(&team, 1))), "suspended");
    assert_eq!(
        stage.budget.utilization(&org).unwrap().state,
        EnvelopeState::Suspended
    );
    before.start(Floor::Hold).unwrap().settle(used(2)).unwrap();
    stage.admin.resume(&org).unwrap();
    assert_eq!(
        stage.calls(&org),
        [2, 0, 0, 8],
        "what was held before could be settled"
    );
    assert_eq!(code(stage.budget.reserve(&charge(&team, 1))), "ok");
}

#[test]
fn a_parent_must_exist_and_be_open() {
    let stage = stage();
    let orphan = stage
        .admin
        .create_budget(calls("a", 10).parent(budget("none")));
    assert!(matches!(orphan, Err(BudgetError::Unknown(_))));
    let own = stage
        .admin
        .create_budget(calls("a", 10).parent(budget("a")));
    assert!(matches!(own, Err(BudgetError::Unknown(_))));
    let org = stage.create(calls("org", 10));
    let team = stage.create(calls("team", 10).parent(org.clone()));
    stage.admin.close(&org).unwrap();
    assert!(matches!(
        stage.admin.create_budget(calls("x", 1).parent(team)),
        Err(BudgetError::Closed(_))
    ));
}

#[test]
fn unknown_envelopes_are_errors() {
    let stage = stage();
    let none = budget("none");
    assert!(matches!(
        stage.admin.suspend(&none),
        Err(BudgetError::Unknown(_))
    ));
    assert!(matches!(
        stage.admin.suspend(&session("none")),
        Err(BudgetError::Unknown(_))
    ));
    assert!(matches!(
        stage.admin.update_limit(&none, Limits::NONE.calls(1)),
        Err(BudgetError::Unknown(_))
    ));
    assert!(matches!(
        stage.budget.utilization(&none),
        Err(BudgetError::Unknown(_))
    ));
    let id = stage.create(calls("a", 10));
    assert!(matches!(
        stage.admin.update_limit(&id, Limits::NONE),
        Err(BudgetError::NoLimit { .. })
    ));
}

#[test]
fn limits_are_replaced_as_a_whole() {
    let stage = stage();
    let id = stage.create(calls("a", 10).tokens(10));
    stage
        .admin
        .update_limit(&id, Limits::NONE.calls(20))
        .unwrap();
    assert_eq!(stage.calls(&id)[3], 20);
    assert_eq!(stage.usage(&id, Dimension::Tokens).limit, None);
}

#[test]
fn the_summary_lists_all_budgets_by_name() {
    let stage = stage();
    let b = stage.create(calls("b", 10));
    let a = stage.create(calls("a", 10));
    let c = stage.create(calls("c", 10).parent(b.clone()));
    stage.budget.record_spending(&session("s"), 1).unwrap();
    stage.start(&charge(&c, 3)).settle(Amounts::NONE).unwrap();
    let summary = stage.budget.summary().unwrap();
    let names: Vec<_> = summary
        .budgets
        .iter()
        .map(|budget| budget.envelope.clone())
        .collect();
    assert_eq!(names, [(&a).into(), (&b).into(), (&c).into()]);
    let spent: Vec<_> = summary
        .budgets
        .iter()
        .map(|budget| budget.usage(Dimension::Calls).spent.units())
        .collect();
    assert_eq!((spent, summary.sessions), (vec![0, 3, 3], 1));
}

#[test]
fn what_is_held_can_be_found_and_ended() {
    let stage = stage();
    let team = stage.create(calls("team", 20));
    let [a, b] = ["a", "b"].map(|name| stage.create(calls(name, 9).parent(team.clone())));
    let first = stage.reserve(&charge(&a, 2)).detach();
    let second = stage.start(&charge(&b, 3)).detach();
    let gone = stage.reserve(&charge(&a, 1));
    gone.release().unwrap();
    let open = |id: &BudgetId| stage.admin.open_holds(id).unwrap();
    let told: Vec<_> = open(&team)
        .iter()
        .map(|hold| (hold.id, hold.started))
        .collect();
    assert_eq!(told, [(first, false), (second, true)]);
    assert_eq!(open(&a)[0].charge, charge(&a, 2));
    assert_eq!(
        open(&a)[0].expires_at,
        crate::stage::START + crate::stage::MINUTE * 5
    );
    stage.budget.release_id(open(&team)[0].id).unwrap();
    assert!(open(&a).is_empty());
    stage.clock.advance(crate::stage::HOUR);
    assert!(open(&team).is_empty());
    assert!(matches!(
        stage.admin.open_holds(&budget("nobody")),
        Err(BudgetError::Unknown(_))
    ));
}
