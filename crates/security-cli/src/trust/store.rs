//! The trust in a data directory, opened by the one process that may have it open.

use std::path::Path;

use trust_gate::durable::{DurableError, DurableStore};
use trust_gate::{OperatorId, TrustAdmin, TrustError, TrustGate, TrustGateConfig};

use crate::failure::Failure;
use crate::{database, stack};

/// What the directory holds, for messages.
const WHAT: &str = "levels of trust";

/// Makes a store with these rules.
pub(super) fn create(dir: &Path, rules: TrustGateConfig, by: OperatorId) -> Result<(), Failure> {
    stack::not_in_one(dir, "trust")?;
    database::hush();
    match DurableStore::open(dir) {
        Ok(_) => return Err(database::there_already(dir, WHAT)),
        Err(DurableError::NotFound { .. }) => {}
        Err(error) => return Err(refused(dir, error)),
    }
    // Rules that make no sense are found before there is anything on the disk.
    TrustGate::builder().config(rules.clone()).build()?;
    let store = DurableStore::options().create(true).open(dir);
    let store = store.map_err(|error| refused(dir, error))?;
    let built = TrustGate::builder()
        .config(rules)
        .configured_by(by)
        .store(store)
        .build();
    built.map(drop).map_err(|error| broken(dir, error))
}

/// Opens a store with the rules that it has.
pub(crate) fn open(dir: &Path) -> Result<(TrustGate, TrustAdmin), Failure> {
    database::hush();
    let store = DurableStore::open(dir).map_err(|error| refused(dir, error))?;
    let built = TrustGate::builder().store(store).build();
    built.map_err(|error| broken(dir, error))
}

/// What would be in force in a running gate alone was for nothing here.
pub(crate) fn not_done(error: TrustError) -> Failure {
    match error {
        TrustError::NotStored { source, .. } => {
            Failure::from(source).at("it could not be stored, so nothing was changed")
        }
        error => error.into(),
    }
}

fn broken(dir: &Path, error: TrustError) -> Failure {
    let failure = match error {
        // It speaks of writing, and this was reading.
        TrustError::Store(error) => error.into(),
        error => Failure::from(error),
    };
    failure.at(dir.display())
}

fn refused(dir: &Path, error: DurableError) -> Failure {
    match error {
        DurableError::NotFound { .. } => database::not_there(dir, WHAT, "trust"),
        DurableError::InUse { .. } => database::in_use(dir),
        error => Failure::from(error).at(dir.display()),
    }
}
