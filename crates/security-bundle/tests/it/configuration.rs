//! The configuration file: the design page's own example holds, and what is wrong is told with line, key and what was meant.

use security_bundle::{ConfigError, MethodRule, SecurityStackConfig, create_security_stack};

/// The normative example of the design page, whole.
const WHOLE: &str = include_str!("whole.toml");

#[test]
fn the_whole_schema_is_read() {
    let config = SecurityStackConfig::from_toml_str(WHOLE).unwrap();
    assert_eq!(config.trust_gate.tools.len(), 1);
    assert_eq!(config.budgets.len(), 2);
    assert_eq!(
        config.mcp.methods["sampling/createMessage"],
        MethodRule::Deny
    );
    assert_eq!(config.audit.max_records, Some(10_000));
    let mut config = config;
    config.data_dir = None;
    config.audit.key = None;
    let stack = create_security_stack(config).unwrap();
    let action = stack
        .action("desk-assistant")
        .tool("get_weather")
        .session("s-1")
        .build()
        .unwrap();
    assert!(stack.evaluate_sync(&action).allowed());
    let charged: Vec<String> = action
        .charge()
        .unwrap()
        .lines()
        .map(|(envelope, amounts)| format!("{envelope}: {:?} {:?}", amounts.calls, amounts.cost))
        .collect();
    insta::assert_debug_snapshot!(charged);
}

fn error(text: &str) -> ConfigError {
    SecurityStackConfig::from_toml_str(text).expect_err(text)
}

#[test]
fn errors_name_the_line_the_key_and_what_was_meant() {
    let told: Vec<String> = [
        "[trust]\ndefualt_level = 1\n",
        "[trsut]\n",
        "[[trust.tools]]\ntool = \"*\"\nrequired_level = \"L9\"\neffect = \"write\"\n",
        "[[trust.tools]]\ntool = \"*\"\nrequired_level = \"L1\"\neffect = \"erase\"\n",
        "[[trust.tools]]\ntool = \"*\"\nrequired_level = \"trusted\"\neffect = \"write\"\n",
        "[[trust.tools]]\ntool = \"*\"\nrequired_level = \"L1\"\n",
        "[trust]\n\n[[trust.assignments]]\nagent = \" a\"\nlevel = 1\nassigned_by = \"ops\"\n",
        "[[trust.assignments]]\nagent = \"a\"\nlevel = 1\nassigned_by = \"ops\"\ndecay = { shape = \"cliff\", ttl = \"30d\" }\n",
        "[budget.session]\ncalls = -1\n",
        "[budget.session]\n",
        "[budget.session]\ncost_usd = 0.1\n",
        "[budget.session]\ncost_usd = \"0.0000000001\"\n",
        "[budget.session]\ncost_usd = \"NaN\"\n",
        "[[budget.budgets]]\nid = \"a\"\ncalls = 1\nperiod = \"fortnightly\"\n",
        "[[budget.budgets]]\nid = \"a\"\ncalls = 1\nperiod = \"daily\"\nzone = \"Mars/Olympus\"\n",
        "[[budget.budgets]]\nid = \"a\"\ncalls = 1\nperiod = \"daily\"\nparent = \"b\"\n",
        "[[budget.budgets]]\nid = \"a\"\ncalls = 1\nperiod = \"daily\"\nparent = \"b\"\n[[budget.budgets]]\nid = \"b\"\ncalls = 1\nperiod = \"daily\"\nparent = \"a\"\n",
        "[[budget.tools]]\ntool = \"*\"\nbudget = \"a\"\ncalls = 1\n",
        "[[budget.tools]]\ntool = \"*\"\ncalls = 1\n",
        "[[consent.grants]]\nagent = \"a\"\ndata_type = \"user\"\ngranted_by = \"b\"\n",
        "[[consent.grants]]\nagent = \"a\"\ndata_type = \"user\"\npurpose = \"x\"\ngranted_by = \"a\"\n",
        "[[consent.grants]]\nagent = \"a\"\ndata_type = \"user..x\"\npurpose = \"x\"\ngranted_by = \"b\"\n",
        "[mcp.methods]\n\"x/*\" = \"maybe\"\n",
        "[audit]\nmax_records = 0\n",
        "[audit]\nnamespace = \"\"\n",
        "[audit\n",
        "a = 1\na = 2\n",
    ]
    .iter()
    .map(|text| error(text).to_string())
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_level_cannot_begin_in_the_future() {
    let text = "\n[[trust.assignments]]\nagent = \"a\"\nlevel = 1\nassigned_by = \"ops\"\nassigned_at = \"2200-01-01T00:00:00Z\"\n";
    let error = error(text);
    assert_eq!(
        (error.line, error.key.as_str()),
        (Some(2), "trust.assignments[0]")
    );
    assert!(error.message.contains("2200-01-01"), "{error}");
}

#[test]
fn a_file_is_named_in_its_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gate.toml");
    let missing = SecurityStackConfig::from_path(&path).unwrap_err();
    assert_eq!(missing.file.as_deref(), Some(path.as_path()));
    std::fs::write(&path, "[trust]\n\nlevels = 1\n").unwrap();
    let wrong = SecurityStackConfig::from_path(&path).unwrap_err();
    assert_eq!((wrong.line, wrong.key.as_str()), (Some(3), "trust.levels"));
    assert!(
        wrong
            .to_string()
            .starts_with(&format!("{}:3: ", path.display()))
    );
    std::fs::write(&path, b"[trust]\n\xff\n").unwrap();
    assert!(SecurityStackConfig::from_path(&path).is_err());
}

