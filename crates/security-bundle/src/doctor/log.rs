//! The log: whether its key is there and fits, and whether every entry holds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use audit_trail::{
    AuditReader, Filter, Kind, NoteError, Progress, Record, SigningKey, VerifierKey,
};
use time::OffsetDateTime;

use super::Finding;
use crate::stack::{FOLDER, KEY_FILE};

const KEY: &str = "key";
const LOG: &str = "log";
/// By how much an entry may be of a later time than it is: it is told a moment before.
const SLACK: Duration = Duration::from_secs(2);

/// The log as it was when it was opened; what comes later is not looked at.
pub(super) struct Log {
    pub(super) reader: AuditReader,
    pub(super) folder: PathBuf,
    /// By which snapshots are signed.
    pub(super) key: Option<VerifierKey>,
    directory: PathBuf,
}

impl Log {
    /// Opens it, by its key where that is there and fits.
    pub(super) fn open(
        directory: &Path,
        key: Option<&Path>,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        let own = directory.join(FOLDER).join(KEY_FILE);
        let key = signing_key(key.unwrap_or(&own));
        let reader = match AuditReader::open(directory, None) {
            Ok(reader) => reader,
            Err(error) => {
                findings.push(damaged(&error));
                return None;
            }
        };
        let in_force = key_in_force(&reader);
        // By another one nothing would hold, and the log may be as good as ever.
        let ours = key.as_ref().map(SigningKey::verifier_key).ok();
        let ours = ours.filter(|ours| Some(*ours) == in_force.as_ref());
        let by_key = ours.and_then(|ours| AuditReader::open(directory, Some(ours)).ok());
        let reader = by_key.unwrap_or(reader);
        findings.push(fits(key, in_force.as_ref()));
        Some(Self {
            reader,
            folder: directory.join(FOLDER),
            key: in_force,
            directory: directory.to_owned(),
        })
    }

    /// Checks every entry, and says whether all hold.
    pub(super) fn verify(
        &self,
        progress: &mut dyn FnMut(Progress),
        findings: &mut Vec<Finding>,
    ) -> bool {
        let published = published(&self.directory);
        let finding = match self.reader.verify_with(None, progress) {
            Err(error) => damaged(&error),
            Ok(verified) if published > verified.size => damaged(&format!(
                "the published checkpoint covers {published} entries, and there are {}",
                verified.size
            )),
            Ok(verified) => Finding::good(
                LOG,
                format!(
                    "{} entries hold ({}), {} of them under a signed checkpoint",
                    verified.size, verified.level, verified.covered_size
                ),
            ),
        };
        let holds = finding.verdict == super::Verdict::Good;
        findings.push(finding);
        holds
    }

    /// Whether the log is ahead of the clock.
    pub(super) fn clock(&self, at: OffsetDateTime) -> Finding {
        const CHECK: &str = "clock";
        let newest = Filter::new().newest_first().limit(1);
        let newest = match self.reader.query(&newest) {
            Ok(page) => page.records.first().map(Record::at),
            Err(error) => return damaged(&error),
        };
        let Some(newest) = newest else {
            return Finding::good(CHECK, "there is no entry to compare it with");
        };
        if at.checked_add(slack()).is_none_or(|late| late >= newest) {
            let newest = super::shown(newest);
            return Finding::good(CHECK, format!("the newest entry is of {newest}"));
        }
        Finding::wrong(
            CHECK,
            format!(
                "the newest entry is of {}, and it is {} now: the clock was set back",
                super::shown(newest),
                super::shown(at)
            ),
            "set the clock right; if it is right now, accept it with `accept-clock` for trust, consent and budgets",
        )
    }
}

fn slack() -> time::Duration {
    time::Duration::try_from(SLACK).unwrap_or(time::Duration::ZERO)
}

fn damaged(problem: &dyn std::fmt::Display) -> Finding {
    Finding::wrong(
        LOG,
        format!("the log does not hold: {problem}"),
        "stop what writes to it, keep a copy of the directory, and look at it with `secstack audit verify`; then go back to a backup that verifies",
    )
}

/// The key that the log says it is signed with now; whether it is, verification shows.
fn key_in_force(log: &AuditReader) -> Option<VerifierKey> {
    let named = Filter::new().kind(Kind::Genesis).kind(Kind::KeyRotation);
    let page = log.query(&named.newest_first().limit(1)).ok()?;
    let ext = page.records.first()?.ext()?.to_value();
    ext.get("key")?.as_str()?.parse().ok()
}

/// The key in this file, or why there is none.
fn signing_key(path: &Path) -> Result<SigningKey, String> {
    let told = path.display();
    match fs::read_to_string(path) {
        Ok(text) => text
            .trim()
            .parse()
            .map_err(|error: NoteError| format!("`{told}` is no signing key: {error}")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(format!("there is no key at `{told}`"))
        }
        Err(error) => Err(format!("`{told}` cannot be read: {error}")),
    }
}

/// Whether it is that of the log.
fn fits(key: Result<SigningKey, String>, in_force: Option<&VerifierKey>) -> Finding {
    const PUT_BACK: &str = "put the log's key back, or name its file if `audit.key` of the configuration does; without it nobody can write to the log";
    match (key, in_force) {
        (Err(problem), _) => Finding::wrong(KEY, problem, PUT_BACK),
        (Ok(_), None) => {
            let found = "the log does not say by which key it is signed";
            Finding::wrong(KEY, found, "look at it with `secstack audit verify`")
        }
        (Ok(key), Some(in_force)) if key.verifier_key() != in_force => {
            let found = format!("it is not the key of this log, which is `{in_force}`");
            Finding::wrong(KEY, found, PUT_BACK)
        }
        (Ok(_), Some(in_force)) => {
            Finding::good(KEY, format!("it is that of the log, `{in_force}`"))
        }
    }
}

/// How many entries the published checkpoint covers.
fn published(directory: &Path) -> u64 {
    let note = fs::read_to_string(directory.join("checkpoint")).unwrap_or_default();
    let size = note.lines().nth(1);
    size.and_then(|size| size.parse().ok()).unwrap_or(0)
}
