//! The words that people see.

use std::time::Duration;

use consent::{ConsentConfig, ConsentError, DataType, IdError};

use crate::support::{
    START, all_of, ask, ask_for, blanket, by, grant, house, id, permissive_house,
};

fn reason(decision: &consent::ConsentDecision) -> String {
    decision.reason().to_string()
}

#[test]
fn the_three_texts_of_the_design() {
    let strict = house();
    let query = consent::ConsentQuery::new(id("a"), id("d")).purpose(id("p"));
    assert_eq!(
        reason(&strict.gate.check(&query)),
        "No valid consent record found for agent 'a' accessing 'd' for purpose 'p'. Defaulting to deny."
    );
    strict.give(consent::Grant::new(id("a"), id("d"), id("p"), id("g")));
    assert_eq!(
        reason(&strict.gate.check(&query)),
        "Consent granted for agent 'a' to access 'd' for purpose 'p' (granted by 'g')."
    );
    assert_eq!(
        reason(&permissive_house().gate.check(&query)),
        "No explicit consent record for agent 'a' accessing 'd' for purpose 'p'; permissive mode allows by default."
    );
}

#[test]
fn a_denial_says_what_stands_in_the_way() {
    let house = house();
    let minute = START + Duration::from_secs(60);
    house.give(grant("early", "support").valid_from(minute));
    house.give(grant("late", "support").expires_at(START));
    house.give(grant("gone", "support"));
    house.ledger.withdraw(all_of("gone"), by()).unwrap();
    house.ledger.refuse(all_of("never"), None).unwrap();
    house.give(grant("other", "marketing"));
    let asked =
        ["early", "late", "gone", "never", "other"].map(|data_type| ask_for(data_type, "support"));
    let texts: Vec<String> = asked
        .iter()
        .chain([&ask("other"), &ask("none")])
        .map(|query| reason(&house.gate.check(query)))
        .collect();
    insta::assert_snapshot!(texts.join("\n"), @r#"
    No valid consent record found for agent 'bot' accessing 'early' for purpose 'support' (not valid before 2026-11-22T00:01:00Z). Defaulting to deny.
    No valid consent record found for agent 'bot' accessing 'late' for purpose 'support' (expired 2026-11-22T00:00:00Z). Defaulting to deny.
    No valid consent record found for agent 'bot' accessing 'gone' for purpose 'support' (withdrawn by 'admin@example.com' at 2026-11-22T00:00:00Z). Defaulting to deny.
    No valid consent record found for agent 'bot' accessing 'never' for purpose 'support' (refused at 2026-11-22T00:00:00Z). Defaulting to deny.
    No valid consent record found for agent 'bot' accessing 'other' for purpose 'support' (granted for another purpose). Defaulting to deny.
    No valid consent record found for agent 'bot' accessing 'other' for any purpose (granted for named purposes only; name one). Defaulting to deny.
    No valid consent record found for agent 'bot' accessing 'none' for any purpose. Defaulting to deny.
    "#);
}

#[test]
fn several_data_types_and_grantors_are_all_in_the_text() {
    let house = house();
    house.give(blanket("user"));
    house.give(blanket("orders"));
    let query = ask("user").and(id("orders"));
    assert_eq!(
        reason(&house.gate.check(&query)),
        "Consent granted for agent 'bot' to access 'user', 'orders' for any purpose (granted by 'admin@example.com')."
    );
    house.give(consent::Grant::blanket(id("bot"), id("orders"), id("ada")));
    assert_eq!(
        reason(&house.gate.check(&query)),
        "Consent granted for agent 'bot' to access 'user', 'orders' for any purpose (granted by 'admin@example.com' and others)."
    );
}

#[test]
fn a_required_consent_that_is_denied_is_an_error_with_the_same_words() {
    let house = house();
    let decision = house.gate.check(&ask("user"));
    let denied = decision.require().unwrap_err();
    assert_eq!(denied.to_string(), reason(&decision));
    assert_eq!(denied.decision().code(), "no_record");
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let house = house();
    let mut texts: Vec<String> = [
        "",
        " user",
        "us\ter",
        "user..contact",
        ".user",
        "user.",
        &"é".repeat(200),
    ]
    .map(error_of)
    .into();
    let errors: [ConsentError; 3] = [
        house
            .ledger
            .record(consent::Grant::blanket(id("ada"), id("user"), id("ada")))
            .unwrap_err(),
        house
            .ledger
            .record(blanket("user").valid_from(START).expires_at(START))
            .unwrap_err(),
        house
            .ledger
            .accept_clock(id("ops@example.com"), "")
            .unwrap_err(),
    ];
    texts.extend(errors.iter().map(ToString::to_string));
    insta::assert_snapshot!(texts.join("\n"), @r#"
    data type `` is empty; give it at least one character
    data type ` user` begins or ends with white space; remove it
    data type `us\ter` holds a control character; remove it
    data type `user..contact` has an empty segment; write segments of at least one character, separated by single dots
    data type `.user` has an empty segment; write segments of at least one character, separated by single dots
    data type `user.` has an empty segment; write segments of at least one character, separated by single dots
    data type `éééééééééééééééééééééééééééééééééééééééé…` is longer than 256 bytes; shorten it
    agent `ada` cannot give consent to itself; name whoever gave it
    a grant must expire after it becomes valid; move `expires_at` after `valid_from`
    the reason is empty; say why
    "#);
}

fn error_of(text: &str) -> String {
    let error: IdError = DataType::try_from(text).unwrap_err();
    error.to_string()
}

#[test]
fn configuration_refuses_unknown_keys_and_denies_by_default() {
    assert!(
        serde_json::from_str::<ConsentConfig>("{}")
            .unwrap()
            .default_deny
    );
    assert!(
        !serde_json::from_str::<ConsentConfig>(r#"{"default_deny": false}"#)
            .unwrap()
            .default_deny
    );
    assert!(serde_json::from_str::<ConsentConfig>(r#"{"defualt_deny": false}"#).is_err());
}
