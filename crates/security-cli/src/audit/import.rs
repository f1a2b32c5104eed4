//! `secstack audit import`: a hash-chained log of the older kind becomes entries of this one.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{source, verify};
use crate::failure::Failure;
use crate::{Answer, GOOD, no, paint};

/// Take over a hash-chained NDJSON log
///
/// The chain is verified whole before anything is appended. Each record becomes a decision that keeps the record's exact text, and a last entry names the head hash.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log's directory
    dir: PathBuf,
    /// The hash-chained NDJSON file
    #[arg(long, value_name = "FILE")]
    chain: PathBuf,
    /// The file with the key that signs the log [default: DIR.key]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let chain = source::open(&arguments.chain)?;
    let log = source::writer(&arguments.dir, arguments.key.as_deref())?.build()?;
    let imported = match log.import_chain(chain) {
        Ok(imported) => imported,
        Err(error) if verify::is_broken(&error) => {
            if arguments.json {
                anstream::println!(
                    "{}",
                    json!({ "imported": false, "error": error.to_string() })
                );
            } else {
                let bad = paint::BAD;
                anstream::println!(
                    "{bad}NOT IMPORTED{bad:#}  {}",
                    paint::plain(&error.to_string())
                );
            }
            return Ok(no());
        }
        Err(error) => return Err(Failure::on(arguments.chain.display())(error)),
    };
    log.publish_checkpoint()?;
    let (verified, index) = (&imported.verified, imported.summary.index);
    if arguments.json {
        let said = json!({
            "imported": true,
            "dialect": verified.dialect.to_string(),
            "records": verified.records,
            "head": verified.head,
            "index": index,
        });
        anstream::println!("{said}");
    } else {
        let good = paint::GOOD;
        anstream::println!("{good}IMPORTED{good:#}  {verified}; entry {index} closes the import");
    }
    Ok(GOOD)
}
