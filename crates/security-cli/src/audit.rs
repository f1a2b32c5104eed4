//! The auditor's verbs on a log that `--audit-out` wrote.

mod export;
mod query;
mod select;
mod verify;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use security_bundle::audit_trail::{AuditReader, Checkpoint, Verified, VerifierKey, VerifyError};

use crate::Answer;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Check every entry against the signed checkpoints
    Verify(verify::Arguments),
    /// Show the entries that match
    Query(query::Arguments),
    /// Write entries in another form
    Export(export::Arguments),
}

pub(crate) fn run(verb: Verb) -> Answer {
    match verb {
        Verb::Verify(arguments) => verify::run(&arguments),
        Verb::Query(arguments) => query::run(&arguments),
        Verb::Export(arguments) => export::run(&arguments),
    }
}

fn open(path: &Path) -> Result<BufReader<File>, Failure> {
    File::open(path)
        .map(BufReader::new)
        .map_err(Failure::on(path.display()))
}

/// Reads the log and refuses it where an entry, a checkpoint or the tree is wrong.
fn read(path: &Path, key: Option<&str>) -> Result<(AuditReader, Verified), Failure> {
    let key = key.map(verifier_key).transpose()?;
    AuditReader::read_ndjson(open(path)?, key.as_ref(), None).map_err(Failure::on(path.display()))
}

/// A verifier key is given as itself or as the name of a file that holds it.
fn verifier_key(given: &str) -> Result<VerifierKey, Failure> {
    if let Ok(key) = given.parse() {
        return Ok(key);
    }
    let text = std::fs::read_to_string(given).map_err(|error| {
        Failure::new(format!(
            "`{given}` is neither a verifier key nor a file with one: {error}"
        ))
    })?;
    text.trim().parse().map_err(Failure::on(given))
}

fn pin(path: Option<&PathBuf>, key: &VerifierKey) -> Result<Option<Checkpoint>, Failure> {
    let Some(path) = path else {
        return Ok(None);
    };
    let text = std::fs::read_to_string(path).map_err(Failure::on(path.display()))?;
    Checkpoint::open(&text, key)
        .map(Some)
        .map_err(Failure::on(path.display()))
}

/// Whether an error speaks of the log's contents rather than of reading it.
fn is_tampering(error: &VerifyError) -> bool {
    !matches!(error, VerifyError::Io(..))
}
