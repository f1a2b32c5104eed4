//! The journal in a data directory, opened by the one process that may have it open.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use budget_enforcer::durable::{DurableError, DurableJournal};
use budget_enforcer::{
    BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetJournal, Event, Revision,
    StoreError,
};

use super::history::History;
use super::operator::Operator;
use crate::database;
use crate::failure::Failure;

/// The budgets of a directory, and all that happened to them. Nothing can be written through it.
pub(super) struct Store {
    pub(super) enforcer: BudgetEnforcer,
    pub(super) history: History,
}

/// Makes an empty journal.
pub(super) fn create(dir: &Path) -> Result<(), Failure> {
    database::hush();
    match DurableJournal::open(dir) {
        Ok(_) => Err(database::there_already(dir, "budgets")),
        Err(DurableError::NotFound { .. }) => DurableJournal::options()
            .create(true)
            .open(dir)
            .map(drop)
            .map_err(|error| refused(dir, error)),
        Err(error) => Err(refused(dir, error)),
    }
}

/// Reads all of a journal.
pub(super) fn read(dir: &Path) -> Result<Store, Failure> {
    let history = Arc::new(Mutex::new(History::default()));
    let journal = ToRead {
        journal: open(dir)?,
        history: Arc::clone(&history),
    };
    let config = BudgetEnforcerConfig {
        max_transactions: usize::MAX,
        ..BudgetEnforcerConfig::default()
    };
    let (enforcer, _) = build(dir, config, journal)?;
    let history = std::mem::take(&mut *history.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Store { enforcer, history })
}

/// Opens a journal to be changed in an operator's name.
pub(super) fn write(
    dir: &Path,
    operator: &Operator,
) -> Result<(BudgetEnforcer, BudgetAdmin), Failure> {
    let (enforcer, admin) = build(dir, BudgetEnforcerConfig::default(), open(dir)?)?;
    let admin = admin.acting_as(operator.operator.clone());
    let admin = match &operator.reason {
        Some(reason) => admin.because(reason)?,
        None => admin,
    };
    Ok((enforcer, admin))
}

fn open(dir: &Path) -> Result<DurableJournal, Failure> {
    database::hush();
    // A snapshot would be bounded by the configuration here, and is for the service to make.
    let options = DurableJournal::options().snapshot_every(0);
    options.open(dir).map_err(|error| refused(dir, error))
}

fn build(
    dir: &Path,
    config: BudgetEnforcerConfig,
    journal: impl BudgetJournal,
) -> Result<(BudgetEnforcer, BudgetAdmin), Failure> {
    let built = BudgetEnforcer::builder()
        .config(config)
        .journal(journal)
        .build();
    built.map_err(|error| {
        let failure = match error {
            // It speaks of writing, and this was reading.
            BudgetError::Store(error) => error.into(),
            error => Failure::from(error),
        };
        failure.at(dir.display())
    })
}

fn refused(dir: &Path, error: DurableError) -> Failure {
    match error {
        DurableError::NotFound { .. } => database::not_there(dir, "budgets", "budget"),
        DurableError::InUse { .. } => database::in_use(dir),
        error => Failure::from(error).at(dir.display()),
    }
}

/// A journal that tells all that ever happened, from its first event on, and takes nothing.
struct ToRead {
    journal: DurableJournal,
    history: Arc<Mutex<History>>,
}

impl BudgetJournal for ToRead {
    fn append(&self, _: Revision, _: &[Event]) -> Result<(), StoreError> {
        Err(StoreError::failed("it was opened to be read"))
    }

    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        self.journal.replay(from, &mut |event| {
            history.note(&event);
            each(event)
        })
    }
}
