//! A recorded entry, as readers get it: its exact bytes and what they say. Nothing in it can be changed.

use std::borrow::Cow;
use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use crate::EntryError;
use crate::ext::Ext;
use crate::fields::{
    Action, Approval, BudgetFields, ConsentFields, DecisionFields, Fields, Policy, TrustFields,
};
use crate::kind::{Kind, Outcome};
use crate::strict;
use crate::tree::{Hash, leaf_hash};

/// An entry of the log. Cheap to clone; immutable in depth, and it stays readable when the log evicts the entry.
#[derive(Debug, Clone)]
pub struct Record(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    index: u64,
    leaf: Hash,
    bytes: Box<[u8]>,
    id: Uuid,
    ts: i64,
    fields: Fields<'static>,
}

impl Record {
    /// Reads the bytes of an entry that stands at `index`, strictly: no unknown or repeated keys, no `null`, every limit of the schema.
    ///
    /// That it *is* in a log is for [`verify_inclusion`](crate::verify_inclusion) to say.
    ///
    /// # Errors
    /// [`EntryError`] saying which rule the bytes break.
    pub fn parse(index: u64, bytes: &[u8]) -> Result<Self, EntryError> {
        Self::with_leaf(index, bytes, leaf_hash(bytes))
    }

    pub(crate) fn with_leaf(index: u64, bytes: &[u8], leaf: Hash) -> Result<Self, EntryError> {
        let fields = strict::parse(bytes)?;
        let (id, ts) = (fields.id.unwrap_or_default(), fields.ts.unwrap_or_default());
        Ok(Self(Arc::new(Inner {
            index,
            leaf,
            bytes: bytes.into(),
            id,
            ts,
            fields,
        })))
    }

    /// Its place in the log, from 0: the order of events.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.0.index
    }

    /// Its exact bytes: the leaf of the tree.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// The hash of its leaf.
    #[must_use]
    pub fn leaf(&self) -> &Hash {
        &self.0.leaf
    }

    /// The record's id; entries about one happening share it.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.0.id
    }

    /// When it happened, as the clock had it, in UTC.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0.ts).saturating_mul(1000))
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// When it happened, in microseconds since the epoch.
    pub(crate) fn ts(&self) -> i64 {
        self.0.ts
    }

    /// What it records.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.fields.kind
    }

    /// What was decided, if something was.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.decision().map(|decision| decision.outcome)
    }

    /// The namespace of its log.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.fields.namespace.as_deref().unwrap_or_default()
    }

    /// Who acted.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.0.fields.agent.as_deref()
    }

    /// In which session.
    #[must_use]
    pub fn session(&self) -> Option<&str> {
        self.0.fields.session.as_deref()
    }

    /// What was asked for.
    #[must_use]
    pub fn action(&self) -> Option<&Action<'static>> {
        self.0.fields.action.as_ref()
    }

    /// On what.
    #[must_use]
    pub fn resource(&self) -> Option<&str> {
        self.0.fields.resource.as_deref()
    }

    /// In which scope.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.0.fields.scope.as_deref()
    }

    /// What was decided, and why.
    #[must_use]
    pub fn decision(&self) -> Option<&DecisionFields<'static>> {
        self.0.fields.decision.as_ref()
    }

    /// What the trust gate saw.
    #[must_use]
    pub fn trust(&self) -> Option<&TrustFields<'static>> {
        self.0.fields.trust.as_ref()
    }

    /// What the budget gate saw, held or booked.
    #[must_use]
    pub fn budget(&self) -> Option<&BudgetFields<'static>> {
        self.0.fields.budget.as_ref()
    }

    /// What the consent gate saw.
    #[must_use]
    pub fn consent(&self) -> Option<&ConsentFields<'static>> {
        self.0.fields.consent.as_ref()
    }

    /// What people approved.
    #[must_use]
    pub fn approval(&self) -> Option<&Approval<'static>> {
        self.0.fields.approval.as_ref()
    }

    /// What stands for personal data in it: the base64url SHA-256 of each disclosure (RFC 9901), sorted. Empty without any.
    ///
    /// [`Vault::disclose`](crate::Vault::disclose) gives the values, where they are still there.
    #[must_use]
    pub fn commitments(&self) -> &[Cow<'static, str>] {
        &self.0.fields.sd
    }

    /// Which rules were in force.
    #[must_use]
    pub fn policy(&self) -> Option<&Policy<'static>> {
        self.0.fields.policy.as_ref()
    }

    /// Which operator acted.
    #[must_use]
    pub fn operator(&self) -> Option<&str> {
        self.0.fields.operator.as_deref()
    }

    /// The name of the event, or of an outcome's ending.
    #[must_use]
    pub fn event(&self) -> Option<&str> {
        self.0.fields.event.as_deref()
    }

    /// Why, in words.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.0.fields.reason.as_deref()
    }

    /// Anything else.
    #[must_use]
    pub fn ext(&self) -> Option<&Ext> {
        self.0.fields.ext.as_ref()
    }
}
