//! A vault that lasts as long as its process: for logs in memory, and for tests.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard};

use super::Vault;

/// Keeps disclosures in memory. They are gone with the process, as if every subject had been erased.
///
/// Its `Debug` form shows nothing of what it keeps.
#[derive(Default)]
pub struct MemoryVault(Mutex<Subjects>);

type Subjects = BTreeMap<String, Vec<String>>;

impl MemoryVault {
    fn lock(&self) -> io::Result<MutexGuard<'_, Subjects>> {
        self.0
            .lock()
            .map_err(|_| io::Error::other("a thread panicked inside the vault"))
    }
}

impl Vault for MemoryVault {
    fn keep(&self, subject: &str, disclosures: &[&str]) -> io::Result<()> {
        let mut subjects = self.lock()?;
        let kept = subjects.entry(subject.to_owned()).or_default();
        kept.extend(disclosures.iter().map(|&disclosure| disclosure.to_owned()));
        Ok(())
    }

    fn visit(
        &self,
        subject: Option<&str>,
        see: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let subjects = self.lock()?;
        let wanted = subjects
            .iter()
            .filter(|(name, _)| subject.is_none_or(|subject| subject == **name));
        for disclosure in wanted.flat_map(|(_, disclosures)| disclosures) {
            if see(disclosure).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn erase(&self, subject: &str) -> io::Result<()> {
        self.lock()?.remove(subject);
        Ok(())
    }
}

impl fmt::Debug for MemoryVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryVault").finish_non_exhaustive()
    }
}
