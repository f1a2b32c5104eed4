//! Why a decision fell as it did: every rule that was looked at, what it said, and when time alone will change the answer.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::ConsentConfig;
use crate::decide::decide;
use crate::decision::ConsentDecision;
use crate::id::{AgentId, DataType, Operation, Purpose, RecordId, Revision, SubjectId};
use crate::index::Index;
use crate::mark::instant;
use crate::query::ConsentQuery;
use crate::record::RecordKind;
use crate::rules::{Question, Rule, Verdict, judge};

/// A decision and all that led to it, from [`ConsentGate::explain`](crate::ConsentGate::explain).
///
/// It serialises, and displays as lines of text; ids appear in both as they are.
#[derive(Debug, Clone, Serialize)]
#[must_use = "an explanation is for reading"]
#[non_exhaustive]
pub struct Explanation {
    /// The decision.
    #[serde(skip)]
    pub decision: ConsentDecision,
    /// Whether the action may happen.
    pub allowed: bool,
    /// [`ConsentDecision::code`].
    pub code: &'static str,
    /// [`ConsentDecision::reason`].
    pub reason: String,
    /// The record that decided, if one did.
    pub record_id: Option<RecordId>,
    /// The instant at which it was judged, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The ledger's revision on which it was judged.
    pub revision: Revision,
    /// Who asked.
    pub agent: AgentId,
    /// What for; `None`: for every purpose.
    pub purpose: Option<Purpose>,
    /// About whom; `None`: about everyone.
    pub subject: Option<SubjectId>,
    /// In which operation; `None`: in every one.
    pub operation: Option<Operation>,
    /// Each kind of data that was asked for. All must be permitted.
    pub data: Vec<DataExplanation>,
    /// When the answer will next be another if no one does anything; `None`: never.
    pub next_change: Option<NextChange>,
}

/// What the rules say to one kind of data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DataExplanation {
    /// The kind of data.
    pub data_type: DataType,
    /// Whether a consent permits it.
    pub granted: bool,
    /// `consent_granted`, or a [`DenyReason::code`](crate::DenyReason::code). Permissive mode is applied after it.
    pub code: &'static str,
    /// The rules of the agent and subject that could still matter, the latest first.
    pub rules: Vec<RuleExplanation>,
}

/// One rule that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleExplanation {
    /// The record behind it.
    pub record_id: RecordId,
    /// The record's revision.
    pub revision: Revision,
    /// What the record did.
    pub kind: RecordKind,
    /// What became of it in this question.
    pub finding: Finding,
    /// This rule gave the answer.
    pub decides: bool,
}

/// What a rule had to say to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Finding {
    /// The consent covers all that is asked for and is in force.
    Permits,
    /// The refusal or withdrawal takes away something that is asked for.
    TakesAway,
    /// The consent covers what is asked for, of which something was taken away after it.
    TakenAway,
    /// The consent covers what is asked for; a later version of its notice ended it.
    Superseded,
    /// The consent covers what is asked for, and is over.
    Expired,
    /// The consent covers what is asked for, and does not yet begin.
    NotYetValid,
    /// The consent is for another purpose.
    OtherPurpose,
    /// It names other data or another operation, or not all that is asked for.
    DoesNotCover,
}

impl Finding {
    /// The finding in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permits => "permits it",
            Self::TakesAway => "takes something of it away",
            Self::TakenAway => "covered it, before something of it was taken away",
            Self::Superseded => "covered it, under a notice that was superseded",
            Self::Expired => "covered it, and is over",
            Self::NotYetValid => "covers it, and does not yet begin",
            Self::OtherPurpose => "is for another purpose",
            Self::DoesNotCover => "does not cover it",
        }
    }
}

/// The next answer, if no one does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NextChange {
    /// From when on, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// [`ConsentDecision::allowed`] then.
    pub allowed: bool,
    /// [`ConsentDecision::code`] then.
    pub code: &'static str,
}

