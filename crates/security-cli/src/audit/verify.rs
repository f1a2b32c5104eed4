//! `secstack audit verify`: what a log proves, and up to where.

use std::path::PathBuf;

use clap::Args;
use security_bundle::audit_trail::{Level, verify_ndjson};
use serde_json::json;

use super::{is_tampering, open, pin, verifier_key};
use crate::failure::Failure;
use crate::{Answer, GOOD, no, paint};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log: entries and signed checkpoints, one a line
    file: PathBuf,
    /// The log's verifier key, or a file that holds it
    #[arg(long, value_name = "KEY|FILE")]
    vkey: String,
    /// A checkpoint that you kept: finds a log that was cut or rewritten
    #[arg(long, value_name = "FILE")]
    pin: Option<PathBuf>,
    /// The log is still being written: entries after the newest checkpoint are no fault
    #[arg(long)]
    live: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let key = verifier_key(&arguments.vkey)?;
    let kept = pin(arguments.pin.as_ref(), &key)?;
    let verified = match verify_ndjson(open(&arguments.file)?, &key, kept.as_ref()) {
        Ok(verified) => verified,
        Err(error) if is_tampering(&error) => {
            if arguments.json {
                anstream::println!(
                    "{}",
                    json!({ "verified": false, "error": error.to_string() })
                );
            } else {
                let (bad, plain) = (paint::BAD, paint::plain(&error.to_string()));
                anstream::println!("{bad}NOT VERIFIED{bad:#}  {plain}");
            }
            return Ok(no());
        }
        Err(error) => return Err(Failure::on(arguments.file.display())(error)),
    };
    let level = match verified.level {
        Level::Tree => "tree",
        Level::Signed => "signed",
        Level::Pinned => "pinned",
        _ => "unknown",
    };
    let whole = verified.fully_covered();
    let good = verified.level != Level::Tree && (whole || arguments.live);
    if arguments.json {
        anstream::println!(
            "{}",
            json!({
                "verified": good,
                "level": level,
                "size": verified.size,
                "covered_size": verified.covered_size,
                "root": verified.root.to_string(),
                "checkpoints": verified.checkpoints,
            })
        );
    } else {
        let (style, word) = if good {
            (paint::GOOD, "VERIFIED")
        } else {
            (paint::BAD, "NOT VERIFIED")
        };
        anstream::println!("{style}{word}{style:#}  {verified}");
        if !whole && !arguments.live {
            anstream::println!(
                "Entries after the newest signed checkpoint prove nothing. Use --live if the log is still being written."
            );
        }
    }
    Ok(if good { GOOD } else { no() })
}
