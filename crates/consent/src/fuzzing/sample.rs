//! One history with an act of every kind, and receipts of it, to begin with.

use std::error::Error;
use std::sync::LazyLock;

use uuid::Uuid;

use super::receipts::sealed;
use super::stage::{Journal, START, Stage};
use crate::durable::row::Row;
use crate::receipt::{Controller, ReceiptIssuer, SigningKey};
use crate::{
    ClockMark, Event, Extent, Grant, Notice, NoticePublication, RecordId, Renewal, Revision,
};

/// Of the issuer of receipts.
pub(super) const KEY: [u8; 32] = [42; 32];
/// Signs nothing.
pub(super) const STRANGER: [u8; 32] = [43; 32];

const CONTROLLER: &str = r#"{"name":"Example Ltd","contact":"privacy@example.com","jurisdiction":"US-CA","privacy_policy":"https://example.com/privacy","address":"1 Example Street","withdrawal":"https://example.com/a%20b"}"#;

pub(super) struct Sample {
    pub(super) journal: Vec<u8>,
    pub(super) rows: Vec<Vec<u8>>,
    pub(super) receipts: Vec<Vec<u8>>,
}

pub(super) static SAMPLE: LazyLock<Sample> =
    LazyLock::new(|| sample().unwrap_or_else(|_| std::process::abort()));

/// Whoever the sample's receipts are of.
pub(super) fn controller_of() -> Option<Controller> {
    serde_json::from_str(CONTROLLER).ok()
}

/// The same as code makes it, member for member.
pub(super) fn controller(it: &Controller) -> Option<Controller> {
    let (name, contact) = (it.name(), it.contact());
    let mut again = Controller::new(name, contact, it.jurisdiction(), it.privacy_policy()).ok()?;
    if let Some(address) = it.address() {
        again = again.with_address(address).ok()?;
    }
    if let Some(withdrawal) = it.withdrawal() {
        again = again.with_withdrawal(withdrawal).ok()?;
    }
    Some(again)
}

/// Made anew in each process, and the same each time: what is random in it is replaced, or a receipt of yesterday would pass for a forgery.
pub(super) fn sample() -> Result<Sample, Box<dyn Error>> {
    let stage = Stage::open(Journal::default())?;
    acts(&stage)?;
    let mut random: Vec<Uuid> = stage.ids().iter().map(RecordId::as_uuid).collect();
    let key = SigningKey::from_seed(&KEY);
    let controller = controller_of().ok_or("no controller")?;
    let issuer = ReceiptIssuer::new(controller, SigningKey::from_seed(&KEY));
    let mut texts = Vec::new();
    for id in stage.ids() {
        let receipt = issuer.issue(&stage.ledger, id)?;
        random.push(receipt.id().as_uuid());
        texts.push(receipt.to_json_ld().to_owned());
    }
    let mut receipts = vec![CONTROLLER.as_bytes().to_vec()];
    for text in texts {
        let sealed = sealed(settled(text, &random).as_bytes(), &key).ok_or("no receipt")?;
        receipts.push(sealed.into_bytes());
    }
    let (mut lines, mut rows) = (Vec::new(), Vec::new());
    for event in stage.journal.events() {
        let line = settled(serde_json::to_string(&event)?, &random);
        let revision = event.revision().as_u64();
        let row = Row::of(revision, &serde_json::from_str::<Event>(&line)?)?;
        rows.push([&revision.to_le_bytes(), row.bytes()].concat());
        lines.push(line);
    }
    let mark = ClockMark {
        epoch: Revision::ZERO,
        at: START,
    };
    rows.push([&[0; 8], Row::of(0, &mark)?.bytes()].concat());
    Ok(Sample {
        journal: lines.join("\n").into_bytes(),
        rows,
        receipts,
    })
}

/// The text with a number of its own for each random id.
fn settled(text: String, random: &[Uuid]) -> String {
    (1..).zip(random).fold(text, |text, (number, id)| {
        let fixed = Uuid::from_u64_pair(0x01a2_0320_a200_7000, 0x8000_0000_0000_0000 | number);
        text.replace(&id.to_string(), &fixed.to_string())
    })
}

fn acts(stage: &Stage) -> Result<(), Box<dyn Error>> {
    let ledger = &stage.ledger;
    let later = START.saturating_add(time::Duration::DAY);
    let notice = Notice::new("v1".parse()?, [1; 32].into()).named("privacy".parse()?);
    let grant = |data: &str| -> Result<Grant, Box<dyn Error>> {
        let grant = Grant::new(
            "bot".parse()?,
            data.parse()?,
            "help".parse()?,
            "ada".parse()?,
        );
        Ok(grant.notice(notice.clone()).method("form".parse()?))
    };
    let given = ledger.record(grant("user.contact")?.valid_from(START).expires_at(later))?;
    ledger.record(grant("user.age")?.on_behalf_of("child".parse()?, "parent".parse()?))?;
    ledger.record(Grant::blanket(
        "bot".parse()?,
        "user.name".parse()?,
        "ada".parse()?,
    ))?;
    let renewal = Renewal::new(given.record_id(), "ada".parse()?);
    ledger.renew(renewal.expires_at(later.saturating_add(time::Duration::DAY)))?;
    let part = Extent::new("bot".parse()?, "user.contact.email".parse()?);
    ledger.withdraw(part, Some("ada".parse()?))?;
    let nobody = Extent::of_agent("bot".parse()?).subject("bob".parse()?);
    ledger.refuse(nobody.operation("sell".parse()?), None)?;
    ledger.withdraw_on_behalf_of(
        "child".parse()?,
        "parent".parse()?,
        Extent::default(),
        "ada".parse()?,
    )?;
    let version = NoticePublication::new("privacy".parse()?, "v2".parse()?, [2; 32].into());
    ledger.publish_notice(version, "ops@example.com".parse()?, "a new processor")?;
    ledger.accept_clock("ops@example.com".parse()?, "checked")?;
    Ok(())
}
