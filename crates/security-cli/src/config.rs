//! `secstack config`: questions about configurations that take more than one of them.

mod diff;

use clap::Subcommand;

use crate::Answer;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Say what a new configuration changes against an old one, and which changes loosen
    Diff(diff::Arguments),
}

pub(crate) fn run(verb: &Verb) -> Answer {
    match verb {
        Verb::Diff(arguments) => diff::run(arguments),
    }
}
