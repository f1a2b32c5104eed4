//! Which assignments count where, in both modes.

use trust_gate::{Elevation, Raise, ScopeMode, TrustError, TrustGateConfig, TrustLevel};

use crate::fixture::{Fixture, agent, ops, scope};

use TrustLevel::{ActAndReport, ActWithApproval, Autonomous, Monitor, Observer, Suggest};

fn exact() -> Fixture {
    Fixture::with(TrustGateConfig {
        scope_mode: ScopeMode::Exact,
        ..TrustGateConfig::default()
    })
}

#[test]
fn hierarchical_takes_the_nearest_grant() {
    let f = Fixture::new();
    f.grant("a", "", Monitor);
    f.grant("a", "payments", ActAndReport);
    f.grant("a", "payments/eu/sepa", Suggest);
    assert_eq!(f.level("a", ""), Monitor);
    assert_eq!(f.level("a", "hr"), Monitor);
    assert_eq!(f.level("a", "payments"), ActAndReport);
    assert_eq!(f.level("a", "payments/eu"), ActAndReport);
    assert_eq!(f.level("a", "payments/eu/sepa/instant"), Suggest);
    assert_eq!(f.level("a", "payment"), Monitor, "segments, not prefixes");
    assert_eq!(f.level("a", "payments-eu"), Monitor);
    assert_eq!(f.level("b", "payments"), Observer, "grants are one agent's");
}

#[test]
fn exact_takes_the_scope_or_the_root() {
    let f = exact();
    f.grant("a", "", Monitor);
    f.grant("a", "payments", ActAndReport);
    assert_eq!(f.level("a", "payments"), ActAndReport);
    assert_eq!(f.level("a", "payments/eu"), Monitor);
    assert_eq!(f.level("a", ""), Monitor);
}

#[test]
fn caps_reach_every_scope_within_in_both_modes() {
    for f in [Fixture::new(), exact()] {
        for path in ["", "payments", "payments/eu"] {
            f.grant("a", path, Autonomous);
        }
        f.admin
            .cap(&agent("a"), &scope("payments"), ActWithApproval, &ops(), "")
            .unwrap();
        f.admin
            .cap(&agent("a"), &scope(""), ActAndReport, &ops(), "")
            .unwrap();
        assert_eq!(f.level("a", ""), ActAndReport);
        assert_eq!(f.level("a", "payments"), ActWithApproval);
        assert_eq!(f.level("a", "payments/eu"), ActWithApproval);
        assert_eq!(f.level("a", "hr"), ActAndReport);
    }
}

#[test]
fn a_cap_only_tightens() {
    let f = Fixture::new();
    f.grant("a", "", Autonomous);
    let cap = |level| f.admin.cap(&agent("a"), &scope(""), level, &ops(), "");
    cap(Suggest).unwrap();
    assert!(matches!(
        cap(ActWithApproval),
        Err(TrustError::CapWouldLoosen {
            present: Suggest,
            ..
        })
    ));
    assert_eq!(f.level("a", ""), Suggest);
    cap(Suggest).unwrap();
    cap(Monitor).unwrap();
    assert_eq!(f.level("a", ""), Monitor);
    f.admin
        .lift_cap(&agent("a"), &scope(""), &ops(), "")
        .unwrap();
    assert_eq!(f.level("a", ""), Autonomous);
    assert!(matches!(
        f.admin.lift_cap(&agent("a"), &scope(""), &ops(), ""),
        Err(TrustError::NothingThere { what: "cap", .. })
    ));
}

#[test]
fn the_gates_highest_level_caps_all() {
    let f = Fixture::with(TrustGateConfig {
        max_level: Suggest.into(),
        ..TrustGateConfig::default()
    });
    f.grant("a", "", Autonomous);
    assert_eq!(f.level("a", ""), Suggest);
    let explained = f.gate.level(&agent("a"), &scope(""));
    assert_eq!((explained.decayed, explained.cap), (Autonomous, Suggest));
}

