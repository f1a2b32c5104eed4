//! Elevations and the broken glass: for a while, on exactly one scope, never over a cap, and looked into afterwards.

use std::time::Duration;

use trust_gate::{
    BreakGlassRules, Effect, Elevation, ElevationRules, OperatorId, Raise, Scope, ToolPolicy,
    TrustError, TrustGateConfig, TrustLevel,
};

use crate::fixture::{DAY, Fixture, HOUR, NOON, agent, ops, request, scope};

fn elevation(level: TrustLevel, lasts: Duration) -> Elevation {
    Elevation::new(agent("a"), level, lasts, ops(), "a test of it")
}

fn second() -> OperatorId {
    "second@example.com".parse().unwrap()
}

fn config() -> TrustGateConfig {
    TrustGateConfig {
        tools: vec![ToolPolicy::new(
            "wipe".parse().unwrap(),
            TrustLevel::Observer,
            Effect::Destructive,
        )],
        ..TrustGateConfig::default()
    }
}

#[test]
fn an_elevation_holds_until_its_end_and_leaves_the_base_level() {
    let f = Fixture::new();
    f.grant("a", "", TrustLevel::Monitor);
    let event = f
        .admin
        .elevate(&elevation(TrustLevel::ActAndReport, HOUR))
        .unwrap();
    assert_eq!(
        (event.before, event.after),
        (Some(TrustLevel::Monitor), Some(TrustLevel::ActAndReport))
    );
    assert_eq!(f.level("a", ""), TrustLevel::ActAndReport);
    let change = f
        .gate
        .next_change(&agent("a"), &Scope::root())
        .expect("it ends");
    assert_eq!(
        (change.at, change.to),
        (f.gate.now() + HOUR, TrustLevel::Monitor)
    );
    f.clock
        .advance(HOUR.saturating_sub(Duration::from_nanos(1)));
    assert_eq!(f.level("a", ""), TrustLevel::ActAndReport);
    f.clock.advance(Duration::from_nanos(1));
    assert_eq!(
        f.level("a", ""),
        TrustLevel::Monitor,
        "over at its end, not after"
    );
}

#[test]
fn what_was_seen_to_be_over_does_not_come_back_when_the_clock_goes_back() {
    let f = Fixture::new();
    f.admin
        .elevate(&elevation(TrustLevel::Suggest, HOUR))
        .unwrap();
    let noon = f.gate.now();
    f.clock.advance(HOUR);
    assert_eq!(f.level("a", ""), TrustLevel::Observer);
    f.clock.set(noon);
    assert_eq!(f.level("a", ""), TrustLevel::Observer);
    let f = f.restart();
    assert_eq!(
        f.level("a", ""),
        TrustLevel::Observer,
        "nor in the next process"
    );
}

#[test]
fn a_restart_keeps_an_elevation_and_its_end() {
    let f = Fixture::new();
    f.admin
        .elevate(&elevation(TrustLevel::Suggest, HOUR))
        .unwrap();
    let f = f.restart();
    assert_eq!(f.level("a", ""), TrustLevel::Suggest);
    f.clock.advance(HOUR);
    assert_eq!(f.level("a", ""), TrustLevel::Observer);
}

#[test]
fn it_holds_on_exactly_its_scope() {
    let f = Fixture::new();
    f.admin
        .elevate(&elevation(TrustLevel::Suggest, HOUR).scope(scope("x/y")))
        .unwrap();
    let levels = ["", "x", "x/y", "x/y/z", "xy"].map(|path| f.level("a", path).as_u8());
    assert_eq!(levels, [0, 0, 2, 0, 0]);
}

#[test]
fn elevations_do_not_stack_and_a_new_one_may_follow_the_end() {
    let f = Fixture::new();
    f.admin
        .elevate(&elevation(TrustLevel::Suggest, HOUR))
        .unwrap();
    for _ in 0..2 {
        assert!(matches!(
            f.admin
                .elevate(&elevation(TrustLevel::Autonomous, HOUR))
                .unwrap_err(),
            TrustError::AlreadyElevated { .. }
        ));
    }
    assert_eq!(f.level("a", ""), TrustLevel::Suggest);
    f.clock.advance(HOUR);
    f.admin
        .elevate(&elevation(TrustLevel::Autonomous, HOUR))
        .unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Autonomous);
}