/// The explanation; and, of a denial, what [`decide`] says of the consents that ended.
pub(crate) fn explain(
    index: &Index,
    config: ConsentConfig,
    query: &ConsentQuery,
    now: i64,
) -> (Explanation, Option<i64>) {
    let (decision, lapsed_at) = decide(index, config, query, now);
    let reason = decision.reason().to_string();
    let explanation = Explanation {
        allowed: decision.allowed(),
        code: decision.code(),
        reason,
        record_id: decision.record_id(),
        at: decision.at(),
        revision: decision.revision(),
        agent: query.agent_id().clone(),
        purpose: query.purpose_asked().cloned(),
        subject: query.subject_asked().cloned(),
        operation: query.operation_asked().cloned(),
        data: query
            .data_types()
            .map(|data_type| of_data(index, query, data_type, now))
            .collect(),
        next_change: next_change(index, config, &decision, now),
        decision,
    };
    (explanation, lapsed_at)
}

fn question<'a>(query: &'a ConsentQuery, data_type: &'a DataType) -> Question<'a> {
    Question {
        data_type,
        purpose: query.purpose_asked(),
        operation: query.operation_asked(),
    }
}

fn of_data(index: &Index, query: &ConsentQuery, data_type: &DataType, now: i64) -> DataExplanation {
    let view = index.view(query.agent_id(), query.subject_asked());
    let question = question(query, data_type);
    let (granted, code, decider) = match judge(&view, question, now) {
        Verdict::Granted(rule) => (true, "consent_granted", Some(rule)),
        Verdict::Denied { reason, by, .. } => (false, reason.code(), by),
    };
    let decider = decider.map(|rule| rule.record().record_id);
    let since = view.taken_since(question);
    let rules = view.grants.into_iter().flatten();
    let rules = rules.chain(view.takings.into_iter().flatten());
    let rules = rules.chain(view.bound.into_iter().flatten());
    let mut rules: Vec<_> = rules
        .map(|rule| {
            let record = rule.record();
            RuleExplanation {
                record_id: record.record_id,
                revision: record.revision,
                kind: record.kind,
                finding: rule.finding(question, since, now),
                decides: decider == Some(record.record_id),
            }
        })
        .collect();
    rules.sort_by_key(|rule| std::cmp::Reverse(rule.revision));
    DataExplanation {
        data_type: data_type.clone(),
        granted,
        code,
        rules,
    }
}

/// Asks again at every instant at which one of the agent's consents begins or ends, until the answer is another.
fn next_change(
    index: &Index,
    config: ConsentConfig,
    decision: &ConsentDecision,
    now: i64,
) -> Option<NextChange> {
    let query = decision.query();
    let view = index.view(query.agent_id(), query.subject_asked());
    let mut turns: Vec<i64> = view
        .grants
        .into_iter()
        .flatten()
        .filter(|grant| {
            let mut asked = query.data_types().map(|data| question(query, data));
            asked.any(|question| grant.covers_but_for_purpose(question))
        })
        .flat_map(Rule::turns)
        .filter(|turn| *turn > now && *turn < i64::MAX) // the last instant stands for all that no clock here reaches
        .collect();
    turns.sort_unstable();
    turns.dedup();
    turns.into_iter().find_map(|turn| {
        let (then, _) = decide(index, config, query, turn);
        (then.outcome() != decision.outcome()).then(|| NextChange {
            at: instant(turn),
            allowed: then.allowed(),
            code: then.code(),
        })
    })
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.reason)?;
        writeln!(f, "at {}, revision {}", text(self.at)?, self.revision)?;
        for data in &self.data {
            writeln!(f, "{}: {}", data.data_type, data.code)?;
            for rule in &data.rules {
                let mark = if rule.decides { '*' } else { '-' };
                let (revision, kind) = (rule.revision, rule.kind.code());
                writeln!(f, "  {mark} {revision} {kind} {}", rule.finding.as_str())?;
            }
        }
        match &self.next_change {
            Some(next) => write!(f, "from {} on: {}", text(next.at)?, next.code),
            None => f.write_str("time alone changes nothing"),
        }
    }
}

fn text(at: OffsetDateTime) -> Result<String, fmt::Error> {
    at.format(&Rfc3339).map_err(|_| fmt::Error)
}