#[test]
fn quarantine_stops_everything_within_until_lifted() {
    let f = Fixture::new();
    f.grant("a", "", Autonomous);
    f.admin
        .quarantine(&agent("a"), &scope("payments"), &ops(), "odd transfers")
        .unwrap();
    let decision = f
        .gate
        .check_level(&agent("a"), &scope("payments/eu"), Observer);
    assert_eq!(decision.code(), "quarantined");
    assert!(!decision.allowed() && !decision.visible());
    assert_eq!(f.level("a", "payments"), Observer);
    assert_eq!(f.level("a", "hr"), Autonomous);
    f.grant("a", "payments/eu", Autonomous);
    assert_eq!(
        f.level("a", "payments/eu"),
        Observer,
        "a grant does not lift a quarantine"
    );
    f.admin
        .lift_quarantine(&agent("a"), &scope("payments"), &ops(), "explained")
        .unwrap();
    assert_eq!(f.level("a", "payments/eu"), Autonomous);
}

#[test]
fn a_revoked_scope_never_falls_back_on_a_wider_grant() {
    let f = Fixture::new();
    f.grant("a", "", ActAndReport);
    f.admin
        .revoke(&agent("a"), &scope("payments"), &ops(), "")
        .unwrap();
    assert_eq!(f.level("a", "payments"), Observer);
    assert_eq!(f.level("a", "payments/eu"), Observer);
    assert_eq!(f.level("a", "hr"), ActAndReport);
}

#[test]
fn a_revoked_agent_does_not_fall_back_on_the_default_level() {
    let f = Fixture::with(TrustGateConfig {
        default_level: Monitor.into(),
        ..TrustGateConfig::default()
    });
    assert_eq!(f.level("unheard-of", ""), Monitor);
    f.admin
        .revoke(&agent("unheard-of"), &scope(""), &ops(), "")
        .unwrap();
    assert_eq!(f.level("unheard-of", ""), Observer);
}

#[test]
fn clearing_returns_to_inheritance_but_raises_only_on_purpose() {
    let f = Fixture::new();
    f.grant("a", "", ActAndReport);
    f.admin
        .revoke(&agent("a"), &scope("payments"), &ops(), "")
        .unwrap();
    let clear = |raise| {
        f.admin
            .clear(&agent("a"), &scope("payments"), &ops(), "", raise)
    };
    let revision = f.gate.revision();
    let refused = clear(Raise::Refuse).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "this would raise agent `a` in scope `payments` from L0 to L4; say so explicitly if you mean it"
    );
    assert_eq!(f.level("a", "payments"), Observer);
    assert_eq!(f.gate.revision(), revision, "nothing changed");
    clear(Raise::Allow).unwrap();
    assert_eq!(f.level("a", "payments"), ActAndReport);
    assert!(matches!(
        clear(Raise::Allow),
        Err(TrustError::NothingThere {
            what: "assignment",
            ..
        })
    ));
}

#[test]
fn clearing_what_does_not_raise_needs_no_leave() {
    let f = Fixture::new();
    f.grant("a", "", Monitor);
    f.grant("a", "payments", Suggest);
    let event = f
        .admin
        .clear(&agent("a"), &scope("payments"), &ops(), "", Raise::Refuse)
        .unwrap();
    assert_eq!((event.before, event.after), (Some(Suggest), Some(Monitor)));
}

#[test]
fn what_is_assigned_on_the_root_alone_reaches_every_scope_but_for_an_elevation() {
    for f in [Fixture::new(), exact()] {
        f.grant("a", "", Monitor);
        let hour = std::time::Duration::from_secs(3_600);
        let elevation = Elevation::new(agent("a"), ActWithApproval, hour, ops(), "a test of it");
        f.admin.elevate(&elevation).unwrap();
        let levels = |f: &Fixture| (f.level("a", ""), f.level("a", "payments/eu"));
        assert_eq!(levels(&f), (ActWithApproval, Monitor));
        let cap = f.admin.cap(&agent("a"), &scope(""), Observer, &ops(), "");
        cap.unwrap();
        assert_eq!(levels(&f), (Observer, Observer));
    }
}
