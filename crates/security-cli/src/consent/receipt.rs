//! `secstack consent receipt` and `check-receipt`: what a person can take away and show, and whether it is genuine.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use consent::RecordId;
use consent::receipt::{
    self, Controller, MAX_BYTES, ReceiptError, ReceiptIssuer, SigningKey, VerifyingKey,
};
use serde_json::json;

use super::{store, told, what};
use crate::failure::Failure;
use crate::{Answer, GOOD, no, output, paint, secret, times};

/// Issue a signed receipt of a record: JSON-LD in the structure of ISO/IEC TS 27560
///
/// Prints the verifier key, for whoever is to check it, on standard error.
#[derive(Debug, Args)]
pub(crate) struct Issue {
    /// The directory that consent is kept in
    dir: PathBuf,
    /// The record
    #[arg(value_parser = what::record_id)]
    record: RecordId,
    /// Who issues it: a TOML file with `name`, `contact`, `jurisdiction` and `privacy_policy`
    #[arg(long, value_name = "FILE")]
    controller: PathBuf,
    /// The file with the secret key: made, readable by its owner alone, if it is not there
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Write it to a new file [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object about it instead of it
    #[arg(long, requires = "out")]
    json: bool,
}

/// Check a receipt, and with the directory whether the record there is still the same
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The file with the receipt
    file: PathBuf,
    /// The issuer's verifier key; may be given again
    // One in 64 begins with a dash.
    #[arg(long, value_name = "KEY", required = true, allow_hyphen_values = true)]
    vkey: Vec<VerifyingKey>,
    /// The directory that consent is kept in
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn issue(arguments: &Issue) -> Answer {
    let controller = controller(&arguments.controller)?;
    let ledger = store::look(&arguments.dir)?;
    // Before there is a key for nothing.
    if ledger.record_by_id(arguments.record).is_none() {
        let record_id = arguments.record;
        return Err(ReceiptError::NotInLedger { record_id }.into());
    }
    let (seed, is_new) = secret::seed_or_new(&arguments.key)?;
    let key = SigningKey::from_seed(&seed.0);
    let public = key.verifying_key();
    let receipt = ReceiptIssuer::new(controller, key).issue(&ledger, arguments.record)?;
    let dim = paint::DIM;
    if is_new {
        let file = arguments.key.display();
        anstream::eprintln!("{dim}new key in {file}: keep it secret{dim:#}");
    }
    match &arguments.out {
        Some(path) => {
            let new = fs::File::options().write(true).create_new(true).open(path);
            let mut file = new.map_err(Failure::on(path.display()))?;
            writeln!(file, "{}", receipt.to_json_ld()).map_err(Failure::on(path.display()))?;
        }
        None => output::write(|out| writeln!(out, "{}", receipt.to_json_ld()))?,
    }
    if arguments.json {
        let said = json!({
            "receipt": receipt.id().to_string(),
            "record_id": arguments.record,
            "state": receipt.state().code(),
            "vkey": public.to_string(),
        });
        anstream::println!("{said}");
    } else {
        anstream::eprintln!("verifier key: {public}");
    }
    Ok(GOOD)
}

pub(crate) fn check(arguments: &Check) -> Answer {
    let bytes = read(&arguments.file)?;
    let verified = match receipt::verify(&bytes, &arguments.vkey) {
        Ok(verified) => verified,
        Err(error) if arguments.json => {
            let said = json!({ "genuine": false, "message": error.to_string() });
            anstream::println!("{said}");
            return Ok(no());
        }
        Err(error) => {
            let bad = paint::BAD;
            anstream::println!(
                "{bad}NOT GENUINE{bad:#}  {}",
                paint::plain(&error.to_string())
            );
            return Ok(no());
        }
    };
    let receipt = verified.receipt();
    let record = receipt.record();
    let found = match &arguments.dir {
        Some(dir) => Some(store::look(dir)?.record_by_id(record.record_id())),
        None => None,
    };
    let same = found.map(|found| found.is_some_and(|found| verified.matches(&found)));
    if arguments.json {
        let said = json!({
            "genuine": true,
            "receipt": receipt.id().to_string(),
            "issued_at": times::shown(receipt.issued_at()),
            "state": receipt.state().code(),
            "record": record,
            "same_record": same,
        });
        anstream::println!("{said}");
    } else {
        let good = paint::GOOD;
        anstream::println!(
            "{good}GENUINE{good:#}  {}  {}: {} at {}",
            record.record_id(),
            told::extent(record.extent()),
            receipt.state().code(),
            times::shown(receipt.issued_at())
        );
        if same == Some(false) {
            let bad = paint::BAD;
            anstream::println!(
                "{bad}OTHER RECORD{bad:#}  the directory has no such record, or another one of that id"
            );
        }
    }
    Ok(if same == Some(false) { no() } else { GOOD })
}

fn controller(path: &Path) -> Result<Controller, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::on(path.display()))?;
    toml::from_str(&text).map_err(|error| {
        let place = path.display();
        Failure::new(format!("{place}: {}", paint::plain(error.message())))
    })
}

/// At most one byte more than the longest receipt.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read as _;
    let most = u64::try_from(MAX_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(Failure::on(path.display()))?;
    let read = file.take(most).read_to_end(&mut bytes);
    read.map_err(Failure::on(path.display()))?;
    // `--out` ends it with a line feed.
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    Ok(bytes)
}
