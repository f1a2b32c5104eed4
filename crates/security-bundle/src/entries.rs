//! How a decision, and how its end, reads in the audit log.

use std::borrow::Cow;

use audit_trail::{
    Action as ActionFields, BudgetFields, Charge, ConsentFields, DecisionFields, Entry, Ext,
    Policy, Quantity, TrustFields, recordable,
};
use budget_enforcer::Envelope;
use uuid::Uuid;

use crate::action::Action;
use crate::decision::{Decision, Outcome};
use crate::permit::Spent;

/// What the log calls an action that is no tool call and names no type.
const UNNAMED: &str = "action";

/// The intent: what was asked, what each gate said, and what the stack made of it.
pub(crate) fn decision<'a>(
    action: &'a Action,
    decision: &'a Decision,
    hold: Option<&'a str>,
    policy: &'a str,
) -> Entry<'a> {
    let outcome = match decision.outcome() {
        Outcome::Allow => audit_trail::Outcome::Allow,
        Outcome::Deny => audit_trail::Outcome::Deny,
        Outcome::AllowWithCaveat => audit_trail::Outcome::AllowWithCaveat,
    };
    let mut fields = DecisionFields::new(outcome, decision.code());
    fields.stage = decision.stage().map(|stage| stage.as_str().into());
    if outcome == audit_trail::Outcome::Deny {
        // Only denials carry their texts: what was allowed is told by the codes and numbers beside it.
        fields.reasons = decision
            .reasons()
            .map(|reason| Cow::Owned(recordable(&reason.to_string()).into_owned()))
            .collect();
    }
    let mut entry = of(Entry::decision(fields), action)
        .at(decision.at())
        .policy(Policy {
            digest: policy.into(),
            version: None,
        });
    if let Some(trust) = decision.trust() {
        entry = entry.trust(TrustFields {
            code: Some(trust.code().into()),
            effective: Some(trust.effective().as_u8()),
            required: trust.required().map(trust_gate::TrustLevel::as_u8),
            revision: Some(trust.revision().as_u64()),
            ..TrustFields::default()
        });
    }
    if let Some(consent) = decision.consent() {
        entry = entry.consent(ConsentFields {
            code: Some(consent.code().into()),
            revision: Some(consent.revision().as_u64()),
            ..consent_asked(action)
        });
        if let Some(each) = consents_for_several_purposes(action) {
            entry = entry.ext(each);
        }
    }
    if let Some(budget) = decision.budget() {
        entry = entry.budget(BudgetFields {
            code: Some(budget.code().into()),
            charges: action.charge().map(charges).unwrap_or_default().into(),
            hold: hold.map(Cow::Borrowed),
            revision: None,
        });
    }
    entry
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
fn consents_for_several_purposes(action: &Action) -> Option<Ext> {
    let queries = action.consent_queries();
    let first = queries.first()?.purpose_asked();
    if queries.iter().all(|query| query.purpose_asked() == first) {
        return None;
    }
    let each: Vec<_> = queries
        .iter()
        .map(|query| {
            serde_json::json!({
                "data_types": query.data_types().map(consent::DataType::as_str).collect::<Vec<_>>(),
                "purpose": query.purpose_asked().map(consent::Purpose::as_str),
            })
        })
        .collect();
    Ext::encode(&serde_json::json!({ "consents": each })).ok()
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
    entry = entry.agent(&parts.agent).action(ActionFields {
        name: action.tool().map_or_else(
            || parts.action_type.as_deref().unwrap_or(UNNAMED).into(),
            |tool| tool.as_str().into(),
        ),
        action_type: parts.action_type.as_deref().map(Cow::Borrowed),
        args_digest: parts.args.as_deref().map(Cow::Borrowed),
    });
    if let Some(session) = &parts.session {
        entry = entry.session(session);
    }
    if let Some(resource) = &parts.resource {
        entry = entry.resource(resource);
    }
    if !parts.scope.is_root() {
        entry = entry.scope(&parts.scope);
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
