//! Another configuration at the next start: it is put in force, for whoever starts a stack hands it over, and what it raises is named.

use std::fs;
use std::path::Path;

use security_bundle::audit_trail::{Filter, Kind, Record};
use security_bundle::{
    Raises, Scope, SecurityStack, SecurityStackConfig, TrustLevel, create_security_stack,
    trust_gate,
};
use serde_json::{Value, json};

fn config(directory: &Path, level: &str, more: &str) -> SecurityStackConfig {
    let text = format!(
        r#"
        {more}

        [[trust.assignments]]
        agent = "bot"
        level = "{level}"
        assigned_by = "ops@example.com"

        [[trust.tools]]
        tool = "write"
        required_level = "L4"
        effect = "write"
        "#
    );
    let mut config = SecurityStackConfig::from_toml_str(&text).unwrap();
    config.data_dir = Some(directory.to_owned());
    config
}

fn level(stack: &SecurityStack) -> TrustLevel {
    let agent = "bot".parse().unwrap();
    stack.trust_gate.level(&agent, &Scope::root()).effective
}

/// What the newest of these entries says, as data.
fn newest(stack: &SecurityStack, event: &str) -> (Record, Value) {
    let found = stack
        .audit
        .query(&Filter::new().limit(10_000))
        .unwrap()
        .records;
    let entry = found
        .into_iter()
        .rfind(|entry| entry.event() == Some(event))
        .unwrap();
    let ext = serde_json::from_str(entry.ext().unwrap().as_str()).unwrap();
    (entry, ext)
}

/// What the newest start loosened: each subject with what it was and is, and whether it is a raise.
fn loosened(stack: &SecurityStack) -> Vec<(String, Value, Value, bool)> {
    let (entry, ext) = newest(stack, "stack_opened");
    assert_eq!(entry.kind(), Kind::PolicyChange);
    assert_eq!(entry.operator(), Some("configuration"));
    let loosens = ext["configuration"]["loosens"].as_array().unwrap();
    assert_eq!(ext["configuration"]["loosens_in_all"], loosens.len());
    let told = loosens.iter().map(|change| {
        assert_eq!(change["direction"], "loosens");
        (
            change["subject"].as_str().unwrap().to_owned(),
            change["old"].clone(),
            change["new"].clone(),
            change["raises"] == true,
        )
    });
    told.collect()
}

#[test]
fn the_first_start_names_all_that_it_gives() {
    let dir = tempfile::tempdir().unwrap();
    let stack = create_security_stack(config(dir.path(), "L3", "")).unwrap();
    let told = loosened(&stack);
    assert!(
        told.contains(&("bot".to_owned(), json!("L0"), json!("L3"), true)),
        "{told:?}"
    );
    let (_, ext) = newest(&stack, "stack_opened");
    assert_eq!(ext["configuration"]["before"], Value::Null);
    assert_eq!(ext["configuration"]["compared"], false);
}

#[test]
fn the_same_configuration_changes_nothing_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    drop(create_security_stack(config(dir.path(), "L3", "")).unwrap());
    let stack = create_security_stack(config(dir.path(), "L3", "")).unwrap();
    let (entry, ext) = newest(&stack, "stack_opened");
    assert_eq!(entry.kind(), Kind::Event);
    assert!(ext.get("configuration").is_none(), "{ext}");
}

#[test]
fn a_level_that_the_file_raises_is_in_force_and_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(create_security_stack(config(dir.path(), "L2", "")).unwrap());
    // A running stack would refuse it.
    let stack = create_security_stack(config(dir.path(), "L2", "")).unwrap();
    let by = "ada".parse().unwrap();
    let raised = config(dir.path(), "L4", "");
    let refused = stack.reload(raised.clone(), &by, "more", Raises::Refuse);
    assert!(refused.is_err());
    drop(stack);
    let stack = create_security_stack(raised).unwrap();
    assert_eq!(level(&stack), TrustLevel::ActAndReport);
    let told = loosened(&stack);
    assert_eq!(told, [("bot".to_owned(), json!("L2"), json!("L4"), true)]);
    let (_, ext) = newest(&stack, "stack_opened");
    assert_eq!(ext["configuration"]["compared"], true);
    assert!(ext["configuration"]["before"].is_string());
}

#[test]
fn what_no_act_records_is_named_too() {
    let dir = tempfile::tempdir().unwrap();
    let limited = "[budget.session]\ncalls = 3\n";
    drop(create_security_stack(config(dir.path(), "L2", limited)).unwrap());
    let shadow = "mode = \"shadow\"\nshadow.tools = [\"write\"]\n[budget.session]\ncalls = 9\n";
    let stack = create_security_stack(config(dir.path(), "L2", shadow)).unwrap();
    let told = loosened(&stack);
    // Raises come first.
    assert_eq!(told[0].0, "mode");
    assert_eq!(told[0].2, "shadow");
    assert!(told[0].3);
    assert!(told.iter().any(|(.., raises)| !raises), "{told:?}");
    drop(stack);
    // Back again there is nothing that anybody may do more.
    let stack = create_security_stack(config(dir.path(), "L2", limited)).unwrap();
    assert_eq!(loosened(&stack), []);
}

