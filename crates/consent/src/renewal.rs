//! Renewing a consent: the same extent for longer, or under the notice of today, on record as a renewal.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::book::Book;
use crate::error::ConsentError;
use crate::grant::Grant;
use crate::id::{Authority, GrantorId, Method, RecordId};
use crate::ledger::ConsentLedger;
use crate::notice::Notice;
use crate::record::{ConsentRecord, RecordKind};

/// A consent to renew with [`ConsentLedger::renew`](crate::ConsentLedger::renew). Without an end, until it is given one.
///
/// It names what the earlier consent named. It begins at once, or when the earlier one does where that is still to come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a renewal has no effect until the ledger records it"]
pub struct Renewal {
    record_id: RecordId,
    granted_by: GrantorId,
    expires_at: Option<OffsetDateTime>,
    notice: Option<Notice>,
    method: Option<Method>,
    authority: Option<Authority>,
}

impl Renewal {
    /// Of this consent, by whoever gives it now.
    pub fn new(record_id: RecordId, granted_by: GrantorId) -> Self {
        Self {
            record_id,
            granted_by,
            expires_at: None,
            notice: None,
            method: None,
            authority: None,
        }
    }

    /// In force before this instant, not at it.
    pub fn expires_at(self, at: OffsetDateTime) -> Self {
        Self {
            expires_at: Some(at),
            ..self
        }
    }

    /// What the grantor was shown this time; unless said, the notice of the earlier consent.
    pub fn notice(self, notice: Notice) -> Self {
        Self {
            notice: Some(notice),
            ..self
        }
    }

    /// How the renewal was obtained.
    pub fn method(self, method: Method) -> Self {
        Self {
            method: Some(method),
            ..self
        }
    }

    /// Given in the subject's place, by someone whom this entitles, see [`Grant::on_behalf_of`].
    pub fn authority(self, authority: Authority) -> Self {
        Self {
            authority: Some(authority),
            ..self
        }
    }

    /// The grant that it comes to.
    fn grant(self, renewed: &ConsentRecord, now: OffsetDateTime) -> Result<Grant, &'static str> {
        let (Some(agent), Some(_)) = (&renewed.extent.agent, &renewed.extent.data_type) else {
            return Err("it names no agent or no data");
        };
        if self.authority.is_some() && renewed.extent.subject.is_none() {
            return Err("it is bound to no subject on whose behalf anyone could act");
        }
        let notice = self.notice.or_else(|| renewed.notice.clone());
        let longer = renewed
            .expires_at
            .is_some_and(|end| self.expires_at.is_none_or(|at| at > end));
        let shorter = self
            .expires_at
            .is_some_and(|at| renewed.expires_at.is_none_or(|end| at < end));
        if shorter {
            return Err("it would end earlier; withdraw it and record what is left");
        }
        if !longer && notice == renewed.notice {
            return Err("it would neither last longer nor be under another notice");
        }
        Ok(Grant {
            extent: renewed.extent.clone(),
            agent: agent.clone(),
            granted_by: self.granted_by,
            valid_from: renewed.valid_from.filter(|from| *from > now),
            expires_at: self.expires_at,
            notice,
            method: self.method,
            authority: self.authority,
        })
    }
}

impl ConsentLedger {
    /// Records a further consent to what an earlier one names, which lasts longer or is under another notice. The earlier
    /// one may have lapsed or been superseded. It must not have been withdrawn, not even in part: to give again what was
    /// withdrawn is a new consent.
    ///
    /// # Errors
    /// [`ConsentError::NotRenewable`], and all that [`record`](Self::record) says. Nothing has changed then.
    ///
    /// # Examples
    /// ```
    /// # use consent::{ConsentGate, Grant, GrantorId, Renewal};
    /// # use time::macros::datetime;
    /// # let (_, ledger) = ConsentGate::builder().clock(|| datetime!(2026-11-22 0:00 UTC)).build()?;
    /// let by: GrantorId = "ada".parse()?;
    /// let first = ledger.record(
    ///     Grant::new("bot".parse()?, "user".parse()?, "support".parse()?, by.clone())
    ///         .expires_at(datetime!(2027-01-01 0:00 UTC)),
    /// )?;
    /// let second = ledger.renew(Renewal::new(first.record_id(), by).expires_at(datetime!(2028-01-01 0:00 UTC)))?;
    /// assert_eq!(second.renews(), Some(first.record_id()));
    /// # Ok::<(), consent::ConsentError>(())
    /// ```
    pub fn renew(&self, renewal: Renewal) -> Result<Arc<ConsentRecord>, ConsentError> {
        let record_id = renewal.record_id;
        let refused = |problem| ConsentError::NotRenewable { record_id, problem };
        let renewed = renewable(&self.book(), record_id).map_err(refused)?;
        let grant = renewal.grant(&renewed, self.at()).map_err(refused)?;
        self.ask_authority(&grant)?;
        let mut book = self.book.lock().map_err(|_| ConsentError::Poisoned)?;
        renewable(&book, record_id).map_err(refused)?; // it may have been withdrawn while the authority was asked
        self.give(&mut book, grant, Some(record_id))
    }
}

fn renewable(book: &Book, record_id: RecordId) -> Result<Arc<ConsentRecord>, &'static str> {
    let Some(record) = book.record(record_id) else {
        return Err("there is no such record");
    };
    if record.kind != RecordKind::Given {
        return Err("it gave no consent; record a new one");
    }
    if book.is_whole(record_id, &record.extent) != Some(true) {
        return Err("something of it was withdrawn or refused since; record a new consent");
    }
    Ok(Arc::clone(record))
}
