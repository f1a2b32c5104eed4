//! What people agreed to, refused and withdrew: recorded on their word, and looked back upon.

use std::sync::Arc;
use std::time::Duration;

use ::consent::{
    AgentId, Authority, ConsentDecision, ConsentLedger, ConsentQuery, ConsentRecord, DataType,
    Extent, Grant, GrantorId, Method, Notice, NoticeHash, NoticeId, NoticePublication,
    NoticePublished, NoticeVersion, Operation, OperatorId, Proof, Purpose, RecordFilter, RecordId,
    RecordKind, RecordState, Renewal, ReportOptions, Revision, SubjectId, Usage, Withdrawal,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::serde::rfc3339;

use super::OperatorError;

/// What is asked about consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "fields are called what they are: what it is about, on whose word, and why"
)]
pub enum ConsentRequest {
    /// Somebody agreed that an agent uses data.
    Give {
        agent: AgentId,
        data_type: DataType,
        purposes: Purposes,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<SubjectId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<Operation>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        valid_from: Option<OffsetDateTime>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        expires_at: Option<OffsetDateTime>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<Notice>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<Method>,
        by: GrantorId,
    },
    /// Somebody gave an earlier consent anew.
    Renew {
        record: RecordId,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        expires_at: Option<OffsetDateTime>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<Notice>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<Method>,
        by: GrantorId,
    },
    /// Somebody refused. Something has to be named.
    Refuse { extent: Extent, by: GrantorId },
    /// Somebody took consent back; neither name nor reason is needed. Something has to be named.
    Withdraw {
        extent: Extent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<GrantorId>,
        /// By what right somebody does so in the place of the person whom the extent names.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authority: Option<Authority>,
    },
    /// Which version of a notice people are to be shown.
    PublishNotice {
        notice: NoticeId,
        version: NoticeVersion,
        sha256: NoticeHash,
        #[serde(default)]
        earlier_stay_good: bool,
        by: OperatorId,
        reason: String,
    },
    /// The owner's time counts, even if a later one was read before.
    AcceptClock { by: OperatorId, reason: String },
    /// The records that bear on something.
    Records {
        #[serde(default)]
        extent: Extent,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<RecordKind>,
        /// Consents that are in force, wholly or in part.
        #[serde(default)]
        in_force: bool,
    },
    /// One record, with every act that touched it.
    Record { record: RecordId },
    /// What was permitted at a past instant: of an agent and data whether they might be used, else the consents in force.
    AsOf {
        #[serde(with = "rfc3339")]
        at: OffsetDateTime,
        #[serde(default)]
        extent: Extent,
    },
    /// Which agents may use data so, now or at a past instant.
    WhoMay {
        data_type: DataType,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        purpose: Option<Purpose>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<SubjectId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operation: Option<Operation>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        at: Option<OffsetDateTime>,
    },
    /// The consents that end soon, the earliest end first.
    Expiring { within: Duration },
    /// The state of consent in one document.
    Report {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent: Option<AgentId>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        since: Option<OffsetDateTime>,
        #[serde(
            default,
            with = "rfc3339::option",
            skip_serializing_if = "Option::is_none"
        )]
        until: Option<OffsetDateTime>,
        /// How far ahead an end is soon.
        within: Duration,
    },
}

/// What somebody agreed to: silence must not pass for every purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "named or not: there is no third")]
pub enum Purposes {
    /// This one and all below it.
    Named(Purpose),
    /// Every one, those included that no one has thought of yet.
    Every,
}

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