#[test]
fn a_level_that_an_operator_took_comes_back_only_by_an_altered_assignment_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let stack = create_security_stack(config(dir.path(), "L4", "")).unwrap();
    let (agent, by) = ("bot".parse().unwrap(), "ada".parse().unwrap());
    let trust = stack.admin().trust();
    trust.revoke(&agent, &Scope::root(), &by, "enough").unwrap();
    drop(stack);
    let stack = create_security_stack(config(dir.path(), "L4", "")).unwrap();
    assert_eq!(level(&stack), TrustLevel::Observer);
    drop(stack);
    // Lower than the file was, and higher than what stands.
    let stack = create_security_stack(config(dir.path(), "L2", "")).unwrap();
    assert_eq!(level(&stack), TrustLevel::Suggest);
    assert_eq!(
        loosened(&stack),
        [("bot".to_owned(), json!("L0"), json!("L2"), true)]
    );
}

#[test]
fn consent_that_was_withdrawn_comes_back_only_by_an_altered_grant_and_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let with = |end: &str| {
        let grant = format!(
            "[[consent.grants]]\nagent = \"bot\"\ndata_type = \"profile\"\npurpose = \"support\"\ngranted_by = \"ada\"\nexpires_at = \"{end}-01-01T00:00:00Z\"\n"
        );
        config(dir.path(), "L2", &grant)
    };
    let stack = create_security_stack(with("2199")).unwrap();
    let agent = "bot".parse().unwrap();
    stack.admin().consent().withdraw_agent(agent, None).unwrap();
    drop(stack);
    drop(create_security_stack(with("2199")).unwrap());
    let stack = create_security_stack(with("2190")).unwrap();
    let told = loosened(&stack);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        told[0].2,
        "bot may use profile for support, until 2190-01-01T00:00:00Z"
    );
}

#[test]
fn what_is_gone_from_the_file_while_nothing_runs_stays_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let given = config(dir.path(), "L4", "");
    drop(create_security_stack(given.clone()).unwrap());
    let mut without = given;
    without.assignments.clear();
    let stack = create_security_stack(without.clone()).unwrap();
    assert_eq!(level(&stack), TrustLevel::ActAndReport);
    // Nor does a reload of the same file take it: it compares the file with the one from before.
    let by = "ada".parse().unwrap();
    stack.reload(without, &by, "again", Raises::Refuse).unwrap();
    assert_eq!(level(&stack), TrustLevel::ActAndReport);
    let agent = "bot".parse().unwrap();
    let trust = stack.admin().trust();
    trust.revoke(&agent, &Scope::root(), &by, "gone").unwrap();
    assert_eq!(level(&stack), TrustLevel::Observer);
}

#[test]
fn without_the_configuration_from_before_all_that_is_given_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("stack/configuration.json");
    let spoil: [&dyn Fn(); 2] = [
        &|| fs::remove_file(&kept).unwrap(),
        // Not the one of which the log holds the digest.
        &|| {
            let text = fs::read_to_string(&kept).unwrap();
            fs::write(&kept, text.replace("\"bot\"", "\"bat\"")).unwrap();
        },
    ];
    let stack = create_security_stack(config(dir.path(), "L3", "")).unwrap();
    drop(stack);
    for (more, spoil) in ["mode = \"shadow\"", "trust.required = false"]
        .iter()
        .zip(spoil)
    {
        spoil();
        let stack = create_security_stack(config(dir.path(), "L3", more)).unwrap();
        let (_, ext) = newest(&stack, "stack_opened");
        assert_eq!(ext["configuration"]["compared"], false);
        assert!(ext["configuration"]["before"].is_string());
        let told = loosened(&stack);
        assert!(
            told.iter().any(|(subject, ..)| subject == "bot"),
            "{told:?}"
        );
    }
}

#[test]
fn an_entry_has_room_for_any_number_of_changes() {
    let dir = tempfile::tempdir().unwrap();
    drop(create_security_stack(config(dir.path(), "L2", "")).unwrap());
    let mut many = config(dir.path(), "L5", "");
    for number in 0..200 {
        let agent = format!("{}{number}", "ü".repeat(120)).parse().unwrap();
        let by = "ops@example.com".parse().unwrap();
        let grant = trust_gate::Grant::new(agent, TrustLevel::Autonomous, by);
        many.assignments.push(grant);
    }
    let stack = create_security_stack(many).unwrap();
    let (_, ext) = newest(&stack, "stack_opened");
    assert_eq!(
        ext["configuration"]["loosens"].as_array().unwrap().len(),
        32
    );
    assert_eq!(ext["configuration"]["loosens_in_all"], 201);
}

#[test]
fn a_reload_that_was_confirmed_names_what_it_raises_and_the_next_start_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let stack = create_security_stack(config(dir.path(), "L2", "")).unwrap();
    let by = "ada".parse().unwrap();
    let raised = config(dir.path(), "L4", "");
    stack
        .reload(raised.clone(), &by, "pilot", Raises::Confirmed)
        .unwrap();
    let (_, ext) = newest(&stack, "reload");
    assert_eq!(ext["reload"]["loosens"][0]["subject"], "bot");
    assert_eq!(ext["reload"]["loosens"][0]["raises"], true);
    assert_eq!(ext["reload"]["loosens_in_all"], 1);
    drop(stack);
    let stack = create_security_stack(raised).unwrap();
    let (entry, _) = newest(&stack, "stack_opened");
    assert_eq!(entry.kind(), Kind::Event);
}
