//! `secstack budget init`: a directory that budgets are kept in.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::store;
use crate::{Answer, GOOD, paint};

/// Begin to keep budgets in a directory
///
/// No other verb makes one, for a mistyped path would be a directory in which nothing was spent.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where the budgets are to be; made if it is not there
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
            "{dim}no budgets yet in {dir}: `secstack budget create` makes them{dim:#}"
        );
    }
    Ok(GOOD)
}
