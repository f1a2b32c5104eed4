//! `secstack audit rotate`: a new key signs from now on, and the old one has signed for it.

use std::path::PathBuf;

use audit_trail::{AuditLog, Filter, Kind, SigningKey, VerifierKey};
use clap::Args;
use serde_json::json;

use super::{keys, source};
use crate::failure::Failure;
use crate::secret;
use crate::{Answer, GOOD, paint};

/// Have a new key sign the log from now on
///
/// An entry of kind `key_rotation` names the new key, and the checkpoint that covers it carries both signatures: whoever has the old verifier key goes on to
/// verify the log. Done again, it does nothing.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log's directory
    dir: PathBuf,
    /// The file with the key that signs the log now [default: DIR.key]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The file with the key that is to sign: made, readable by its owner alone, if it is not there
    #[arg(long, value_name = "FILE")]
    new_key: PathBuf,
    /// On whose word
    #[arg(long, value_name = "WHO")]
    operator: String,
    /// Why
    #[arg(long, value_name = "WHY")]
    reason: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> Answer {
    // Before a key is made: there must be a log, and its key.
    let in_force = source::key_in_force(&arguments.dir)?;
    let old = keys::signing_key(&arguments.dir, arguments.key.as_deref())?;
    let path = arguments.new_key.display();
    let (new, is_new) = secret::read_or_new(&arguments.new_key, || {
        must_be(&in_force, &[&old])?;
        let key = SigningKey::generate(old.name())?;
        let text = key.to_secret_text();
        Ok((key, text))
    })?;
    if new.verifier_key() == old.verifier_key() {
        return Err(Failure::new(format!(
            "{path} holds the key that signs the log now"
        )));
    }
    let verifier = new.verifier_key().clone();
    must_be(&in_force, &[&old, &new])?;
    let log = AuditLog::builder()
        .directory(&arguments.dir)
        .must_exist()
        .signer(new)
        .succeeding(old, arguments.operator, arguments.reason)
        .build()?;
    log.publish_checkpoint()?;
    let rotations = log.query(&Filter::new().kind(Kind::KeyRotation))?;
    let named = rotations
        .records
        .iter()
        .rfind(|record| source::named_key(record).as_ref() == Some(&verifier));
    let index = named
        .map(audit_trail::Record::index)
        .ok_or_else(|| Failure::new("the log holds no entry that names the new key"))?;
    if arguments.json {
        let said = json!({ "index": index, "key": path.to_string(), "vkey": verifier.to_string() });
        anstream::println!("{said}");
        return Ok(GOOD);
    }
    let (dim, made) = (paint::DIM, if is_new { "new key" } else { "key" });
    anstream::eprintln!(
        "{dim}{made} in {path}: give it as --key from now on (entry {index} names it); verifier key:{dim:#}"
    );
    anstream::println!("{verifier}");
    Ok(GOOD)
}

fn must_be(in_force: &VerifierKey, keys: &[&SigningKey]) -> Result<(), Failure> {
    if keys.iter().any(|key| key.verifier_key() == in_force) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the log is signed with the key `{in_force}` now; give that one as --key"
    )))
}
