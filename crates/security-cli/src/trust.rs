//! The operator's verbs on the trust in a data directory: who may do what, who said so, and why.

mod accept_clock;
mod assign;
mod elevate;
mod explain;
mod history;
mod keys;
mod report;
mod restrict;
mod rules;
pub(crate) mod show;
mod sign;
pub(crate) mod store;
pub(crate) mod told;
pub(crate) mod who;

use clap::Subcommand;

use crate::Answer;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(rules::Init),
    Configure(rules::Configure),
    Assign(assign::Arguments),
    /// Take a level away: L0 from now on, and no falling back on a wider grant
    ///
    /// Scopes within that have a grant of their own keep it; `quarantine` stops those too.
    Revoke(restrict::Arguments),
    Clear(restrict::Clear),
    Cap(restrict::Cap),
    /// Lift the cap on exactly this scope
    Lift(restrict::Arguments),
    /// Stop an agent in a scope and all within it, until it is released
    Quarantine(restrict::Arguments),
    /// Lift the quarantine on exactly this scope
    Release(restrict::Arguments),
    Elevate(elevate::Elevate),
    BreakGlass(elevate::BreakGlass),
    /// End an elevation, or what a broken glass gave, on exactly this scope before its time
    EndElevation(restrict::Arguments),
    CloseReview(elevate::CloseReview),
    Show(show::Arguments),
    History(history::Arguments),
    Report(report::Arguments),
    Explain(explain::Arguments),
    /// The keys of operators who sign grants elsewhere
    #[command(subcommand)]
    Key(keys::Verb),
    Sign(sign::Sign),
    AssignSigned(sign::AssignSigned),
    AcceptClock(accept_clock::Arguments),
}

pub(crate) fn run(verb: Verb) -> Answer {
    match verb {
        Verb::Init(arguments) => rules::init(arguments),
        Verb::Configure(arguments) => rules::configure(arguments),
        Verb::Assign(arguments) => assign::run(arguments),
        Verb::Revoke(arguments) => restrict::revoke(arguments),
        Verb::Clear(arguments) => restrict::clear(arguments),
        Verb::Cap(arguments) => restrict::cap(arguments),
        Verb::Lift(arguments) => restrict::lift(arguments),
        Verb::Quarantine(arguments) => restrict::quarantine(arguments),
        Verb::Release(arguments) => restrict::release(arguments),
        Verb::Elevate(arguments) => elevate::elevate(arguments),
        Verb::BreakGlass(arguments) => elevate::break_glass(arguments),
        Verb::EndElevation(arguments) => restrict::end_elevation(arguments),
        Verb::CloseReview(arguments) => elevate::close_review(arguments),
        Verb::Show(arguments) => show::run(arguments),
        Verb::History(arguments) => history::run(arguments),
        Verb::Report(arguments) => report::run(arguments),
        Verb::Explain(arguments) => explain::run(arguments),
        Verb::Key(verb) => keys::run(verb),
        Verb::Sign(arguments) => sign::sign(arguments),
        Verb::AssignSigned(arguments) => sign::assign_signed(&arguments),
        Verb::AcceptClock(arguments) => accept_clock::run(arguments),
    }
}
