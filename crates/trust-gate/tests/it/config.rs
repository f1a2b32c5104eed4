//! Configuration: what a file says, whole or not at all.

use trust_gate::{
    ApprovalRule, Decay, Effect, Grant, LevelRef, MemoryStore, ScopeMode, TrustError, TrustGate,
    TrustGateConfig, TrustLevel,
};

use crate::fixture::{DAY, Fixture, HOUR, agent, chain, request, scope};

const WHOLE: &str = r#"{
    "default_level": "L0",
    "scope_mode": "hierarchical",
    "tiers": { "public": 0, "verified": 2, "privileged": 4 },
    "tools": [
        { "tool": "get_*", "required_level": "L1", "effect": "read_public", "approval": "by_level", "approvers": 1 },
        { "tool": "wipe", "required_level": "privileged", "effect": "destructive", "approval": "always", "approvers": 2 }
    ]
}"#;

fn read(json: &str) -> Result<TrustGateConfig, serde_json::Error> {
    serde_json::from_str(json)
}

#[test]
fn a_whole_configuration_is_read() {
    let config = read(WHOLE).unwrap();
    assert_eq!(config.scope_mode, ScopeMode::Hierarchical);
    assert_eq!(config.max_level, LevelRef::Level(TrustLevel::Autonomous));
    assert_eq!(config.tools[0].effect, Some(Effect::ReadPublic));
    assert_eq!(config.tools[1].approval, ApprovalRule::Always);
    assert_eq!(config.tools[1].approvers.get(), 2);
    let again = read(&serde_json::to_string(&config).unwrap()).unwrap();
    assert_eq!(again, config);
}

#[test]
fn an_empty_configuration_is_the_default() {
    assert_eq!(read("{}").unwrap(), TrustGateConfig::default());
}

