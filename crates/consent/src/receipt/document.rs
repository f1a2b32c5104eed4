//! How a receipt is written: one JSON-LD document for each content, with its terms from the W3C Data Privacy Vocabulary.
//!
//! Ids are literals, and so need no encoding beyond JSON's. The only IRIs made here are UUIDs (`urn:uuid:`), hashes
//! (`ni:`), and codes and URLs that the controller's rules allow.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::extent::Extent;
use crate::id::{Authority, GrantorId, SubjectId};
use crate::notice::Notice;
use crate::receipt::Controller;
use crate::receipt::content::Content;
use crate::receipt::context::{CRYPTOSUITE, SCHEMA, context};
use crate::receipt::key::hash_iri;
use crate::receipt::later::{Superseded, Taken};
use crate::record::{ConsentRecord, RecordKind};
use crate::state::RecordState;

/// The whole receipt but for the signature's value.
pub(super) fn unsigned(content: &Content) -> Value {
    without_nulls(json!({
        "@context": context(),
        "@id": urn(content.id),
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": SCHEMA,
        "dct:created": time(content.issued_at),
        "dct:publisher": { "@id": CONTROLLER },
        "dpv:hasIdentifier": content.id.to_string(),
        "dpv:hasRecordOfActivity": record(content),
        "sec:proof": {
            "@type": "sec:DataIntegrityProof",
            "dct:created": time(content.issued_at),
            "sec:cryptosuite": CRYPTOSUITE,
            "sec:proofPurpose": "sec:assertionMethod",
            "sec:verificationMethod": content.key_id.to_string(),
        },
    }))
}

/// The node of the controller inside one receipt.
const CONTROLLER: &str = "_:controller";

fn record(content: &Content) -> Value {
    let ConsentRecord {
        record_id,
        revision,
        kind: _,
        extent,
        by: _,
        at: _,
        valid_from: _,
        expires_at: _,
        notice: shown,
        method: _,
        authority: _,
        renews: _,
    } = &*content.record;
    let Extent {
        agent,
        data_type,
        purpose,
        subject,
        operation,
    } = extent;
    json!({
        "@id": urn(record_id),
        "@type": "dpv:ConsentRecord",
        "dct:identifier": record_id.to_string(),
        "schema:position": revision.to_string(),
        "dpv:hasDataSubject": named("dpv:DataSubject", subject.as_ref(), "everyone"),
        "dpv:hasDataController": controller(&content.controller),
        "dpv:hasJurisdiction": format!("loc:{}", content.controller.jurisdiction()),
        "dpv:hasLegalBasis": "dpv:Consent",
        "dpv:hasNotice": shown.as_ref().map(notice),
        "dpv:hasConsentControl": content.controller.withdrawal().map(|url| json!({
            "@type": "dpv:WithdrawConsent",
            "dpv:isExercisedAt": url,
        })),
        "dpv:hasProcess": {
            "@type": "dpv:Process",
            "dpv:hasPurpose": named("dpv:Purpose", purpose.as_ref(), "every purpose"),
            "dpv:hasPersonalData": named("dpv:PersonalData", data_type.as_ref(), "all personal data"),
            "dpv:hasProcessing": named("dpv:Processing", operation.as_ref(), "every operation"),
            "dpv:isImplementedUsingTechnology": named("ai:AIAgent", agent.as_ref(), "every agent"),
        },
        "dpv:hasConsentStatus": statuses(content),
    })
}

/// What an id names, or in words that nothing was named, which is everything.
fn named(class: &str, id: Option<impl AsRef<str>>, everything: &str) -> Value {
    match id {
        Some(id) => json!({ "@type": class, "dct:identifier": id.as_ref() }),
        None => json!({ "@type": class, "dct:description": everything }),
    }
}

fn controller(controller: &Controller) -> Value {
    json!({
        "@id": CONTROLLER,
        "@type": "dpv:DataController",
        "dpv:hasName": controller.name(),
        "dpv:hasContact": controller.contact(),
        "dpv:hasAddress": controller.address(),
        "dpv:hasNotice": { "@id": controller.privacy_policy(), "@type": "dpv:PrivacyNotice" },
    })
}

