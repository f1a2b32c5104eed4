//! The journal in a data directory, opened by the one process that may have it open.

use std::path::Path;

use budget_enforcer::durable::{DurableError, DurableJournal};
use budget_enforcer::{BudgetAdmin, BudgetEnforcer, BudgetError};
use security_bundle::operator::Books;

use crate::failure::Failure;
use crate::{database, stack};

/// Makes an empty journal.
pub(super) fn create(dir: &Path) -> Result<(), Failure> {
    stack::not_in_one(dir, "budgets")?;
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

/// Reads all of a journal. Nothing can be written through it.
pub(crate) fn read(dir: &Path) -> Result<Books, Failure> {
    Books::read(open(dir)?).map_err(|error| broken(dir, error))
}

/// Opens a journal to be changed.
pub(crate) fn write(dir: &Path) -> Result<BudgetAdmin, Failure> {
    let built = BudgetEnforcer::builder().journal(open(dir)?).build();
    let (_, admin) = built.map_err(|error| broken(dir, error))?;
    Ok(admin)
}

fn open(dir: &Path) -> Result<DurableJournal, Failure> {
    database::hush();
    // A snapshot would be bounded by the configuration here, and is for the service to make.
    let options = DurableJournal::options().snapshot_every(0);
    options.open(dir).map_err(|error| refused(dir, error))
}

fn broken(dir: &Path, error: BudgetError) -> Failure {
    let failure = match error {
        // It speaks of writing, and this was reading.
        BudgetError::Store(error) => error.into(),
        error => Failure::from(error),
    };
    failure.at(dir.display())
}

fn refused(dir: &Path, error: DurableError) -> Failure {
    match error {
        DurableError::NotFound { .. } => database::not_there(dir, "budgets", "budget"),
        DurableError::InUse { .. } => database::in_use(dir),
        error => Failure::from(error).at(dir.display()),
    }
}