#[test]
fn it_needs_a_reason_and_an_end_and_keeps_to_the_rules() {
    let f = Fixture::with(TrustGateConfig {
        elevation: ElevationRules {
            max_level: TrustLevel::ActWithApproval.into(),
            max_duration: HOUR,
        },
        ..TrustGateConfig::default()
    });
    let mut silent = elevation(TrustLevel::Suggest, HOUR);
    silent.reason = "  ".to_owned();
    let refused = [
        silent,
        elevation(TrustLevel::ActAndReport, HOUR),
        elevation(TrustLevel::Suggest, Duration::ZERO),
        elevation(TrustLevel::Suggest, HOUR + Duration::from_nanos(1)),
        elevation(TrustLevel::Observer, HOUR),
    ]
    .map(|elevation| f.admin.elevate(&elevation).unwrap_err().to_string());
    insta::assert_snapshot!(refused.join("\n"), @r"
    an elevation needs a reason; say why
    an elevation may give at most L3, not L4; choose a lower level
    an elevation may last more than nothing and at most 3600s, not 0ns; choose another time
    an elevation may last more than nothing and at most 3600s, not 3600.000000001s; choose another time
    agent `a` has L0 on the root and would have no more; look for a cap or a quarantine, or elevate higher
    ");
    assert_eq!(f.gate.revision().as_u64(), 1, "only the rules were set");
}

#[test]
fn no_elevation_goes_over_a_cap_or_a_quarantine() {
    let f = Fixture::new();
    f.admin
        .cap(
            &agent("a"),
            &Scope::root(),
            TrustLevel::Suggest,
            &ops(),
            "limit",
        )
        .unwrap();
    f.admin
        .elevate(&elevation(TrustLevel::Autonomous, HOUR))
        .unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Suggest);
    f.admin
        .quarantine(&agent("a"), &Scope::root(), &ops(), "stop")
        .unwrap();
    let decision = f
        .gate
        .check_level(&agent("a"), &Scope::root(), TrustLevel::Observer);
    assert_eq!(decision.code(), "quarantined");
    assert!(matches!(
        f.admin
            .elevate(&elevation(TrustLevel::Autonomous, HOUR).scope(scope("x")))
            .unwrap_err(),
        TrustError::RaisesNothing { .. }
    ));
    assert!(matches!(
        f.admin
            .break_glass(
                &elevation(TrustLevel::ActAndReport, HOUR).scope(scope("x")),
                &second()
            )
            .unwrap_err(),
        TrustError::RaisesNothing { .. }
    ));
}

#[test]
fn ending_or_revoking_ends_it_at_once() {
    let f = Fixture::new();
    f.grant("a", "", TrustLevel::Monitor);
    f.admin
        .elevate(&elevation(TrustLevel::Suggest, HOUR))
        .unwrap();
    f.admin
        .end_elevation(&agent("a"), &Scope::root(), &ops(), "done")
        .unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Monitor);
    assert!(matches!(
        f.admin
            .end_elevation(&agent("a"), &Scope::root(), &ops(), "again")
            .unwrap_err(),
        TrustError::NothingThere { .. }
    ));
    f.admin
        .elevate(&elevation(TrustLevel::Suggest, HOUR))
        .unwrap();
    f.admin
        .revoke(&agent("a"), &Scope::root(), &ops(), "enough")
        .unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Observer);
}

#[test]
fn clearing_the_grant_under_an_elevation_cannot_raise() {
    let f = Fixture::new();
    f.grant("a", "x", TrustLevel::Monitor);
    f.admin
        .elevate(&elevation(TrustLevel::Suggest, HOUR).scope(scope("x")))
        .unwrap();
    f.admin
        .clear(&agent("a"), &scope("x"), &ops(), "tidy", Raise::Refuse)
        .unwrap();
    assert_eq!(f.level("a", "x"), TrustLevel::Suggest);
    f.clock.advance(DAY);
    assert_eq!(f.level("a", "x"), TrustLevel::Observer);
}

