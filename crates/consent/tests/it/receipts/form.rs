//! What a receipt looks like, and that this form stays readable.

use super::*;

#[test]
fn a_receipt_follows_iso_27560_in_terms_of_dpv() {
    let house = house();
    let record = house.ledger.record(full_grant()).unwrap();
    let issuer = ReceiptIssuer::new(full_controller(), SigningKey::from_seed(&SEED));
    let receipt = issuer.issue(&house.ledger, record.record_id()).unwrap();
    let value: Value = serde_json::from_str(receipt.to_json_ld()).unwrap();
    let signature = value["sec:proof"]["sec:proofValue"].as_str().unwrap();
    let text = serde_json::to_string_pretty(&value)
        .unwrap()
        .replace(signature, "[signature]")
        .replace(&receipt.id().to_string(), "[receipt id]")
        .replace(&record.record_id().to_string(), "[record id]");
    insta::assert_snapshot!(text);
}

#[test]
fn what_became_of_a_consent_stands_after_it() {
    let house = house();
    let record = house.ledger.record(full_grant()).unwrap();
    let withdrawal = house
        .ledger
        .withdraw(all_of("user.contact.email"), None)
        .unwrap();
    assert!(withdrawal.matched().is_empty(), "another agent's");
    house
        .ledger
        .withdraw(
            Extent::of_subject(id("ada")).data_type(id("user.contact.email")),
            id::<consent::GrantorId>("ada"),
        )
        .unwrap();
    house.clock.set(datetime!(2028-01-01 00:00 UTC));
    let receipt = issue(&house, record.record_id());
    let value: Value = serde_json::from_str(receipt.to_json_ld()).unwrap();
    let mut events = value["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"].clone();
    events[1]["dct:source"] = json!("urn:uuid:[id]");
    insta::assert_snapshot!(serde_json::to_string_pretty(&events).unwrap(), @r#"
[
  {
    "@type": "dpv:ConsentGiven",
    "dpv:hasDuration": {
      "@type": "dpv:UntilTimeDuration",
      "rdf:value": "2027-11-21T12:30:00.000000001Z",
      "schema:validFrom": "2026-11-21T00:00:00Z"
    },
    "dpv:hasIndicationMethod": "web-form",
    "dpv:isIndicatedAtTime": "2026-11-22T00:00:00Z",
    "dpv:isIndicatedBy": {
      "@type": "dpv:DataSubject",
      "dct:identifier": "ada"
    }
  },
  {
    "@type": "dpv:ConsentWithdrawn",
    "dct:description": "part of it",
    "dct:source": "urn:uuid:[id]",
    "dpv:isIndicatedAtTime": "2026-11-22T00:00:00Z",
    "dpv:isIndicatedBy": {
      "@type": "dpv:DataSubject",
      "dct:identifier": "ada"
    }
  },
  {
    "@type": "dpv:ConsentExpired",
    "dpv:isIndicatedAtTime": "2027-11-21T12:30:00.000000001Z"
  }
]
"#);
}

#[test]
fn what_is_not_named_is_said_to_be_everything() {
    let house = house();
    let withdrawal = house.withdraw(Extent::default());
    let receipt = issue(&house, withdrawal.record().record_id());
    let value: Value = serde_json::from_str(receipt.to_json_ld()).unwrap();
    let record = &value["dpv:hasRecordOfActivity"];
    insta::assert_snapshot!(serde_json::to_string_pretty(&json!([
            record["dpv:hasProcess"],
            record["dpv:hasDataSubject"],
            record["dpv:hasConsentStatus"],
        ])).unwrap(), @r#"
[
  {
    "@type": "dpv:Process",
    "dpv:hasPersonalData": {
      "@type": "dpv:PersonalData",
      "dct:description": "all personal data"
    },
    "dpv:hasProcessing": {
      "@type": "dpv:Processing",
      "dct:description": "every operation"
    },
    "dpv:hasPurpose": {
      "@type": "dpv:Purpose",
      "dct:description": "every purpose"
    },
    "dpv:isImplementedUsingTechnology": {
      "@type": "ai:AIAgent",
      "dct:description": "every agent"
    }
  },
  {
    "@type": "dpv:DataSubject",
    "dct:description": "everyone"
  },
  [
    {
      "@type": "dpv:ConsentRefused",
      "dpv:isIndicatedAtTime": "2026-11-22T00:00:00Z"
    }
  ]
]
"#);
}

/// Other versions and other programs read what this version wrote, and this one reads it for good.
#[test]
fn a_receipt_of_the_first_version_is_still_read() {
    let receipt = verified(FIRST).unwrap();
    let record = receipt.receipt().record();
    assert_eq!(record.extent().agent, Some(id("desk-assistant")));
    assert_eq!(receipt.receipt().state(), RecordState::InForce);
    assert_eq!(receipt.receipt().to_json_ld(), FIRST.trim_end());
}

/// Signed with the key of `SEED`. OpenSSL makes the same signature (Ed25519 leaves no choice).
const FIRST: &str = include_str!("first.jsonld");
