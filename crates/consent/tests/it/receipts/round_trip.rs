//! What is written is what is read: every field, every allowed id.

use super::*;

fn survives(house: &House, record: &ConsentRecord) {
    let receipt = issue(house, record.record_id());
    let read = verified(receipt.to_json_ld()).unwrap();
    assert_eq!(read.receipt(), &receipt);
    assert_eq!(read.receipt().record(), record);
    assert!(read.matches(record));
    assert_eq!(read.receipt().controller(), &controller());
    assert_eq!(read.receipt().key_id(), public().id());
    assert_eq!(read.receipt().issued_at(), house.gate.now());
    let state = house.ledger.state_of(record.record_id());
    assert_eq!(Some(read.receipt().state()), state);
}

#[test]
fn every_field_of_every_kind_of_record_comes_back() {
    let house = house();
    survives(&house, &house.ledger.record(full_grant()).unwrap());
    survives(&house, &house.ledger.record(blanket("user")).unwrap());
    survives(
        &house,
        &house
            .ledger
            .record(grant("user", "ads").expires_at(datetime!(2030-01-01 0:00 UTC)))
            .unwrap(),
    );
    survives(
        &house,
        &house
            .ledger
            .record(grant("user", "ads").valid_from(datetime!(2030-01-01 0:00 +2)))
            .unwrap(),
    );
    survives(&house, house.withdraw(all_of("user")).record());
    survives(
        &house,
        house
            .ledger
            .refuse(part_of("user", "ads"), by())
            .unwrap()
            .record(),
    );
    survives(&house, house.withdraw(Extent::default()).record());
}

#[test]
fn renewals_and_acts_for_others_come_back() {
    let house = house_of_guardians();
    let shown = Notice::new(id("1"), NoticeHash::from([1; 32])).named(id("terms"));
    let until = datetime!(2026-12-01 00:00 UTC);
    let given = grant("user", "ads").on_behalf_of(id("child"), id("parental"));
    let consent = house
        .ledger
        .record(given.notice(shown).expires_at(until))
        .unwrap();
    survives(&house, &consent);
    let renewal = Renewal::new(consent.record_id(), by())
        .expires_at(until + time::Duration::DAY)
        .authority(id("parental"));
    let renewal = house.ledger.renew(renewal).unwrap();
    assert_eq!(renewal.renews(), Some(consent.record_id()));
    survives(&house, &renewal);
    let part = all_of("user.contact");
    let withdrawal = house
        .ledger
        .withdraw_on_behalf_of(id("child"), id("legal"), part, by())
        .unwrap();
    survives(&house, withdrawal.record());
    survives(&house, &renewal);
    let receipt = issue(&house, renewal.record_id());
    let value: Value = serde_json::from_str(receipt.to_json_ld()).unwrap();
    let record = &value["dpv:hasRecordOfActivity"];
    let text = serde_json::to_string_pretty(&json!([
        record["dpv:hasConsentStatus"],
        record["dpv:hasNotice"],
    ]));
    let text = text
        .unwrap()
        .replace(&consent.record_id().to_string(), "[consent]")
        .replace(&withdrawal.record().record_id().to_string(), "[withdrawal]");
    insta::assert_snapshot!(text);
}

#[test]
fn it_matches_no_other_record() {
    let house = house();
    let record = house.ledger.record(full_grant()).unwrap();
    let again = house.ledger.record(full_grant()).unwrap();
    let read = verified(issue(&house, record.record_id()).to_json_ld()).unwrap();
    assert!(read.matches(&record));
    assert!(!read.matches(&again));
}

#[test]
fn the_controller_comes_back_with_all_it_has() {
    let house = house();
    let record = house.ledger.record(full_grant()).unwrap();
    let issuer = ReceiptIssuer::new(full_controller(), SigningKey::from_seed(&SEED));
    let receipt = issuer.issue(&house.ledger, record.record_id()).unwrap();
    let read = verified(receipt.to_json_ld()).unwrap();
    assert_eq!(read.receipt().controller(), &full_controller());
}

