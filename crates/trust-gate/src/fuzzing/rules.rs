//! What operators write into files: the rules of a gate, and grants.

use super::stage::{Journal, Stage, everything};
use super::{read, reread};
use crate::{Grant, TrustGateConfig};

pub(super) const CONFIGS: &[&str] = &[
    r#"{"name":"gate","default_level":"L1","max_level":4,"scope_mode":"exact","tiers":{"trainee":2,"verified":"L3"},"elevation":{"max_level":"trainee","max_duration":"36h"},"break_glass":{"max_level":"privileged","max_duration":"30m"},"approvals":{"ttl":"90s","max_pending_per_agent":2,"max_pending":3},"tools":[{"tool":"get_*","required_level":"trainee","effect":"read_public"},{"tool":"*","required_level":1,"effect":"destructive","approval":"always","approvers":2},{"tool":"x","required_level":"L5_AUTONOMOUS","effect":null}]}"#,
    "{}",
];
pub(super) const TOML: &[&str] = &[
    "name = \"gate\"\ndefault_level = 1\nmax_level = \"L4\"\nscope_mode = \"hierarchical\"\n[tiers]\ntrainee = 2\n[elevation]\nmax_duration = \"36h\"\n[break_glass]\nmax_level = \"privileged\"\n[approvals]\nttl = \"90s\"\nmax_pending = 3\n[[tools]]\ntool = \"get_*\"\nrequired_level = \"trainee\"\neffect = \"read_public\"\n[[tools]]\ntool = \"*\"\nrequired_level = 1\neffect = \"write\"\napproval = \"always\"\napprovers = 2\n",
];
pub(super) const GRANTS: &[&str] = &[
    r#"{"agent":"a","scope":"x/y","level":"verified","assigned_by":"ops@example.com","reason":"pilot","assigned_at":"2026-11-01T00:00:00Z","expires_at":"2027-01-01T00:00:00+01:00","decay":{"shape":"step","every":"7d","grace":"1d","floor":"L1"}}"#,
    r#"{"agent":"a","level":5,"assigned_by":"ops@example.com","assigned_at":"2026-11-01T00:00:00Z","decay":{"shape":"cliff","ttl":"30d","to":1}}"#,
    r#"{"agent":"a","level":"L4","assigned_by":"ops@example.com","assigned_at":"2026-11-01T00:00:00Z","decay":{"shape":"inactivity","gradual_days":3}}"#,
];

/// Rules as JSON, and what a gate does that is opened with them.
pub fn config(bytes: &[u8]) {
    if let Some(config) = read::<TrustGateConfig>(bytes) {
        opened(&config);
    }
}

/// Rules in another format that `parse` reads and `write` writes.
pub fn config_written(
    bytes: &[u8],
    parse: impl Fn(&str) -> Option<TrustGateConfig>,
    write: impl Fn(&TrustGateConfig) -> Option<String>,
) {
    let config = std::str::from_utf8(bytes).ok().and_then(&parse);
    let Some(config) = config else {
        return;
    };
    let again = write(&config).and_then(|text| parse(&text));
    assert_eq!(again.as_ref(), Some(&config), "written otherwise");
    assert_eq!(reread(&config).as_ref(), Some(&config), "two formats");
    opened(&config);
}

/// Grants as JSON, and what comes of assigning one.
pub fn grant(bytes: &[u8]) {
    let Ok(grant) = serde_json::from_slice::<Grant>(bytes) else {
        return;
    };
    let Ok(stage) = everything().and_then(|config| Stage::open(config, Journal::default())) else {
        return;
    };
    let (agent, scope) = (grant.agent.clone(), grant.scope.clone());
    let granted = stage.admin.config().tiers.resolve(&grant.level).ok();
    if stage.admin.assign(grant).is_ok() {
        let level = stage.gate.level(&agent, &scope).effective;
        assert!(Some(level) <= granted, "more than was granted");
    }
    stage.probe();
}

fn opened(config: &TrustGateConfig) {
    if let Ok(stage) = Stage::open(config.clone(), Journal::default()) {
        assert_eq!(stage.admin.config(), *config);
        stage.probe();
    }
}
