//! The administering handle: the only type with methods that give or take consent.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::{OffsetDateTime, UtcOffset};

use crate::authority::{self, AuthorityCheck, AuthorityClaim, shortened};
use crate::book::Book;
use crate::error::ConsentError;
use crate::event::{ClockAccepted, Event};
use crate::extent::Extent;
use crate::gate::{ConsentGate, Published, Shared};
use crate::grant::Grant;
use crate::id::{
    AgentId, Authority, GrantorId, OperatorId, RecordId, Revision, SubjectId, is_invisible,
};
use crate::mark::{Mark, instant};
use crate::record::{ConsentRecord, RecordKind};

/// The longest reason for an operator's act, in bytes.
const MAX_REASON: usize = 1024;

/// Records, withdraws, and looks back. To be kept by operators.
///
/// # Concurrency
/// Acts wait for one another, and for the store. Checks wait for none of it.
pub struct ConsentLedger {
    pub(crate) shared: Arc<Shared>,
    pub(crate) book: Mutex<Book>,
    authority: Option<Box<dyn AuthorityCheck>>,
}

/// A refusal or withdrawal that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    record: Arc<ConsentRecord>,
    matched: Vec<Arc<ConsentRecord>>,
}

impl Withdrawal {
    /// The record of it. Its kind is [`RecordKind::Refused`] where none of it had ever been given.
    #[must_use]
    pub fn record(&self) -> &Arc<ConsentRecord> {
        &self.record
    }

    /// The consents that it took something from: those that had not lapsed, and were neither wholly withdrawn nor
    /// superseded before.
    #[must_use]
    pub fn matched(&self) -> &[Arc<ConsentRecord>] {
        &self.matched
    }

    pub(crate) fn noun(&self) -> &'static str {
        if self.record.kind == RecordKind::Withdrawn {
            "withdrawal"
        } else {
            "refusal"
        }
    }
}

impl ConsentLedger {
    pub(crate) fn new(
        shared: Arc<Shared>,
        book: Book,
        authority: Option<Box<dyn AuthorityCheck>>,
    ) -> Self {
        Self {
            shared,
            book: Mutex::new(book),
            authority,
        }
    }

    /// A gate on this ledger.
    #[must_use]
    pub fn gate(&self) -> ConsentGate {
        ConsentGate(Arc::clone(&self.shared))
    }

