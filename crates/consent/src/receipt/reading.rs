//! How a receipt's document is read back into what it says.
//!
//! This only finds the values. That there is nothing else, and that what is said twice agrees, is made sure by writing
//! the document anew: see [`verify`](crate::receipt::verify).

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use crate::extent::Extent;
use crate::id::{Authority, RecordId, Revision};
use crate::notice::{Notice, NoticeHash};
use crate::receipt::content::Content;
use crate::receipt::document::{ALL, RENEWED, SUPERSEDED, class_of};
use crate::receipt::error::quoted;
use crate::receipt::key::hash_of_iri;
use crate::receipt::later::{Later, Superseded, Taken};
use crate::receipt::{Controller, KeyId, ReceiptError, ReceiptId};
use crate::record::{ConsentRecord, RecordKind};

/// A part of the document.
#[derive(Clone, Copy)]
struct Node<'a>(&'a Value);

/// What a document says.
pub(super) fn content(document: &Value, key_id: KeyId) -> Result<Content, ReceiptError> {
    let receipt = Node(document);
    let record = receipt.member("dpv:hasRecordOfActivity")?;
    Ok(Content {
        id: ReceiptId(receipt.required("dpv:hasIdentifier")?),
        issued_at: receipt.time("dct:created")?,
        key_id,
        controller: controller(record)?,
        record: Arc::new(consent_record(record)?),
        later: later(record)?,
    })
}

fn controller(record: Node<'_>) -> Result<Controller, ReceiptError> {
    let node = record.member("dpv:hasDataController")?;
    let jurisdiction = record.text("dpv:hasJurisdiction")?;
    let mut controller = Controller::new(
        node.text("dpv:hasName")?,
        node.text("dpv:hasContact")?,
        jurisdiction.strip_prefix("loc:").unwrap_or(jurisdiction),
        node.member("dpv:hasNotice")?.text("@id")?,
    )
    .map_err(unfamiliar)?;
    if node.has("dpv:hasAddress") {
        let address = node.text("dpv:hasAddress")?;
        controller = controller.with_address(address).map_err(unfamiliar)?;
    }
    if record.has("dpv:hasConsentControl") {
        let control = record.member("dpv:hasConsentControl")?;
        let url = control.text("dpv:isExercisedAt")?;
        controller = controller.with_withdrawal(url).map_err(unfamiliar)?;
    }
    Ok(controller)
}

fn consent_record(record: Node<'_>) -> Result<ConsentRecord, ReceiptError> {
    let process = record.member("dpv:hasProcess")?;
    let status = record.status(0)?;
    let duration = status.optional("dpv:hasDuration");
    let read = ConsentRecord {
        record_id: RecordId::from(record.required::<Uuid>("dct:identifier")?),
        revision: revision(record)?,
        kind: match status.text("@type")? {
            RENEWED => RecordKind::Given,
            _ => status.kind()?,
        },
        extent: Extent {
            agent: process.named("dpv:isImplementedUsingTechnology")?,
            data_type: process.named("dpv:hasPersonalData")?,
            purpose: process.named("dpv:hasPurpose")?,
            subject: record.named("dpv:hasDataSubject")?,
            operation: process.named("dpv:hasProcessing")?,
        },
        by: status.named_if_there("dpv:isIndicatedBy")?,
        at: status.time("dpv:isIndicatedAtTime")?,
        valid_from: duration.map_or(Ok(None), |d| d.time_if_there("schema:validFrom"))?,
        expires_at: duration.map_or(Ok(None), |d| d.time_if_there("rdf:value"))?,
        notice: record.optional("dpv:hasNotice").map(notice).transpose()?,
        method: status.parsed("dpv:hasIndicationMethod")?,
        authority: status.authority()?,
        renews: status.source()?,
    };
    match read.flaw() {
        Some(flaw) => Err(unfamiliar(flaw)),
        None => Ok(read),
    }
}

fn revision(record: Node<'_>) -> Result<Revision, ReceiptError> {
    let number: u64 = record.required("schema:position")?;
    Revision::deserialize(number.into_deserializer())
        .map_err(|error: serde::de::value::Error| unfamiliar(error))
}

fn notice(node: Node<'_>) -> Result<Notice, ReceiptError> {
    let hash = hash_of_iri(node.text("@id")?).ok_or_else(|| unfamiliar("a notice's hash"))?;
    let notice = Notice::new(node.required("schema:version")?, NoticeHash::from(hash));
    Ok(match node.parsed("dct:identifier")? {
        Some(id) => notice.named(id),
        None => notice,
    })
}

