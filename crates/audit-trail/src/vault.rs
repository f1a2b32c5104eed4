//! Where personal data lives apart from the log, so that it can be forgotten.

mod file;
mod memory;

use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use self::file::FileVault;
pub use self::memory::MemoryVault;
use crate::AuditError;
use crate::personal::{digest, open};
use crate::record::Record;

/// Keeps the disclosures that open an entry's commitments, under the subject they are about, and forgets a subject when asked.
///
/// A disclosure is one line of base64url, as SD-JWT (RFC 9901) has it. Nothing that a vault gives back is believed before it
/// was compared with the commitments in an entry. Give a vault to
/// [`AuditLogBuilder::vault`](crate::AuditLogBuilder::vault); in an [`Arc`] the caller keeps a handle to read with.
pub trait Vault: Send + Sync {
    /// Keeps disclosures under a subject. They must be durable, as far as the vault is, when it returns `Ok`.
    ///
    /// # Errors
    /// Any: the entry that they belong to is not appended then. What was kept of them opens nothing and goes with the subject.
    fn keep(&self, subject: &str, disclosures: &[&str]) -> io::Result<()>;

    /// Shows every disclosure of a subject, or of all subjects, until `see` breaks off.
    ///
    /// # Errors
    /// If the vault cannot be read.
    fn visit(
        &self,
        subject: Option<&str>,
        see: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> io::Result<()>;

    /// Forgets all disclosures of a subject, durably, as far as the vault is. Nothing to forget is no error.
    ///
    /// # Errors
    /// If something may be left.
    fn erase(&self, subject: &str) -> io::Result<()>;

    /// The personal data that a record commits to, as far as it is still there. Each value was checked against its commitment.
    ///
    /// Looks through the whole vault; [`disclose_of`](Self::disclose_of) looks at one subject.
    ///
    /// # Errors
    /// If the vault cannot be read.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use audit_trail::{AuditLog, Entry, MemoryVault, Vault};
    ///
    /// let vault = Arc::new(MemoryVault::default());
    /// let log = AuditLog::builder().vault(vault.clone()).build()?;
    /// let entry = Entry::event("letter-sent").personal("customer-7", "postal_address", "Example Street 1");
    /// let index = log.log(entry)?.index;
    ///
    /// let record = log.entry(index)?;
    /// assert_eq!(vault.disclose(&record)?.fields[0].value, "Example Street 1");
    /// log.erase("customer-7", "ops@example.com", "requested by the person")?;
    /// assert_eq!(vault.disclose(&record)?.missing, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn disclose(&self, record: &Record) -> io::Result<Disclosed> {
        disclosed(record, |see| self.visit(None, see))
    }

    /// As [`disclose`](Self::disclose), of one subject's data alone.
    ///
    /// # Errors
    /// If the vault cannot be read.
    fn disclose_of(&self, subject: &str, record: &Record) -> io::Result<Disclosed> {
        disclosed(record, |see| self.visit(Some(subject), see))
    }
}

impl<V: Vault + ?Sized> Vault for Arc<V> {
    fn keep(&self, subject: &str, disclosures: &[&str]) -> io::Result<()> {
        (**self).keep(subject, disclosures)
    }
    fn visit(
        &self,
        subject: Option<&str>,
        see: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> io::Result<()> {
        (**self).visit(subject, see)
    }
    fn erase(&self, subject: &str) -> io::Result<()> {
        (**self).erase(subject)
    }
}

/// The personal data of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disclosed {
    /// What is there, in the order of names. It stands apart from the record: no name in it is a field of an entry.
    pub fields: Vec<DisclosedField>,
    /// Commitments for which no value was found: erased, lost, or of another subject.
    pub missing: usize,
}

/// A value and the name under which it was logged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct DisclosedField {
    /// Its name.
    pub name: String,
    /// The value.
    pub value: String,
}

fn disclosed(
    record: &Record,
    visit: impl FnOnce(&mut dyn FnMut(&str) -> ControlFlow<()>) -> io::Result<()>,
) -> io::Result<Disclosed> {
    let mut wanted: Vec<&str> = record
        .commitments()
        .iter()
        .map(|digest| &**digest)
        .collect();
    let mut fields = Vec::new();
    if !wanted.is_empty() {
        visit(&mut |disclosure| {
            let digest = digest(disclosure);
            if let Some(at) = wanted.iter().position(|wanted| *wanted == digest)
                && let Some((name, value)) = open(disclosure)
            {
                wanted.swap_remove(at);
                fields.push(DisclosedField { name, value });
            }
            if wanted.is_empty() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
    }
    fields.sort();
    Ok(Disclosed {
        fields,
        missing: wanted.len(),
    })
}

/// The vault of a log. Appending shares it, erasing has it alone: no entry is about to commit to what is being erased.
#[derive(Clone)]
pub(crate) struct Keeper(Arc<RwLock<Box<dyn Vault>>>);

/// The vault, while something is appended that it opens.
pub(crate) type Kept<'k> = RwLockReadGuard<'k, Box<dyn Vault>>;

impl Keeper {
    pub(crate) fn new(vault: impl Vault + 'static) -> Self {
        Self(Arc::new(RwLock::new(Box::new(vault))))
    }

    pub(crate) fn read(&self) -> Result<Kept<'_>, AuditError> {
        self.0.read().map_err(|_| AuditError::Poisoned)
    }

    pub(crate) fn write(&self) -> Result<RwLockWriteGuard<'_, Box<dyn Vault>>, AuditError> {
        self.0.write().map_err(|_| AuditError::Poisoned)
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}
