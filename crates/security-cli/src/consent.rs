//! The verbs on the consent in a data directory: what people agreed to, refused and withdrew, and what follows from it.

mod accept_clock;
mod as_of;
mod expiring;
mod give;
mod init;
mod notice;
mod receipt;
mod report;
mod show;
pub(crate) mod store;
mod take;
mod told;
mod used;
mod what;
mod who_may;

use clap::Subcommand;

use crate::Answer;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(init::Arguments),
    Give(Box<give::Give>),
    Renew(Box<give::Renew>),
    Refuse(take::Refuse),
    Withdraw(take::Withdraw),
    Show(show::Arguments),
    AsOf(as_of::Arguments),
    WhoMay(who_may::Arguments),
    Expiring(expiring::Arguments),
    Report(report::Arguments),
    Receipt(receipt::Issue),
    CheckReceipt(receipt::Check),
    PublishNotice(notice::Arguments),
    AcceptClock(accept_clock::Arguments),
}

pub(crate) fn run(verb: Verb) -> Answer {
    match verb {
        Verb::Init(arguments) => init::run(&arguments),
        Verb::Give(arguments) => give::give(*arguments),
        Verb::Renew(arguments) => give::renew(*arguments),
        Verb::Refuse(arguments) => take::refuse(arguments),
        Verb::Withdraw(arguments) => take::withdraw(arguments),
        Verb::Show(arguments) => show::run(arguments),
        Verb::AsOf(arguments) => as_of::run(arguments),
        Verb::WhoMay(arguments) => who_may::run(arguments),
        Verb::Expiring(arguments) => expiring::run(&arguments),
        Verb::Report(arguments) => report::run(arguments),
        Verb::Receipt(arguments) => receipt::issue(&arguments),
        Verb::CheckReceipt(arguments) => receipt::check(&arguments),
        Verb::PublishNotice(arguments) => notice::run(arguments),
        Verb::AcceptClock(arguments) => accept_clock::run(arguments),
    }
}
