//! An entry on its way into the log: a builder that borrows from its caller.

use std::borrow::Cow;
use std::fmt::Display;

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::ext::Ext;
use crate::fields::{
    Action, Approval, BudgetFields, ConsentFields, DecisionFields, Fields, Policy, TrustFields,
};
use crate::kind::Kind;
use crate::note::VerifierKey;
use crate::personal::Personal;
use crate::{EntryError, MAX_TEXT};

/// What is to be recorded. Made by one of four constructors, filled by chained setters, checked and written by
/// [`AuditLog::log`](crate::AuditLog::log).
///
/// Setters that take `&x` borrow; a text is checked when it is logged, not when it is set.
///
/// ```
/// use audit_trail::{Action, AuditLog, DecisionFields, Entry, Outcome, TrustFields};
///
/// let log = AuditLog::builder().build()?;
/// log.log(Entry::event("tool-call-complete").session("s-1"))?;
/// log.log(
///     Entry::decision(DecisionFields::new(Outcome::Deny, "trust_too_low"))
///         .agent("desk-assistant")
///         .action(Action { name: "send_mail".into(), ..Action::default() })
///         .trust(TrustFields { effective: Some(1), required: Some(3), ..TrustFields::default() }),
/// )?;
/// # Ok::<(), audit_trail::AuditError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "an entry is recorded only by `AuditLog::log`"]
pub struct Entry<'a> {
    /// Nearly a kilobyte, which each step of the builder would move.
    fields: Box<Fields<'a>>,
    at: Option<OffsetDateTime>,
    personal: Vec<Personal<'a>>,
}

impl<'a> Entry<'a> {
    /// Something that an application wants remembered, under a name of its own.
    #[inline]
    pub fn event(name: &'a (impl AsRef<str> + ?Sized)) -> Self {
        let mut entry = Self::of(Kind::Event);
        entry.fields.event = Some(Cow::Borrowed(name.as_ref()));
        entry
    }

    /// A decision; where it permits, this is the intent, recorded before anything runs.
    #[inline]
    pub fn decision(decision: DecisionFields<'a>) -> Self {
        let mut entry = Self::of(Kind::Decision);
        entry.fields.decision = Some(decision);
        entry
    }

    /// How that which the record `id` permitted has ended: `settled`, `failed`, `cancelled`, `abandoned`.
    ///
    /// It carries the id of the decision's entry, so that [`AuditReader::get`](crate::AuditReader::get) finds both.
    #[inline]
    pub fn outcome(id: Uuid, ending: &'a (impl AsRef<str> + ?Sized)) -> Self {
        let mut entry = Self::of(Kind::Outcome).id(id);
        entry.fields.event = Some(Cow::Borrowed(ending.as_ref()));
        entry
    }

    /// An operator's act, of the kind that says what was changed: [`Kind::TrustChange`] and its like.
    #[inline]
    pub fn admin(kind: Kind, operator: &'a (impl AsRef<str> + ?Sized)) -> Self {
        Self::of(kind).operator(operator)
    }

    #[inline]
    pub(crate) fn of(kind: Kind) -> Self {
        Self {
            fields: Box::new(Fields::of(kind)),
            at: None,
            personal: Vec::new(),
        }
    }

    /// The record's id, a version 7 UUID. Entries about one happening share it; without it the log makes a new one.
    #[inline]
    pub fn id(mut self, id: Uuid) -> Self {
        self.fields.id = Some(id);
        self
    }

    /// When it happened. Without it the log's clock is asked. Recorded in whole microseconds.
    #[inline]
    pub fn at(mut self, at: OffsetDateTime) -> Self {
        self.at = Some(at);
        self
    }

    /// Who acted.
    #[inline]
    pub fn agent(mut self, agent: &'a (impl AsRef<str> + ?Sized)) -> Self {
        self.fields.agent = Some(Cow::Borrowed(agent.as_ref()));
        self
    }

    /// In which session.
    #[inline]
    pub fn session(mut self, session: &'a (impl AsRef<str> + ?Sized)) -> Self {
        self.fields.session = Some(Cow::Borrowed(session.as_ref()));
        self
    }

