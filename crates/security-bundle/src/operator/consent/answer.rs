//! What is told about consent, in the ledger's own records.

use std::sync::Arc;

use ::consent::{
    AgentId, ConsentDecision, ConsentRecord, NoticePublished, Proof, RecordId, RecordState,
    Revision, Withdrawal,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::serde::rfc3339;

/// What is told about consent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConsentAnswer {
    /// The record that was made.
    Given(Box<ConsentRecord>),
    /// The refusal or withdrawal that was made, and the consents that it took something from.
    Taken {
        /// It.
        record: Box<ConsentRecord>,
        /// Them.
        took_from: Vec<ConsentRecord>,
    },
    /// The notice, and the consents that ended by it.
    Published {
        /// It.
        published: Box<NoticePublished>,
        /// Them.
        superseded: Vec<ConsentRecord>,
    },
    /// The time that counts now.
    ClockAccepted {
        /// It.
        #[serde(with = "rfc3339")]
        accepted: OffsetDateTime,
        /// Of the act.
        revision: Revision,
    },
    /// The records that were asked for.
    Records(Vec<RecordNow>),
    /// One record and what became of it.
    Record(Box<Proof>),
    /// Whether data might be used.
    Decided {
        /// Whether it might.
        allowed: bool,
        /// Stable, in snake case.
        code: String,
        /// The same for people.
        reason: String,
        /// The record that decided it.
        record_id: Option<RecordId>,
        /// When.
        #[serde(with = "rfc3339")]
        at: OffsetDateTime,
        /// Of the state that was read.
        revision: Revision,
    },
    /// The agents that may use data so.
    Agents(Vec<MayUse>),
    /// The report as data and as text.
    Report {
        /// [`ConsentReport`](::consent::ConsentReport) as it is written.
        report: Value,
        /// The same for people.
        markdown: String,
    },
}

/// A record with the state that it is in, or was at the instant that was asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordNow {
    /// As it is stored.
    pub record: ConsentRecord,
    /// What has become of it.
    pub state: Option<RecordState>,
}

/// An agent that may use data, and the record that permits it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MayUse {
    /// The agent.
    pub agent: AgentId,
    /// The record.
    pub record_id: Option<RecordId>,
}

pub(super) fn copies(records: &[Arc<ConsentRecord>]) -> Vec<ConsentRecord> {
    records
        .iter()
        .map(|record| ConsentRecord::clone(record))
        .collect()
}

pub(super) fn given(record: &ConsentRecord) -> ConsentAnswer {
    ConsentAnswer::Given(Box::new(record.clone()))
}

pub(super) fn taken(withdrawal: &Withdrawal) -> ConsentAnswer {
    ConsentAnswer::Taken {
        record: Box::new(ConsentRecord::clone(withdrawal.record())),
        took_from: copies(withdrawal.matched()),
    }
}

pub(super) fn decided(decision: &ConsentDecision) -> ConsentAnswer {
    ConsentAnswer::Decided {
        allowed: decision.allowed(),
        code: decision.code().to_owned(),
        reason: decision.reason().to_string(),
        record_id: decision.record_id(),
        at: decision.at(),
        revision: decision.revision(),
    }
}

pub(super) fn with_states(
    records: &[Arc<ConsentRecord>],
    state: impl Fn(RecordId) -> Option<RecordState>,
) -> ConsentAnswer {
    let records = records.iter().map(|record| RecordNow {
        record: ConsentRecord::clone(record),
        state: state(record.record_id()),
    });
    ConsentAnswer::Records(records.collect())
}
