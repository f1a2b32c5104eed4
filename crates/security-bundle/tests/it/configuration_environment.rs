//! The environment only tightens: what would loosen is left out and told, and what cannot be read is an error.

use proptest::prelude::*;
use security_bundle::{AuditLevel, SecurityStackConfig};

const STRICT: &str = "[trust]\nminimum_level = \"L3\"\n[budget.session]\ncost_usd = \"5.00\"\ncalls = 7\n[audit]\nlevel = \"standard\"\n[consent]\nrequired = true\n";

fn environment(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let pairs: Vec<(String, String)> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    move |wanted| {
        let found = pairs.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone())
    }
}

#[test]
fn stricter_values_count() {
    let stricter = environment(&[
        ("AUMOS_TRUST_THRESHOLD", "privileged"),
        ("AUMOS_BUDGET_LIMIT", "0.10"),
        ("AUMOS_AUDIT_LEVEL", "detailed"),
        ("AUMOS_CONSENT_REQUIRED", "true"),
    ]);
    for text in ["", STRICT] {
        let config = SecurityStackConfig::from_toml_str(text).unwrap();
        let calls = config.budget.session.and_then(|session| session.calls);
        let (config, left_out) = config.tightened_by(&stricter).unwrap();
        assert_eq!(left_out, []);
        assert_eq!(config.minimum_level.unwrap().to_string(), "L4");
        let session = config.budget.session.unwrap();
        assert_eq!(session.cost, Some("0.10".parse().unwrap()));
        assert_eq!(session.calls, calls);
        assert_eq!(config.audit.level, AuditLevel::Detailed);
        assert!(config.mandatory.consent);
    }
}

#[test]
fn looser_values_are_left_out_and_told() {
    let config = SecurityStackConfig::from_toml_str(STRICT).unwrap();
    let looser = environment(&[
        ("AUMOS_TRUST_THRESHOLD", "0"),
        ("AUMOS_BUDGET_LIMIT", "5.01"),
        ("AUMOS_AUDIT_LEVEL", "minimal"),
        ("AUMOS_CONSENT_REQUIRED", "false"),
    ]);
    let (after, left_out) = config.clone().tightened_by(&looser).unwrap();
    assert_eq!(after, config);
    let told: Vec<String> = left_out.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_session_that_is_denied_for_want_of_a_budget_gets_none() {
    let config = SecurityStackConfig::from_toml_str("[budget]\nrequired = true\n").unwrap();
    let limit = environment(&[("AUMOS_BUDGET_LIMIT", "1.00")]);
    let (after, left_out) = config.clone().tightened_by(&limit).unwrap();
    assert_eq!((after, left_out.len()), (config, 1));
}

#[test]
fn a_value_that_cannot_be_read_is_an_error_of_its_variable() {
    for (variable, values) in [
        ("AUMOS_TRUST_THRESHOLD", ["", "L9", "trusted", "3.0"]),
        ("AUMOS_BUDGET_LIMIT", ["", "-1", "1e3", "five"]),
        ("AUMOS_AUDIT_LEVEL", ["", "Detailed", "none", "\u{fffd}"]),
        ("AUMOS_CONSENT_REQUIRED", ["", "1", "yes", "True"]),
    ] {
        for value in values {
            let told = SecurityStackConfig::default()
                .tightened_by(&environment(&[(variable, value)]))
                .expect_err(value);
            assert_eq!(told.key, variable);
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_ever_looser(
        file in (0_u8..=5, 0_u64..9, 0_usize..3, any::<bool>()),
        said in (0_u8..=5, 0_u64..9, 0_usize..3, any::<bool>()),
    ) {
        const LEVELS: [&str; 3] = ["minimal", "standard", "detailed"];
        let text = format!(
            "[trust]\nminimum_level = {}\n[budget.session]\ncost_usd = {}\n[audit]\nlevel = \"{}\"\n[consent]\nrequired = {}\n",
            file.0, file.1, LEVELS[file.2], file.3
        );
        let before = SecurityStackConfig::from_toml_str(&text).unwrap();
        let (level, limit, required) = (said.0.to_string(), said.1.to_string(), said.3.to_string());
        let pairs: [(&str, &str); 4] = [
            ("AUMOS_TRUST_THRESHOLD", &level),
            ("AUMOS_BUDGET_LIMIT", &limit),
            ("AUMOS_AUDIT_LEVEL", LEVELS[said.2]),
            ("AUMOS_CONSENT_REQUIRED", &required),
        ];
        let environment = environment(&pairs);
        let (after, _) = before.clone().tightened_by(&environment).unwrap();
        let least = |config: &SecurityStackConfig| {
            config.trust_gate.tiers.resolve(config.minimum_level.as_ref().unwrap()).unwrap()
        };
        prop_assert_eq!(least(&after).as_u8(), file.0.max(said.0));
        let cost = after.budget.session.unwrap().cost.unwrap();
        prop_assert_eq!(cost, file.1.min(said.1).to_string().parse().unwrap());
        prop_assert_eq!(after.audit.level, before.audit.level.max([AuditLevel::Minimal, AuditLevel::Standard, AuditLevel::Detailed][said.2]));
        prop_assert_eq!(after.mandatory.consent, file.3 || said.3);
    }
}
