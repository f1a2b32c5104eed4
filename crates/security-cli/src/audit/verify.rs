//! `secstack audit verify`: what a log proves, and up to where.

use std::path::{Path, PathBuf};

use audit_trail::tiles::{in_directory, verify_tiles};
use audit_trail::{
    AuditError, AuditReader, ChainError, ChainFault, Checkpoint, Level, TlogPolicy, Verified,
    VerifierKey, VerifyError, verify_chain,
};
use clap::Args;
use serde_json::json;

use super::keys;
use super::progress::Bar;
use super::source::{self, Source};
use crate::failure::Failure;
use crate::{Answer, GOOD, no, paint};

/// Check every entry against the signed checkpoints
///
/// A directory is read whole, and so are the tiles that it publishes; a directory with tiles alone and a file are verified as far as they go. Never a bare yes:
/// the answer names the level and up to which size. What was cut off or written anew by the key's holder shows only against what you kept (`--pin`).
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log: its directory, a directory with its tiles, or a file with entries and signed checkpoints, one a line
    #[arg(value_name = "DIR|FILE")]
    log: PathBuf,
    /// The log's verifier key, or a file that holds it
    #[arg(long, value_name = "KEY|FILE", required_unless_present = "chain")]
    vkey: Option<String>,
    /// A checkpoint or a receipt that you kept: finds a log that was cut or rewritten
    #[arg(long, value_name = "FILE")]
    pin: Option<PathBuf>,
    /// A policy (C2SP tlog-policy): a quorum of its witnesses must have cosigned
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The log is still being written: entries after the newest checkpoint are no fault
    #[arg(long)]
    live: bool,
    /// FILE is a hash-chained NDJSON log of the older kind, which nobody has signed
    #[arg(long, conflicts_with_all = ["vkey", "pin", "policy", "live"])]
    chain: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Why there is no good answer: the log is not what it should be, or nobody can tell.
enum Bad {
    Log(String),
    Input(Failure),
}

impl<E: Into<Failure>> From<E> for Bad {
    fn from(error: E) -> Self {
        Self::Input(error.into())
    }
}

pub(crate) fn run(arguments: &Arguments) -> Answer {
    let Some(key) = arguments.vkey.as_deref().filter(|_| !arguments.chain) else {
        return chain(arguments);
    };
    let key = keys::verifier_key(key)?;
    let policy = arguments.policy.as_deref().map(keys::policy).transpose()?;
    let verified = match Source::of(&arguments.log)? {
        Source::Directory => directory(arguments, &key, policy.as_ref()),
        Source::Tiles => tiles(arguments, &key, policy.as_ref()),
        Source::File => file(arguments, &key, policy.as_ref()),
    };
    match verified {
        Ok(verified) => Ok(tell(arguments, &verified)),
        Err(Bad::Log(problem)) => {
            tell_bad(arguments, &problem);
            Ok(no())
        }
        Err(Bad::Input(failure)) => Err(failure),
    }
}

/// The segments first; then what is published from them, as anybody else would check it.
fn directory(
    arguments: &Arguments,
    key: &VerifierKey,
    policy: Option<&TlogPolicy>,
) -> Result<Verified, Bad> {
    let dir = &arguments.log;
    let log = AuditReader::open(dir, Some(key)).map_err(|error| unopened(dir, key, error))?;
    let mut known = vec![key.clone()];
    known.extend(source::named_keys(&log).unwrap_or_default());
    let pin = kept(arguments, &known)?;
    let mut bar = Bar::new();
    let verified = log.verify_with(pin.as_ref(), &mut |progress| bar.show(progress));
    drop(bar);
    let mut verified = verified.map_err(|error| bad(dir, error))?;
    let published = match std::fs::read_to_string(dir.join("checkpoint")) {
        Ok(note) => note,
        Err(_) if policy.is_some() => {
            return Err(Bad::Log(
                "there is no published checkpoint that witnesses could have cosigned".into(),
            ));
        }
        Err(_) => return Ok(verified),
    };
    // It was verified to be signed by the key that was in force; which one that is, only the log knows.
    let signer = known
        .iter()
        .find(|key| Checkpoint::open(&published, key).is_ok());
    // Against the segments all was compared with the pin already, which may lie beyond what is published.
    let tiles = verify_tiles(in_directory(dir), signer.unwrap_or(key), None, policy)
        .map_err(|error| bad(dir, error))?;
    if tiles.level == Level::Witnessed {
        verified.level = tiles.level;
        verified.covered_size = tiles.covered_size;
    }
    verified.witnesses = tiles.witnesses;
    Ok(verified)
}

/// A directory that is not this log's, or cannot be read; but one that has published for this key was.
fn unopened(dir: &Path, key: &VerifierKey, error: AuditError) -> Bad {
    let note = std::fs::read_to_string(dir.join("checkpoint")).unwrap_or_default();
    match (&error, Checkpoint::open(&note, key)) {
        (AuditError::Storage { .. }, _) | (AuditError::Config(_), Err(_)) => {
            Bad::Input(Failure::on(dir.display())(error))
        }
        (AuditError::Config(_), Ok(published)) => Bad::Log(format!(
            "the published checkpoint covers {} entries, and {error}",
            published.size()
        )),
        _ => Bad::Log(error.to_string()),
    }
}

