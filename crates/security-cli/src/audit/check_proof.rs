//! `secstack audit check-proof`: whether a receipt shows that an entry is in the log.

use std::fs;
use std::path::PathBuf;

use audit_trail::{Established, EvidenceError, Receipt, TlogPolicy, VerifierKey};
use clap::Args;
use serde_json::json;

use super::keys;
use crate::failure::Failure;
use crate::{Answer, GOOD, no, paint};

/// The first line of a receipt (C2SP tlog-proof).
const HEADER: &str = "c2sp.org/tlog-proof@v1\n";

/// Check a receipt
///
/// Needs neither the log nor a network. The receipt can serve as a pin (`verify --pin`) from then on.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The receipt
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// The log's verifier key, or a file that holds it
    #[arg(long, value_name = "KEY|FILE")]
    vkey: String,
    /// A file with the entry's exact bytes; one newline after them does no harm
    #[arg(long, value_name = "FILE")]
    entry: PathBuf,
    /// A policy (C2SP tlog-policy): a quorum of its witnesses must have cosigned
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let key = keys::verifier_key(&arguments.vkey)?;
    let policy = arguments.policy.as_deref().map(keys::policy).transpose()?;
    let entry = fs::read(&arguments.entry).map_err(Failure::on(arguments.entry.display()))?;
    let path = arguments.receipt.display();
    let text = fs::read_to_string(&arguments.receipt).map_err(Failure::on(&path))?;
    if !text.starts_with(HEADER) {
        return Err(Failure::new(format!(
            "{path}: not a receipt: it does not begin with `{}`",
            HEADER.trim_end()
        )));
    }
    let checked = text.parse::<Receipt>().and_then(|receipt| {
        Ok((
            receipt.index(),
            check(&receipt, &entry, &key, policy.as_ref())?,
        ))
    });
    match checked {
        Ok((index, established)) => {
            tell(arguments, index, &established);
            Ok(GOOD)
        }
        Err(error) => {
            if arguments.json {
                anstream::println!("{}", json!({ "proven": false, "error": error.to_string() }));
            } else {
                let bad = paint::BAD;
                anstream::println!(
                    "{bad}NOT PROVEN{bad:#}  {}",
                    paint::plain(&error.to_string())
                );
            }
            Ok(no())
        }
    }
}

/// Entries as other commands print them have a newline after them, which is not theirs.
fn check(
    receipt: &Receipt,
    entry: &[u8],
    key: &VerifierKey,
    policy: Option<&TlogPolicy>,
) -> Result<Established, EvidenceError> {
    let exact = receipt.verify(entry, key, policy);
    match (&exact, entry.strip_suffix(b"\n")) {
        (Err(EvidenceError::Proof(_)), Some(line)) => receipt.verify(line, key, policy),
        _ => exact,
    }
}

fn tell(arguments: &Arguments, index: u64, established: &Established) {
    let (level, checkpoint) = (established.level, &established.checkpoint);
    let (origin, size) = (checkpoint.origin(), checkpoint.size());
    if arguments.json {
        let witnesses = established
            .witnesses
            .map(|w| json!({ "signed": w.signed, "known": w.known }));
        let said = json!({
            "proven": true,
            "level": level.to_string(),
            "index": index,
            "origin": origin,
            "size": size,
            "witnesses": witnesses,
        });
        anstream::println!("{said}");
    } else {
        let good = paint::GOOD;
        let witnesses = established
            .witnesses
            .map(|w| format!("({w})"))
            .unwrap_or_default();
        let origin = paint::plain(origin);
        anstream::println!(
            "{good}PROVEN{good:#}  {level}{witnesses}: this is entry {index} of the log {origin}, under its checkpoint of {size} entries"
        );
    }
}
