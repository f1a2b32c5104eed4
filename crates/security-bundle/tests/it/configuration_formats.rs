//! The three ways to write a configuration: one schema, the same answer, and nothing that silently becomes something else.

use proptest::prelude::*;
use security_bundle::{ConfigError, SecurityStackConfig};

const TOML: &str = include_str!("whole.toml");
const YAML: &str = include_str!("whole.yaml");
const JSON: &str = include_str!("whole.json");

#[test]
fn the_same_configuration_is_the_same_in_all_three() {
    let toml = SecurityStackConfig::from_toml_str(TOML).unwrap();
    assert_eq!(SecurityStackConfig::from_yaml_str(YAML).unwrap(), toml);
    assert_eq!(SecurityStackConfig::from_json_str(JSON).unwrap(), toml);
}

fn yaml(text: &str) -> ConfigError {
    SecurityStackConfig::from_yaml_str(text).expect_err(text)
}

fn json(text: &str) -> ConfigError {
    SecurityStackConfig::from_json_str(text).expect_err(text)
}

#[test]
fn yaml_is_refused_where_it_could_mean_something_else() {
    let told: Vec<String> = [
        "audit:\n  required: no\n",
        "audit:\n  required: Off\n",
        "audit:\n  required: True\n",
        "audit:\n  required: \"false\"\n",
        "audit:\n  max_records: 010\n",
        "audit:\n  max_records: 0x10\n",
        "audit:\n  max_records: 1_000\n",
        "audit:\n  max_records: 1:30\n",
        "audit:\n  max_records: +5\n",
        "audit:\n  max_records: 1e3\n",
        "audit:\n  max_records: .inf\n",
        "audit:\n  max_records: \"7\"\n",
        "audit:\n  max_records:\n",
        "audit:\n  namespace: ~\n",
        "audit:\n  namespace: 7\n",
        "budget:\n  session:\n    cost_usd: 0.1\n",
        "budget:\n  session:\n    calls:\n",
        "budget:\n  session:\n    calls: 99999999999999999999\n",
        "budget:\n  session:\n    calls: 170141183460469231731687303715884105728\n",
        "trust:\n  default_level: 1.0\n",
        "trust:\n  default_level: 01\n",
        "trust:\n  tools:\n    - tool: \"*\"\n      required_level: L1\n      effect: no\n",
        "trust:\n  tools:\n    - tool: \"*\"\n      required_level: L1\n      efect: write\n",
        "trust: &a\n  name: x\n",
        "budget: *a\n",
        "agent: { id: !!str x }\n",
        "audit: { <<: { required: false } }\n",
        "trust: {}\ntrust: {}\n",
        "audit: { required: true, required: false }\n",
        "trust: {}\n---\naudit: {}\n",
        "? [a]\n: b\n",
        "- trust\n",
        "trust\n",
        "audit: [x, false]\n",
        "trust: { tools: [[\"*\", L1, null]] }\n",
        "trust: [\n",
        "trust:\n\tname: x\n",
    ]
    .iter()
    .map(|text| yaml(text).to_string())
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn json_is_refused_where_it_could_mean_something_else() {
    let told: Vec<String> = [
        "{\n  \"audit\": {\n    \"required\": \"no\"\n  }\n}",
        "{\"audit\": {\"required\": null}}",
        "{\"audit\":\n {\"required\": true,\n \"required\": false}}",
        "{\"audit\": {\"requird\": true}}",
        "{\"budget\": {\"session\":\n {\"cost_usd\": 0.1}}}",
        "{\"budget\": {\"session\": {\"calls\": 1e2}}}",
        "{\"budget\": {\"session\": {\"calls\": \"1\"}}}",
        "{\"budget\": {\"session\": {\"calls\": 99999999999999999999999999999999999999999}}}",
        "{\"trust\": {\"tools\": [\n {\"tool\": \"*\", \"required_level\": \"L1\", \"effect\": null}]}}",
        "{\"trust\": {\"tools\": [{\"tool\": \"*\",\n \"required_level\": \"trusted\", \"effect\": \"write\"}]}}",
        "{\"trust\": {}, }",
        "{\"trust\": {}} {}",
        "\u{feff}{}",
        "",
        "[]",
        "// no\n{}",
    ]
    .iter()
    .map(|text| json(text).to_string())
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_level_is_the_same_as_a_number_and_as_a_name() {
    for level in ["0", "\"0\"", "\"L0\"", "L0", "observer", "public"] {
        let text = format!("trust: {{ default_level: {level} }}");
        let config = SecurityStackConfig::from_yaml_str(&text).unwrap();
        let tiers = &config.trust_gate.tiers;
        let level = tiers.resolve(&config.trust_gate.default_level).unwrap();
        assert_eq!(level, security_bundle::TrustLevel::Observer);
    }
}

#[test]
fn whole_dollars_and_decimal_text_are_exact_in_all_three() {
    let cost = |config: Result<SecurityStackConfig, ConfigError>| {
        let config = config.unwrap();
        config
            .budget
            .session
            .unwrap()
            .cost
            .unwrap()
            .exact()
            .to_string()
    };
    let yaml =
        SecurityStackConfig::from_yaml_str("budget: { session: { cost_usd: \"0.100000001\" } }");
    assert_eq!(cost(yaml), "0.100000001");
    let json =
        SecurityStackConfig::from_json_str(r#"{"budget":{"session":{"cost_usd":9007199254}}}"#);
    assert_eq!(cost(json), "9007199254.00");
}

#[test]
fn a_file_is_read_as_its_name_says() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.toml", TOML),
        ("a.yaml", YAML),
        ("a.yml", YAML),
        ("a.json", JSON),
        ("A.JSON", JSON),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let config = SecurityStackConfig::from_path(&path).unwrap();
        assert_eq!(config.data_dir, Some(folder.path().join("state")));
    }
    for name in ["a", "a.conf", "a.toml.bak"] {
        let path = folder.path().join(name);
        std::fs::write(&path, TOML).unwrap();
        let told = SecurityStackConfig::from_path(&path)
            .unwrap_err()
            .to_string();
        for ending in [".toml", ".yaml", ".json"] {
            assert!(told.contains(ending), "{told}");
        }
    }
}

#[test]
fn an_absolute_data_directory_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    std::fs::write(&path, "data_dir = \"/var/lib/secstack\"\n").unwrap();
    let config = SecurityStackConfig::from_path(&path).unwrap();
    assert_eq!(config.data_dir.unwrap().as_os_str(), "/var/lib/secstack");
}

