//! `secstack consent init`: a directory that consent is kept in.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::store;
use crate::{Answer, GOOD, paint};

/// Begin to keep consent in a directory
///
/// No other verb makes one, for a mistyped path would be a ledger that has forgotten every withdrawal.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where consent is to be kept; made if it is not there
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    store::create(&arguments.dir)?;
    let dir = arguments.dir.display();
    if arguments.json {
        anstream::println!("{}", json!({ "dir": dir.to_string() }));
    } else {
        let dim = paint::DIM;
        anstream::eprintln!(
            "{dim}nobody has agreed to anything yet in {dir}: `secstack consent give` records it{dim:#}"
        );
    }
    Ok(GOOD)
}