#[test]
fn what_a_configuration_may_not_say() {
    let rule = |rest: &str| format!(r#"{{ "tools": [{{ "tool": "t", {rest} }}] }}"#);
    let bad = [
        r#"{ "defaultlevel": 0 }"#.to_owned(),
        r#"{ "default_level": 6 }"#.to_owned(),
        r#"{ "default_level": 1.5 }"#.to_owned(),
        r#"{ "scope_mode": "flat" }"#.to_owned(),
        r#"{ "tiers": { "x": 9 } }"#.to_owned(),
        r#"{ "tools": {} }"#.to_owned(),
        rule(r#""required_level": 1"#),
        rule(r#""effect": "write""#),
        rule(r#""required_level": 1, "effect": "writes""#),
        rule(r#""required_level": 1, "effect": "write", "approvers": 0"#),
        rule(r#""required_level": 1, "effect": "write", "approvers": 256"#),
        rule(r#""required_level": 1, "effect": "write", "approval": "never""#),
        rule(r#""required_level": 1, "effect": "write", "note": "x""#),
    ];
    let refusals: String = bad
        .iter()
        .map(|json| read(json).expect_err(json).to_string() + "\n")
        .collect();
    insta::assert_snapshot!(refusals, @r##"
    unknown field `defaultlevel`, expected one of `name`, `default_level`, `max_level`, `scope_mode`, `tiers`, `elevation`, `break_glass`, `approvals`, `tools` at line 1 column 16
    invalid value: integer `6`, expected a trust level from 0 to 5, its code or its name at line 1 column 20
    invalid type: floating point `1.5`, expected a trust level from 0 to 5, its code or its name at line 1 column 22
    unknown variant `flat`, expected `hierarchical` or `exact` at line 1 column 22
    invalid value: integer `9`, expected a trust level from 0 to 5, its code or its name at line 1 column 19
    invalid type: map, expected a sequence at line 1 column 11
    missing field `effect` at line 1 column 48
    missing field `required_level` at line 1 column 46
    unknown variant `writes`, expected one of `read_public`, `read_sensitive`, `write`, `destructive` at line 1 column 66
    invalid value: integer `0`, expected a nonzero u8 at line 1 column 81
    invalid value: integer `256`, expected a nonzero u8 at line 1 column 83
    unknown variant `never`, expected `by_level` or `always` at line 1 column 86
    unknown field `note`, expected one of `tool`, `required_level`, `effect`, `approval`, `approvers` at line 1 column 73
    "##);
}

#[test]
fn a_rule_without_an_effect_must_say_so() {
    let null = r#"{ "tools": [{ "tool": "t", "required_level": 1, "effect": null }] }"#;
    assert_eq!(read(null).unwrap().tools[0].effect, None);
}

#[test]
fn rules_that_make_no_sense_do_not_build_a_gate() {
    let build = |json: &str| {
        TrustGate::builder()
            .config(read(json).unwrap())
            .build()
            .map(|_| ())
            .unwrap_err()
    };
    let refusals = [
        build(r#"{ "default_level": 3, "max_level": 2 }"#),
        build(r#"{ "default_level": "staff" }"#),
        build(r#"{ "tools": [{ "tool": "t", "required_level": "staff", "effect": "write" }] }"#),
    ];
    let texts: String = refusals.iter().map(|error| chain(error) + "\n").collect();
    insta::assert_snapshot!(texts, @r##"
    invalid configuration: the default level L3 is above the highest level L2
    `staff` is neither a trust level nor a tier; the tiers are `privileged`, `public`, `verified`
    `staff` is neither a trust level nor a tier; the tiers are `privileged`, `public`, `verified`
    "##);
}

#[test]
fn rules_that_make_no_sense_leave_the_old_ones_in_force() {
    let f = Fixture::with(read(WHOLE).unwrap());
    let before = f.admin.config();
    let bad = TrustGateConfig {
        default_level: "staff".parse().unwrap(),
        ..before.clone()
    };
    assert!(matches!(
        f.admin.configure(bad, &crate::fixture::ops(), "typo"),
        Err(TrustError::UnknownTier { .. })
    ));
    assert_eq!(f.admin.config(), before);
}

#[test]
fn new_rules_hold_for_the_next_check() {
    let f = Fixture::with(read(WHOLE).unwrap());
    assert!(!f.gate.check(&request("a", "get_time")).allowed());
    let open = TrustGateConfig {
        default_level: TrustLevel::Monitor.into(),
        ..f.admin.config()
    };
    f.admin
        .configure(open, &crate::fixture::ops(), "pilot")
        .unwrap();
    assert!(f.gate.check(&request("a", "get_time")).allowed());
}

#[test]
fn no_shape_of_decay_takes_a_key_that_it_does_not_know() {
    let decay = |rest: &str| serde_json::from_str::<Decay>(&format!("{{ {rest} }}"));
    for shape in [
        r#""shape": "none""#,
        r#""shape": "cliff", "ttl": "30d""#,
        r#""shape": "step", "every": "7d""#,
        r#""shape": "inactivity""#,
    ] {
        decay(shape).unwrap();
        for unknown in [r#""tll": "1d""#, r#""to_": null"#] {
            for text in [format!("{shape}, {unknown}"), format!("{unknown}, {shape}")] {
                let refused = decay(&text).expect_err(&text).to_string();
                assert!(refused.starts_with("unknown field `t"), "{text}: {refused}");
            }
        }
    }
    // What another shape takes, none of the others does.
    let refused = decay(r#""shape": "none", "ttl": "30d""#).unwrap_err();
    assert!(
        refused.to_string().starts_with("unknown field `ttl`"),
        "{refused}"
    );
}

#[test]
fn grants_are_read_from_configuration() {
    let grant: Grant = serde_json::from_str(
        r#"{ "agent": "desk-assistant", "level": "L3", "scope": "", "assigned_by": "ops@example.com",
             "assigned_at": "2026-11-20T00:00:00Z", "reason": "pilot",
             "decay": { "shape": "step", "every": "7d", "grace": "36h", "floor": "L1" } }"#,
    )
    .unwrap();
    let decay = Decay::Step {
        every: DAY * 7,
        grace: HOUR * 36,
        floor: TrustLevel::Monitor,
    };
    assert_eq!(grant.decay, decay);
    let f = Fixture::new();
    f.admin.assign(grant).unwrap();
    let level = f.gate.level(&agent("desk-assistant"), &scope(""));
    assert_eq!(level.effective, TrustLevel::ActWithApproval);
}

#[test]
fn what_a_configured_grant_may_not_say() {
    let head = r#""agent": "a", "level": 3, "assigned_by": "o""#;
    let bad = [
        r#"{ "agent": "a", "level": 3 }"#.to_owned(),
        r#"{ "agent": "a ", "level": 3, "assigned_by": "o" }"#.to_owned(),
        format!(r#"{{ {head}, "until": "2026-11-20T00:00:00Z" }}"#),
        format!(r#"{{ {head}, "expires_at": "tomorrow" }}"#),
        format!(r#"{{ {head}, "scope": "a//b" }}"#),
        format!(r#"{{ {head}, "decay": {{ "shape": "cliff", "ttl": "30d" }} }}"#),
        format!(r#"{{ {head}, "decay": {{ "shape": "cliff", "ttl": 30 }} }}"#),
        format!(r#"{{ {head}, "decay": {{ "shape": "cliff", "ttl": "30 days" }} }}"#),
        format!(r#"{{ {head}, "decay": {{ "shape": "cliff", "ttl": "30d", "flor": 1 }} }}"#),
        format!(r#"{{ {head}, "decay": {{ "shape": "melt" }} }}"#),
    ];
    let refusals: String = bad
        .iter()
        .map(|json| {
            serde_json::from_str::<Grant>(json)
                .expect_err(json)
                .to_string()
                + "\n"
        })
        .collect();
    insta::assert_snapshot!(refusals, @r##"
    missing field `assigned_by` at line 1 column 28
    agent id `a ` begins or ends with white space; write 1 to 256 bytes without control characters or surrounding white space at line 1 column 15
    unknown field `until`, expected one of `agent`, `scope`, `level`, `assigned_by`, `reason`, `assigned_at`, `expires_at`, `decay` at line 1 column 55
    the 'year' component could not be parsed at line 1 column 72
    scope segment `` is empty; write segments of 1 to 256 bytes joined by `/`, or nothing for the root at line 1 column 65
    a configured grant with a decay needs `assigned_at`; a restart would otherwise refresh it
    invalid type: integer `30`, expected a string at line 1 column 90
    `30 days` is not a span of time; write a whole number and a unit, such as `30m`, `36h` or `7d` at line 1 column 97
    unknown field `flor`, expected `ttl` or `to` at line 1 column 104
    unknown variant `melt`, expected one of `none`, `cliff`, `step`, `inactivity` at line 1 column 74
    "##);
}

#[test]
fn a_gate_that_is_given_no_rules_keeps_those_of_its_store() {
    let rules = read(WHOLE).unwrap();
    let f = Fixture::with(rules.clone());
    let revision = f.gate.revision();
    let open = |store: &MemoryStore| TrustGate::builder().store(store.clone()).build().unwrap();
    let (gate, admin) = open(&f.store);
    assert_eq!(admin.config(), rules);
    assert_eq!(gate.revision(), revision, "nothing was done");
    let (fresh, admin) = open(&MemoryStore::default());
    assert_eq!(admin.config(), TrustGateConfig::default());
    assert_eq!(fresh.revision().as_u64(), 1);
}
