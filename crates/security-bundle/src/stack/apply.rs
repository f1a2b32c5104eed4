//! Puts a configuration's assignments, budgets and grants into force, each once: what an operator changed since stands.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use audit_trail::Entry;
use budget_enforcer::{BudgetAdmin, BudgetError, BudgetSpec};
use serde::Serialize;

use super::{StackAdmin, StackError, at};
use crate::config::{ConfigError, SecurityStackConfig};
use crate::hex::sha256;
use crate::journal::{Acts, LineOf};
use crate::recorder::RecordError;

/// The parts that were applied already, by their digests.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    /// Where the log is no journal, nothing outlives the process, and all is applied once by it.
    is_journal: bool,
    known: Arc<Mutex<BTreeSet<String>>>,
}

impl Applied {
    pub(super) fn new(is_journal: bool, known: BTreeSet<String>) -> Self {
        Self {
            is_journal,
            known: Arc::new(Mutex::new(known)),
        }
    }

    /// All of them, for a snapshot.
    pub(super) fn all(&self) -> Vec<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().cloned().collect()
    }

    /// Does `apply` unless that was done for the same part before, be it by an earlier process.
    fn once<T>(
        &self,
        acts: &Acts,
        part: &impl Serialize,
        apply: impl FnOnce() -> Result<T, ConfigError>,
    ) -> Result<(), ConfigError> {
        if !self.is_journal {
            return apply().map(drop);
        }
        let told = |error: &dyn std::fmt::Display| ConfigError::at("", error);
        let text = serde_json::to_vec(part).map_err(|error| told(&error))?;
        let digest = sha256(text);
        let is_known = || {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.contains(&digest)
        };
        if is_known() {
            return Ok(());
        }
        apply()?;
        let entry = Entry::event("configuration_applied");
        let noted: Result<(), RecordError> = acts
            .write(entry, LineOf::Applied(&digest), None)
            .and_then(|recorded| acts.stored(&recorded));
        noted.map_err(|error| told(&error))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(digest);
        Ok(())
    }
}

/// Applies what was not applied before.
pub(super) fn apply(
    config: &SecurityStackConfig,
    admin: &StackAdmin,
    acts: &Acts,
    applied: &Applied,
) -> Result<(), StackError> {
    for (index, grant) in config.assignments.iter().enumerate() {
        let assign = || {
            let assigned = admin.trust().assign(grant.clone());
            assigned.map_err(|error| ConfigError::at(format!("trust.assignments[{index}]"), error))
        };
        applied.once(acts, &("assignment", grant), assign)?;
    }
    for (index, grant) in config.grants.iter().enumerate() {
        let record = || {
            let recorded = admin.consent().record(grant.clone());
            recorded.map_err(|error| ConfigError::at(format!("consent.grants[{index}]"), error))
        };
        applied.once(acts, &("grant", grant), record)?;
    }
    for (index, spec) in parents_first(&config.budgets)? {
        let create = || {
            create_or_change(admin.budget(), spec)
                .map_err(|error| ConfigError::at(format!("budget.budgets[{index}]"), error))
        };
        applied.once(acts, &("budget", spec), create)?;
    }
    Ok(())
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