    /// What was asked for.
    #[inline]
    pub fn action(mut self, action: Action<'a>) -> Self {
        self.fields.action = Some(action);
        self
    }

    /// On what.
    #[inline]
    pub fn resource(mut self, resource: &'a (impl AsRef<str> + ?Sized)) -> Self {
        self.fields.resource = Some(Cow::Borrowed(resource.as_ref()));
        self
    }

    /// In which scope.
    #[inline]
    pub fn scope(mut self, scope: &'a (impl AsRef<str> + ?Sized)) -> Self {
        self.fields.scope = Some(Cow::Borrowed(scope.as_ref()));
        self
    }

    /// What the trust gate saw.
    #[inline]
    pub fn trust(mut self, trust: TrustFields<'a>) -> Self {
        self.fields.trust = Some(trust);
        self
    }

    /// What the budget gate saw, held or booked.
    #[inline]
    pub fn budget(mut self, budget: BudgetFields<'a>) -> Self {
        self.fields.budget = Some(budget);
        self
    }

    /// What the consent gate saw.
    #[inline]
    pub fn consent(mut self, consent: ConsentFields<'a>) -> Self {
        self.fields.consent = Some(consent);
        self
    }

    /// What people approved.
    #[inline]
    pub fn approval(mut self, approval: Approval<'a>) -> Self {
        self.fields.approval = Some(approval);
        self
    }

    /// Which rules were in force.
    #[inline]
    pub fn policy(mut self, policy: Policy<'a>) -> Self {
        self.fields.policy = Some(policy);
        self
    }

    /// Which operator acted.
    #[inline]
    pub fn operator(mut self, operator: &'a (impl AsRef<str> + ?Sized)) -> Self {
        self.fields.operator = Some(Cow::Borrowed(operator.as_ref()));
        self
    }

    /// A name for what happened, for kinds other than events.
    #[inline]
    pub fn named(mut self, event: &'a (impl AsRef<str> + ?Sized)) -> Self {
        self.fields.event = Some(Cow::Borrowed(event.as_ref()));
        self
    }

    /// Why, in words. Renders at once, which allocates; see [`reason_text`](Self::reason_text).
    #[inline]
    pub fn reason(mut self, reason: impl Display) -> Self {
        self.fields.reason = Some(Cow::Owned(reason.to_string()));
        self
    }

    /// Why, in words that are there already: borrows them.
    #[inline]
    pub fn reason_text(mut self, reason: &'a (impl AsRef<str> + ?Sized)) -> Self {
        self.fields.reason = Some(Cow::Borrowed(reason.as_ref()));
        self
    }

    /// Why, in words from elsewhere that must not cost the entry: see [`recordable`].
    #[inline]
    pub fn reason_lossy(mut self, reason: &'a (impl AsRef<str> + ?Sized)) -> Self {
        self.fields.reason = Some(recordable(reason.as_ref()));
        self
    }

    /// Anything else, as a JSON object.
    #[inline]
    pub fn ext(mut self, ext: Ext) -> Self {
        self.fields.ext = Some(ext);
        self
    }

    /// Personal data about `subject`: the value stays out of the entry and can be [erased](crate::AuditLog::erase).
    ///
    /// The entry gets a salted commitment in `_sd`, in the form of SD-JWT (RFC 9901); value and name go to the log's
    /// [vault](crate::Vault). Logging fails with [`AuditError::NoVault`](crate::AuditError::NoVault) where there is none, and for a name
    /// that is a field of an entry or is given twice. Equal values get different commitments. Only what is given
    /// here is kept apart: name the person in no other field.
    ///
    /// ```
    /// use audit_trail::{AuditLog, Entry, MemoryVault};
    ///
    /// let log = AuditLog::builder().vault(MemoryVault::default()).build()?;
    /// let index = log.log(Entry::event("sign-up").personal("customer-7", "email", "someone@example.com"))?.index;
    /// assert_eq!(log.entry(index)?.commitments().len(), 1);
    /// # Ok::<(), audit_trail::AuditError>(())
    /// ```
    #[inline]
    pub fn personal(
        mut self,
        subject: &'a (impl AsRef<str> + ?Sized),
        field: &'a (impl AsRef<str> + ?Sized),
        value: &'a (impl AsRef<str> + ?Sized),
    ) -> Self {
        self.personal.push(Personal {
            subject: subject.as_ref(),
            field: field.as_ref(),
            value: value.as_ref(),
        });
        self
    }

