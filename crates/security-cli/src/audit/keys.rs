//! Verifier keys, pins and policies, and where a log's own key is.

use std::fs;
use std::path::{Path, PathBuf};

use audit_trail::{Checkpoint, Receipt, SigningKey, TlogPolicy, VerifierKey};

use crate::failure::Failure;
use crate::secret;

/// A verifier key is given as itself or as the name of a file that holds it.
pub(super) fn verifier_key(given: &str) -> Result<VerifierKey, Failure> {
    if let Ok(key) = given.parse() {
        return Ok(key);
    }
    let text = fs::read_to_string(given).map_err(|error| {
        Failure::new(format!(
            "`{given}` is neither a verifier key nor a file with one: {error}"
        ))
    })?;
    text.trim().parse().map_err(Failure::on(given))
}

/// Reads the log's signing key, from the file beside the directory if no other is given.
pub(super) fn signing_key(dir: &Path, given: Option<&Path>) -> Result<SigningKey, Failure> {
    match given {
        Some(path) => secret::read(path),
        None => secret::read(&beside(dir)?),
    }
}

/// Where a log's key is unless it is said: `DIR.key`. Not inside, so that whoever copies, archives or serves the directory does not give the key away.
pub(super) fn beside(dir: &Path) -> Result<PathBuf, Failure> {
    let mut name = dir
        .file_name()
        .ok_or_else(|| {
            Failure::new(format!(
                "`{}` has no name to call its key after; give --key",
                dir.display()
            ))
        })?
        .to_owned();
    name.push(".key");
    Ok(dir.with_file_name(name))
}

/// A kept checkpoint: the note itself, or the one in a receipt, signed by any of the keys.
pub(super) fn pin(path: &Path, keys: &[VerifierKey]) -> Result<Checkpoint, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::on(path.display()))?;
    let receipt = text.parse::<Receipt>();
    let note = receipt.as_ref().map_or(text.as_str(), Receipt::note);
    let mut opened = keys.iter().map(|key| Checkpoint::open(note, key));
    let first = opened
        .next()
        .ok_or_else(|| Failure::new("no key to open the kept checkpoint with"))?;
    // The first key is the caller's, so its error is the one that helps.
    match opened.find_map(Result::ok) {
        Some(checkpoint) if first.is_err() => Ok(checkpoint),
        _ => first.map_err(Failure::on(path.display())),
    }
}

pub(super) fn policy(path: &Path) -> Result<TlogPolicy, Failure> {
    let bytes = fs::read(path).map_err(Failure::on(path.display()))?;
    TlogPolicy::from_bytes(&bytes).map_err(Failure::on(path.display()))
}
