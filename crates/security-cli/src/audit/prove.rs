//! `secstack audit prove`: a receipt to hand out.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use audit_trail::{AuditReader, Checkpoint, Receipt};
use clap::Args;
use serde_json::json;

use super::source;
use crate::failure::{Failure, ignore_closed_pipe};
use crate::{Answer, GOOD};

/// Make a receipt: the proof that an entry is in the log, for anybody and offline
///
/// Writes the receipt (C2SP tlog-proof) of an entry: with it, the entry's exact bytes and the log's verifier key anybody can check offline that the entry is in
/// the log. It stands under the published checkpoint, with the cosignatures of witnesses that it may have, or under a newer one if that does not cover the entry.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log: its directory, or a file with entries and signed checkpoints, one a line
    #[arg(value_name = "DIR|FILE")]
    log: PathBuf,
    /// Which entry
    #[arg(long)]
    index: u64,
    /// The log's verifier key, or a file that holds it [default: the key that the log names itself]
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
    /// Where to write the receipt, if not to standard output; must not be there yet
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where to write the entry's exact bytes; must not be there yet
    #[arg(long, value_name = "FILE")]
    entry_out: Option<PathBuf>,
    /// Print one JSON object with the receipt and the entry
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let log = source::reader_by_own_key(&arguments.log, arguments.vkey.as_deref())?;
    let entry = log.entry(arguments.index)?;
    let receipt = receipt(&log, arguments)?.to_string();
    if let Some(path) = &arguments.entry_out {
        write_new(path, entry.bytes())?;
    }
    if let Some(path) = &arguments.out {
        write_new(path, receipt.as_bytes())?;
    }
    let said = if arguments.json {
        let entry = String::from_utf8_lossy(entry.bytes()).into_owned();
        let said = json!({ "index": arguments.index, "entry": entry, "receipt": receipt });
        format!("{said}\n")
    } else if arguments.out.is_none() {
        receipt
    } else {
        return Ok(GOOD);
    };
    let mut out = io::stdout().lock();
    ignore_closed_pipe(out.write_all(said.as_bytes()).and_then(|()| out.flush()))?;
    Ok(GOOD)
}

fn receipt(log: &AuditReader, arguments: &Arguments) -> Result<Receipt, Failure> {
    let newest = log.checkpoint()?;
    let published =
        published(&arguments.log, log).filter(|checkpoint| checkpoint.size() > arguments.index);
    Ok(log.receipt_under(arguments.index, published.as_ref().unwrap_or(&newest))?)
}

/// The checkpoint that the log's directory shows to the world, if it is this log's.
pub(super) fn published(dir: &Path, log: &AuditReader) -> Option<Checkpoint> {
    let note = fs::read_to_string(dir.join("checkpoint")).ok()?;
    Checkpoint::open(&note, log.verifier_key()?).ok()
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut file = File::create_new(path).map_err(Failure::on(path.display()))?;
    file.write_all(bytes).map_err(Failure::on(path.display()))
}
