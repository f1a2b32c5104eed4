//! Receipts say what the ledger holds, and whoever changes one is found out.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use consent::receipt::{
    self, Controller, Receipt, ReceiptError, ReceiptIssuer, SigningKey, VerifyingKey,
};
use consent::{
    AuthorityClaim, ConsentGate, ConsentRecord, Extent, Grant, ManualClock, MemoryStore, Notice,
    NoticeHash, NoticePublication, RecordId, RecordState, Renewal,
};
use ed25519_dalek::Signer as _;
use proptest::prelude::*;
use serde_json::{Value, json};
use time::macros::datetime;

use crate::support::{House, START, all_of, blanket, by, grant, house, id, part_of};

mod config;
mod forgery;
mod form;
mod round_trip;
mod state;

const SEED: [u8; 32] = [7; 32];

fn public() -> VerifyingKey {
    SigningKey::from_seed(&SEED).verifying_key()
}

fn controller() -> Controller {
    Controller::new(
        "Example Ltd",
        "privacy@example.com",
        "IE",
        "https://example.com/privacy",
    )
    .unwrap()
}

fn full_controller() -> Controller {
    let controller = controller()
        .with_address("1 Example Street, Dublin")
        .unwrap();
    controller
        .with_withdrawal("https://example.com/withdraw")
        .unwrap()
}

fn issuer() -> ReceiptIssuer {
    ReceiptIssuer::new(controller(), SigningKey::from_seed(&SEED))
}

fn issue(house: &House, record_id: RecordId) -> Receipt {
    issuer().issue(&house.ledger, record_id).unwrap()
}

/// A house in which everyone may act for everyone.
fn house_of_guardians() -> House {
    let (clock, store) = (ManualClock::new(START), MemoryStore::default());
    let builder = ConsentGate::builder().clock(clock.clone());
    let builder = builder.store(store.clone());
    let entitled = |_: &AuthorityClaim<'_>| Ok(());
    let (gate, ledger) = builder.authority_check(entitled).build().unwrap();
    House {
        gate,
        ledger,
        clock,
        store,
    }
}

fn full_grant() -> Grant {
    Grant::new(
        id("desk-assistant"),
        id("user.contact"),
        id("support"),
        id("ada"),
    )
    .subject(id("ada"))
    .operation(id("read"))
    .valid_from(datetime!(2026-11-21 00:00 UTC))
    .expires_at(datetime!(2027-11-21 12:30:00.000000001 UTC))
    .notice(Notice::new(id("2026-03"), NoticeHash::from([0xab; 32])))
    .method(id("web-form"))
}

fn verified(json: &str) -> Result<receipt::VerifiedReceipt, ReceiptError> {
    receipt::verify(json.as_bytes(), &[public()])
}

/// The receipt of a full grant, as a value to tamper with.
fn document() -> Value {
    let house = house();
    let record = house.ledger.record(full_grant()).unwrap();
    serde_json::from_str(issue(&house, record.record_id()).to_json_ld()).unwrap()
}

/// Signs a document anew with the right key, as only the issuer could.
fn signed(mut document: Value, domain: &str) -> String {
    let proof = document["sec:proof"].as_object_mut().unwrap();
    proof.remove("sec:proofValue");
    let key = ed25519_dalek::SigningKey::from_bytes(&SEED);
    let signature = key.sign(format!("{domain}{document}").as_bytes());
    let value = format!("u{}", BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()));
    document["sec:proof"]["sec:proofValue"] = Value::from(value);
    document.to_string()
}

const DOMAIN: &str = "consent receipt v1\n";