impl ConsentRequest {
    /// Does it on a ledger. Blocks until an act is stored.
    ///
    /// # Errors
    /// What the ledger refused, and [`OperatorError::NamesNothing`] for a withdrawal that would take everything from everybody.
    pub fn perform(&self, ledger: &ConsentLedger) -> Result<ConsentAnswer, OperatorError> {
        match self.clone() {
            Self::Give {
                agent,
                data_type,
                purposes,
                subject,
                operation,
                valid_from,
                expires_at,
                notice,
                method,
                by,
            } => {
                let mut grant = match purposes {
                    Purposes::Named(purpose) => Grant::new(agent, data_type, purpose, by),
                    Purposes::Every => Grant::blanket(agent, data_type, by),
                };
                if let Some(subject) = subject {
                    grant = grant.subject(subject);
                }
                if let Some(operation) = operation {
                    grant = grant.operation(operation);
                }
                if let Some(from) = valid_from {
                    grant = grant.valid_from(from);
                }
                if let Some(end) = expires_at {
                    grant = grant.expires_at(end);
                }
                if let Some(notice) = notice {
                    grant = grant.notice(notice);
                }
                if let Some(method) = method {
                    grant = grant.method(method);
                }
                Ok(given(&*ledger.record(grant)?))
            }
            Self::Renew {
                record,
                expires_at,
                notice,
                method,
                by,
            } => {
                let mut renewal = Renewal::new(record, by);
                if let Some(end) = expires_at {
                    renewal = renewal.expires_at(end);
                }
                if let Some(notice) = notice {
                    renewal = renewal.notice(notice);
                }
                if let Some(method) = method {
                    renewal = renewal.method(method);
                }
                Ok(given(&*ledger.renew(renewal)?))
            }
            Self::Refuse { extent, by } => Ok(taken(&ledger.refuse(named(extent)?, by)?)),
            Self::Withdraw {
                extent,
                by,
                authority,
            } => withdraw(ledger, named(extent)?, by, authority),
            Self::PublishNotice {
                notice,
                version,
                sha256,
                earlier_stay_good,
                by,
                reason,
            } => {
                let mut publication = NoticePublication::new(notice, version, sha256);
                if earlier_stay_good {
                    publication = publication.earlier_consents_stay_good();
                }
                let published = ledger.publish_notice(publication, by, &reason)?;
                Ok(ConsentAnswer::Published {
                    published: Box::new(published.event().clone()),
                    superseded: copies(published.superseded()),
                })
            }
            Self::AcceptClock { by, reason } => Ok(ConsentAnswer::ClockAccepted {
                revision: ledger.accept_clock(by, &reason)?,
                accepted: ledger.gate().now(),
            }),
            looking => looking.look(ledger),
        }
    }

    fn look(self, ledger: &ConsentLedger) -> Result<ConsentAnswer, OperatorError> {
        Ok(match self {
            Self::Record { record } => {
                let proof = ledger.prove(record);
                let proof = proof.ok_or_else(|| OperatorError::NotFound {
                    what: "record",
                    name: record.to_string(),
                })?;
                ConsentAnswer::Record(Box::new(proof))
            }
            Self::AsOf { at, extent } => {
                let then = ledger.as_of(at);
                if let Some(query) = query(&extent) {
                    return Ok(decided(&then.check(&query)));
                }
                let records = then.records(&RecordFilter {
                    extent,
                    in_force: true,
                    ..RecordFilter::default()
                });
                with_states(&records, |id| then.state_of(id))
            }
            Self::WhoMay {
                data_type,
                purpose,
                subject,
                operation,
                at,
            } => {
                let usage = usage(data_type, purpose, subject, operation);
                let agents = match at {
                    Some(at) => ledger.as_of(at).who_may(&usage),
                    None => ledger.who_may(&usage),
                };
                let agents = agents.iter().map(|decision| MayUse {
                    agent: decision.query().agent_id().clone(),
                    record_id: decision.record_id(),
                });
                ConsentAnswer::Agents(agents.collect())
            }
            Self::Expiring { within } => {
                with_states(&ledger.expiring(within), |id| ledger.state_of(id))
            }
            Self::Report {
                agent,
                since,
                until,
                within,
            } => {
                let mut options = ReportOptions::default();
                options.agent = agent;
                options.since = since;
                options.until = until;
                options.expiring_within = within;
                let report = ledger.report(&options);
                ConsentAnswer::Report {
                    report: serde_json::to_value(&report)?,
                    markdown: report.to_markdown(),
                }
            }
            Self::Records {
                extent,
                kind,
                in_force,
            } => {
                let records = ledger.records(&RecordFilter {
                    extent,
                    kind,
                    in_force,
                    ..RecordFilter::default()
                });
                with_states(&records, |id| ledger.state_of(id))
            }
            // Acts, which `perform` did.
            Self::Give { .. }
            | Self::Renew { .. }
            | Self::Refuse { .. }
            | Self::Withdraw { .. }
            | Self::PublishNotice { .. }
            | Self::AcceptClock { .. } => {
                return Err(OperatorError::Unsupported {
                    what: "it is no question",
                });
            }
        })
    }

