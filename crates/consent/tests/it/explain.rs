//! Why a decision fell as it did.

use std::time::Duration;

use consent::Finding;

use crate::support::{
    START, all_of, ask, ask_for, blanket, grant, house, id, notice, part_of, permissive_house,
    publication,
};

#[test]
fn tells_every_rule_and_the_one_that_decided() {
    let house = house();
    let minute = START + Duration::from_secs(60);
    house.give(grant("user.contact", "support").notice(notice("v1")));
    house.give(grant("user", "support").valid_from(minute));
    house.give(grant("user", "support.billing"));
    house.publish(publication("v2"));
    house.give(blanket("user.contact").expires_at(START));
    house.withdraw(all_of("orders"));
    house.give(blanket("user").operation(id("read")).expires_at(minute));
    let why = house
        .gate
        .explain(&ask_for("user.contact", "support").operation(id("read")));
    insta::assert_snapshot!(why, @r#"
    Consent granted for agent 'bot' to access 'user.contact' for purpose 'support' (granted by 'admin@example.com').
    at 2026-11-22T00:00:00Z, revision 7
    user.contact: consent_granted
      * 7 given permits it
      - 6 refused does not cover it
      - 5 given covered it, and is over
      - 3 given is for another purpose
      - 2 given covers it, and does not yet begin
      - 1 given covered it, under a notice that was superseded
    time alone changes nothing
    "#);
    house.withdraw(part_of("user.contact.email", "support"));
    let why = house
        .gate
        .explain(&ask_for("user.contact", "support").and(id("orders")));
    insta::assert_snapshot!(why, @r#"
    No valid consent record found for agent 'bot' accessing 'user.contact' for purpose 'support' (withdrawn at 2026-11-22T00:00:00Z). Defaulting to deny.
    at 2026-11-22T00:00:00Z, revision 8
    user.contact: withdrawn
      * 8 withdrawn takes something of it away
      - 7 given does not cover it
      - 6 refused does not cover it
      - 5 given covered it, before something of it was taken away
      - 3 given is for another purpose
      - 2 given covered it, before something of it was taken away
      - 1 given covered it, before something of it was taken away
    orders: refused
      - 8 withdrawn does not cover it
      - 7 given does not cover it
      * 6 refused takes something of it away
      - 5 given does not cover it
      - 3 given does not cover it
      - 2 given does not cover it
      - 1 given does not cover it
    time alone changes nothing
    "#);
}

#[test]
fn says_when_time_alone_changes_the_answer() {
    let house = house();
    let at = |seconds| START + Duration::from_secs(seconds);
    house.give(
        grant("user", "support")
            .valid_from(at(10))
            .expires_at(at(20)),
    );
    house.give(
        grant("user", "support")
            .valid_from(at(15))
            .expires_at(at(30)),
    );
    let query = ask_for("user", "support");
    for (now, next) in [
        (0, Some(10)),
        (9, Some(10)),
        (10, Some(30)),
        (20, Some(30)),
        (29, Some(30)),
        (30, None),
    ] {
        house.clock.set(at(now));
        let why = house.gate.explain(&query);
        assert_eq!(why.next_change.map(|next| next.at), next.map(at), "{now}");
    }
}

#[test]
fn an_end_beyond_what_the_clock_can_tell_is_no_change() {
    let house = house();
    house.give(grant("user", "support").expires_at(time::macros::datetime!(2300-01-01 0:00 UTC)));
    assert_eq!(
        house.gate.explain(&ask_for("user", "support")).next_change,
        None
    );
}

#[test]
fn telling_of_a_lapse_is_not_undone_by_the_clock() {
    let house = house();
    house.give(grant("user", "support").expires_at(START + Duration::from_nanos(1)));
    let query = ask_for("user", "support");
    let why = house
        .gate
        .explain_at(&query, START + Duration::from_nanos(1));
    assert_eq!(why.code, "expired");
    assert_eq!(house.gate.check_at(&query, START).code(), "expired");
}

#[test]
fn of_permissive_mode_it_tells_what_the_rules_said() {
    let house = permissive_house();
    house.give(grant("user", "support"));
    let why = house.gate.explain(&ask("user"));
    assert_eq!(
        (why.code, why.allowed, why.record_id),
        ("permissive_mode", true, None)
    );
    assert_eq!(why.data[0].code, "purpose_missing");
    assert_eq!(why.data[0].rules[0].finding, Finding::OtherPurpose);
}

#[test]
fn is_written_as_json() {
    let house = house();
    house.give(grant("user", "support").expires_at(START + Duration::from_secs(60)));
    let why = house
        .gate
        .explain(&ask_for("user", "support").subject(id("ada")));
    let mut shown = serde_json::to_value(&why).unwrap();
    for place in ["/record_id", "/data/0/rules/0/record_id"] {
        *shown.pointer_mut(place).unwrap() = "[uuid]".into();
    }
    insta::assert_json_snapshot!(shown, @r#"
    {
      "agent": "bot",
      "allowed": true,
      "at": "2026-11-22T00:00:00Z",
      "code": "consent_granted",
      "data": [
        {
          "code": "consent_granted",
          "data_type": "user",
          "granted": true,
          "rules": [
            {
              "decides": true,
              "finding": "permits",
              "kind": "given",
              "record_id": "[uuid]",
              "revision": 1
            }
          ]
        }
      ],
      "next_change": {
        "allowed": false,
        "at": "2026-11-22T00:01:00Z",
        "code": "expired"
      },
      "operation": null,
      "purpose": "support",
      "reason": "Consent granted for agent 'bot' to access 'user' for purpose 'support' (granted by 'admin@example.com').",
      "record_id": "[uuid]",
      "revision": 1,
      "subject": "ada"
    }
    "#);
}