    /// The first entry of the log that `key` signs.
    pub(crate) fn genesis_of(key: &VerifierKey) -> Result<Self, EntryError> {
        let ext = Ext::encode(&json!({ "key": key.to_string(), "origin": key.name() }))?;
        let mut entry = Self::of(Kind::Genesis).ext(ext);
        entry.fields.event = Some(Cow::Borrowed(crate::SCHEMA));
        Ok(entry)
    }

    pub(crate) fn fields(&self) -> &Fields<'a> {
        &self.fields
    }

    pub(crate) fn personal_fields(&self) -> &[Personal<'a>] {
        &self.personal
    }

    /// The same entry with other fields, and without its personal data.
    pub(crate) fn with_fields(&self, fields: Fields<'a>) -> Self {
        Self {
            fields: Box::new(fields),
            at: self.at,
            personal: Vec::new(),
        }
    }

    /// When it happened, if the caller said so.
    pub(crate) fn time(&self) -> Option<OffsetDateTime> {
        self.at
    }
}

/// `text` made fit to be recorded: control characters become U+FFFD, and what is over [`MAX_TEXT`] is cut and ends in `…`.
///
/// For words that the recording process did not choose, such as a tool's error message.
///
/// ```
/// assert_eq!(audit_trail::recordable("first line\nsecond"), "first line\u{fffd}second");
/// ```
#[must_use]
pub fn recordable(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len().min(MAX_TEXT));
    for c in text.chars() {
        let c = if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        };
        let len = out.len().saturating_add(c.len_utf8());
        if len > MAX_TEXT {
            // Make room for the mark that says it was cut.
            while out.len().saturating_add('…'.len_utf8()) > MAX_TEXT {
                out.pop();
            }
            out.push('…');
            break;
        }
        out.push(c);
    }
    Cow::Owned(out)
}

/// Whole microseconds since the epoch, rounded down, if they can be recorded.
pub(crate) fn micros(at: OffsetDateTime) -> Result<i64, EntryError> {
    let utc = at.to_offset(time::UtcOffset::UTC);
    utc.unix_timestamp()
        .checked_mul(1_000_000)
        .and_then(|seconds| seconds.checked_add(i64::from(utc.microsecond())))
        .filter(|micros| micros.unsigned_abs() <= crate::quantity::MAX_INTEGER.unsigned_abs())
        .ok_or(EntryError::Time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn texts_are_cut_on_a_character_and_say_so() {
        assert!(matches!(recordable("plain é"), Cow::Borrowed(_)));
        let long = recordable(&"é".repeat(3000)).into_owned();
        assert!(
            long.len() <= MAX_TEXT && long.len() > MAX_TEXT - 4,
            "{}",
            long.len()
        );
        assert!(long.ends_with("é…"));
        assert_eq!(recordable(&"x".repeat(MAX_TEXT)).len(), MAX_TEXT);
        assert_eq!(recordable("a\u{85}\u{7f}\0b"), "a\u{fffd}\u{fffd}\u{fffd}b");
    }

    #[test]
    fn times_are_whole_microseconds_of_utc() {
        assert_eq!(
            micros(datetime!(1970-01-01 01:00:00.000001999 +1)).unwrap(),
            1
        );
        assert_eq!(
            micros(datetime!(1969-12-31 23:59:59.999999 UTC)).unwrap(),
            -1
        );
        assert!(micros(datetime!(2255-06-05 23:47:34.740991 UTC)).is_ok());
        assert_eq!(
            micros(datetime!(2255-06-05 23:47:34.740992 UTC)),
            Err(EntryError::Time)
        );
    }
}
