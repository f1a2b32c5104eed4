//! Forgetting a subject: the vault loses what opens the commitments, and the log says so before and after.

use std::ops::ControlFlow;

use serde_json::json;
use uuid::Uuid;

use crate::entry::Entry;
use crate::ext::Ext;
use crate::kind::Kind;
use crate::log::AuditLog;
use crate::personal::{check_subject, digest};
use crate::{AuditError, EntryError};

/// Digests in one entry: more would not fit.
const DIGESTS: usize = 1000;

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// The id that all entries about it share.
    pub id: Uuid,
    /// How many values were erased.
    pub disclosures: u64,
    /// Index of the entry that says that it is done.
    pub index: u64,
}

impl AuditLog {
    /// Erases the personal data of a subject from the vault, durably. Entries, checkpoints, receipts and proofs are untouched and go on to hold.
    ///
    /// Entries of kind `erasure` with one id tell of it, and of the operator and the reason: first one named `begun` with the
    /// digests that are about to lose their values (`ext.digests`; several for more than 1000), then the data is deleted, then one named
    /// `completed` with their number (`ext.disclosures`). So the log never claims what was not done: should the process end in between, there is a
    /// `begun` without a `completed`; erase the subject again. The subject is named nowhere; do not name it in `reason`. The
    /// digests do show which entries were about the same, now unknown, subject.
    ///
    /// A subject of whom nothing is kept gets a `completed` with 0. Nothing is overwritten: see [`FileVault`](crate::FileVault).
    ///
    /// # Errors
    /// [`AuditError::NoVault`] and [`AuditError::Entry`], for texts that cannot be recorded: nothing was done. [`AuditError::Vault`]: all or
    /// some of it may be left, and the log says `begun`. Otherwise as [`log`](Self::log); if that is about the second entry, the data is
    /// erased.
    ///
    /// # Concurrency
    /// Waits for appends of personal data that are under way and holds up new ones; what is logged afterwards is kept.
    ///
    /// ```
    /// use audit_trail::{AuditLog, Entry, Filter, Kind, MemoryVault};
    ///
    /// let log = AuditLog::builder().vault(MemoryVault::default()).build()?;
    /// log.log(Entry::event("sign-up").personal("customer-7", "email", "someone@example.com"))?;
    /// let erased = log.erase("customer-7", "ops@example.com", "requested by the person")?;
    /// assert_eq!(erased.disclosures, 1);
    /// assert_eq!(log.get(erased.id)?.len(), 2);
    /// # Ok::<(), audit_trail::AuditError>(())
    /// ```
    pub fn erase(&self, subject: &str, operator: &str, reason: &str) -> Result<Erased, AuditError> {
        let vault = self.vault.as_ref().ok_or(AuditError::NoVault)?.write()?;
        check_subject(subject)?;
        let mut digests = Vec::new();
        vault
            .visit(Some(subject), &mut |disclosure| {
                digests.push(digest(disclosure));
                ControlFlow::Continue(())
            })
            .map_err(AuditError::Vault)?;
        let id = self.next_id()?;
        let say = |event: &str, ext: Result<Ext, EntryError>| {
            let entry = Entry::admin(Kind::Erasure, operator)
                .id(id)
                .named(event)
                .reason_text(reason)
                .ext(ext?);
            self.say(&entry)
        };
        for some in digests.chunks(DIGESTS) {
            say("begun", Ext::encode(&json!({ "digests": some })))?;
        }
        // Whatever level the log acknowledges at: the intent must outlive what it announces.
        self.flush()?;
        vault.erase(subject).map_err(AuditError::Vault)?;
        let disclosures = digests.len() as u64;
        let done = say(
            "completed",
            Ext::encode(&json!({ "disclosures": disclosures })),
        )?;
        Ok(Erased {
            id,
            disclosures,
            index: done.index,
        })
    }
}