fn tiles(
    arguments: &Arguments,
    key: &VerifierKey,
    policy: Option<&TlogPolicy>,
) -> Result<Verified, Bad> {
    let dir = &arguments.log;
    let pin = kept(arguments, std::slice::from_ref(key))?;
    verify_tiles(in_directory(dir), key, pin.as_ref(), policy).map_err(|error| bad(dir, error))
}

fn file(
    arguments: &Arguments,
    key: &VerifierKey,
    policy: Option<&TlogPolicy>,
) -> Result<Verified, Bad> {
    let path = &arguments.log;
    let pin = kept(arguments, std::slice::from_ref(key))?;
    let file = source::open(path)?;
    let Some(policy) = policy else {
        return audit_trail::verify_ndjson(file, key, pin.as_ref())
            .map_err(|error| bad(path, error));
    };
    let (log, mut verified) = AuditReader::read_ndjson(file, Some(key), pin.as_ref())
        .map_err(|error| bad(path, error))?;
    let checkpoint = log
        .checkpoint()
        .map_err(|error| Bad::Log(error.to_string()))?;
    let quorum = policy
        .evaluate(&checkpoint)
        .map_err(|error| Bad::Log(error.to_string()))?;
    let witnesses = quorum.witnesses();
    if !quorum.satisfied {
        return Err(Bad::Log(VerifyError::NotWitnessed(witnesses).to_string()));
    }
    if quorum.required {
        verified.level = Level::Witnessed;
    }
    verified.witnesses = Some(witnesses);
    Ok(verified)
}

fn kept(arguments: &Arguments, keys: &[VerifierKey]) -> Result<Option<Checkpoint>, Failure> {
    arguments
        .pin
        .as_deref()
        .map(|path| keys::pin(path, keys))
        .transpose()
}

/// Whether an error speaks of the log's contents rather than of reading it, or of a pin that was meant for another log.
fn bad(path: &Path, error: VerifyError) -> Bad {
    match error {
        VerifyError::Io(_) | VerifyError::PinOrigin { .. } => {
            Bad::Input(Failure::on(path.display())(error))
        }
        _ => Bad::Log(error.to_string()),
    }
}

fn tell(arguments: &Arguments, verified: &Verified) -> std::process::ExitCode {
    let whole = verified.fully_covered();
    let good = verified.level != Level::Tree && (whole || arguments.live);
    if arguments.json {
        let witnesses = verified
            .witnesses
            .map(|w| json!({ "signed": w.signed, "known": w.known }));
        anstream::println!(
            "{}",
            json!({
                "verified": good,
                "level": verified.level.to_string(),
                "size": verified.size,
                "covered_size": verified.covered_size,
                "pinned_size": verified.pinned_size,
                "witnesses": witnesses,
                "root": verified.root.to_string(),
                "checkpoints": verified.checkpoints,
            })
        );
    } else {
        let (style, word) = if good {
            (paint::GOOD, "VERIFIED")
        } else {
            (paint::BAD, "NOT VERIFIED")
        };
        anstream::println!("{style}{word}{style:#}  {verified}");
        if !whole && !arguments.live {
            anstream::println!(
                "Entries after the newest signed checkpoint prove nothing. Use --live if the log is still being written."
            );
        }
    }
    if good { GOOD } else { no() }
}

fn tell_bad(arguments: &Arguments, problem: &str) {
    if arguments.json {
        anstream::println!("{}", json!({ "verified": false, "error": problem }));
    } else {
        let (bad, plain) = (paint::BAD, paint::plain(problem));
        anstream::println!("{bad}NOT VERIFIED{bad:#}  {plain}");
    }
}

/// A log of the older kind: what holds, and what nobody can know of it.
fn chain(arguments: &Arguments) -> Answer {
    let verified = match verify_chain(source::open(&arguments.log)?) {
        Ok(verified) => verified,
        Err(error) if is_broken(&error) => {
            tell_bad(arguments, &error.to_string());
            return Ok(no());
        }
        Err(error) => return Err(Failure::on(arguments.log.display())(error)),
    };
    if arguments.json {
        anstream::println!(
            "{}",
            json!({
                "verified": true,
                "dialect": verified.dialect.to_string(),
                "records": verified.records,
                "head": verified.head,
                "weaknesses": verified.weaknesses(),
            })
        );
        return Ok(GOOD);
    }
    let (good, warn) = (paint::GOOD, paint::WARN);
    anstream::println!("{good}VERIFIED{good:#}  {verified}");
    for weakness in verified.weaknesses() {
        anstream::println!("{warn}but{warn:#}  {weakness}");
    }
    Ok(GOOD)
}

/// Whether the chain itself is at fault.
pub(super) fn is_broken(error: &ChainError) -> bool {
    match error {
        ChainError::Line { fault, .. } => !matches!(fault, ChainFault::Entry(_)),
        _ => false,
    }
}
