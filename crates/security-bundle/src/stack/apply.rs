//! Puts a configuration's assignments, budgets and grants into force, each once: what an operator changed since stands.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use audit_trail::Entry;
use budget_enforcer::{BudgetAdmin, BudgetError, BudgetSpec};
use serde::Serialize;

use super::{StackAdmin, StackError, at, opening};
use crate::config::{ConfigError, SecurityStackConfig};
use crate::hex::sha256;
use crate::journal::{Acts, LineOf};
use crate::recorder::RecordError;

/// The parts that were applied already, by their digests.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    /// Where the log is no journal, nothing outlives the process, and all is applied once by it.
    is_journal: bool,
    known: Arc<Mutex<Known>>,
    /// Where the configuration that is in force is kept for the next start.
    folder: Option<Arc<Path>>,
}

#[derive(Debug)]
struct Known {
    parts: BTreeSet<String>,
    activated: Option<String>,
}

impl Applied {
    pub(super) fn new(
        is_journal: bool,
        parts: BTreeSet<String>,
        activated: Option<String>,
        folder: Option<&Path>,
    ) -> Self {
        Self {
            is_journal,
            folder: folder.map(Arc::from),
            known: Arc::new(Mutex::new(Known { parts, activated })),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing in here panics halfway.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration that is in force, by its shared digest.
    pub(super) fn activated(&self) -> Option<String> {
        self.known().activated.clone()
    }

    /// Notes in the log that the configuration of this [text](crate::policy::shared_text) is in force from now on.
    pub(super) fn activate(
        &self,
        acts: &Acts,
        entry: Entry<'_>,
        text: &[u8],
        besides: Option<&serde_json::Value>,
    ) -> Result<(), RecordError> {
        let digest = sha256(text);
        // Locked while it is written: a snapshot knows all that stands in the log before it.
        let mut known = self.known();
        let recorded = acts.write(entry, LineOf::Activated(&digest), besides)?;
        acts.stored(&recorded)?;
        known.activated = Some(digest);
        if let Some(folder) = &self.folder {
            // Where it cannot be kept, the next start has nothing to compare with, and says so.
            opening::keep(folder, text).ok();
        }
        Ok(())
    }

    /// Whether this part was applied before, be it by an earlier process.
    pub(super) fn knows(&self, part: &impl Serialize) -> bool {
        let text = serde_json::to_vec(part);
        text.is_ok_and(|text| self.known().parts.contains(&sha256(text)))
    }

    /// All of them, for a snapshot.
    pub(super) fn all(&self) -> Vec<String> {
        self.known().parts.iter().cloned().collect()
    }

    /// Does `apply` unless that was done for the same part before, be it by an earlier process; in any case where the part is new to
    /// a configuration that is read again.
    fn once<T>(
        &self,
        acts: &Acts,
        part: &impl Serialize,
        is_new: bool,
        apply: impl FnOnce() -> Result<T, ConfigError>,
    ) -> Result<(), ConfigError> {
        if !self.is_journal {
            return apply().map(drop);
        }
        let told = |error: &dyn std::fmt::Display| ConfigError::at("", error);
        let text = serde_json::to_vec(part).map_err(|error| told(&error))?;
        let digest = sha256(text);
        if self.known().parts.contains(&digest) && !is_new {
            return Ok(());
        }
        apply()?;
        let entry = Entry::event("configuration_applied");
        // Locked while it is written: a snapshot without it would have the part applied again.
        let mut known = self.known();
        let noted: Result<(), RecordError> = acts
            .write(entry, LineOf::Applied(&digest), None)
            .and_then(|recorded| acts.stored(&recorded));
        noted.map_err(|error| told(&error))?;
        known.parts.insert(digest);
        Ok(())
    }
}

/// Applies what was not applied before, and of a configuration that takes the place of `before`, what is new in it.
pub(super) fn apply(
    config: &SecurityStackConfig,
    before: Option<&SecurityStackConfig>,
    admin: &StackAdmin,
    acts: &Acts,
    applied: &Applied,
) -> Result<(), StackError> {
    for (index, grant) in config.assignments.iter().enumerate() {
        let Some(is_new) = due(before.map(|before| &*before.assignments), grant) else {
            continue;
        };
        let assign = || {
            let assigned = admin.trust().assign(grant.clone());
            assigned.map_err(|error| ConfigError::at(format!("trust.assignments[{index}]"), error))
        };
        applied.once(acts, &("assignment", grant), is_new, assign)?;
    }
    for (index, grant) in config.grants.iter().enumerate() {
        let Some(is_new) = due(before.map(|before| &*before.grants), grant) else {
            continue;
        };
        let record = || {
            let recorded = admin.consent().record(grant.clone());
            recorded.map_err(|error| ConfigError::at(format!("consent.grants[{index}]"), error))
        };
        applied.once(acts, &("grant", grant), is_new, record)?;
    }
    for (index, spec) in parents_first(&config.budgets)? {
        let Some(is_new) = due(before.map(|before| &*before.budgets), spec) else {
            continue;
        };
        let create = || {
            create_or_change(admin.budget(), spec)
                .map_err(|error| ConfigError::at(format!("budget.budgets[{index}]"), error))
        };
        applied.once(acts, &("budget", spec), is_new, create)?;
    }
    Ok(())
}

/// Whether a part is to be looked at: at the start each one, and whether it was applied before is remembered; of a configuration that is
/// read again those that are new in it (`Some(true)`), whatever is remembered.
fn due<T: PartialEq>(before: Option<&[T]>, part: &T) -> Option<bool> {
    match before {
        None => Some(false),
        Some(before) => (!before.contains(part)).then_some(true),
    }
}

/// A budget that is there already gets the limits that the file says now; what else it is stays as it was made.
fn create_or_change(admin: &BudgetAdmin, spec: &BudgetSpec) -> Result<(), BudgetError> {
    match admin.create_budget(spec.clone()) {
        Err(BudgetError::AlreadyExists { .. }) => {
            admin.update_limit(&spec.id, spec.limits)?;
            Ok(())
        }
        created => created.map(drop),
    }
}

/// A child may stand before its parent in the file.
fn parents_first(specs: &[BudgetSpec]) -> Result<Vec<(usize, &BudgetSpec)>, StackError> {
    let mut sorted = Vec::with_capacity(specs.len());
    let mut waiting: Vec<(usize, &BudgetSpec)> = specs.iter().enumerate().collect();
    while !waiting.is_empty() {
        let named: BTreeSet<_> = waiting.iter().map(|(_, spec)| spec.id.clone()).collect();
        let (later, now): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, spec)| {
            spec.parent
                .as_ref()
                .is_some_and(|parent| named.contains(parent))
        });
        if now.is_empty() {
            let (index, spec) = later.first().copied().unzip();
            let id = spec.map(|spec| spec.id.to_string()).unwrap_or_default();
            return Err(at(
                "budget.budgets",
                index.unwrap_or_default(),
                format!("`{id}` is its own ancestor; break the circle of parents"),
            ));
        }
        sorted.extend(now);
        waiting = later;
    }
    Ok(sorted)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use async_trait::async_trait;
    use audit_trail::AuditLog;

