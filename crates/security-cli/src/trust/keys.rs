//! `secstack trust key`: whose signatures count.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use security_bundle::operator::{TrustAnswer, TrustRequest};
use serde_json::json;
use trust_gate::{GrantSigner, KeyId, OperatorId, OperatorKey};

use super::told;
use super::who::By;
use crate::desk::{Desk, unexpected};
use crate::failure::Failure;
use crate::secret::{self, Seed};
use crate::table::Align::{Left, Right};
use crate::table::Table;
use crate::{Answer, GOOD, output, paint};

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    New(New),
    Add(Add),
    Revoke(Revoke),
    List(List),
}

/// Make a key to sign grants with, and print its public half
///
/// A file that is there is read and left as it is.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The file for the secret key: made, readable by its owner alone, if it is not there
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Take grants signed with a key as those of an operator from now on
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// The public key, 64 hexadecimal digits
    key: OperatorKey,
    /// Whose it is
    #[arg(long, value_name = "WHO")]
    operator: OperatorId,
    #[command(flatten)]
    by: By,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Take no more grants signed with a key, for good; what was granted with it stays
#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// The id of the key, 32 hexadecimal digits
    key: KeyId,
    #[command(flatten)]
    by: By,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// List the keys, those revoked included
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// Print a JSON object for each, one a line
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(verb: Verb) -> Answer {
    match verb {
        Verb::New(arguments) => new(&arguments),
        Verb::Add(arguments) => add(arguments),
        Verb::Revoke(arguments) => revoke(arguments),
        Verb::List(arguments) => list(&arguments),
    }
}

fn new(arguments: &New) -> Answer {
    let (seed, is_new) = secret::seed_or_new(&arguments.file)?;
    let key = public(&seed)?;
    if arguments.json {
        anstream::println!(
            "{}",
            json!({ "key": key, "key_id": key.id(), "new": is_new })
        );
        return Ok(GOOD);
    }
    if is_new {
        let dim = paint::DIM;
        anstream::eprintln!(
            "{dim}new key {} in {}: keep it secret{dim:#}",
            key.id(),
            arguments.file.display()
        );
    }
    anstream::println!("{key}");
    Ok(GOOD)
}

fn add(arguments: Add) -> Answer {
    let Add {
        dir,
        key,
        operator,
        by: By { by, reason },
        json,
    } = arguments;
    let event = Desk::of_trust(&dir)?.act(TrustRequest::TrustKey {
        operator,
        key,
        by,
        reason,
    })?;
    told::tell("TRUSTED", &event, json)?;
    Ok(GOOD)
}

fn revoke(arguments: Revoke) -> Answer {
    let Revoke {
        dir,
        key,
        by: By { by, reason },
        json,
    } = arguments;
    let event = Desk::of_trust(&dir)?.act(TrustRequest::RevokeKey { key, by, reason })?;
    told::tell("REVOKED", &event, json)?;
    Ok(GOOD)
}

fn list(arguments: &List) -> Answer {
    let answer = Desk::of_trust(&arguments.dir)?.trust(TrustRequest::Keys {})?;
    let TrustAnswer::Keys(keys) = answer else {
        return Err(unexpected());
    };
    if arguments.json {
        return crate::trust::show::lines(&keys);
    }
    let mut table = Table::new(&[
        ("KEY", Left),
        ("OPERATOR", Left),
        ("TRUSTED AT", Right),
        ("REVOKED AT", Right),
    ]);
    for key in &keys {
        let revoked = key.revoked.map(|revision| revision.to_string());
        table.push([
            key.id.to_string(),
            key.operator.to_string(),
            key.trusted.to_string(),
            revoked.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    output::write(|out| table.write(out))?;
    Ok(GOOD)
}

/// The public half, which is the same whoever signs for whatever gate.
pub(super) fn public(seed: &Seed) -> Result<OperatorKey, Failure> {
    Ok(GrantSigner::from_seed("operator".parse()?, "gate".parse()?, &seed.0).key())
}