    pub(super) const fn verb(&self) -> &'static str {
        match self {
            Self::Give { .. } => "consent.give",
            Self::Renew { .. } => "consent.renew",
            Self::Refuse { .. } => "consent.refuse",
            Self::Withdraw { .. } => "consent.withdraw",
            Self::PublishNotice { .. } => "consent.publish_notice",
            Self::AcceptClock { .. } => "consent.accept_clock",
            Self::Records { .. } => "consent.records",
            Self::Record { .. } => "consent.record",
            Self::AsOf { .. } => "consent.as_of",
            Self::WhoMay { .. } => "consent.who_may",
            Self::Expiring { .. } => "consent.expiring",
            Self::Report { .. } => "consent.report",
        }
    }

    pub(super) fn by(&self) -> Option<&str> {
        match self {
            Self::Give { by, .. } | Self::Renew { by, .. } | Self::Refuse { by, .. } => {
                Some(by.as_str())
            }
            Self::Withdraw { by, .. } => by.as_ref().map(GrantorId::as_str),
            Self::PublishNotice { by, .. } | Self::AcceptClock { by, .. } => Some(by.as_str()),
            _ => None,
        }
    }

    pub(super) fn is_act(&self) -> bool {
        self.by().is_some() || matches!(self, Self::Withdraw { .. })
    }
}

fn withdraw(
    ledger: &ConsentLedger,
    extent: Extent,
    by: Option<GrantorId>,
    authority: Option<Authority>,
) -> Result<ConsentAnswer, OperatorError> {
    let withdrawn = match (authority, extent.subject.clone(), by) {
        (None, _, by) => ledger.withdraw(extent, by)?,
        (Some(authority), Some(subject), Some(by)) => {
            ledger.withdraw_on_behalf_of(subject, authority, extent, by)?
        }
        (Some(_), _, _) => {
            return Err(OperatorError::Unsupported {
                what: "who acts in a person's place names both: give `subject` and `by`",
            });
        }
    };
    Ok(taken(&withdrawn))
}

/// Silence must not take everything from everybody.
fn named(extent: Extent) -> Result<Extent, OperatorError> {
    if extent == Extent::default() {
        return Err(OperatorError::NamesNothing);
    }
    Ok(extent)
}

fn usage(
    data_type: DataType,
    purpose: Option<Purpose>,
    subject: Option<SubjectId>,
    operation: Option<Operation>,
) -> Usage {
    let mut usage = Usage::new(data_type);
    if let Some(purpose) = purpose {
        usage = usage.purpose(purpose);
    }
    if let Some(subject) = subject {
        usage = usage.subject(subject);
    }
    if let Some(operation) = operation {
        usage = usage.operation(operation);
    }
    usage
}

fn query(extent: &Extent) -> Option<ConsentQuery> {
    let extent = extent.clone();
    let used = usage(
        extent.data_type?,
        extent.purpose,
        extent.subject,
        extent.operation,
    );
    Some(used.asked_by(extent.agent?))
}

fn copies(records: &[Arc<ConsentRecord>]) -> Vec<ConsentRecord> {
    records
        .iter()
        .map(|record| ConsentRecord::clone(record))
        .collect()
}

fn given(record: &ConsentRecord) -> ConsentAnswer {
    ConsentAnswer::Given(Box::new(record.clone()))
}

fn taken(withdrawal: &Withdrawal) -> ConsentAnswer {
    ConsentAnswer::Taken {
        record: Box::new(ConsentRecord::clone(withdrawal.record())),
        took_from: copies(withdrawal.matched()),
    }
}

fn decided(decision: &ConsentDecision) -> ConsentAnswer {
    ConsentAnswer::Decided {
        allowed: decision.allowed(),
        code: decision.code().to_owned(),
        reason: decision.reason().to_string(),
        record_id: decision.record_id(),
        at: decision.at(),
        revision: decision.revision(),
    }
}

fn with_states(
    records: &[Arc<ConsentRecord>],
    state: impl Fn(RecordId) -> Option<RecordState>,
) -> ConsentAnswer {
    let records = records.iter().map(|record| RecordNow {
        record: ConsentRecord::clone(record),
        state: state(record.record_id()),
    });
    ConsentAnswer::Records(records.collect())
}
