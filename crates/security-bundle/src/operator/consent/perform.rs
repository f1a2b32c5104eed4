//! Does on a ledger what is asked about consent.

use ::consent::{
    Authority, ConsentLedger, ConsentQuery, DataType, Extent, Grant, GrantorId, NoticePublication,
    Operation, Purpose, RecordFilter, Renewal, ReportOptions, SubjectId, Usage,
};

use super::answer::{copies, decided, given, taken, with_states};
use super::{ConsentAnswer, ConsentRequest, MayUse, Purposes};
use crate::operator::OperatorError;

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
