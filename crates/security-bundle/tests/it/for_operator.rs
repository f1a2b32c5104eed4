//! A data directory opened for an operator: the rules that its log holds stay, and nothing is recorded but what was done.

use std::path::Path;

use security_bundle::audit_trail::AuditReader;
use security_bundle::operator::{OperatorAnswer, OperatorRequest};
use security_bundle::{
    Raises, ReloadError, SecurityStack, SecurityStackConfig, StackError, Usage,
    create_security_stack,
};

fn config(directory: &Path) -> SecurityStackConfig {
    let mut config = SecurityStackConfig::from_toml_str(
        r#"
        [trust]
        default_level = "L1"

        [[trust.assignments]]
        agent = "bot"
        level = "L4"
        assigned_by = "ops@example.com"

        [[trust.tools]]
        tool = "read_*"
        required_level = "L1"
        effect = "read_public"

        [budget.session]
        calls = 5

        [audit]
        namespace = "desk.production"
        "#,
    )
    .unwrap();
    config.data_dir = Some(directory.to_owned());
    config
}

fn size(directory: &Path) -> u64 {
    AuditReader::open(directory, None).unwrap().size().unwrap()
}

fn perform(stack: &SecurityStack, request: &str) -> OperatorAnswer {
    let request: OperatorRequest = serde_json::from_str(request).unwrap();
    stack.perform(&request, None).unwrap()
}

#[test]
fn looking_records_nothing_and_the_rules_are_those_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    drop(create_security_stack(config(dir.path())).unwrap());
    let before = size(dir.path());
    let stack = SecurityStack::open_for_operator(dir.path(), None).unwrap();
    let answer = perform(
        &stack,
        r#"{"trust":{"explain":{"agent":"stranger","tool":"read_file"}}}"#,
    );
    let answer = serde_json::to_value(&answer).unwrap();
    assert!(answer.to_string().contains("\"allowed\":true"), "{answer}");
    drop(stack);
    assert_eq!(size(dir.path()), before);
}

#[test]
fn an_act_is_in_force_for_the_next_owner_and_nothing_is_applied_again() {
    let dir = tempfile::tempdir().unwrap();
    drop(create_security_stack(config(dir.path())).unwrap());
    let before = size(dir.path());
    let stack = SecurityStack::open_for_operator(dir.path(), None).unwrap();
    let _told = perform(
        &stack,
        r#"{"trust":{"revoke":{"agent":"bot","by":"ops@example.com","reason":"over"}}}"#,
    );
    drop(stack);
    assert_eq!(size(dir.path()), before + 1);

    let stack = create_security_stack(config(dir.path())).unwrap();
    let guard = stack.guard();
    let call = |agent: &str| {
        let action = guard.action(agent).session("s").tool("read_file");
        guard
            .authorize_blocking(&action.build().unwrap())
            .map_err(|denied| denied.code().to_owned())
    };
    assert_eq!(call("bot").unwrap_err(), "trust_too_low");
    let permit = call("stranger").unwrap();
    permit.settle_blocking(Usage::default()).unwrap();
}

#[test]
fn a_directory_that_is_none_is_not_made_and_one_that_is_owned_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = dir.path().join("nowhere");
    let refused = SecurityStack::open_for_operator(&nowhere, None).unwrap_err();
    assert!(matches!(refused, StackError::DataDir { .. }), "{refused}");
    assert!(!nowhere.exists());

    let owner = create_security_stack(config(dir.path())).unwrap();
    let refused = SecurityStack::open_for_operator(dir.path(), None).unwrap_err();
    assert!(matches!(refused, StackError::Owned { .. }), "{refused}");
    drop(owner);
}

#[test]
fn a_key_that_is_kept_elsewhere_has_to_be_named() {
    let dir = tempfile::tempdir().unwrap();
    drop(create_security_stack(config(dir.path())).unwrap());
    let kept = dir.path().join("kept.key");
    std::fs::rename(dir.path().join("stack/log.key"), &kept).unwrap();
    let refused = SecurityStack::open_for_operator(dir.path(), None).unwrap_err();
    assert!(refused.to_string().contains("audit.key"), "{refused}");
    drop(SecurityStack::open_for_operator(dir.path(), Some(&kept)).unwrap());
}

#[test]
fn a_stack_for_an_operator_takes_no_configuration() {
    let dir = tempfile::tempdir().unwrap();
    drop(create_security_stack(config(dir.path())).unwrap());
    let stack = SecurityStack::open_for_operator(dir.path(), None).unwrap();
    let before = size(dir.path());
    let by = "ada".parse().unwrap();
    let refused = stack.reload(config(dir.path()), &by, "why not", Raises::Confirmed);
    assert!(
        matches!(refused, Err(ReloadError::ForOperator)),
        "{refused:?}"
    );
    drop(stack);
    assert_eq!(size(dir.path()), before);
}
