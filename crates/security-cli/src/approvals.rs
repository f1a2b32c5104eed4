//! The operator's answers to calls that wait for one.

mod answer;
mod list;
mod show;

use clap::Subcommand;

use crate::Answer;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    List(list::Arguments),
    Show(show::Arguments),
    /// Agree to a call: once as many operators have as its rule asks for, it may be made once
    Approve(answer::Arguments),
    /// Say no to a call; the same call is then refused until the request's time is up
    Deny(answer::Arguments),
    /// Take a request back, or an approval that was not used
    Cancel(answer::Arguments),
}

pub(crate) fn run(verb: Verb) -> Answer {
    match verb {
        Verb::List(arguments) => list::run(arguments),
        Verb::Show(arguments) => show::run(&arguments),
        Verb::Approve(arguments) => answer::approve(arguments),
        Verb::Deny(arguments) => answer::deny(arguments),
        Verb::Cancel(arguments) => answer::cancel(arguments),
    }
}
