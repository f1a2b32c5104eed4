//! Which entries a query wants: conditions of different kinds must all hold, values given for one kind are alternatives.

use std::ops::{Bound, Range, RangeBounds};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::cursor::Cursor;
use crate::durable::index::term::{self, Term};
use crate::fields::Action;
use crate::kind::{Kind, Outcome};
use crate::record::Record;
use crate::tree::Hash;

/// In which direction of the log.
#[expect(clippy::exhaustive_enums, reason = "there are two directions")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    #[default]
    Ascending,
    /// Newest first.
    Descending,
}

/// A text of an entry that a filter can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Agent,
    Session,
    Action,
    ActionType,
    Resource,
    Scope,
    ReasonCode,
    Namespace,
    Operator,
    Event,
}

impl Field {
    /// Tells fields apart in indexes on disk: these numbers stay.
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Agent => 0,
            Self::Session => 1,
            Self::Action => 2,
            Self::ActionType => 3,
            Self::Resource => 4,
            Self::Scope => 5,
            Self::ReasonCode => 6,
            Self::Namespace => 7,
            Self::Operator => 8,
            Self::Event => 9,
        }
    }

    /// The key under which the text is written.
    fn key(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Session => "session",
            Self::Action => "name",
            Self::ActionType => "type",
            Self::Resource => "resource",
            Self::Scope => "scope",
            Self::ReasonCode => "reason_code",
            Self::Namespace => "namespace",
            Self::Operator => "operator",
            Self::Event => "event",
        }
    }

    fn of(self, record: &Record) -> Option<&str> {
        match self {
            Self::Agent => record.agent(),
            Self::Session => record.session(),
            Self::Action => record.action().map(|action: &Action<'_>| &*action.name),
            Self::ActionType => record
                .action()
                .and_then(|action| action.action_type.as_deref()),
            Self::Resource => record.resource(),
            Self::Scope => record.scope(),
            Self::ReasonCode => record.decision().map(|decision| &*decision.reason_code),
            Self::Namespace => Some(record.namespace()),
            Self::Operator => record.operator(),
            Self::Event => record.event(),
        }
    }
}

/// One kind of condition on a text, with its alternatives.
#[derive(Debug, Clone)]
struct AnyOf {
    field: Field,
    values: Vec<String>,
    /// The values as they stand in an entry, key included: an entry without any of them need not be read.
    written: Vec<String>,
}

/// Which entries, in which order, and how many. The default wants all of them, oldest first.
///
/// Calling a setter again adds an alternative: `agent("a").agent("b").outcome(Outcome::Deny)` wants denials of `a` or `b`.
///
/// ```
/// use audit_trail::{AuditLog, Entry, Filter};
///
/// let log = AuditLog::builder().build()?;
/// log.log(Entry::event("started").agent("a"))?;
/// log.log(Entry::event("stopped").agent("a"))?;
/// let page = log.query(&Filter::new().agent("a").newest_first().limit(1).count_matches())?;
/// assert_eq!(page.records[0].event(), Some("stopped"));
/// assert_eq!(page.total_matched, Some(2));
/// # Ok::<(), audit_trail::AuditError>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a filter finds nothing before it is given to a query"]
pub struct Filter {
    texts: Vec<AnyOf>,
    kinds: Vec<Kind>,
    outcomes: Vec<Outcome>,
    ext: Vec<(String, Value)>,
    since: Option<OffsetDateTime>,
    until: Option<OffsetDateTime>,
    pub(crate) first: Option<u64>,
    pub(crate) end: Option<u64>,
    pub(crate) order: Order,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: usize,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) count_matches: bool,
}

impl Filter {
    /// Wants everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Entries of this agent.
    pub fn agent(self, agent: impl Into<String>) -> Self {
        self.text(Field::Agent, agent.into())
    }

    /// Entries of this session.
    pub fn session(self, session: impl Into<String>) -> Self {
        self.text(Field::Session, session.into())
    }

    /// Entries about an action of this name.
    pub fn action(self, name: impl Into<String>) -> Self {
        self.text(Field::Action, name.into())
    }

    /// Entries about an action of this type.
    pub fn action_type(self, action_type: impl Into<String>) -> Self {
        self.text(Field::ActionType, action_type.into())
    }

    /// Entries about this resource.
    pub fn resource(self, resource: impl Into<String>) -> Self {
        self.text(Field::Resource, resource.into())
    }

    /// Entries in exactly this scope.
    pub fn scope(self, scope: impl Into<String>) -> Self {
        self.text(Field::Scope, scope.into())
    }

    /// Decisions with this reason code.
    pub fn reason_code(self, code: impl Into<String>) -> Self {
        self.text(Field::ReasonCode, code.into())
    }

