//! `secstack audit init`: a new log, its key, and what others verify it by.

use std::path::PathBuf;

use audit_trail::{AuditLog, AuditReader, SigningKey};
use clap::Args;
use serde_json::json;

use super::keys;
use crate::failure::Failure;
use crate::secret;
use crate::{Answer, GOOD, paint};

/// Begin a log in a directory, and print its verifier key
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the log is to be; made if it is not there
    dir: PathBuf,
    /// The log's name in checkpoints, for good: without white space and `+`, best a domain and a path that are yours, such as `example.com/agents`
    #[arg(long)]
    origin: String,
    /// The file with the key that signs the log: made, readable by its owner alone, if it is not there [default: DIR.key]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The namespace that every entry carries
    #[arg(long, default_value = audit_trail::DEFAULT_NAMESPACE)]
    namespace: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let Arguments { dir, origin, .. } = arguments;
    // Before a key is made: what is there has one.
    if AuditReader::open(dir, None).is_ok() {
        return Err(Failure::new(format!(
            "there is a log in `{}` already",
            dir.display()
        )));
    }
    let path = match &arguments.key {
        Some(path) => path.clone(),
        None => keys::beside(dir)?,
    };
    let (key, is_new) = secret::read_or_new(&path, || {
        let key = SigningKey::generate(origin)?;
        let text = key.to_secret_text();
        Ok((key, text))
    })?;
    let verifier = key.verifier_key().to_string();
    let log = AuditLog::builder()
        .directory(dir)
        .must_be_new()
        .namespace(&arguments.namespace)
        .origin(origin)
        .signer(key)
        .build()?;
    log.publish_checkpoint()?;
    if arguments.json {
        let said = json!({
            "dir": dir.display().to_string(),
            "key": path.display().to_string(),
            "namespace": arguments.namespace,
            "origin": origin,
            "vkey": verifier,
        });
        anstream::println!("{said}");
        return Ok(GOOD);
    }
    let (dim, made) = (paint::DIM, if is_new { "new key" } else { "key" });
    anstream::eprintln!(
        "{dim}{made} in {}: keep it secret, and where the log's readers are not{dim:#}",
        path.display()
    );
    anstream::eprintln!("{dim}verifier key, for everybody who is to check the log:{dim:#}");
    anstream::println!("{verifier}");
    Ok(GOOD)
}
