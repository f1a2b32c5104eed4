//! One query against one state at one instant: every kind of data must be permitted.

use std::sync::Arc;

use crate::config::ConsentConfig;
use crate::decision::{ConsentDecision, ConsentOutcome};
use crate::id::Revision;
use crate::index::Index;
use crate::query::ConsentQuery;
use crate::rules::{Question, Verdict, View, judge};

/// The decision; and, of a denial, when the last of the consents ended that would have permitted it.
#[inline]
pub(crate) fn decide(
    index: &Index,
    config: ConsentConfig,
    query: &ConsentQuery,
    now: i64,
) -> (ConsentDecision, Option<i64>) {
    let view = index.view(query.agent_id(), query.subject_asked());
    judge_all(&view, index.revision, config, query, now)
}

/// Decides as [`decide`] does, on rules that were looked up before.
#[inline]
pub(crate) fn judge_all(
    view: &View<'_>,
    revision: Revision,
    config: ConsentConfig,
    query: &ConsentQuery,
    now: i64,
) -> (ConsentDecision, Option<i64>) {
    let mut decision = ConsentDecision {
        query: query.clone(),
        outcome: ConsentOutcome::Permit,
        record: None,
        nth: 0,
        several_grantors: false,
        at: now,
        revision,
    };
    for (nth, data_type) in query.data_types().enumerate() {
        let question = Question {
            data_type,
            purpose: query.purpose_asked(),
            operation: query.operation_asked(),
        };
        match judge(view, question, now) {
            Verdict::Granted(rule) if nth == 0 => decision.record = Some(Arc::clone(rule.record())),
            Verdict::Granted(rule) => {
                let first = decision
                    .record
                    .as_ref()
                    .and_then(|record| record.by.as_ref());
                decision.several_grantors |= first != rule.record().by.as_ref();
            }
            Verdict::Denied { taken: false, .. } if !config.default_deny => {
                if decision.outcome == ConsentOutcome::Permit {
                    decision.outcome = ConsentOutcome::PermitByDefault;
                    decision.record = None;
                    decision.nth = nth;
                }
            }
            Verdict::Denied {
                reason,
                by,
                lapsed_at,
                ..
            } => {
                decision.outcome = ConsentOutcome::Deny(reason);
                decision.record = by.map(|rule| Arc::clone(rule.record()));
                decision.nth = nth;
                return (decision, lapsed_at);
            }
        }
    }
    (decision, None)
}