    /// Entries of this namespace.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        self.text(Field::Namespace, namespace.into())
    }

    /// Acts of this operator.
    pub fn operator(self, operator: impl Into<String>) -> Self {
        self.text(Field::Operator, operator.into())
    }

    /// Events and endings of this name.
    pub fn event(self, event: impl Into<String>) -> Self {
        self.text(Field::Event, event.into())
    }

    /// Entries of this kind.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Entries with this outcome.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcomes.push(outcome);
        self
    }

    /// Entries whose `ext` has this value under this key. Other than with texts, all keys asked for must hold.
    pub fn ext(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.ext.push((key.into(), value.into()));
        self
    }

    /// Entries of this time and later.
    pub fn since(mut self, since: OffsetDateTime) -> Self {
        self.since = Some(since);
        self
    }

    /// Entries before this time.
    pub fn until(mut self, until: OffsetDateTime) -> Self {
        self.until = Some(until);
        self
    }

    /// Entries with these indexes. Asking from an index that is no longer held is an error.
    pub fn indexes(mut self, range: impl RangeBounds<u64>) -> Self {
        self.first = match range.start_bound() {
            Bound::Included(first) => Some(*first),
            Bound::Excluded(before) => Some(before.saturating_add(1)),
            Bound::Unbounded => None,
        };
        self.end = match range.end_bound() {
            Bound::Included(last) => Some(last.saturating_add(1)),
            Bound::Excluded(end) => Some(*end),
            Bound::Unbounded => None,
        };
        self
    }

    /// The newest first. Default: the oldest first.
    pub fn newest_first(self) -> Self {
        self.order(Order::Descending)
    }

    /// In this order.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// At most so many on a page; 0 for none, as when only [`count_matches`](Self::count_matches) matters. Default: all.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Leaves out so many matches at the beginning. Only for the first page: a cursor knows where it is.
    pub fn offset(mut self, offset: usize) -> Self {
        self.offset = offset;
        self
    }

    /// Goes on where a page ended, with everything else as it was.
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.cursor = Some(cursor);
        self
    }

    /// Also counts all that match, whatever the limit; that reads every candidate, but for a directory, whose indexes know.
    pub fn count_matches(mut self) -> Self {
        self.count_matches = true;
        self
    }

    /// Whether a record meets the conditions. Order, limit, offset and cursor play no part.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let index = record.index();
        self.first.is_none_or(|first| index >= first)
            && self.end.is_none_or(|end| index < end)
            && self.admits(record.kind(), record.outcome(), record.ts())
            && self.reads(record)
    }

    /// What an index can look up: of each list, one term must be there.
    pub(crate) fn terms(&self) -> Vec<Vec<Term>> {
        let texts = self.texts.iter().map(|any| {
            let terms = any.values.iter().map(|value| term::text(any.field, value));
            terms.collect()
        });
        let kinds = self.kinds.iter().map(|kind| term::kind(kind.as_str()));
        let outcomes = self.outcomes.iter();
        let outcomes = outcomes.map(|outcome| term::outcome(outcome.as_str()));
        let mut terms: Vec<Vec<Term>> = texts.collect();
        terms.push(kinds.collect());
        terms.push(outcomes.collect());
        terms.retain(|any| !any.is_empty());
        terms
    }

    /// The microseconds since the epoch that are meant; `None`: all.
    pub(crate) fn times(&self) -> Option<Range<i64>> {
        // An entry's time is whole microseconds, so that a fraction rounds up at both ends.
        let micros = |at: OffsetDateTime| {
            let nanos = at.unix_timestamp_nanos();
            let up = i128::from(nanos.rem_euclid(1000) > 0);
            i64::try_from(nanos.div_euclid(1000).saturating_add(up)).unwrap_or(i64::MAX)
        };
        (self.since.is_some() || self.until.is_some())
            .then(|| self.since.map_or(i64::MIN, micros)..self.until.map_or(i64::MAX, micros))
    }

    /// Whether entries must be read to know whether they are meant.
    pub(crate) fn reads_ext(&self) -> bool {
        !self.ext.is_empty()
    }

    /// Whether the bytes of an entry that this crate wrote may meet the conditions on texts.
    pub(crate) fn may_read(&self, text: &str) -> bool {
        self.texts.iter().all(|any| {
            any.written
                .iter()
                .any(|written| text.contains(written.as_str()))
        })
    }

    /// The conditions on what an entry says.
    pub(crate) fn reads(&self, record: &Record) -> bool {
        let texts = self.texts.iter().all(|any| {
            any.field
                .of(record)
                .is_some_and(|text| any.values.iter().any(|v| v == text))
        });
        if !texts || self.ext.is_empty() {
            return texts;
        }
        let ext = record.ext().map(crate::Ext::to_value).unwrap_or_default();
        self.ext
            .iter()
            .all(|(key, value)| ext.get(key) == Some(value))
    }

    /// The conditions on what is known of an entry without reading it.
    pub(crate) fn admits(&self, kind: Kind, outcome: Option<Outcome>, ts: i64) -> bool {
        let nanos = i128::from(ts).saturating_mul(1000);
        (self.kinds.is_empty() || self.kinds.contains(&kind))
            && (self.outcomes.is_empty()
                || outcome.is_some_and(|outcome| self.outcomes.contains(&outcome)))
            && self
                .since
                .is_none_or(|since| nanos >= since.unix_timestamp_nanos())
            && self
                .until
                .is_none_or(|until| nanos < until.unix_timestamp_nanos())
    }

    fn text(mut self, field: Field, value: String) -> Self {
        // Entries in memory were written by `emit`, which escapes as `serde_json` does what it lets pass.
        let quoted = serde_json::to_string(&value).unwrap_or_default();
        let written = format!("\"{}\":{quoted}", field.key());
        if let Some(any) = self.texts.iter_mut().find(|any| any.field == field) {
            any.values.push(value);
            any.written.push(written);
        } else {
            self.texts.push(AnyOf {
                field,
                values: vec![value],
                written: vec![written],
            });
        }
        self
    }

    /// Stands for the conditions, the order, and the log whose genesis entry has this leaf.
    pub(crate) fn digest(&self, log: Option<&Hash>) -> u64 {
        let Self {
            texts,
            kinds,
            outcomes,
            ext,
            since,
            until,
            first,
            end,
            order,
            ..
        } = self;
        let texts: Vec<_> = texts.iter().map(|any| (any.field, &any.values)).collect();
        let conditions = format!(
            "{log:?}{:?}",
            (texts, kinds, outcomes, ext, since, until, first, end, order)
        );
        let hash: [u8; 32] = Sha256::digest(conditions).into();
        hash.first_chunk()
            .map_or(0, |first| u64::from_be_bytes(*first))
    }
}
