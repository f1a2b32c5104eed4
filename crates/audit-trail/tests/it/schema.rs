//! Schema v1: what an entry looks like, and what is not one.

use audit_trail::{
    Action, Approval, AuditError, BudgetFields, Charge, ConsentFields, DecisionFields, Entry,
    EntryError, Ext, Kind, MAX_ENTRY, MAX_TEXT, Outcome, Policy, Quantity, Record, TrustFields,
};
use proptest::prelude::*;
use time::macros::datetime;
use uuid::Uuid;

use crate::fixed_log;

const ID: &str = "019aab3c-0000-7000-8000-000000000001";

fn id() -> Uuid {
    ID.parse().unwrap()
}

fn everything() -> Entry<'static> {
    Entry::decision(DecisionFields {
        enforced: Some(true),
        reasons: vec![
            "trusted".into(),
            "".into(),
            "it said \"yes\" \\ Grüße".into(),
        ]
        .into(),
        stage: Some("budget".into()),
        ..DecisionFields::new(Outcome::AllowWithCaveat, "sufficient")
    })
    .id(id())
    .at(datetime!(2026-11-22 12:00:00.123456789 UTC))
    .agent("desk-assistant")
    .session("s-1")
    .action(Action {
        args_digest: Some("sha256:00".into()),
        name: "read_profile".into(),
        action_type: Some("tool_call".into()),
    })
    .resource("profile/7")
    .scope("payments/eu")
    .trust(TrustFields {
        assignment: Some("a-1".into()),
        code: Some("sufficient".into()),
        effective: Some(3),
        required: Some(1),
        revision: Some(12),
    })
    .budget(BudgetFields {
        charges: vec![
            Charge {
                amount: 1_u64.into(),
                available: Some(Quantity::Integer(-5)),
                budget: "session".into(),
                limit: Some(100_u64.into()),
                unit: "calls".into(),
            },
            Charge {
                amount: "0.0150".into(),
                available: None,
                budget: "team".into(),
                limit: None,
                unit: "cost_usd".into(),
            },
        ]
        .into(),
        code: Some("within_budget".into()),
        hold: Some("h-1".into()),
        revision: Some(0),
    })
    .consent(ConsentFields {
        code: Some("granted".into()),
        data_types: vec!["user_profile".into()].into(),
        grant: Some("g-1".into()),
        purpose: Some("personalisation".into()),
        revision: Some(3),
    })
    .approval(Approval {
        approvers: vec!["ops@example.com".into()].into(),
        code: Some("approved".into()),
        id: Some("ap-1".into()),
        needed: Some(1),
    })
    .policy(Policy {
        digest: "sha256:ff".into(),
        version: Some("7".into()),
    })
    .operator("admin@example.com")
    .named("intent")
    .reason("because")
    .ext(Ext::parse(r#"{"z":[1.5],"a":{"agent":"not the agent"}}"#).unwrap())
}

#[test]
fn an_entry_with_every_field_is_written_with_sorted_keys() {
    let (log, _) = fixed_log();
    let at = log.log(everything()).unwrap();
    let record = log.entry(at.index).unwrap();
    let text = std::str::from_utf8(record.bytes()).unwrap();
    insta::assert_snapshot!(text, @r#"{"action":{"args_digest":"sha256:00","name":"read_profile","type":"tool_call"},"agent":"desk-assistant","approval":{"approvers":["ops@example.com"],"code":"approved","id":"ap-1","needed":1},"budget":{"charges":[{"amount":1,"available":-5,"budget":"session","limit":100,"unit":"calls"},{"amount":"0.0150","budget":"team","unit":"cost_usd"}],"code":"within_budget","hold":"h-1","revision":0},"consent":{"code":"granted","data_types":["user_profile"],"grant":"g-1","purpose":"personalisation","revision":3},"decision":{"enforced":true,"outcome":"allow_with_caveat","reason_code":"sufficient","reasons":["trusted","","it said \"yes\" \\ Grüße"],"stage":"budget"},"event":"intent","ext":{"a":{"agent":"not the agent"},"z":[1.5]},"id":"019aab3c-0000-7000-8000-000000000001","kind":"decision","namespace":"test","operator":"admin@example.com","policy":{"digest":"sha256:ff","version":"7"},"reason":"because","resource":"profile/7","scope":"payments/eu","session":"s-1","trust":{"assignment":"a-1","code":"sufficient","effective":3,"required":1,"revision":12},"ts":1795348800123456}"#);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(text)
            .unwrap()
            .to_string(),
        text,
        "sorted and compact, as serde_json writes a sorted map"
    );
    assert_eq!(record.at(), datetime!(2026-11-22 12:00:00.123456 UTC));
    assert_eq!(
        (record.id(), record.kind(), record.outcome()),
        (id(), Kind::Decision, Some(Outcome::AllowWithCaveat))
    );
    assert_eq!(record.agent(), Some("desk-assistant"));
    assert_eq!(
        record.budget().unwrap().charges[0].available,
        Some(Quantity::Integer(-5))
    );
    assert_eq!(
        record.ext().unwrap().as_str(),
        r#"{"a":{"agent":"not the agent"},"z":[1.5]}"#
    );
}

#[test]
fn genesis_and_plain_entries_are_short() {
    let (log, _) = fixed_log();
    let at = log
        .log(Entry::event("tool-call-complete").session("s-1").id(id()))
        .unwrap();
    let genesis = String::from_utf8(log.entry(0).unwrap().bytes().to_vec())
        .unwrap()
        .replace(&log.entry(0).unwrap().id().to_string(), "<id>");
    insta::assert_snapshot!(genesis, @r#"{"event":"audit-trail/v1","ext":{"key":"test.example/log+ad424e62+ARl/ayPhbIUyxqvIOPrNXqeJvgx2spIDNAOb+os9No1h","origin":"test.example/log"},"id":"<id>","kind":"genesis","namespace":"test","ts":1795348800000000}"#);
    insta::assert_snapshot!(std::str::from_utf8(log.entry(at.index).unwrap().bytes()).unwrap(), @r#"{"event":"tool-call-complete","id":"019aab3c-0000-7000-8000-000000000001","kind":"event","namespace":"test","session":"s-1","ts":1795348800000000}"#);
}

fn refused(entry: Entry<'_>) -> EntryError {
    let (log, _) = fixed_log();
    let error = log.log(entry).unwrap_err();
    assert_eq!(log.size().unwrap(), 1);
    match error {
        AuditError::Entry(error) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn texts_are_bounded_non_empty_and_free_of_control_characters() {
    let over = "x".repeat(MAX_TEXT + 1);
    let full = "é".repeat(MAX_TEXT / 2);
    let (log, _) = fixed_log();
    log.log(Entry::event("e").agent(&full).reason("")).unwrap();
    assert_eq!(
        refused(Entry::event("e").agent(&over)),
        EntryError::TooLong {
            field: "agent".into(),
            len: MAX_TEXT + 1
        }
    );
    assert_eq!(
        refused(Entry::event("e").agent("")),
        EntryError::Empty {
            field: "agent".into()
        }
    );
    assert_eq!(
        refused(Entry::event("e").action(Action::default())),
        EntryError::Empty {
            field: "action.name".into()
        }
    );
    for c in [
        '\0', '\n', '\t', '\u{1f}', '\u{7f}', '\u{80}', '\u{85}', '\u{9f}',
    ] {
        let text = format!("before{c}after");
        assert_eq!(
            refused(Entry::event("e").session(&text)),
            EntryError::Control {
                field: "session".into(),
                code: c.into()
            }
        );
        assert!(matches!(
            refused(Entry::event("e").reason(&text)),
            EntryError::Control { .. }
        ));
        log.log(Entry::event("e").reason_lossy(&text)).unwrap();
    }
    log.log(Entry::event("e").session("nbsp \u{a0} ¢ \u{c2}"))
        .unwrap();
    let nested = DecisionFields {
        reasons: vec!["ok".into(), "a\u{0}".into()].into(),
        ..DecisionFields::new(Outcome::Deny, "x")
    };
    assert_eq!(
        refused(Entry::decision(nested)),
        EntryError::Control {
            field: "decision.reasons".into(),
            code: 0
        }
    );
}

#[test]
fn numbers_are_exact_or_refused() {
    let charge = |amount| BudgetFields {
        charges: vec![Charge {
            amount,
            available: None,
            budget: "b".into(),
            limit: None,
            unit: "calls".into(),
        }]
        .into(),
        ..BudgetFields::default()
    };
    let (log, _) = fixed_log();
    for good in [
        Quantity::Integer((1 << 53) - 1),
        Quantity::Integer(1 - (1 << 53)),
        u64::MAX.into(),
        "-0.50".into(),
    ] {
        log.log(Entry::event("e").budget(charge(good))).unwrap();
    }
    for bad in [
        Quantity::Integer(1 << 53),
        Quantity::Integer(i64::MIN),
        "NaN".into(),
        "1e5".into(),
        "".into(),
        "0x1".into(),
        " 1".into(),
    ] {
        let error = refused(Entry::event("e").budget(charge(bad.clone())));
        assert_eq!(
            error,
            EntryError::Quantity {
                field: "budget.charges.amount".into(),
                value: bad.to_string()
            }
        );
    }
    let over = TrustFields {
        revision: Some(1 << 53),
        ..TrustFields::default()
    };
    assert!(matches!(
        refused(Entry::event("e").trust(over)),
        EntryError::Quantity { .. }
    ));
}

#[test]
fn ids_are_version_7() {
    assert!(matches!(
        refused(Entry::event("e").id(Uuid::nil())),
        EntryError::Id { .. }
    ));
    assert!(matches!(
        refused(Entry::event("e").id("f47ac10b-58cc-4372-a567-0e02b2c3d479".parse().unwrap())),
        EntryError::Id { .. }
    ));
}

#[test]
fn an_entry_is_bounded_as_a_whole() {
    let text = "x".repeat(4000);
    let reasons = |n: usize| DecisionFields {
        reasons: vec![text.as_str().into(); n].into(),
        ..DecisionFields::new(Outcome::Deny, "x")
    };
    let (log, _) = fixed_log();
    let at = log.log(Entry::decision(reasons(15))).unwrap();
    assert!(log.entry(at.index).unwrap().bytes().len() <= MAX_ENTRY);
    assert!(matches!(
        refused(Entry::decision(reasons(16))),
        EntryError::TooLarge { .. }
    ));
}

fn parse(text: &str) -> Result<Record, EntryError> {
    Record::parse(0, text.as_bytes())
}

/// A well-formed entry with `more` inside.
fn with(more: &str) -> String {
    format!(r#"{{"event":"e","id":"{ID}","kind":"event","namespace":"n","ts":1{more}}}"#)
}

#[test]
fn reading_takes_what_writing_makes_and_other_spacing() {
    assert_eq!(parse(&with("")).unwrap().event(), Some("e"));
    assert_eq!(
        parse(&with(r#", "agent" : "\u0061" "#)).unwrap().agent(),
        Some("a")
    );
    assert!(parse(&with(r#","ext":{"b":1,"a":2}"#)).is_ok());
}

#[test]
fn reading_refuses_everything_that_is_not_schema_v1() {
    let deep = format!(
        r#","ext":{{"a":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let deep_action = format!(r#","action":{}"#, "{\"name\":".repeat(10_000));
    for more in [
        r#","agent":"a","agent":"a""#,
        r#","agent":"a","\u0061gent":"b""#,
        r#","unknown":1"#,
        r#","Agent":"a""#,
        r#","agent":null"#,
        r#","agent":7"#,
        r#","agent":["a"]"#,
        r#","agent":"""#,
        r#","agent":"\u0000""#,
        r#","agent":"\n""#,
        r#","agent":"\ud800""#,
        r#","action":null"#,
        r#","action":["sha256:00","read",null]"#,
        r#","action":{"name":"read","name":"read"}"#,
        r#","action":{"name":"read","more":1}"#,
        r#","action":{"name":"read","type":null}"#,
        r#","action":{}"#,
        r#","decision":{"outcome":"maybe","reason_code":"x"}"#,
        r#","decision":{"outcome":{"allow":null},"reason_code":"x"}"#,
        r#","decision":{"outcome":"allow"}"#,
        r#","decision":{"outcome":"allow","reason_code":"x","reasons":null}"#,
        r#","decision":{"outcome":"allow","reason_code":"x","enforced":null}"#,
        r#","budget":{"charges":[["1",null,"b",null,"calls"]]}"#,
        r#","budget":{"charges":[{"amount":1.0,"budget":"b","unit":"calls"}]}"#,
        r#","budget":{"charges":[{"amount":1e3,"budget":"b","unit":"calls"}]}"#,
        r#","budget":{"charges":[{"amount":9007199254740992,"budget":"b","unit":"calls"}]}"#,
        r#","budget":{"charges":[{"amount":"1e3","budget":"b","unit":"calls"}]}"#,
        r#","budget":{"charges":[{"amount":null,"budget":"b","unit":"calls"}]}"#,
        r#","trust":{"effective":-1}"#,
        r#","trust":{"effective":256}"#,
        r#","trust":{"revision":9007199254740992}"#,
        r#","ext":[]"#,
        r#","ext":null"#,
        r#","ext":{"a":1,"a":1}"#,
        r#","ext":{"a":{"b":1,"\u0062":1}}"#,
        r#","ext":{"a":1e999}"#,
        r#","ts":1"#,
        &deep,
        &deep_action,
    ] {
        let text = with(more);
        assert!(parse(&text).is_err(), "{}", &text[..text.len().min(200)]);
    }
    for bad in [
        String::new(),
        "null".into(),
        "[]".into(),
        "{}".into(),
        with("").replace("\"ts\":1", "\"ts\":1.0"),
        with("").replace("\"ts\":1", "\"ts\":9007199254740992"),
        with("").replace("\"ts\":1", "\"ts\":\"1\""),
        with("").replace("\"event\",", "\"Event\","),
        with("").replace("019aab3c", "019AAB3C"),
        with("").replace('-', ""),
        with("").replace(ID, &format!("{{{ID}}}")),
        with("").replace(ID, &format!("urn:uuid:{ID}")),
        with("").replace(ID, "f47ac10b-58cc-4372-a567-0e02b2c3d479"),
        with("").replace("\"namespace\":\"n\",", ""),
        format!("{} {}", with(""), with("")),
        format!("\u{feff}{}", with("")),
        with(&" ".repeat(MAX_ENTRY)),
    ] {
        assert!(parse(&bad).is_err(), "{}", &bad[..bad.len().min(200)]);
    }
    assert!(Record::parse(0, b"{\"event\":\"\xff\"}").is_err());
}

/// Texts that matter to a writer of JSON.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-z\"\\\\é\u{2028}😀/]{1,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_is_written_is_read_back_and_what_is_refused_breaks_a_rule(agent in text(), reason in text(), code in text(), amount in any::<i64>(), revision in any::<u64>()) {
        let (log, _) = fixed_log();
        let entry = Entry::decision(DecisionFields::new(Outcome::Deny, &code))
            .agent(&agent)
            .reason_text(&reason)
            .trust(TrustFields { revision: Some(revision), ..TrustFields::default() })
            .budget(BudgetFields {
                charges: vec![Charge { amount: Quantity::Integer(amount), available: None, budget: "b".into(), limit: None, unit: "u".into() }].into(),
                ..BudgetFields::default()
            });
        let fits = |s: &str| s.len() <= MAX_TEXT && !s.chars().any(char::is_control);
        let good = fits(&agent) && fits(&reason) && fits(&code) && !agent.is_empty() && !code.is_empty()
            && amount.unsigned_abs() < 1 << 53 && revision < 1 << 53;
        match log.log(entry) {
            Ok(at) => {
                prop_assert!(good);
                let record = log.entry(at.index).unwrap();
                prop_assert_eq!(record.agent(), Some(&*agent));
                prop_assert_eq!(record.reason(), Some(&*reason));
                prop_assert_eq!(&*record.decision().unwrap().reason_code, &*code);
                prop_assert_eq!(&record.budget().unwrap().charges[0].amount, &Quantity::Integer(amount));
                // Another reader sees the same, and keys in order.
                let value: serde_json::Value = serde_json::from_slice(record.bytes()).unwrap();
                prop_assert_eq!(value["agent"].as_str(), Some(&*agent));
                let sorted = value.to_string();
                prop_assert_eq!(sorted.as_bytes(), record.bytes());
            }
            Err(_) => prop_assert!(!good),
        }
    }

    #[test]
    fn texts_made_recordable_are_recorded(reason in prop_oneof![any::<String>(), "\\PC{3000,5000}"]) {
        let (log, _) = fixed_log();
        log.log(Entry::event("e").reason_lossy(&reason)).unwrap();
    }
}