fn notice(notice: &Notice) -> Value {
    json!({
        "@id": hash_iri(notice.sha256().as_bytes()),
        "@type": "dpv:ConsentNotice",
        "dct:identifier": notice.id().map(AsRef::<str>::as_ref),
        "schema:version": notice.version().as_str(),
    })
}

/// The record's own event first, then what later acts and time did to it.
fn statuses(content: &Content) -> Value {
    let record = &content.record;
    let subject = record.extent.subject.as_ref();
    let own = json!({
        "@type": if record.renews.is_some() { RENEWED } else { class_of(record.kind) },
        "dct:source": record.renews.map(urn),
        "dpv:isIndicatedAtTime": time(record.at),
        "dpv:isIndicatedBy": indicated(record.by.as_ref(), record.authority.as_ref(), subject),
        "dpv:hasIndicationMethod": record.method.as_ref().map(AsRef::<str>::as_ref),
        "dpv:hasDuration": (record.kind == RecordKind::Given).then(|| duration(record)),
    });
    let taken = content.later.taken.as_ref().map(|taken| {
        let Taken {
            record_id,
            kind,
            by,
            authority,
            at,
            whole,
        } = taken;
        json!({
            "@type": class_of(*kind),
            "dct:description": if *whole { ALL } else { PART },
            "dct:source": urn(record_id),
            "dpv:isIndicatedAtTime": time(*at),
            "dpv:isIndicatedBy": indicated(by.as_ref(), authority.as_ref(), subject),
        })
    });
    let superseded = content.later.superseded.as_ref().map(|superseded| {
        let Superseded {
            notice: now_shown,
            at,
        } = superseded;
        json!({
            "@type": SUPERSEDED,
            "dct:description": "another version of its notice took its place",
            "dpv:hasNotice": notice(now_shown),
            "dpv:isIndicatedAtTime": time(*at),
        })
    });
    let expired = (content.state() == RecordState::Expired).then(|| {
        json!({
            "@type": "dpv:ConsentExpired",
            "dpv:isIndicatedAtTime": record.expires_at.and_then(time),
        })
    });
    [Some(own), taken, superseded, expired]
        .into_iter()
        .flatten()
        .collect()
}

/// The class of a consent that renews another.
pub(super) const RENEWED: &str = "dpv:RenewedConsentGiven";
/// The class of the event that a consent's notice was superseded.
pub(super) const SUPERSEDED: &str = "dpv:ConsentInvalidated";
/// How a receipt says that a later record took the whole consent, or not the whole.
pub(super) const ALL: &str = "all of it";
const PART: &str = "part of it";

/// The class of what a record did.
pub(super) fn class_of(kind: RecordKind) -> &'static str {
    match kind {
        RecordKind::Given => "dpv:ConsentGiven",
        RecordKind::Refused => "dpv:ConsentRefused",
        RecordKind::Withdrawn => "dpv:ConsentWithdrawn",
    }
}

fn indicated(
    by: Option<&GrantorId>,
    authority: Option<&Authority>,
    subject: Option<&SubjectId>,
) -> Option<Value> {
    let by = by?.as_str();
    let is_subject = subject.is_some_and(|subject| subject.as_str() == by);
    let class = match authority {
        Some(_) => "dpv:Representative",
        None if is_subject => "dpv:DataSubject",
        None => "dpv:Entity",
    };
    Some(json!({
        "@type": class,
        "dct:identifier": by,
        "dpv:hasJustification": authority.map(AsRef::<str>::as_ref),
    }))
}

fn duration(record: &ConsentRecord) -> Value {
    let class = match record.expires_at {
        Some(_) => "dpv:UntilTimeDuration",
        None => "dpv:EndlessDuration",
    };
    json!({
        "@type": class,
        "rdf:value": record.expires_at.and_then(time),
        "schema:validFrom": record.valid_from.and_then(time),
    })
}

/// `None` only for a year that no journal holds; the issuer finds out by reading what it wrote.
fn time(at: OffsetDateTime) -> Option<String> {
    at.format(&Rfc3339).ok()
}

fn urn(id: impl std::fmt::Display) -> String {
    format!("urn:uuid:{id}")
}

/// A member that has nothing to say is left out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
