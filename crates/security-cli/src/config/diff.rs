//! `secstack config diff`: which agents, tools, budgets and consents a new configuration changes, and in which direction.

use std::path::PathBuf;

use clap::Args;
use security_bundle::{Direction, SecurityStackConfig};
use serde_json::json;

use crate::{Answer, GOOD, no, paint};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration in force
    old: PathBuf,
    /// The one that is to take its place
    new: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let old = SecurityStackConfig::from_path(&arguments.old)?;
    let new = SecurityStackConfig::from_path(&arguments.new)?;
    let diff = SecurityStackConfig::diff(&old, &new)?;
    let (raises, loosens) = (diff.raises().count(), diff.loosens().count());
    if arguments.json {
        let said = json!({
            "differs": !diff.is_empty(),
            "raises": raises,
            "loosens": loosens,
            "changes": diff.changes(),
        });
        anstream::println!("{said}");
    } else {
        // One line for each change, in the same order.
        let text = diff.to_string();
        let styles = diff.changes().iter().map(|change| match change.direction {
            _ if change.raises => paint::BAD,
            Direction::Loosens => paint::WARN,
            Direction::Tightens => paint::GOOD,
            Direction::Changes => paint::DIM,
        });
        let plain = std::iter::repeat(paint::DIM);
        for (line, style) in text.lines().zip(styles.chain(plain)) {
            anstream::println!("{style}{line}{style:#}");
        }
        if !diff.is_empty() {
            let all = diff.changes().len();
            anstream::println!(
                "\n{all} change(s): {loosens} loosen, {raises} of these raise what agents are trusted with"
            );
        }
    }
    Ok(if diff.is_empty() { GOOD } else { no() })
}
