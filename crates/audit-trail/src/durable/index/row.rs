//! What an index takes from an entry, read lightly: the fields that can be looked up are borrowed, everything else is passed over.

use std::borrow::Cow;

use serde::Deserialize;
use uuid::Uuid;

use crate::durable::index::term::{Memo, Term};
use crate::filter::Field;
use crate::kind::Outcome;
use crate::tree::{Hash, leaf_hash};

/// At most so many terms are in an entry.
const TERMS: usize = 12;

/// One entry as an index sees it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Where in the segment its bytes begin; their length stands in the two bytes before.
    pub(crate) offset: u32,
    pub(crate) leaf: Hash,
    pub(crate) id: Uuid,
    pub(crate) ts: i64,
    pub(crate) outcome: Option<Outcome>,
    terms: [Term; TERMS],
    count: usize,
}

impl Row {
    /// Reads an entry. One that breaks the schema is in the log all the same: it has its place and its leaf, and is found by neither.
    pub(crate) fn of(offset: u32, bytes: &[u8], memo: &mut Memo) -> Self {
        let mut row = Self {
            offset,
            leaf: leaf_hash(bytes),
            id: Uuid::nil(),
            ts: 0,
            outcome: None,
            terms: [Term::default(); TERMS],
            count: 0,
        };
        if let Ok(facts) = serde_json::from_slice::<Facts<'_>>(bytes) {
            row.read(&facts, memo);
        }
        row
    }

    /// What it can be found by.
    pub(crate) fn terms(&self) -> &[Term] {
        self.terms.get(..self.count).unwrap_or_default()
    }

    fn read(&mut self, facts: &Facts<'_>, memo: &mut Memo) {
        self.id = Uuid::try_parse(&facts.id).unwrap_or_default();
        self.ts = facts.ts;
        self.push(memo.kind(&facts.kind));
        if let Some(decision) = &facts.decision {
            self.outcome = decision.outcome.parse().ok();
            self.push(memo.outcome(&decision.outcome));
            self.text(memo, Field::ReasonCode, Some(&decision.reason_code));
        }
        if let Some(action) = &facts.action {
            self.text(memo, Field::Action, Some(&action.name));
            self.text(memo, Field::ActionType, action.action_type.as_ref());
        }
        self.text(memo, Field::Agent, facts.agent.as_ref());
        self.text(memo, Field::Event, facts.event.as_ref());
        self.text(memo, Field::Namespace, Some(&facts.namespace));
        self.text(memo, Field::Operator, facts.operator.as_ref());
        self.text(memo, Field::Resource, facts.resource.as_ref());
        self.text(memo, Field::Scope, facts.scope.as_ref());
        self.text(memo, Field::Session, facts.session.as_ref());
    }

    fn text(&mut self, memo: &mut Memo, field: Field, text: Option<&Text<'_>>) {
        if let Some(Text(text)) = text {
            self.push(memo.text(field, text));
        }
    }

    fn push(&mut self, term: Term) {
        if let Some(place) = self.terms.get_mut(self.count) {
            *place = term;
            self.count = self.count.saturating_add(1);
        }
    }
}

/// Behind an `Option`, a `Cow` alone would not borrow.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Facts<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    ts: i64,
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow, default)]
    action: Option<Action<'a>>,
    #[serde(borrow, default)]
    decision: Option<Decision<'a>>,
    #[serde(borrow, default)]
    agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    event: Option<Text<'a>>,
    #[serde(borrow, default)]
    operator: Option<Text<'a>>,
    #[serde(borrow, default)]
    resource: Option<Text<'a>>,
    #[serde(borrow, default)]
    scope: Option<Text<'a>>,
    #[serde(borrow, default)]
    session: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Action<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow, default, rename = "type")]
    action_type: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Decision<'a> {
    #[serde(borrow)]
    outcome: Cow<'a, str>,
    #[serde(borrow)]
    reason_code: Text<'a>,
}
