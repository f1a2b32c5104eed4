//! How a decision, and how its end, reads in the audit log.

use std::borrow::Cow;
use std::fmt;

use audit_trail::{
    Action as ActionFields, Approval, BudgetFields, Charge, ConsentFields, DecisionFields, Entry,
    Policy, Quantity, TrustFields, recordable,
};
use budget_enforcer::{BudgetDecision, Envelope};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::action::Action;
use crate::config::AuditLevel;
use crate::decision::{Asked, Made, Outcome, Stage};
use crate::permit::Spent;
use crate::rules::Rules;

/// What the log calls an action that is no tool call and names no type.
const UNNAMED: &str = "action";

/// What is held for an action.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Held<'a> {
    /// Nothing.
    Nothing,
    /// This hold, which the budgets have just agreed to.
    Taken(&'a str),
}

/// The intent: what was asked, what each gate said, and what the stack made of it. Besides, what has no field in an entry.
pub(crate) fn decision<'a>(
    action: &'a Action,
    made: &'a Made,
    taken: Held<'a>,
    rules: &'a Rules,
) -> (Entry<'a>, Option<Value>) {
    let outcome = match made.outcome() {
        Outcome::Allow => audit_trail::Outcome::Allow,
        Outcome::Deny => audit_trail::Outcome::Deny,
        Outcome::AllowWithCaveat => audit_trail::Outcome::AllowWithCaveat,
    };
    let mut fields = DecisionFields::new(outcome, made.code());
    fields.stage = made.closed_at().map(|stage| stage.as_str().into());
    if made.would_deny() {
        fields.enforced = Some(false);
    }
    let is_denial = outcome == audit_trail::Outcome::Deny || made.would_deny();
    if match rules.audit_level {
        AuditLevel::Minimal => false,
        // What was allowed is told by the codes and numbers beside it.
        AuditLevel::Standard => is_denial,
        AuditLevel::Detailed => true,
    } {
        fields.reasons = made
            .stages()
            .map(|stage| Cow::Owned(recordable(&Told(made, stage).to_string()).into_owned()))
            .collect();
    }
    let mut entry = of(Entry::decision(fields), action)
        .at(made.at)
        .policy(Policy {
            digest: (&*rules.policy).into(),
            version: None,
        });
    let tells_gates = rules.audit_level > AuditLevel::Minimal;
    if let Some(trust) = made.trust.said().filter(|_| tells_gates) {
        entry = entry.trust(TrustFields {
            code: Some(trust.code().into()),
            effective: Some(trust.effective().as_u8()),
            required: trust.required().map(trust_gate::TrustLevel::as_u8),
            revision: Some(trust.revision().as_u64()),
            ..TrustFields::default()
        });
    }
    if let Some(record) = made.record_id {
        entry = entry.id(record);
    }
    if let Some(approval) = approval(made.asked) {
        entry = entry.approval(approval);
    }
    let mut besides = None;
    if let Some(consent) = made.consent.said().filter(|_| tells_gates) {
        entry = entry.consent(ConsentFields {
            code: Some(consent.code().into()),
            revision: Some(consent.revision().as_u64()),
            ..consent_asked(action)
        });
        besides = consents_for_several_purposes(action);
    }
    let code = made.budget.said().map(BudgetDecision::code);
    let (code, hold) = match taken {
        Held::Taken(hold) => (Some(code.unwrap_or("within_budget")), Some(hold)),
        Held::Nothing => (code, None),
    };
    if let Some(code) = code {
        entry = entry.budget(BudgetFields {
            code: Some(code.into()),
            charges: action.charge().map(charges).unwrap_or_default().into(),
            hold: hold.map(Cow::Borrowed),
            revision: None,
        });
    }
    if made.would_deny() {
        let verdict = json!({ "code": made.verdict() });
        let besides = besides.get_or_insert_with(|| json!({}));
        if let Some(object) = besides.as_object_mut() {
            object.insert("would_deny".to_owned(), verdict);
        }
    }
    (entry, besides)
}

/// One stage's reason as text.
struct Told<'a>(&'a Made, Stage);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write_reason(self.1, f)
    }
}

