//! Takes back what is gone from a configuration that is read again, and nothing that stays in it.

use consent::{ConsentRecord, Grant, GrantorId, RecordFilter, RecordState};
use trust_gate::{OperatorId, Raise};

use super::{StackAdmin, StackError};
use crate::config::{ConfigError, SecurityStackConfig};

/// Takes back what is no longer in the file, unless an operator has changed it since.
pub(super) fn take_back(
    before: &SecurityStackConfig,
    config: &SecurityStackConfig,
    admin: &StackAdmin,
    by: &OperatorId,
    reason: &str,
) -> Result<(), StackError> {
    assignments(before, config, admin, by, reason)?;
    grants(&before.grants, &config.grants, admin, by)
}

fn assignments(
    before: &SecurityStackConfig,
    config: &SecurityStackConfig,
    admin: &StackAdmin,
    by: &OperatorId,
    reason: &str,
) -> Result<(), StackError> {
    let gone = before.assignments.iter().filter(|old| {
        !config
            .assignments
            .iter()
            .any(|new| new.agent == old.agent && new.scope == old.scope)
    });
    for old in gone {
        let stands = admin.trust().history(&trust_gate::HistoryFilter::default());
        let stands = stands.map_err(|error| ConfigError::at("trust.assignments", error))?;
        let last = stands.iter().rev().find(|event| {
            event.act.subject() == Some((&old.agent, &old.scope))
                && matches!(
                    event.act.kind(),
                    trust_gate::ActKind::Assign
                        | trust_gate::ActKind::Revoke
                        | trust_gate::ActKind::Clear
                )
        });
        let is_untouched = last.is_some_and(|event| {
            event.act.kind() == trust_gate::ActKind::Assign
                && event.by.as_ref() == Some(&old.assigned_by)
                && event.reason == old.reason
        });
        if !is_untouched {
            continue;
        }
        let trust = admin.trust();
        let cleared = trust.clear(&old.agent, &old.scope, by, reason, Raise::Refuse);
        let taken = match cleared {
            Err(trust_gate::TrustError::WouldRaise { .. }) => {
                trust.revoke(&old.agent, &old.scope, by, reason)
            }
            cleared => cleared,
        };
        taken.map_err(|error| ConfigError::at("trust.assignments", error))?;
    }
    Ok(())
}

/// A withdrawal takes from every consent to the same, so that those of them that stay in the file are given anew, if they stood whole.
/// What an operator gave for the same goes with it: a withdrawal can only take too much.
fn grants(
    before: &[Grant],
    after: &[Grant],
    admin: &StackAdmin,
    by: &OperatorId,
) -> Result<(), StackError> {
    let ledger = admin.consent();
    let told = |error| ConfigError::at("consent.grants", error);
    let mut gone = Vec::new();
    for old in before.iter().filter(|old| !after.contains(old)) {
        if !gone.contains(&old.extent()) {
            gone.push(old.extent());
        }
    }
    let stands = |kept: &Grant| {
        let filter = RecordFilter {
            extent: kept.extent().clone(),
            ..RecordFilter::default()
        };
        ledger.records(&filter).iter().any(|record| {
            let state = ledger.state_of(record.record_id());
            let is_whole = matches!(state, Some(RecordState::InForce | RecordState::NotYetValid));
            is_whole && gave(record).as_ref() == Some(kept)
        })
    };
    let mut kept = Vec::new();
    for grant in after {
        let is_hit = gone.iter().any(|gone| gone.overlaps(grant.extent()));
        if is_hit && before.contains(grant) && !kept.contains(&grant) && stands(grant) {
            kept.push(grant);
        }
    }
    let by = by.as_str().parse::<GrantorId>().ok();
    for extent in gone {
        ledger.withdraw(extent.clone(), by.clone()).map_err(told)?;
    }
    for grant in kept {
        ledger.record(grant.clone()).map_err(told)?;
    }
    Ok(())
}

/// What a configuration says to give a consent like this.
fn gave(record: &ConsentRecord) -> Option<Grant> {
    let extent = record.extent();
    let (agent, data_type) = (extent.agent.clone()?, extent.data_type.clone()?);
    let by = record.by()?.clone();
    let mut grant = match extent.purpose.clone() {
        Some(purpose) => Grant::new(agent, data_type, purpose, by),
        None => Grant::blanket(agent, data_type, by),
    };
    if let Some(subject) = extent.subject.clone() {
        grant = grant.subject(subject);
    }
    if let Some(operation) = extent.operation.clone() {
        grant = grant.operation(operation);
    }
    if let Some(from) = record.valid_from() {
        grant = grant.valid_from(from);
    }
    if let Some(end) = record.expires_at() {
        grant = grant.expires_at(end);
    }
    Some(grant)
}
