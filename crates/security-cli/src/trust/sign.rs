//! `secstack trust sign` and `assign-signed`: a level that is assigned far from the directory that it is for.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use security_bundle::operator::TrustRequest;
use serde_json::json;
use time::OffsetDateTime;
use trust_gate::{AgentId, Clock as _, GateName, GrantSigner, Scope, SystemClock};

use super::assign::Given;
use super::told;
use super::who::{By, Place};
use crate::desk::Desk;
use crate::failure::Failure;
use crate::secret::{self, Seed};
use crate::{Answer, GOOD, times};

/// More than the longest signed grant.
const MOST: u64 = 10_000;

/// Sign a grant, wherever the operator is; prints the text for `assign-signed`
#[derive(Debug, Args)]
pub(crate) struct Sign {
    /// The agent
    agent: AgentId,
    /// Where, such as `payments/eu` [default: everywhere]
    #[arg(long, default_value = "", hide_default_value = true)]
    scope: Scope,
    #[command(flatten)]
    level: Given,
    /// The file with the secret key, from `secstack trust key new`
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The gate that it is for: `name` in its rules
    #[arg(long, value_name = "NAME")]
    gate: GateName,
    /// Higher than all that this operator signed before
    #[arg(long, value_name = "N")]
    serial: u64,
    /// Since when it holds (RFC 3339) [default: now]
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    assigned_at: Option<OffsetDateTime>,
    #[command(flatten)]
    by: By,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Assign what an operator has signed elsewhere, in that operator's name and with the reason that was signed
#[derive(Debug, Args)]
pub(crate) struct AssignSigned {
    /// The directory that trust is kept in
    dir: PathBuf,
    /// The file with the signed text, or `-` for standard input
    file: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn sign(arguments: Sign) -> Answer {
    let seed: Seed = secret::read(&arguments.key)?;
    let signer = GrantSigner::from_seed(arguments.by.by.clone(), arguments.gate, &seed.0);
    let at = match arguments.assigned_at {
        Some(at) => at,
        None => SystemClock::new().now(),
    };
    let place = Place {
        dir: PathBuf::new(),
        agent: arguments.agent,
        scope: arguments.scope,
    };
    let grant = arguments.level.grant(place, arguments.by).assigned_at(at);
    let text = signer.sign(grant, arguments.serial)?;
    if arguments.json {
        let said = json!({
            "signed": text.to_string(),
            "key_id": text.key_id(),
            "serial": text.serial(),
            "gate": text.audience(),
        });
        anstream::println!("{said}");
    } else {
        anstream::println!("{text}");
    }
    Ok(GOOD)
}

pub(crate) fn assign_signed(arguments: &AssignSigned) -> Answer {
    let text = read(&arguments.file).map_err(Failure::on(arguments.file.display()))?;
    let event = Desk::of_trust(&arguments.dir)?.act(TrustRequest::AssignSigned { signed: text })?;
    told::tell("ASSIGNED", &event, arguments.json)?;
    Ok(GOOD)
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().lock().take(MOST).read_to_string(&mut text)?;
    } else {
        File::open(file)?.take(MOST).read_to_string(&mut text)?;
    }
    Ok(text)
}