fn approval<'a>(asked: Asked) -> Option<Approval<'a>> {
    let (code, id) = match asked {
        Asked::Nobody => return None,
        Asked::Failed => ("unavailable", None),
        Asked::Pending(id) => ("pending", Some(id)),
        Asked::Refused(id) => ("denied", Some(id)),
        Asked::Used(id) => ("used", Some(id)),
    };
    Some(Approval {
        code: Some(code.into()),
        id: id.map(|id| id.to_string().into()),
        ..Approval::default()
    })
}

/// All the data that the action needs consent for, and the purpose where it is one.
fn consent_asked(action: &Action) -> ConsentFields<'_> {
    let queries = action.consent_queries();
    let purpose = queries.first().and_then(|query| query.purpose_asked());
    let one = queries.iter().all(|query| query.purpose_asked() == purpose);
    ConsentFields {
        data_types: queries
            .iter()
            .flat_map(consent::ConsentQuery::data_types)
            .map(|data_type| Cow::Borrowed(data_type.as_str()))
            .collect(),
        purpose: purpose
            .filter(|_| one)
            .map(|purpose| purpose.as_str().into()),
        ..ConsentFields::default()
    }
}

/// Which data is for which purpose, where the action has more than one.
fn consents_for_several_purposes(action: &Action) -> Option<Value> {
    let queries = action.consent_queries();
    let first = queries.first()?.purpose_asked();
    if queries.iter().all(|query| query.purpose_asked() == first) {
        return None;
    }
    let each: Vec<_> = queries
        .iter()
        .map(|query| {
            json!({
                "data_types": query.data_types().map(consent::DataType::as_str).collect::<Vec<_>>(),
                "purpose": query.purpose_asked().map(consent::Purpose::as_str),
            })
        })
        .collect();
    Some(json!({ "consents": each }))
}

/// The outcome: how the action ended, and what was booked for it.
pub(crate) fn outcome<'a>(
    record: Uuid,
    ending: &'a str,
    action: &'a Action,
    spent: Spent,
) -> Entry<'a> {
    let entry = of(Entry::outcome(record, ending), action);
    let booked: Vec<_> = action
        .charge()
        .into_iter()
        .flat_map(budget_enforcer::Charge::lines)
        .filter_map(|(envelope, held)| Some(lines(envelope, &spent.of(held)?)))
        .flatten()
        .collect();
    if booked.is_empty() {
        return entry;
    }
    entry.budget(BudgetFields {
        charges: booked.into(),
        ..BudgetFields::default()
    })
}

fn of<'a>(mut entry: Entry<'a>, action: &'a Action) -> Entry<'a> {
    let parts = &*action.0;
    let described = &parts.described;
    entry = entry.agent(&described.agent).action(ActionFields {
        name: action.tool().map_or_else(
            || described.action_type.as_deref().unwrap_or(UNNAMED).into(),
            |tool| tool.as_str().into(),
        ),
        action_type: described.action_type.as_deref().map(Cow::Borrowed),
        args_digest: parts.args.as_deref().map(Cow::Borrowed),
    });
    if let Some(session) = &described.session {
        entry = entry.session(session);
    }
    if let Some(resource) = &described.resource {
        entry = entry.resource(resource);
    }
    if !described.scope.is_root() {
        entry = entry.scope(&described.scope);
    }
    entry
}

fn charges(charge: &budget_enforcer::Charge) -> Vec<Charge<'_>> {
    charge
        .lines()
        .flat_map(|(envelope, amounts)| lines(envelope, amounts))
        .collect()
}

/// One line a dimension, as whole numbers: money in nano-dollars.
fn lines<'a>(
    envelope: &'a Envelope,
    amounts: &budget_enforcer::Amounts,
) -> impl Iterator<Item = Charge<'a>> + use<'a> {
    let name: &str = match envelope {
        Envelope::Session(_) => "session",
        Envelope::Budget(id) => id.as_str(),
    };
    [
        ("tokens", amounts.tokens),
        ("calls", amounts.calls),
        ("nano_usd", amounts.cost.map(budget_enforcer::Usd::nanos)),
    ]
    .into_iter()
    .filter_map(move |(unit, amount)| {
        Some(Charge {
            amount: Quantity::from(amount?),
            available: None,
            budget: name.into(),
            limit: None,
            unit: unit.into(),
        })
    })
}
