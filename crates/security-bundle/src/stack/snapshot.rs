//! The state at one place of the log, so that opening need not read all of it: signed by the log's key, and bound to the log by its
//! root there. The entries stay, and a snapshot that does not hold is passed over.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use audit_trail::note::{self, Note};
use audit_trail::{AuditReader, SigningKey, VerifierKey};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::hex::{hex, sha256};

/// The files that snapshots stand in, the newest first.
pub(crate) const FILES: [&str; 2] = [NEWEST, BEFORE];
const NEWEST: &str = "snapshot.json";
const BEFORE: &str = "snapshot.1.json";
/// Where one is written before it takes its place.
pub(crate) const FRESH: &str = "snapshot.new";
const VERSION: u32 = 1;

/// The state, and the place in the log up to which it holds all.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shot {
    pub(crate) version: u32,
    /// Entries before this one are in here. Some after it may be, too.
    pub(crate) size: u64,
    /// The root of the log's tree over them.
    pub(crate) root: String,
    pub(crate) trust: Vec<trust_gate::Event>,
    pub(crate) trust_mark: Option<trust_gate::ClockMark>,
    pub(crate) consent: Vec<consent::Event>,
    pub(crate) consent_mark: Option<consent::ClockMark>,
    pub(crate) applied: Vec<String>,
    pub(crate) activated: Option<String>,
    pub(crate) budget: budget_enforcer::Snapshot,
}

/// As it stands in its file: a signature over the digest of the exact text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signed {
    state: Box<RawValue>,
    signature: String,
}

impl Shot {
    pub(crate) const VERSION: u32 = VERSION;

    /// Writes it beside the one before, durably.
    pub(crate) fn keep(&self, folder: &Path, key: &SigningKey) -> io::Result<()> {
        let state = RawValue::from_string(serde_json::to_string(self)?)?;
        let signature = note::sign(&text(&state, key.name()), &[key]).map_err(io::Error::other)?;
        let signed = serde_json::to_vec(&Signed { state, signature })?;
        let fresh = folder.join(FRESH);
        let mut file = fs::File::create(&fresh)?;
        file.write_all(&signed)?;
        file.sync_all()?;
        drop(file);
        let newest = folder.join(NEWEST);
        match fs::rename(&newest, folder.join(BEFORE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(&fresh, &newest)?;
        fs::File::open(folder)?.sync_all()
    }

    /// The newest one that holds, and why newer ones do not.
    pub(crate) fn find(
        folder: &Path,
        key: &VerifierKey,
        log: &AuditReader,
    ) -> (Option<Self>, Vec<(PathBuf, String)>) {
        let mut passed_over = Vec::new();
        for name in FILES {
            let path = folder.join(name);
            match Self::read(&path, key, log) {
                Ok(Some(shot)) => return (Some(shot), passed_over),
                Ok(None) => {}
                Err(problem) => passed_over.push((path, problem)),
            }
        }
        (None, passed_over)
    }

    /// One of them, if it is there and holds.
    pub(crate) fn read(
        path: &Path,
        key: &VerifierKey,
        log: &AuditReader,
    ) -> Result<Option<Self>, String> {
        let Some(shot) = Self::signed(path, key)? else {
            return Ok(None);
        };
        let root = log.root(shot.size).map_err(|error| error.to_string())?;
        if shot.root != hex(root.as_bytes()) {
            return Err(format!("the log's first {} entries are others", shot.size));
        }
        Ok(Some(shot))
    }

    /// Whether the log has all that was in it when these were made. It always has, unless it was lost or put back from a copy that is
    /// older than they are: nothing of what was spent or taken back since would count.
    pub(crate) fn none_is_ahead(folder: &Path, key: &VerifierKey, size: u64) -> Result<(), String> {
        for path in FILES.map(|name| folder.join(name)) {
            let Ok(Some(shot)) = Self::signed(&path, key) else {
                continue;
            };
            if shot.size > size {
                return Err(format!(
                    "its log has {size} entries, and `{}` is of {} of them: the log was lost, or put back from an old copy; put back the newest, or remove the snapshots if all after it is to be forgotten",
                    path.display(),
                    shot.size
                ));
            }
        }
        Ok(())
    }

    /// One of them, if it is there and this key has signed it.
    fn signed(path: &Path, key: &VerifierKey) -> Result<Option<Self>, String> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| error.to_string())?,
        };
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let signed: Signed = serde_json::from_slice(&bytes).map_err(|error| told(&error))?;
        let note = Note::parse(&signed.signature).map_err(|error| told(&error))?;
        note.verify(&[key]).map_err(|error| told(&error))?;
        if note.text() != text(&signed.state, key.name()) {
            return Err("its signature is of another state".to_owned());
        }
        let shot: Self = serde_json::from_str(signed.state.get()).map_err(|error| told(&error))?;
        if shot.version != VERSION {
            return Err(format!("it is of version {}", shot.version));
        }
        Ok(Some(shot))
    }
}

/// What is signed. It cannot be taken for a checkpoint, whose first line is the log's name alone.
fn text(state: &RawValue, name: &str) -> String {
    let digest = sha256(state.get());
    format!("snapshot of the stack on the log {name}\nsha256 {digest}\n")
}