    use super::*;
    use crate::recorder::{Recorded, Recorder};

    /// What a snapshot says is applied and activated.
    type Shot = (Vec<String>, Option<String>);

    /// While an entry is waited for, somebody makes a snapshot.
    struct Snapshots {
        log: AuditLog,
        applied: Mutex<Option<Applied>>,
        seen: Arc<Mutex<Vec<Shot>>>,
    }

    #[async_trait]
    impl Recorder for Snapshots {
        fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
            let recorded = Recorder::record(&self.log, entry)?;
            Ok(Recorded {
                stored: false,
                ..recorded
            })
        }

        async fn acknowledged(&self, _: &Recorded) -> Result<(), RecordError> {
            Ok(())
        }

        fn wait(&self, _: &Recorded) -> Result<(), RecordError> {
            let applied = self.applied.lock().unwrap().clone().unwrap();
            let seen = Arc::clone(&self.seen);
            let (told, heard) = mpsc::channel();
            thread::spawn(move || {
                let shot = (applied.all(), applied.activated());
                seen.lock().unwrap().push(shot);
                told.send(()).ok();
            });
            // It either has to wait for this entry, or has come before it.
            heard.recv_timeout(Duration::from_millis(300)).ok();
            Ok(())
        }
    }

    #[test]
    fn a_snapshot_knows_what_stands_in_the_log_before_it() {
        let applied = Applied::new(true, BTreeSet::new(), None, None);
        let seen = Arc::default();
        let recorder = Arc::new(Snapshots {
            log: AuditLog::builder().build().unwrap(),
            applied: Mutex::new(Some(applied.clone())),
            seen: Arc::clone(&seen),
        });
        let acts = Acts::new(recorder);
        applied.once(&acts, &"part", true, || Ok(())).unwrap();
        let entry = Entry::event("stack_opened");
        applied.activate(&acts, entry, b"text", None).unwrap();
        while seen.lock().unwrap().len() < 2 {
            thread::yield_now();
        }
        let seen = seen.lock().unwrap();
        assert_eq!(seen[0].0.len(), 1);
        assert_eq!(seen[1].1, Some(sha256("text")));
    }
}