    /// The revision of the latest act.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.gate().revision()
    }

    /// Records a consent, once the store has it. It is in force for the very next check.
    ///
    /// Consents add up: a later one does not shorten an earlier one. To shorten, withdraw and record anew.
    ///
    /// # Errors
    /// [`ConsentError::SelfGrant`], [`ConsentError::EmptyWindow`] or [`ConsentError::TimeOutOfRange`] for a grant that
    /// makes no sense, [`ConsentError::NotEntitled`] for one on behalf of a subject that the authority check does not
    /// allow, [`ConsentError::NoticeNotCurrent`] for one under a notice of which another version was published,
    /// [`ConsentError::Store`] when it cannot be stored, [`ConsentError::Poisoned`] after a panic. Nothing has changed
    /// then.
    pub fn record(&self, grant: Grant) -> Result<Arc<ConsentRecord>, ConsentError> {
        self.ask_authority(&grant)?;
        let mut book = self.book.lock().map_err(|_| ConsentError::Poisoned)?;
        self.give(&mut book, grant, None)
    }

    /// Asks whether a grant on behalf of a subject may be. Not under the lock: the answer may take its time, or panic.
    pub(crate) fn ask_authority(&self, grant: &Grant) -> Result<(), ConsentError> {
        let Some((authority, subject)) =
            grant.authority.as_ref().zip(grant.extent.subject.as_ref())
        else {
            return Ok(());
        };
        let claim = AuthorityClaim {
            by: &grant.granted_by,
            subject,
            authority,
            extent: &grant.extent,
        };
        authority::ask(self.authority.as_deref(), &claim)
    }

    /// Records a grant that its authority was asked about.
    pub(crate) fn give(
        &self,
        book: &mut Book,
        grant: Grant,
        renews: Option<RecordId>,
    ) -> Result<Arc<ConsentRecord>, ConsentError> {
        let valid_from = utc("valid_from", grant.valid_from)?;
        let expires_at = utc("expires_at", grant.expires_at)?;
        let at = self.at();
        let record = ConsentRecord {
            record_id: RecordId::new(at),
            revision: book.revision().next(),
            kind: RecordKind::Given,
            extent: grant.extent,
            by: Some(grant.granted_by),
            at,
            valid_from,
            expires_at,
            notice: grant.notice,
            method: grant.method,
            authority: grant.authority,
            renews,
        };
        if record.is_self_granted() {
            return Err(ConsentError::SelfGrant {
                agent: shortened(&grant.agent),
            });
        }
        if record.has_empty_window() {
            return Err(ConsentError::EmptyWindow);
        }
        if let Some(notice) = record.notice.as_ref().filter(|n| !book.accepts(n)) {
            return Err(ConsentError::NoticeNotCurrent {
                notice: notice.id().map(shortened).unwrap_or_default(),
                version: shortened(notice.version()),
            });
        }
        let record = Arc::new(record);
        let event = Event::Recorded(Arc::clone(&record));
        book.store_with(&*self.shared.store, &event)?;
        self.publish(book, event);
        Ok(record)
    }

    /// Withdraws consent to all that `extent` names, from every grant so far. No reason is needed, and it never finds
    /// nothing: withdrawing what was never given records a refusal. It is in force for the very next check, and has no
    /// end; a later grant gives back what that grant names.
    ///
    /// # Errors
    /// [`ConsentError::NotStored`]: in force, but not stored.
    ///
    /// # Examples
    /// ```
    /// # use consent::{ConsentGate, Extent, Grant, GrantorId};
    /// # let (_, ledger) = ConsentGate::builder().build()?;
    /// let by: GrantorId = "ada".parse()?;
    /// ledger.record(Grant::new("bot".parse()?, "user.contact".parse()?, "support".parse()?, by.clone()))?;
    ///
    /// let email = Extent::new("bot".parse()?, "user.contact.email".parse()?).purpose("support".parse()?);
    /// let withdrawal = ledger.withdraw(email, by)?;
    /// assert_eq!(withdrawal.matched().len(), 1);
    /// # Ok::<(), consent::ConsentError>(())
    /// ```
    pub fn withdraw(
        &self,
        extent: Extent,
        by: impl Into<Option<GrantorId>>,
    ) -> Result<Withdrawal, ConsentError> {
        let mut book = self.book();
        let kind = book.kind_of_withdrawal(&extent);
        self.take(&mut book, kind, extent, by.into(), None)
    }

    /// Withdraws this subject's consent in the subject's place. Where `extent` names no subject, it is narrowed to this
    /// one. Otherwise like [`withdraw`](Self::withdraw): it is always taken, for it only narrows. No authority check is
    /// asked; the record says who claimed to act for whom.
    ///
    /// # Errors
    /// [`ConsentError::OtherSubject`] when `extent` names another subject; nothing has changed then.
    /// [`ConsentError::NotStored`]: in force, but not stored.
    pub fn withdraw_on_behalf_of(
        &self,
        subject: SubjectId,
        authority: Authority,
        extent: Extent,
        by: GrantorId,
    ) -> Result<Withdrawal, ConsentError> {
        if let Some(named) = extent.subject.as_ref().filter(|named| **named != subject) {
            return Err(ConsentError::OtherSubject {
                subject: shortened(&subject),
                named: shortened(named),
            });
        }
        let extent = extent.subject(subject);
        let mut book = self.book();
        let kind = book.kind_of_withdrawal(&extent);
        self.take(&mut book, kind, extent, Some(by), Some(authority))
    }

    /// Withdraws all that this agent was ever given. Otherwise like [`withdraw`](Self::withdraw).
    ///
    /// # Errors
    /// [`ConsentError::NotStored`]: in force, but not stored.
    pub fn withdraw_agent(
        &self,
        agent: AgentId,
        by: impl Into<Option<GrantorId>>,
    ) -> Result<Withdrawal, ConsentError> {
        self.withdraw(Extent::of_agent(agent), by)
    }

    /// Withdraws this subject's data from every agent. Otherwise like [`withdraw`](Self::withdraw).
    ///
    /// # Errors
    /// [`ConsentError::NotStored`]: in force, but not stored.
    pub fn withdraw_subject(
        &self,
        subject: SubjectId,
        by: impl Into<Option<GrantorId>>,
    ) -> Result<Withdrawal, ConsentError> {
        self.withdraw(Extent::of_subject(subject), by)
    }

    /// Records that consent to all that `extent` names was refused. It has the force of a withdrawal.
    ///
    /// # Errors
    /// [`ConsentError::NotStored`]: in force, but not stored.
    pub fn refuse(
        &self,
        extent: Extent,
        by: impl Into<Option<GrantorId>>,
    ) -> Result<Withdrawal, ConsentError> {
        let by = by.into();
        self.take(&mut self.book(), RecordKind::Refused, extent, by, None)
    }

    /// Declares the clock's present reading right. Time goes on from it even if it lies before what the gates have
    /// seen, so consent that had lapsed by the wrong reading is in force again.
    ///
    /// # Errors
    /// [`ConsentError::Reason`] when the reason is empty, longer than 1024 bytes or holds a control character,
    /// [`ConsentError::TimeOutOfRange`] when the clock is absurd, [`ConsentError::Store`] when it cannot be stored,
    /// [`ConsentError::Poisoned`] after a panic. Nothing has changed then.
    pub fn accept_clock(&self, by: OperatorId, reason: &str) -> Result<Revision, ConsentError> {
        let reason = checked_reason(reason)?;
        let mut book = self.book.lock().map_err(|_| ConsentError::Poisoned)?;
        let (wall, elapsed) = (self.shared.clock.now(), self.shared.clock.elapsed());
        let at = utc("clock", Some(wall))?.unwrap_or(wall);
        let revision = book.revision().next();
        let event = Event::ClockAccepted(ClockAccepted {
            revision,
            at,
            by,
            reason,
        });
        book.store_with(&*self.shared.store, &event)?;
        let mut index = self.shared.published.load().index.clone();
        index.fold(&event);
        book.push(event);
        self.shared.published.store(Arc::new(Published {
            index,
            mark: Arc::new(Mark::new(revision, None, at, elapsed)),
        }));
        Ok(revision)
    }

    /// Tries again to store what is in force but could not be stored. The next act does so too.
    ///
    /// # Errors
    /// [`ConsentError::Store`] if it still cannot; it stays in force.
    pub fn flush(&self) -> Result<(), ConsentError> {
        Ok(self.book().store(&*self.shared.store)?)
    }

    /// Takes effect first and is stored then: what cannot be stored is in force all the same.
    fn take(
        &self,
        book: &mut Book,
        kind: RecordKind,
        extent: Extent,
        by: Option<GrantorId>,
        authority: Option<Authority>,
    ) -> Result<Withdrawal, ConsentError> {
        let at = self.at();
        let mut matched: Vec<_> = book.standing(&extent, at).cloned().collect();
        matched.sort_by_key(|record| record.revision);
        let record = Arc::new(ConsentRecord {
            record_id: RecordId::new(at),
            revision: book.revision().next(),
            kind,
            extent,
            by,
            at,
            valid_from: None,
            expires_at: None,
            notice: None,
            method: None,
            authority,
            renews: None,
        });
        self.publish(book, Event::Recorded(Arc::clone(&record)));
        let withdrawal = Withdrawal { record, matched };
        match book.store(&*self.shared.store) {
            Ok(()) => Ok(withdrawal),
            Err(source) => Err(ConsentError::NotStored {
                withdrawal: Box::new(withdrawal),
                source,
            }),
        }
    }

    pub(crate) fn publish(&self, book: &mut Book, event: Event) {
        let published = self.shared.published.load();
        let mut index = published.index.clone();
        index.fold(&event);
        book.push(event);
        self.shared.published.store(Arc::new(Published {
            index,
            mark: Arc::clone(&published.mark),
        }));
    }

    /// The instant of an act, which no later act can precede.
    pub(crate) fn at(&self) -> OffsetDateTime {
        let reading = self.shared.read();
        self.shared.published.load().mark.keep(reading);
        instant(reading)
    }

    /// The book for reading and for narrowing. A panic of a store or a clock leaves it whole, see [`Book`].
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ConsentLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentLedger")
            .field("revision", &self.revision())
            .finish_non_exhaustive()
    }
}

/// The time in UTC, in a year that a journal can write.
fn utc(
    field: &'static str,
    at: Option<OffsetDateTime>,
) -> Result<Option<OffsetDateTime>, ConsentError> {
    let Some(at) = at else { return Ok(None) };
    let utc = at
        .checked_to_offset(UtcOffset::UTC)
        .filter(|at| (0..=9999).contains(&at.year()));
    utc.map(Some).ok_or(ConsentError::TimeOutOfRange { field })
}

/// The reason as it is kept, unless nothing can be read in it.
pub(crate) fn checked_reason(reason: &str) -> Result<String, ConsentError> {
    let problem = if reason.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
        "is empty; say why"
    } else if reason.len() > MAX_REASON {
        "is longer than 1024 bytes; shorten it"
    } else if reason.chars().any(char::is_control) {
        "holds a control character; remove it"
    } else {
        return Ok(reason.to_owned());
    };
    Err(ConsentError::Reason { problem })
}
