//! Publishing a notice: which consents go on under the new version is an operator's decision, made here and on record.

use std::sync::Arc;

use crate::error::ConsentError;
use crate::event::{Event, NoticePublished};
use crate::id::{NoticeId, NoticeVersion, OperatorId};
use crate::ledger::{ConsentLedger, checked_reason};
use crate::notice::NoticeHash;
use crate::record::ConsentRecord;

/// A version of a notice about to be published with
/// [`ConsentLedger::publish_notice`](crate::ConsentLedger::publish_notice).
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "nothing is published until the ledger does"]
pub struct NoticePublication {
    notice: NoticeId,
    version: NoticeVersion,
    sha256: NoticeHash,
    requires_renewal: bool,
}

impl NoticePublication {
    /// This version. Consents that were given under any other version must be given anew.
    pub fn new(notice: NoticeId, version: NoticeVersion, sha256: NoticeHash) -> Self {
        Self {
            notice,
            version,
            sha256,
            requires_renewal: true,
        }
    }

    /// Leaves consents that were given under earlier versions in force, and further ones may be given under those that
    /// are current now: the new version says nothing new (a corrected spelling, a translation).
    pub fn earlier_consents_stay_good(self) -> Self {
        Self {
            requires_renewal: false,
            ..self
        }
    }
}

/// A notice that was published, and what that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    event: NoticePublished,
    superseded: Vec<Arc<ConsentRecord>>,
}

impl Publication {
    /// The act.
    #[must_use]
    pub fn event(&self) -> &NoticePublished {
        &self.event
    }

    /// The consents that it ended: those that had not lapsed, and were neither wholly withdrawn nor superseded before.
    #[must_use]
    pub fn superseded(&self) -> &[Arc<ConsentRecord>] {
        &self.superseded
    }
}

impl ConsentLedger {
    /// Publishes a version of a notice. Every consent given so far under another version of it no longer permits, from
    /// the very next check on, unless the publication lets earlier consents stay good. What it ended stays ended, even
    /// if the old version is published again. From now on consent under this notice is recorded for a current version
    /// only. Consents that name no notice, or another one, are untouched.
    ///
    /// # Errors
    /// [`ConsentError::Reason`] when the reason is empty, longer than 1024 bytes or holds a control character; nothing has
    /// changed then. When it cannot be stored: [`ConsentError::PublicationNotStored`] if it requires renewal, and it is in
    /// force; [`ConsentError::Store`] or, after a panic, [`ConsentError::Poisoned`] if not, and nothing has changed.
    ///
    /// # Examples
    /// ```
    /// # use consent::{ConsentGate, ConsentQuery, Grant, Notice, NoticePublication};
    /// # let (gate, ledger) = ConsentGate::builder().build()?;
    /// let v1 = Notice::new("v1".parse()?, [1; 32].into()).named("privacy".parse()?);
    /// ledger.record(Grant::new("bot".parse()?, "user".parse()?, "support".parse()?, "ada".parse()?).notice(v1))?;
    ///
    /// let v2 = NoticePublication::new("privacy".parse()?, "v2".parse()?, [2; 32].into());
    /// let publication = ledger.publish_notice(v2, "ops@example.com".parse()?, "a new processor")?;
    /// assert_eq!(publication.superseded().len(), 1);
    ///
    /// let query = ConsentQuery::new("bot".parse()?, "user".parse()?).purpose("support".parse()?);
    /// assert_eq!(gate.check(&query).code(), "notice_superseded");
    /// # Ok::<(), consent::ConsentError>(())
    /// ```
    pub fn publish_notice(
        &self,
        publication: NoticePublication,
        by: OperatorId,
        reason: &str,
    ) -> Result<Publication, ConsentError> {
        let reason = checked_reason(reason)?;
        let narrows = publication.requires_renewal;
        let mut book = if narrows {
            self.book()
        } else {
            self.book.lock().map_err(|_| ConsentError::Poisoned)?
        };
        let at = self.at();
        let event = NoticePublished {
            revision: book.revision().next(),
            at,
            by,
            reason,
            notice: publication.notice,
            version: publication.version,
            sha256: publication.sha256,
            requires_renewal: narrows,
        };
        let act = Event::NoticePublished(event.clone());
        if !narrows {
            book.store_with(&*self.shared.store, &act)?;
        }
        let superseded = book.superseded_by(&event, at);
        self.publish(&mut book, act);
        let publication = Publication { event, superseded };
        match book.store(&*self.shared.store) {
            Ok(()) => Ok(publication),
            Err(source) => Err(ConsentError::PublicationNotStored {
                publication: Box::new(publication),
                source,
            }),
        }
    }
}
