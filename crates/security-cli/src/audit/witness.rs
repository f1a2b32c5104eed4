//! `secstack audit witness`: a small witness, which cosigns what continues what it has seen.

use std::net::SocketAddr;
use std::path::PathBuf;

use audit_trail::witness::{Witness, WitnessDir};
use audit_trail::{CosignerKey, SystemClock, VerifierKey, serve_witness};
use clap::Args;

use super::{keys, server};
use crate::failure::Failure;
use crate::secret;
use crate::{Answer, paint};

/// Cosign checkpoints of logs over HTTP (C2SP tlog-witness)
///
/// Answers `add-checkpoint` (C2SP tlog-witness) for the logs that are named: a checkpoint is cosigned only if it continues the one that was cosigned last, which
/// is remembered in DIR. Never restore DIR from a copy: a witness that forgets signs two histories. Prints its verifier key on standard error.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where it remembers what it has seen; made if it is not there
    dir: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7381")]
    listen: SocketAddr,
    /// The file with the witness's key: made, readable by its owner alone, if it is not there
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The witness's name, for a new key
    #[arg(long)]
    name: Option<String>,
    /// The verifier key of a log, or a file that holds it; may be given again
    #[arg(long, value_name = "KEY|FILE", required = true)]
    log: Vec<String>,
    /// Print the address as one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let logs: Vec<VerifierKey> = arguments
        .log
        .iter()
        .map(|given| keys::verifier_key(given))
        .collect::<Result<_, _>>()?;
    let path = arguments.key.display();
    let (key, _) = secret::read_or_new(&arguments.key, || {
        let name = arguments.name.as_ref().ok_or_else(|| {
            Failure::new(format!(
                "{path} is not there; give --name to make a key for the witness of that name"
            ))
        })?;
        let key = CosignerKey::generate(name)?;
        let text = key.to_secret_text();
        Ok((key, text))
    })?;
    if let Some(name) = arguments.name.as_ref().filter(|name| *name != key.name()) {
        return Err(Failure::new(format!(
            "the key in {path} is of `{}`, not of `{name}`",
            key.name()
        )));
    }
    let dim = paint::DIM;
    anstream::eprintln!("{dim}witness {}{dim:#}", key.verifier_key());
    let store = WitnessDir::open(&arguments.dir).map_err(Failure::on(arguments.dir.display()))?;
    let witness = Witness::new(key, logs, store, SystemClock);
    server::run(arguments.listen, arguments.json, move |request| {
        serve_witness(&witness, &request)
    })
}
