//! The fields of schema v1: what an entry can say, and in which structure. Keys are written in sorted order.

use std::borrow::Cow;

use serde::Deserialize;
use uuid::Uuid;

use crate::ext::Ext;
use crate::kind::{Kind, Outcome};
use crate::quantity::Quantity;
use crate::strict::{object, objects, present, text};

/// Texts of any number.
pub type Texts<'a> = Cow<'a, [Cow<'a, str>]>;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action<'a> {
    /// Digest of the arguments, with its algorithm: `sha256:…`.
    #[serde(default, deserialize_with = "text")]
    pub args_digest: Option<Cow<'a, str>>,
    /// Name of the tool or act. Required.
    pub name: Cow<'a, str>,
    /// What kind of act, written as `type`.
    #[serde(default, deserialize_with = "text", rename = "type")]
    pub action_type: Option<Cow<'a, str>>,
}

/// Who stood in for a decision that needs people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval<'a> {
    /// Operators who approved.
    #[serde(default)]
    pub approvers: Texts<'a>,
    /// State of the approval as a stable code.
    #[serde(default, deserialize_with = "text")]
    pub code: Option<Cow<'a, str>>,
    /// The approval's own id.
    #[serde(default, deserialize_with = "text")]
    pub id: Option<Cow<'a, str>>,
    /// Approvals needed.
    #[serde(default, deserialize_with = "present")]
    pub needed: Option<u64>,
}

/// What it costs, and out of which budgets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetFields<'a> {
    /// What is charged where.
    #[serde(default, deserialize_with = "objects")]
    pub charges: Cow<'a, [Charge<'a>]>,
    /// Verdict of the budget gate as a stable code.
    #[serde(default, deserialize_with = "text")]
    pub code: Option<Cow<'a, str>>,
    /// Id of the hold on the money.
    #[serde(default, deserialize_with = "text")]
    pub hold: Option<Cow<'a, str>>,
    /// Revision of the budgets that were judged.
    #[serde(default, deserialize_with = "present")]
    pub revision: Option<u64>,
}

/// One amount out of one budget.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Charge<'a> {
    /// How much: asked, held or spent, as the entry's kind says.
    pub amount: Quantity<'a>,
    /// What was available before.
    #[serde(default, deserialize_with = "present")]
    pub available: Option<Quantity<'a>>,
    /// Which budget.
    pub budget: Cow<'a, str>,
    /// Its limit.
    #[serde(default, deserialize_with = "present")]
    pub limit: Option<Quantity<'a>>,
    /// In what: `tokens`, `calls`, `cost_usd`.
    pub unit: Cow<'a, str>,
}

/// On whose word data may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentFields<'a> {
    /// Verdict of the consent gate as a stable code.
    #[serde(default, deserialize_with = "text")]
    pub code: Option<Cow<'a, str>>,
    /// Which data.
    #[serde(default)]
    pub data_types: Texts<'a>,
    /// Id of the consent record that decided.
    #[serde(default, deserialize_with = "text")]
    pub grant: Option<Cow<'a, str>>,
    /// For what.
    #[serde(default, deserialize_with = "text")]
    pub purpose: Option<Cow<'a, str>>,
    /// Revision of the consents that were judged.
    #[serde(default, deserialize_with = "present")]
    pub revision: Option<u64>,
}

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionFields<'a> {
    /// `false` where the decision was only observed (shadow mode, `evaluate`).
    #[serde(default, deserialize_with = "present")]
    pub enforced: Option<bool>,
    /// The decision.
    pub outcome: Outcome,
    /// Why, as a stable code.
    pub reason_code: Cow<'a, str>,
    /// Why, in words, in the order of the gates.
    #[serde(default)]
    pub reasons: Texts<'a>,
    /// The gate that decided.
    #[serde(default, deserialize_with = "text")]
    pub stage: Option<Cow<'a, str>>,
}

impl<'a> DecisionFields<'a> {
    /// A decision with its stable code, and nothing else yet.
    #[must_use]
    #[inline]
    pub fn new(outcome: Outcome, reason_code: &'a (impl AsRef<str> + ?Sized)) -> Self {
        Self {
            enforced: None,
            outcome,
            reason_code: reason_code.as_ref().into(),
            reasons: Cow::Borrowed(&[]),
            stage: None,
        }
    }
}

/// Which rules were in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy<'a> {
    /// Digest of the rules, with its algorithm: `sha256:…`. Required.
    pub digest: Cow<'a, str>,
    /// The version they call themselves.
    #[serde(default, deserialize_with = "text")]
    pub version: Option<Cow<'a, str>>,
}

/// How far the agent is trusted, and how far it had to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustFields<'a> {
    /// Id of the assignment that decided.
    #[serde(default, deserialize_with = "text")]
    pub assignment: Option<Cow<'a, str>>,
    /// Verdict of the trust gate as a stable code.
    #[serde(default, deserialize_with = "text")]
    pub code: Option<Cow<'a, str>>,
    /// The level that the agent has.
    #[serde(default, deserialize_with = "present")]
    pub effective: Option<u8>,
    /// The level that was required.
    #[serde(default, deserialize_with = "present")]
    pub required: Option<u8>,
    /// Revision of the assignments that were judged.
    #[serde(default, deserialize_with = "present")]
    pub revision: Option<u64>,
}

/// Everything an entry holds. `id`, `namespace` and `ts` are always there once it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fields<'a> {
    /// Commitments to personal data (RFC 9901).
    #[serde(
        default,
        deserialize_with = "crate::strict::commitments",
        rename = "_sd"
    )]
    pub(crate) sd: Texts<'a>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) action: Option<Action<'a>>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) agent: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) approval: Option<Approval<'a>>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) budget: Option<BudgetFields<'a>>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) consent: Option<ConsentFields<'a>>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) decision: Option<DecisionFields<'a>>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) event: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) ext: Option<Ext>,
    #[serde(default, deserialize_with = "crate::strict::id")]
    pub(crate) id: Option<Uuid>,
    pub(crate) kind: Kind,
    #[serde(default, deserialize_with = "text")]
    pub(crate) namespace: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) operator: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) policy: Option<Policy<'a>>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) reason: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) resource: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) scope: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) session: Option<Cow<'a, str>>,
    #[serde(default, deserialize_with = "object")]
    pub(crate) trust: Option<TrustFields<'a>>,
    #[serde(default, deserialize_with = "present")]
    pub(crate) ts: Option<i64>,
}

impl Fields<'_> {
    #[inline]
    pub(crate) fn of(kind: Kind) -> Self {
        Self {
            sd: Cow::Borrowed(&[]),
            action: None,
            agent: None,
            approval: None,
            budget: None,
            consent: None,
            decision: None,
            event: None,
            ext: None,
            id: None,
            kind,
            namespace: None,
            operator: None,
            policy: None,
            reason: None,
            resource: None,
            scope: None,
            session: None,
            trust: None,
            ts: None,
        }
    }
}