#[test]
fn the_key_of_the_log_starts_at_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    std::fs::write(&path, "[audit]\nkey = \"log.key\"\n").unwrap();
    let config = SecurityStackConfig::from_path(&path).unwrap();
    assert_eq!(config.audit.key, Some(folder.path().join("log.key")));
    std::fs::write(&path, "[audit]\nkey = \"/etc/log.key\"\n").unwrap();
    let config = SecurityStackConfig::from_path(&path).unwrap();
    assert_eq!(config.audit.key.unwrap().as_os_str(), "/etc/log.key");
}

#[test]
fn a_configuration_is_bounded() {
    let long = format!("# {}\n", "x".repeat(1 << 20));
    assert!(SecurityStackConfig::from_toml_str(&long).is_err());
    assert!(SecurityStackConfig::from_yaml_str(&long).is_err());
    assert!(SecurityStackConfig::from_json_str(&format!("{{}}{}", " ".repeat(1 << 20))).is_err());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    std::fs::write(&path, long).unwrap();
    let told = SecurityStackConfig::from_path(&path).unwrap_err();
    assert!(told.message.contains("1048576"), "{told}");
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!(
            "{{\"x\": {}1{}}}",
            open.repeat(100_000),
            close.repeat(100_000)
        );
        assert!(SecurityStackConfig::from_json_str(&deep).is_err());
        assert!(SecurityStackConfig::from_yaml_str(&deep).is_err());
    }
    assert!(SecurityStackConfig::from_toml_str(&format!("x = {}", "[".repeat(100_000))).is_err());
}

#[test]
fn the_least_level_is_above_every_tool_rule() {
    let text = "[trust]\nminimum_level = \"verified\"\n[[trust.assignments]]\nagent = \"a\"\nlevel = 1\nassigned_by = \"ops\"\n\
        [[trust.assignments]]\nagent = \"b\"\nlevel = 2\nassigned_by = \"ops\"\n\
        [[trust.tools]]\ntool = \"t\"\nrequired_level = 0\neffect = \"read_public\"\n";
    let config = SecurityStackConfig::from_toml_str(text).unwrap();
    let stack = security_bundle::create_security_stack(config).unwrap();
    let code = |agent: &str| {
        let action = stack.action(agent).tool("t").build().unwrap();
        stack.evaluate_sync(&action).code().to_owned()
    };
    assert_eq!(code("a"), "trust_too_low");
    assert_eq!(code("b"), "allowed");
    // A tool that no policy names stays unknown, whatever level its caller has.
    let action = stack.action("b").tool("unheard_of").build().unwrap();
    assert_eq!(stack.evaluate_sync(&action).code(), "unknown_tool");
    // What names neither tool nor level needs it as well.
    for (agent, allowed) in [("a", false), ("b", true)] {
        let action = stack.action(agent).build().unwrap();
        assert_eq!(stack.evaluate_sync(&action).allowed(), allowed);
    }
    let unknown = SecurityStackConfig::from_toml_str("[trust]\nminimum_level = \"trusted\"\n");
    let told = unknown.unwrap_err();
    assert_eq!((told.line, &*told.key), (Some(2), "trust.minimum_level"));
}

proptest! {
    #[test]
    fn no_text_is_more_than_refused(text in "(trust|budget|audit|: |\n|  |- |\\[|\\]|\\{|\\}|\"|'|&a|\\*a|!!|<<|\\||>|#|,|0|x|=|\t|\\\\){0,40}") {
        drop(SecurityStackConfig::from_toml_str(&text));
        drop(SecurityStackConfig::from_yaml_str(&text));
        drop(SecurityStackConfig::from_json_str(&text));
    }

    #[test]
    fn json_text_means_the_same_in_yaml(level in 0_u8..=5, calls in 1_u64.., name in "[ -~äö\n\t]{1,20}") {
        let text = serde_json::json!({
            "trust": { "default_level": level },
            "budget": { "session": { "calls": calls } },
            "audit": { "namespace": name },
        });
        let text = serde_json::to_string(&text).unwrap();
        let json = SecurityStackConfig::from_json_str(&text);
        let yaml = SecurityStackConfig::from_yaml_str(&text);
        match (json, yaml) {
            (Ok(json), Ok(yaml)) => prop_assert_eq!(json, yaml),
            (json, yaml) => prop_assert_eq!(json.is_err(), yaml.is_err()),
        }
    }
}
