//! The consent in a data directory, opened by the one process that may have it open.

use std::path::Path;

use consent::durable::{DurableError, DurableStore};
use consent::{ConsentError, ConsentGate, ConsentLedger};
use security_bundle::operator::consent_of_data_dir;

use crate::failure::Failure;
use crate::{database, stack};

/// What the directory holds, for messages.
const WHAT: &str = "records of consent";

/// Makes an empty store.
pub(super) fn create(dir: &Path) -> Result<(), Failure> {
    stack::not_in_one(dir, "consent")?;
    database::hush();
    match DurableStore::open(dir) {
        Ok(_) => Err(database::there_already(dir, WHAT)),
        Err(DurableError::NotFound { .. }) => DurableStore::options()
            .create(true)
            .open(dir)
            .map(drop)
            .map_err(|error| refused(dir, error)),
        Err(error) => Err(refused(dir, error)),
    }
}

/// The records in a directory, be it of consent alone or a stack's, to be looked at.
pub(super) fn look(dir: &Path) -> Result<ConsentLedger, Failure> {
    if stack::Stack::at(dir).is_some() {
        return Ok(consent_of_data_dir(dir)?);
    }
    Ok(open(dir)?.1)
}

/// Opens a store. What no record permits is denied, whatever a service allows besides.
pub(crate) fn open(dir: &Path) -> Result<(ConsentGate, ConsentLedger), Failure> {
    database::hush();
    let store = DurableStore::open(dir).map_err(|error| refused(dir, error))?;
    let built = ConsentGate::builder().store(store).build();
    built.map_err(|error| Failure::from(error).at(dir.display()))
}

/// One that would be in force in a running gate alone was for nothing here.
pub(crate) fn not_done(error: ConsentError) -> Failure {
    match error {
        ConsentError::NotStored { source, .. }
        | ConsentError::PublicationNotStored { source, .. } => {
            Failure::from(source).at("it could not be stored, so nothing was changed")
        }
        error => error.into(),
    }
}

fn refused(dir: &Path, error: DurableError) -> Failure {
    match error {
        DurableError::NotFound { .. } => database::not_there(dir, WHAT, "consent"),
        DurableError::InUse { .. } => database::in_use(dir),
        error => Failure::from(error).at(dir.display()),
    }
}