/// The events after the first. That the consent lapsed is not read: the record says when it does.
fn later(record: Node<'_>) -> Result<Later, ReceiptError> {
    let mut later = Later::default();
    let statuses = record.member("dpv:hasConsentStatus")?.0.as_array();
    for status in statuses.into_iter().flatten().skip(1).map(Node) {
        let at = status.time("dpv:isIndicatedAtTime")?;
        if let Some(record_id) = status.source()? {
            later.taken = Some(Taken {
                record_id,
                kind: status.kind()?,
                by: status.named_if_there("dpv:isIndicatedBy")?,
                authority: status.authority()?,
                at,
                whole: status.text("dct:description")? == ALL,
            });
        } else if status.text("@type")? == SUPERSEDED {
            let notice = notice(status.member("dpv:hasNotice")?)?;
            later.superseded = Some(Superseded { notice, at });
        }
    }
    Ok(later)
}

impl<'a> Node<'a> {
    fn has(self, name: &str) -> bool {
        self.0.get(name).is_some()
    }

    fn optional(self, name: &str) -> Option<Self> {
        self.0.get(name).map(Node)
    }

    fn member(self, name: &str) -> Result<Self, ReceiptError> {
        self.optional(name)
            .ok_or_else(|| unfamiliar(format_args!("there is no `{name}`")))
    }

    fn text(self, name: &str) -> Result<&'a str, ReceiptError> {
        let text = self.member(name)?.0.as_str();
        text.ok_or_else(|| unfamiliar(format_args!("`{name}` is no text")))
    }

    fn status(self, nth: usize) -> Result<Self, ReceiptError> {
        let statuses = self.member("dpv:hasConsentStatus")?;
        let status = statuses.0.get(nth).map(Node);
        status.ok_or_else(|| unfamiliar(format_args!("there is no event {nth}")))
    }

    fn kind(self) -> Result<RecordKind, ReceiptError> {
        let class = self.text("@type")?;
        [
            RecordKind::Given,
            RecordKind::Refused,
            RecordKind::Withdrawn,
        ]
        .into_iter()
        .find(|kind| class_of(*kind) == class)
        .ok_or_else(|| unfamiliar(format_args!("an event of the type `{class}`")))
    }

    /// The record that an event came from.
    fn source(self) -> Result<Option<RecordId>, ReceiptError> {
        if !self.has("dct:source") {
            return Ok(None);
        }
        let urn = self.text("dct:source")?;
        let id = urn.strip_prefix("urn:uuid:").unwrap_or(urn);
        let id = id.parse::<Uuid>().map_err(unfamiliar)?;
        Ok(Some(RecordId::from(id)))
    }

    /// What entitles whoever indicated an event on behalf of another.
    fn authority(self) -> Result<Option<Authority>, ReceiptError> {
        self.optional("dpv:isIndicatedBy")
            .map_or(Ok(None), |node| node.parsed("dpv:hasJustification"))
    }

    fn required<T: FromStr<Err: Display>>(self, name: &str) -> Result<T, ReceiptError> {
        self.text(name)?.parse().map_err(unfamiliar)
    }

    fn parsed<T: FromStr<Err: Display>>(self, name: &str) -> Result<Option<T>, ReceiptError> {
        self.has(name).then(|| self.required(name)).transpose()
    }

    /// The id of what a member names; `None` where that is everything.
    fn named<T: FromStr<Err: Display>>(self, name: &str) -> Result<Option<T>, ReceiptError> {
        self.member(name)?.parsed("dct:identifier")
    }

    fn named_if_there<T: FromStr<Err: Display>>(
        self,
        name: &str,
    ) -> Result<Option<T>, ReceiptError> {
        self.optional(name)
            .map_or(Ok(None), |node| node.parsed("dct:identifier"))
    }

    fn time(self, name: &str) -> Result<OffsetDateTime, ReceiptError> {
        OffsetDateTime::parse(self.text(name)?, &Rfc3339).map_err(unfamiliar)
    }

    fn time_if_there(self, name: &str) -> Result<Option<OffsetDateTime>, ReceiptError> {
        self.has(name).then(|| self.time(name)).transpose()
    }
}

fn unfamiliar(problem: impl Display) -> ReceiptError {
    ReceiptError::Unfamiliar {
        problem: quoted(&problem.to_string()),
    }
}
