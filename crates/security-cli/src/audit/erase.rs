//! `secstack audit erase`: a subject's personal data is deleted, and the log says so.

use std::path::PathBuf;

use audit_trail::FileVault;
use clap::Args;
use serde_json::json;

use super::source;
use crate::failure::Failure;
use crate::{Answer, GOOD, paint};

/// Erase the personal data of a subject from a vault; every proof goes on to hold
///
/// Entries, receipts and proofs are untouched: they hold salted commitments, and the vault alone holds what opens them. Entries of kind `erasure` tell of
/// it and do not name the subject; do not name it in the reason.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log's directory
    dir: PathBuf,
    /// The vault's directory
    #[arg(long, value_name = "VDIR")]
    vault: PathBuf,
    /// Whose data
    #[arg(long)]
    subject: String,
    /// On whose word
    #[arg(long, value_name = "WHO")]
    operator: String,
    /// Why
    #[arg(long, value_name = "WHY")]
    reason: String,
    /// The file with the key that signs the log [default: DIR.key]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let Arguments {
        subject,
        operator,
        reason,
        ..
    } = arguments;
    let path = &arguments.vault;
    // A vault that is not there would be made, and hold nothing to erase.
    if !path.is_dir() {
        return Err(Failure::new(format!(
            "there is no vault in `{}`",
            path.display()
        )));
    }
    let vault = FileVault::open(path).map_err(Failure::on(path.display()))?;
    let log = source::writer(&arguments.dir, arguments.key.as_deref())?
        .vault(vault)
        .build()?;
    let erased = log.erase(subject, operator, reason)?;
    log.publish_checkpoint()?;
    let (disclosures, index) = (erased.disclosures, erased.index);
    if arguments.json {
        let said =
            json!({ "disclosures": disclosures, "id": erased.id.to_string(), "index": index });
        anstream::println!("{said}");
    } else {
        let good = paint::GOOD;
        anstream::println!("{good}ERASED{good:#}  {disclosures} values; entry {index} says so");
    }
    Ok(GOOD)
}
