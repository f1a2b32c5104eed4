//! `secstack trust init` and `configure`: the rules of a gate, from the `[trust]` section of a stack's configuration.

use std::path::{Path, PathBuf};

use clap::Args;
use security_bundle::SecurityStackConfig;
use security_bundle::operator::TrustRequest;
use serde_json::json;
use trust_gate::{OperatorId, TrustGateConfig};

use super::who::By;
use super::{store, told};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::{Answer, GOOD, paint};

/// Begin to keep trust in a directory
///
/// No other verb makes one, for a mistyped path would be a gate that has forgotten every quarantine.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where trust is to be kept; made if it is not there
    dir: PathBuf,
    /// The configuration whose `[trust]` rules hold [default: no tool is known, and everybody has L0]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Who answers for the rules
    #[arg(long, value_name = "WHO")]
    by: OperatorId,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Set all the rules at once; levels that were assigned stay, and calls that wait for approval must be asked for again
#[derive(Debug, Args)]
pub(crate) struct Configure {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// The configuration whose `[trust]` rules are to hold
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    #[command(flatten)]
    by: By,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn init(arguments: Init) -> Answer {
    let rules = match &arguments.config {
        Some(file) => read(file)?,
        None => TrustGateConfig::default(),
    };
    let tools = rules.tools.len();
    store::create(&arguments.dir, rules, arguments.by)?;
    let dir = arguments.dir.display();
    if arguments.json {
        let said = json!({ "dir": dir.to_string(), "tools": tools });
        anstream::println!("{said}");
    } else {
        let dim = paint::DIM;
        anstream::eprintln!(
            "{dim}nobody is trusted yet in {dir}, where {tools} tool policies hold: `secstack trust assign` gives levels{dim:#}"
        );
    }
    Ok(GOOD)
}

pub(crate) fn configure(arguments: Configure) -> Answer {
    let rules = read(&arguments.config)?;
    let By { by, reason } = arguments.by;
    let event = Desk::of_trust(&arguments.dir)?.act(TrustRequest::Configure {
        rules: Box::new(rules),
        by,
        reason,
    })?;
    told::tell("CONFIGURED", &event, arguments.json)?;
    Ok(GOOD)
}

/// The rules alone. Levels are an operator's act each, with a name and a reason.
fn read(file: &Path) -> Result<TrustGateConfig, Failure> {
    let config = SecurityStackConfig::from_path(file)?;
    let assigned = config.assignments.len();
    if assigned > 0 {
        let warn = paint::WARN;
        anstream::eprintln!(
            "{warn}not taken{warn:#}: {assigned} assignments of {}; `secstack trust assign` makes them",
            file.display()
        );
    }
    Ok(config.trust_gate)
}