#[test]
fn the_longest_receipt_is_shorter_than_what_is_refused() {
    let (house, long) = (house_of_guardians(), "\"".repeat(256));
    let given = Grant::new(
        id(&long),
        id(&long),
        id(&long),
        id(&format!("'{}", &long[1..])),
    )
    .subject(id(&long))
    .operation(id(&long))
    .valid_from(datetime!(2026-11-21 00:00:00.000000001 UTC))
    .expires_at(datetime!(2026-11-22 00:00:00.000000001 UTC))
    .notice(Notice::new(id(&long), NoticeHash::from([0xab; 32])).named(id(&long)))
    .method(id(&long));
    let record = house.ledger.record(given).unwrap();
    house
        .ledger
        .withdraw(
            Extent::of_subject(id(&long)).data_type(id(&format!("{}.x", &long[..250]))),
            id::<consent::GrantorId>(&long),
        )
        .unwrap();
    house
        .ledger
        .withdraw(
            Extent::of_subject(id(&long)).operation(id(&long)),
            id::<consent::GrantorId>(&long),
        )
        .unwrap();
    house.clock.advance(std::time::Duration::from_secs(1));
    let (field, url) = ("\"".repeat(512), format!("https://{}", "a".repeat(504)));
    let controller = Controller::new(&field, &field, "US-CA1", &url).unwrap();
    let controller = controller
        .with_address(&field)
        .unwrap()
        .with_withdrawal(&url)
        .unwrap();
    let issuer = ReceiptIssuer::new(controller, SigningKey::from_seed(&SEED));
    let receipt = issuer.issue(&house.ledger, record.record_id()).unwrap();
    assert!(
        receipt.to_json_ld().len() < receipt::MAX_BYTES / 2,
        "{}",
        receipt.to_json_ld().len()
    );
    assert!(verified(receipt.to_json_ld()).unwrap().matches(&record));
}

#[test]
fn layout_and_order_do_not_count() {
    let document = document();
    let again = verified(&serde_json::to_string_pretty(&document).unwrap()).unwrap();
    assert_eq!(again.receipt().to_json_ld(), document.to_string());
    let members = document.as_object().unwrap().iter().rev();
    let members: Vec<_> = members
        .map(|(key, value)| format!("{}: {value}", json!(key)))
        .collect();
    let reversed = verified(&format!("{{\n{}\n}}\n", members.join(",\n"))).unwrap();
    assert_eq!(reversed, again);
}

/// Any id that the rules allow, quotes, backslashes and every script included.
fn name() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        any::<String>(),
        "[ -~]{1,40}",
        "[\\p{L}\\p{S}\\p{P}\\p{Z}\\p{Cf}]{1,20}"
    ];
    text.prop_filter_map("no id", |text| {
        consent::AgentId::try_from(text.as_str())
            .ok()
            .map(|id| id.to_string())
    })
}

fn dotted() -> impl Strategy<Value = String> {
    name().prop_filter("an empty segment", |text| {
        consent::DataType::try_from(text.as_str()).is_ok()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_allowed_id_survives(
        agent in name(), data_type in dotted(), purpose in prop::option::of(dotted()), subject in prop::option::of(name()),
        operation in prop::option::of(name()), by in name(), notice in prop::option::of(name()), method in prop::option::of(name()),
    ) {
        prop_assume!(agent != by);
        let house = house();
        let mut given = match purpose {
            Some(purpose) => Grant::new(id(&agent), id(&data_type), id(&purpose), id(&by)),
            None => Grant::blanket(id(&agent), id(&data_type), id(&by)),
        };
        if let Some(subject) = subject { given = given.subject(id(&subject)); }
        if let Some(operation) = operation { given = given.operation(id(&operation)); }
        if let Some(version) = notice { given = given.notice(Notice::new(id(&version), NoticeHash::from([1; 32]))); }
        if let Some(method) = method { given = given.method(id(&method)); }
        survives(&house, &house.ledger.record(given).unwrap());
    }

    #[test]
    fn bytes_that_no_issuer_wrote_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(receipt::verify(&bytes, &[public()]).is_err());
    }
}
