//! The whole story of one record, as evidence: what it says, every later act that touched it, and what it came to.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::book::Book;
use crate::event::{Event, NoticePublished, shared};
use crate::extent::Extent;
use crate::id::{RecordId, Revision};
use crate::ledger::ConsentLedger;
use crate::record::{ConsentRecord, RecordKind};
use crate::state::RecordState;

/// A record with its whole chain of events, from [`ConsentLedger::prove`].
///
/// It is a copy of what the journal says, for reading and for handing on; by itself it is not signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proof {
    /// The record.
    #[serde(with = "shared")]
    pub record: Arc<ConsentRecord>,
    /// What it had come to at `at`.
    pub state: RecordState,
    /// The instant of the proof, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The latest act that was known.
    pub revision: Revision,
    /// The acts that bear on the record, itself included, in the order of their revisions; and last what time did.
    pub chain: Vec<Link>,
}

/// One line of a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Link {
    /// The act's place among the ledger's acts; `None` for what time did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// When, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// What.
    pub change: Change,
}

/// What an act, or time, did to a record or through it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// An earlier consent was given, of which the record is a renewal, or a renewal's renewal.
    Preceded {
        /// The earlier consent.
        #[serde(with = "shared")]
        by: Arc<ConsentRecord>,
    },
    /// The record was made.
    Recorded,
    /// A refusal or withdrawal took something of the consent.
    Taken {
        /// The refusal or withdrawal.
        #[serde(with = "shared")]
        by: Arc<ConsentRecord>,
        /// What it took.
        taken: Extent,
        /// That was all of it.
        wholly: bool,
    },
    /// The consent was renewed.
    Renewed {
        /// The further consent.
        #[serde(with = "shared")]
        by: Arc<ConsentRecord>,
    },
    /// A later version of the consent's notice ended it.
    Superseded {
        /// The publication.
        by: NoticePublished,
    },
    /// The refusal or withdrawal took something of an earlier consent that had not lapsed.
    TookFrom {
        /// The earlier consent.
        #[serde(with = "shared")]
        consent: Arc<ConsentRecord>,
        /// What it took.
        taken: Extent,
    },
    /// A later consent gave something back of what the refusal or withdrawal names.
    GaveBack {
        /// The later consent.
        #[serde(with = "shared")]
        by: Arc<ConsentRecord>,
        /// What it gave back.
        given: Extent,
    },
    /// The consent ended by itself.
    Expired,
}

impl ConsentLedger {
    /// The record with its whole chain of events; `None` where no record has this id. It reads the whole history.
    ///
    /// ```
    /// # use consent::{Change, ConsentGate, Extent, Grant, RecordState};
    /// # let (_, ledger) = ConsentGate::builder().build()?;
    /// let record = ledger.record(Grant::new("bot".parse()?, "user".parse()?, "support".parse()?, "ada".parse()?))?;
    /// ledger.withdraw(Extent::new("bot".parse()?, "user.contact".parse()?), None)?;
    ///
    /// let proof = ledger.prove(record.record_id()).ok_or("no such record")?;
    /// assert_eq!(proof.state, RecordState::Narrowed);
    /// assert!(matches!(proof.chain[1].change, Change::Taken { wholly: false, .. }));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn prove(&self, id: RecordId) -> Option<Proof> {
        let at = self.now();
        let book = self.book();
        let record = Arc::clone(book.record(id)?);
        let mut chain = match record.kind {
            RecordKind::Given => of_consent(&book, &record),
            RecordKind::Refused | RecordKind::Withdrawn => of_taking(&book, &record),
        };
        if let Some(end) = record.expires_at.filter(|_| record.has_ended(at)) {
            chain.push(Link {
                revision: None,
                at: end,
                change: Change::Expired,
            });
        }
        Some(Proof {
            state: book.state(&record, at),
            at,
            revision: book.revision(),
            record,
            chain,
        })
    }
}

fn link(record: &ConsentRecord, change: Change) -> Link {
    Link {
        revision: Some(record.revision),
        at: record.at,
        change,
    }
}

fn of_consent(book: &Book, consent: &Arc<ConsentRecord>) -> Vec<Link> {
    let mut chain = Vec::new();
    let mut renewed = consent.renews;
    while let Some(earlier) = renewed.and_then(|id| book.record(id)) {
        let by = Arc::clone(earlier);
        chain.push(link(earlier, Change::Preceded { by }));
        renewed = earlier.renews;
    }
    chain.reverse();
    chain.push(link(consent, Change::Recorded));
    let mut is_left = true;
    for event in book.after(consent.revision) {
        match event {
            Event::Recorded(later) if later.renews == Some(consent.record_id) => {
                let by = Arc::clone(later);
                chain.push(link(later, Change::Renewed { by }));
            }
            Event::Recorded(later) if later.kind != RecordKind::Given && is_left => {
                if let Some(taken) = later.extent.intersection(&consent.extent) {
                    let (by, wholly) = (Arc::clone(later), taken == consent.extent);
                    chain.push(link(later, Change::Taken { by, taken, wholly }));
                    is_left = !wholly;
                }
            }
            Event::NoticePublished(published) if is_left && published.supersedes(consent) => {
                chain.push(Link {
                    revision: Some(published.revision),
                    at: published.at,
                    change: Change::Superseded {
                        by: published.clone(),
                    },
                });
            }
            Event::Recorded(_) | Event::NoticePublished(_) | Event::ClockAccepted(_) => {}
        }
    }
    chain
}

fn of_taking(book: &Book, taking: &Arc<ConsentRecord>) -> Vec<Link> {
    let mut chain = Vec::new();
    let before = book.before(taking.revision);
    for consent in before.standing(&taking.extent, taking.at) {
        if let Some(taken) = taking.extent.intersection(&consent.extent) {
            let consent = Arc::clone(consent);
            chain.push(link(
                &Arc::clone(&consent),
                Change::TookFrom { consent, taken },
            ));
        }
    }
    chain.sort_by_key(|link| link.revision);
    chain.push(link(taking, Change::Recorded));
    let later = book.after(taking.revision).iter().filter_map(Event::record);
    for consent in later.filter(|record| record.kind == RecordKind::Given) {
        if let Some(given) = taking.extent.intersection(&consent.extent) {
            let by = Arc::clone(consent);
            chain.push(link(consent, Change::GaveBack { by, given }));
        }
    }
    chain
}
