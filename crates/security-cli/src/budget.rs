//! The operator's verbs on the budgets in a data directory: what they allow, what was spent, and who changed what.

mod create;
mod entry;
mod envelope;
mod figures;
mod init;
mod ledger;
mod limits;
mod list;
mod operator;
mod report;
mod show;
mod state;
pub(crate) mod store;
mod update;

use clap::Subcommand;

use crate::Answer;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(init::Arguments),
    Create(Box<create::Arguments>),
    List(list::Arguments),
    Show(show::Arguments),
    Update(update::Arguments),
    /// Refuse everything on a budget and what is under it, until it is resumed
    ///
    /// What was reserved before can still be settled.
    Suspend(state::Arguments),
    /// End a suspension
    Resume(state::Arguments),
    Close(state::Close),
    Ledger(ledger::Arguments),
    Report(report::Arguments),
}

pub(crate) fn run(verb: Verb) -> Answer {
    match verb {
        Verb::Init(arguments) => init::run(&arguments),
        Verb::Create(arguments) => create::run(*arguments),
        Verb::List(arguments) => list::run(&arguments),
        Verb::Show(arguments) => show::run(arguments),
        Verb::Update(arguments) => update::run(arguments),
        Verb::Suspend(arguments) => state::suspend(arguments),
        Verb::Resume(arguments) => state::resume(arguments),
        Verb::Close(arguments) => state::close(arguments),
        Verb::Ledger(arguments) => ledger::run(arguments),
        Verb::Report(arguments) => report::run(arguments),
    }
}
