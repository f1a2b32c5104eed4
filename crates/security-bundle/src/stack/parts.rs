//! Makes the components of a stack, each with its journal in the log.

use std::sync::Arc;
use std::sync::Mutex;

use audit_trail::{AuditLog, AuditReader, Sink};
use budget_enforcer::{BudgetAdmin, BudgetEnforcer, BudgetJournal, Snapshot};
use consent::{ConsentGate, ConsentLedger};
use trust_gate::{TrustAdmin, TrustGate};

use super::{CONFIGURATION, StackError};
use crate::config::{ConfigError, SecurityStackConfig};
use crate::core::WallClock;
use crate::journal::{Acts, Audited, Book, BudgetActs, BudgetLog};

/// The trust gate's acts, as they stand in the log.
pub(super) type TrustBook = Arc<Mutex<Book<trust_gate::MemoryStore, trust_gate::Event>>>;
/// The consent ledger's.
pub(super) type ConsentBook = Arc<Mutex<Book<consent::MemoryStore, consent::Event>>>;

/// What the components are made with.
#[derive(Clone, Copy)]
pub(super) struct With<'a> {
    pub(super) config: &'a SecurityStackConfig,
    pub(super) clock: Option<&'a WallClock>,
    pub(super) acts: &'a Acts,
    /// Whether the log is their journal.
    pub(super) is_journal: bool,
    /// Whether the rules that the log holds stay, whatever the configuration says.
    pub(super) keeps_rules: bool,
}

pub(super) fn log_in_memory(
    config: &SecurityStackConfig,
    clock: Option<WallClock>,
    sink: Option<(Box<dyn Sink>, u64)>,
) -> Result<AuditLog, StackError> {
    let mut log = AuditLog::builder().namespace(config.audit_namespace.as_str());
    if let Some(clock) = clock {
        log = log.clock(move || clock());
    }
    if let Some((sink, every)) = sink {
        log = log.sink(sink).checkpoint_every(every);
    }
    if let Some(max) = config.audit.max_records {
        log = log.max_records(max);
    }
    if let Some(key) = config.audit.signing_key()? {
        log = log.signer(key);
    }
    Ok(log.build()?)
}

pub(super) fn trust(
    with: With<'_>,
    store: trust_gate::MemoryStore,
) -> Result<(TrustGate, TrustAdmin, TrustBook), ConfigError> {
    let config = with.config;
    let store = Audited::new(with.acts.clone(), store, with.is_journal);
    let book = store.book();
    let mut builder = TrustGate::builder().store(store);
    if !with.keeps_rules {
        builder = builder.config(config.trust_in_force()?);
    }
    if let Some(clock) = with.clock.cloned() {
        builder = builder.clock(move || clock());
    }
    for (index, rule) in config.trust_gate.tools.iter().enumerate() {
        let level = config.trust_gate.tiers.resolve(&rule.required_level);
        level.map_err(|error| {
            ConfigError::at(format!("trust.tools[{index}].required_level"), error)
        })?;
    }
    let (gate, admin) = builder
        .build()
        .map_err(|error| ConfigError::at("trust", error))?;
    Ok((gate, admin, book))
}

pub(super) fn consent(
    with: With<'_>,
    store: consent::MemoryStore,
) -> Result<(ConsentGate, ConsentLedger, ConsentBook), ConfigError> {
    let store = Audited::new(with.acts.clone(), store, with.is_journal);
    let book = store.book();
    let mut builder = ConsentGate::builder()
        .config(with.config.consent)
        .store(store);
    if let Some(clock) = with.clock.cloned() {
        builder = builder.clock(move || clock());
    }
    let (gate, ledger) = builder
        .build()
        .map_err(|error| ConfigError::at("consent", error))?;
    Ok((gate, ledger, book))
}

/// In memory.
pub(super) fn budget(with: With<'_>) -> Result<(BudgetEnforcer, BudgetAdmin), ConfigError> {
    budget_on(with, BudgetActs(with.acts.clone()))
}

/// On the log, from where the snapshot ends.
pub(super) fn budget_on_log(
    with: With<'_>,
    log: AuditReader,
    from: u64,
    snapshot: Option<Snapshot>,
) -> Result<(BudgetEnforcer, BudgetAdmin), ConfigError> {
    budget_on(with, BudgetLog::new(with.acts.clone(), log, from, snapshot))
}

fn budget_on(
    with: With<'_>,
    journal: impl BudgetJournal,
) -> Result<(BudgetEnforcer, BudgetAdmin), ConfigError> {
    let mut builder = BudgetEnforcer::builder()
        .config(with.config.budget.clone())
        .journal(journal);
    if let Some(clock) = with.clock.cloned() {
        builder = builder.clock(move || clock());
    }
    let (budget, admin) = builder
        .build()
        .map_err(|error| ConfigError::at("budget", error))?;
    let operator = CONFIGURATION
        .parse()
        .map_err(|error| ConfigError::at("budget", error))?;
    Ok((budget, admin.acting_as(operator)))
}
