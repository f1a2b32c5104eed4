//! The verbs on an audit log: a directory that they write themselves, or a file that `--audit-out` or `export` wrote.

mod append;
mod check_proof;
mod erase;
mod export;
mod import;
mod init;
mod interrupt;
mod keys;
pub(crate) mod progress;
mod prove;
mod query;
mod rotate;
mod row;
mod select;
mod serve;
mod server;
mod source;
mod tail;
mod verify;
mod witness;

use std::path::Path;

use audit_trail::AuditReader;
use clap::Subcommand;

use crate::Answer;
use crate::failure::Failure;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Init(init::Arguments),
    Append(append::Arguments),
    Verify(verify::Arguments),
    Query(query::Arguments),
    Tail(tail::Arguments),
    Prove(prove::Arguments),
    CheckProof(check_proof::Arguments),
    Export(export::Arguments),
    Rotate(rotate::Arguments),
    Import(import::Arguments),
    Erase(erase::Arguments),
    Serve(serve::Arguments),
    Witness(witness::Arguments),
}

/// Opens a log to be read, for a verb that looks into it beside something else.
pub(crate) fn reader(log: &Path, vkey: Option<&str>) -> Result<AuditReader, Failure> {
    let key = vkey.map(keys::verifier_key).transpose()?;
    source::reader(log, key.as_ref())
}

pub(crate) fn run(verb: Verb) -> Answer {
    match verb {
        Verb::Init(arguments) => init::run(&arguments),
        Verb::Append(arguments) => append::run(&arguments),
        Verb::Verify(arguments) => verify::run(&arguments),
        Verb::Query(arguments) => query::run(&arguments),
        Verb::Tail(arguments) => tail::run(&arguments),
        Verb::Prove(arguments) => prove::run(&arguments),
        Verb::CheckProof(arguments) => check_proof::run(&arguments),
        Verb::Export(arguments) => export::run(&arguments),
        Verb::Rotate(arguments) => rotate::run(arguments),
        Verb::Import(arguments) => import::run(&arguments),
        Verb::Erase(arguments) => erase::run(&arguments),
        Verb::Serve(arguments) => serve::run(&arguments),
        Verb::Witness(arguments) => witness::run(&arguments),
    }
}
