//! `secstack config`: questions about configurations beyond whether one of them holds.

mod diff;

use clap::Subcommand;
use security_bundle::SecurityStackConfig;

use crate::{Answer, GOOD};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say what a new configuration changes against an old one, and which changes loosen
    Diff(diff::Arguments),
    /// Print the JSON Schema of configuration files, by which editors complete and check
    Schema,
}

pub(crate) fn run(verb: &Verb) -> Answer {
    match verb {
        Verb::Diff(arguments) => diff::run(arguments),
        Verb::Schema => {
            anstream::print!("{}", SecurityStackConfig::json_schema());
            Ok(GOOD)
        }
    }
}
