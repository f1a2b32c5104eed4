//! A data directory: the audit log, which is the journal of all components, and beside it what makes opening quick.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use audit_trail::{AuditError, AuditLog, SigningKey};
use consent::ConsentStore as _;
use trust_gate::TrustStore as _;

use super::StackError;
use super::snapshot::Shot;
use crate::config::SecurityStackConfig;
use crate::core::WallClock;
use crate::journal::Restored;

/// The folder for all that is not the log.
pub(crate) const FOLDER: &str = "stack";
/// The log's signing key, where the configuration names none.
pub(crate) const KEY_FILE: &str = "log.key";
/// Where a new one is written before it takes its place.
pub(crate) const FRESH_KEY: &str = "log.key.new";

/// Whether a stack keeps its state there, or did: its key is left where its log has gone.
pub(crate) fn is_data_dir(directory: &Path) -> bool {
    let folder = directory.join(FOLDER);
    folder.is_dir() && (directory.join("seg").is_dir() || folder.join(KEY_FILE).is_file())
}

/// Why the log of a data directory cannot be opened.
pub(super) fn unopened(directory: &Path) -> impl Fn(AuditError) -> StackError {
    let directory = directory.to_owned();
    move |error| {
        let doctor = format!("look at it with `secstack doctor {}`", directory.display());
        StackError::data_dir(
            &directory,
            format!("its log cannot be opened: {error}; {doctor}"),
        )
    }
}

/// Bytes in a segment of the log. Opening reads the newest one whole and a new directory writes two of zeros, so that both take milliseconds; of what
/// waits for the disk, at most an eighth of this fits.
const SEGMENT: u64 = if cfg!(test) { 1 << 20 } else { 8 << 20 };

/// A directory that this process owns, read back.
pub(super) struct Opened {
    pub(super) audit: AuditLog,
    pub(super) key: SigningKey,
    pub(super) restored: Restored,
    pub(super) budget: Option<budget_enforcer::Snapshot>,
    /// From where in the log budgets read on.
    pub(super) from: u64,
    pub(super) folder: PathBuf,
}

#[cfg(test)]
impl Opened {
    /// A log in memory, read back from its beginning.
    pub(super) fn of(audit: AuditLog) -> Result<Self, StackError> {
        let unrestored = |error| StackError::unrestored(Path::new("memory"), &error);
        let mut restored = Restored::default();
        let size = audit.size()?;
        restored
            .take_up(&audit.reader(), 0..size)
            .map_err(unrestored)?;
        let key = SigningKey::generate("memory")?;
        Ok(Self {
            audit,
            key,
            restored,
            budget: None,
            from: 0,
            folder: PathBuf::new(),
        })
    }
}

/// Takes the directory for this process, makes it where there is none, and reads the state back.
pub(super) fn open(
    directory: &Path,
    config: &SecurityStackConfig,
    clock: Option<WallClock>,
) -> Result<Opened, StackError> {
    let folder = directory.join(FOLDER);
    make_private(directory, &folder)?;
    let key = match config.audit.signing_key()? {
        Some(key) => key,
        None => own_key(directory, &folder, config)?,
    };
    let ahead = |size| {
        Shot::none_is_ahead(&folder, key.verifier_key(), size)
            .map_err(|problem| StackError::data_dir(directory, problem))
    };
    if !directory.join("seg").is_dir() {
        // Before a new one is made.
        ahead(0)?;
    }
    let mut log = AuditLog::builder()
        .directory(directory)
        .namespace(config.audit_namespace.as_str())
        .signer(again(&key)?)
        .segment_size(SEGMENT);
    if let Some(clock) = clock {
        log = log.clock(move || clock());
    }
    let audit = match log.build() {
        Err(AuditError::Locked { .. }) => {
            return Err(StackError::Owned {
                directory: directory.to_owned(),
            });
        }
        built => built.map_err(unopened(directory))?,
    };
    let reader = audit.reader();
    let is_new = reader.size()? <= 1;
    ahead(reader.size()?)?;
    let (shot, passed_over) = Shot::find(&folder, key.verifier_key(), &reader);
    if shot.is_none() && !is_new {
        // Every entry is about to be believed, and none is vouched for by a snapshot.
        drop(
            reader
                .verify(None)
                .map_err(|error| StackError::Unrestored {
                    directory: directory.to_owned(),
                    problem: error.to_string(),
                })?,
        );
    }
    for (path, problem) in passed_over {
        let told = format!("{}: {problem}", path.display());
        audit.log(audit_trail::Entry::event("snapshot_passed_over").reason_lossy(&told))?;
    }
    let unrestored = |error| StackError::unrestored(directory, &error);
    let mut restored = Restored::default();
    let (mut from, mut budget) = (0, None);
    if let Some(shot) = shot {
        from = shot.size;
        restored = Restored::of(shot.trust, shot.consent, shot.applied, shot.activated)
            .map_err(unrestored)?;
        let marks = shot.trust_mark.map(|mark| restored.trust.keep_mark(mark));
        marks
            .transpose()
            .map_err(|error| StackError::data_dir(directory, error))?;
        let marks = shot
            .consent_mark
            .map(|mark| restored.consent.keep_mark(mark));
        marks
            .transpose()
            .map_err(|error| StackError::data_dir(directory, error))?;
        budget = Some(shot.budget);
    }
    restored
        .take_up(&reader, from..u64::MAX)
        .map_err(unrestored)?;
    Ok(Opened {
        audit,
        key,
        restored,
        budget,
        from,
        folder,
    })
}

/// A key is not cloned by accident.
fn again(key: &SigningKey) -> Result<SigningKey, StackError> {
    let key = key.to_secret_text().parse();
    Ok(key.map_err(AuditError::Note)?)
}

/// Nobody but the owner's user has business in here: the log names people, and the folder holds the key and the socket.
fn make_private(directory: &Path, folder: &Path) -> Result<(), StackError> {
    let failed = StackError::io(directory, "its folders cannot be made");
    fs::create_dir_all(directory).map_err(&failed)?;
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    match builder.create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(&failed),
    }
}

/// The key in the directory's own folder; made on first use, for its owner's eyes only.
fn own_key(
    directory: &Path,
    folder: &Path,
    config: &SecurityStackConfig,
) -> Result<SigningKey, StackError> {
    let path = folder.join(KEY_FILE);
    let failed = StackError::io(directory, "its log's key cannot be read or made");
    match fs::read_to_string(&path) {
        Ok(text) => {
            return text.trim().parse().map_err(|error| {
                StackError::data_dir(directory, format!("{}: {error}", path.display()))
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    // A log that is there already was made with another key.
    if directory.join("seg").exists() {
        return Err(StackError::data_dir(
            directory,
            "it holds a log whose signing key is not here; name the key's file as audit.key",
        ));
    }
    let key = SigningKey::generate(&config.audit_namespace)
        .or_else(|_| SigningKey::generate("security-stack"))
        .map_err(|error| StackError::data_dir(directory, error))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    // Under another name first: half a key would shut the log for good.
    let fresh = folder.join(FRESH_KEY);
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = options.open(&fresh).map_err(&failed)?;
    writeln!(file, "{}", key.to_secret_text()).map_err(&failed)?;
    file.sync_all().map_err(&failed)?;
    // A hard link fails where another process was quicker.
    match fs::hard_link(&fresh, &path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return own_key(directory, folder, config);
        }
        linked => linked.map_err(&failed)?,
    }
    fs::remove_file(&fresh).map_err(&failed)?;
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(&failed)?;
    Ok(key)
}