#[test]
fn clearing_a_revocation_under_an_elevation_needs_leave() {
    let f = Fixture::new();
    f.grant("a", "", TrustLevel::ActAndReport);
    f.admin
        .revoke(&agent("a"), &scope("x"), &ops(), "enough")
        .unwrap();
    f.admin
        .elevate(&elevation(TrustLevel::ActAndReport, HOUR).scope(scope("x")))
        .unwrap();
    let clear = |raise| {
        f.admin
            .clear(&agent("a"), &scope("x"), &ops(), "tidy", raise)
    };
    let refused = clear(Raise::Refuse).unwrap_err();
    insta::assert_snapshot!(refused, @"this would raise agent `a` in scope `x` from L0 to L4; say so explicitly if you mean it");
    assert_eq!(f.level("a", "x/within"), TrustLevel::Observer);
    clear(Raise::Allow).unwrap();
    assert_eq!(f.level("a", "x/within"), TrustLevel::ActAndReport);
}

#[test]
fn what_was_reviewed_does_not_come_back_when_the_clock_is_set_right() {
    let f = Fixture::with(config());
    let broken = f
        .admin
        .break_glass(&elevation(TrustLevel::ActAndReport, HOUR), &second())
        .unwrap();
    f.clock.advance(HOUR);
    f.admin
        .close_review(broken.revision, &second(), "as it should be")
        .unwrap();
    f.clock.set(NOON + HOUR / 2);
    f.admin.accept_clock(&ops(), "it was ahead").unwrap();
    assert_eq!(f.level("a", ""), TrustLevel::Observer);
    let f = f.restart();
    assert_eq!(f.level("a", ""), TrustLevel::Observer);
}

#[test]
fn the_glass_needs_two_operators_and_marks_every_decision() {
    let f = Fixture::with(config());
    let alone = f
        .admin
        .break_glass(&elevation(TrustLevel::ActAndReport, HOUR), &ops())
        .unwrap_err();
    assert!(matches!(alone, TrustError::SecondOperatorNeeded { .. }));
    let broken = f
        .admin
        .break_glass(&elevation(TrustLevel::ActAndReport, HOUR), &second())
        .unwrap();
    let decision = f.gate.check(&request("a", "wipe"));
    assert!(decision.allowed() && decision.break_glass());
    assert_eq!(decision.elevated().unwrap().revision, broken.revision);
    assert!(
        f.gate.check(&request("a", "other")).break_glass(),
        "denials too"
    );
    assert!(!f.gate.check(&request("b", "wipe")).break_glass());
    let standing = f.gate.level(&agent("a"), &Scope::root()).elevation.unwrap();
    assert_eq!(
        (standing.kind.code(), standing.second),
        ("break_glass", Some(second()))
    );
    f.clock.advance(HOUR);
    assert!(!f.gate.check(&request("a", "wipe")).break_glass());
}

#[test]
fn the_glass_is_broken_again_only_after_the_review() {
    let f = Fixture::with(TrustGateConfig {
        break_glass: BreakGlassRules {
            max_duration: HOUR,
            ..BreakGlassRules::default()
        },
        ..config()
    });
    let broken = f
        .admin
        .break_glass(&elevation(TrustLevel::ActAndReport, HOUR), &second())
        .unwrap();
    let again = elevation(TrustLevel::ActAndReport, HOUR).scope(scope("x"));
    let refuse = |f: &Fixture| {
        let refused = f.admin.break_glass(&again, &second()).unwrap_err();
        assert!(
            matches!(refused, TrustError::ReviewOpen { opened } if opened == broken.revision),
            "{refused}"
        );
    };
    refuse(&f);
    let close = |f: &Fixture, by: &OperatorId| f.admin.close_review(broken.revision, by, "fine");
    assert!(matches!(
        close(&f, &second()).unwrap_err(),
        TrustError::StillActive { .. }
    ));
    f.clock.advance(HOUR);
    refuse(&f);
    let f = f.restart();
    refuse(&f);
    assert_eq!(f.admin.open_review().unwrap().revision, broken.revision);
    assert!(matches!(
        close(&f, &ops()).unwrap_err(),
        TrustError::SecondOperatorNeeded { .. }
    ));
    assert!(matches!(
        f.admin
            .close_review(broken.revision, &second(), " ")
            .unwrap_err(),
        TrustError::ReasonMissing { .. }
    ));
    close(&f, &second()).unwrap();
    assert!(matches!(
        close(&f, &second()).unwrap_err(),
        TrustError::NoSuchReview { .. }
    ));
    f.admin.break_glass(&again, &second()).unwrap();
}