#[test]
fn an_action_must_name_what_the_configuration_makes_mandatory() {
    for (text, code) in [
        ("[trust]\nrequired = true\n", "trust_required"),
        ("[budget]\nrequired = true\n", "budget_required"),
        ("[consent]\nrequired = true\n", "consent_required"),
    ] {
        let config = SecurityStackConfig::from_toml_str(text).unwrap();
        let stack = create_security_stack(config).unwrap();
        let action = stack.action("a").build().unwrap();
        assert_eq!(stack.evaluate_sync(&action).code(), code);
        let denied = stack.guard().authorize_blocking(&action).unwrap_err();
        assert_eq!(denied.code(), code);
    }
}

#[test]
fn a_required_audit_can_be_waived_only_by_name_and_each_loss_is_counted() {
    use crate::support::{Bench, Fault};
    let mut config = SecurityStackConfig::default();
    config.audit.required = false;
    let bench = Bench::with(config);
    bench.recorder.set(Fault::Refuses);
    let decision = bench.stack.evaluate_sync(&bench.allowed());
    assert!(decision.allowed());
    assert_eq!(decision.record_id(), None);
    let permit = bench
        .stack
        .guard()
        .authorize_blocking(&bench.allowed())
        .unwrap();
    permit
        .settle_blocking(security_bundle::Usage::default())
        .unwrap();
    assert_eq!(bench.stack.guard().losses(), 2);
}

#[test]
fn a_signing_key_is_read_from_its_file_and_never_shown() {
    use security_bundle::audit_trail::SigningKey;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.key");
    let key = SigningKey::generate("my-agent").unwrap();
    let mut config = SecurityStackConfig::default();
    config.audit.key = Some(path.clone());
    std::fs::write(&path, key.to_secret_text()).unwrap();
    let stack = create_security_stack(config.clone()).unwrap();
    assert_eq!(stack.audit.verifier_key(), Some(key.verifier_key()));
    let damaged = key.to_secret_text().replace("PRIVATE+KEY", "PRIVATE+KEZ");
    std::fs::write(&path, &damaged).unwrap();
    let told = create_security_stack(config).unwrap_err().to_string();
    assert!(told.contains("audit.key"), "{told}");
    assert!(
        !told.contains(damaged.splitn(5, '+').nth(4).unwrap()),
        "{told}"
    );
}

#[test]
fn the_example_of_the_reference_holds_and_says_what_it_means() {
    let reference = include_str!("../../../../docs/configuration.md");
    let (_, rest) = reference.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let stack =
        create_security_stack(SecurityStackConfig::from_toml_str(example).unwrap()).unwrap();
    let guard = stack.guard();
    let code = |tool: &str| {
        let action = guard
            .action("desk-assistant")
            .session("s")
            .tool(tool)
            .build();
        guard.evaluate_sync(&action.unwrap()).code().to_owned()
    };
    assert_eq!(code("read_file"), "allowed");
    assert_eq!(code("send_mail"), "allowed");
    assert_eq!(code("delete_file"), "unknown_tool");
}
