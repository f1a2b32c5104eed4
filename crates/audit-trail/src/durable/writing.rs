//! A log that this process writes to a directory: its lock, its threads, and how it is opened and closed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Waker;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use serde_json::json;

use crate::acknowledge::Acknowledgement;
use crate::builder::DEFAULT_NAMESPACE;
use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::durable::admission::{Admission, WhenFull};
use crate::durable::catalog::Catalog;
use crate::durable::cosign::Cosign;
use crate::durable::files::Files;
use crate::durable::frame::MAX_NOTE;
use crate::durable::keeper::Keeper;
use crate::durable::pipeline::Pipeline;
use crate::durable::progress::own_waker;
use crate::durable::publish::Publisher;
use crate::durable::recover::{self, Evidence, PUBLISHED};
use crate::durable::segment;
use crate::durable::spare::Spares;
use crate::durable::storage::{self, Disk, Storage};
use crate::durable::writer::Writer;
use crate::entry::Entry;
use crate::ext::Ext;
use crate::kind::Kind;
use crate::log::encode;
use crate::note::{SigningKey, VerifierKey};
use crate::reader::AuditReader;
use crate::{AuditError, MAX_ENTRY};

/// Name of the file that the one writer holds a lock on.
const LOCK: &str = "LOCK";
/// Segments hold a few queues' worth, so that what waits always fits.
const QUEUES: u64 = 8;
/// Room for one entry of any size, at least.
const LARGEST: u64 = MAX_ENTRY as u64 + MAX_NOTE as u64 + 1024;
/// Longest name of a log, in bytes: the checkpoint in a frame holds it up to three times.
const MAX_NAME: usize = 512;
/// Smallest and largest segment. Places within one are kept in 32 bits.
pub(crate) const SEGMENT_SIZES: std::ops::RangeInclusive<u64> = (1 << 20)..=(2 << 30);

/// What a directory is opened with.
pub(crate) struct Options {
    pub(crate) key: SigningKey,
    /// Succeeds the key, on whose word and why.
    pub(crate) successor: Option<(SigningKey, String, String)>,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) segment_size: u64,
    pub(crate) open_files: usize,
    pub(crate) queue: u64,
    pub(crate) when_full: WhenFull,
    pub(crate) publish_every: Duration,
    pub(crate) pins: Vec<Checkpoint>,
    pub(crate) cosign: Option<Cosign>,
}

/// The writing half of an open log. Dropping it makes everything durable, publishes, and ends the threads.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) pipeline: Arc<Pipeline>,
    storage: Arc<dyn Storage>,
    keeper: Option<Arc<Keeper>>,
    every: Duration,
    successor: Option<(SigningKey, String, String)>,
    cosign: Option<Cosign>,
    has_witnesses: bool,
    threads: Vec<JoinHandle<()>>,
    lock: File,
}

impl Writing {
    /// Opens the log in `dir`, or begins one there. It is not kept before [`start`](Self::start).
    pub(crate) fn open(
        dir: &Path,
        new: Option<bool>,
        options: Options,
    ) -> Result<Self, AuditError> {
        let name = options.key.name();
        if name.len() > MAX_NAME {
            return Err(AuditError::Config(format!(
                "the log's name `{}` has {} bytes; at most {MAX_NAME} go",
                crate::error::shortened(name),
                name.len()
            )));
        }
        let disk = Disk::new(dir);
        let failed = || AuditError::storage(format!("opening {}", dir.display()));
        if new == Some(false) && segment::list(&disk).map_err(failed())?.is_empty() {
            return Err(AuditError::Config(format!(
                "there is no log in `{}`",
                dir.display()
            )));
        }
        make_dirs(&disk, dir).map_err(failed())?;
        let lock = lock(&disk, dir)?;
        let storage: Arc<dyn Storage> = Arc::new(disk);
        let pins: Vec<Evidence> = options.pins.iter().map(Evidence::pin).collect();
        let spares = Arc::new(Spares::new(Arc::clone(&storage), options.segment_size)?);
        let Options {
            key, mut successor, ..
        } = options;
        let mut keys = vec![key.verifier_key()];
        // A log that the successor has signed already needs no succession.
        keys.splice(0..0, successor.as_ref().map(|(key, ..)| key.verifier_key()));
        let found = recover::recover(&*storage, &keys, &pins)?;
        if found.is_some() && new == Some(true) {
            return Err(AuditError::Config(format!(
                "there is a log in `{}` already",
                dir.display()
            )));
        }
        storage.sync_dir("").map_err(failed())?;
        let key = match (&found, successor.take()) {
            (Some(state), Some((successor, ..))) if state.key == 0 => successor,
            (None, Some(_)) => {
                return Err(AuditError::Config(format!(
                    "there is no log in `{}` whose key could be succeeded",
                    dir.display()
                )));
            }
            (_, other) => {
                successor = other;
                key
            }
        };
        let writer = match found {
            Some(state) => Writer::resume(Arc::clone(&storage), Arc::clone(&spares), key, state),
            None => Writer::create(Arc::clone(&storage), Arc::clone(&spares), key)?,
        };
        let catalog = Arc::new(Catalog::with(
            Files::new(Arc::clone(&storage), options.open_files),
            true,
        )?);
        catalog.announce(writer.size());
        let queue = options
            .queue
            .min(options.segment_size.checked_div(QUEUES).unwrap_or(0))
            .max(LARGEST);
        let admission = Admission::new(queue, options.when_full);
        let pipeline = Pipeline::new(writer, spares, catalog, options.clock, admission);
        if !pipeline.has_room()? {
            pipeline.admission.pause();
        }
        Ok(Self {
            pipeline: Arc::new(pipeline),
            storage,
            keeper: None,
            every: options.publish_every,
            successor,
            has_witnesses: options.cosign.is_some(),
            cosign: options.cosign,
            threads: Vec::new(),
            lock,
        })
    }

    /// Writes what a log has to say when it is opened: that it begins, who signs from now on, what recovery cut off. Gives its reader.
    ///
    /// A log that is there must have the namespace that is asked for, if one is.
    pub(crate) fn begin(
        &mut self,
        namespace: Option<&str>,
        key: &VerifierKey,
    ) -> Result<AuditReader, AuditError> {
        if self.pipeline.durable.reached() == 0 {
            self.say(
                &Entry::genesis_of(key)?,
                namespace.unwrap_or(DEFAULT_NAMESPACE),
            )?;
        }
        let reader =
            AuditReader::of_directory(Arc::clone(&self.pipeline.catalog), Some(key.clone()))?;
        if let Some(asked) = namespace.filter(|namespace| *namespace != reader.namespace()) {
            return Err(AuditError::Config(format!(
                "the log's namespace is `{}`, not `{}`",
                crate::error::shortened(reader.namespace()),
                crate::error::shortened(asked)
            )));
        }
        let namespace = reader.namespace();
        if let Some((successor, operator, reason)) = self.successor.take() {
            let ext = Ext::encode(&json!({ "key": successor.verifier_key().to_string() }))?;
            let entry = Entry::admin(Kind::KeyRotation, &operator)
                .reason_text(&reason)
                .ext(ext);
            let mut text = String::new();
            let meta = encode(&entry, namespace, &*self.pipeline.clock, &mut text)?;
            self.pipeline
                .succeed(successor, || self.pipeline.push_own(&text, meta))?;
        }
        for (copy, bytes) in recover::untold(&*self.storage)? {
            let ext = Ext::encode(&json!({ "bytes": bytes, "copy": copy }))?;
            let reason = "the end of the newest segment was torn; what was cut off was never acknowledged as durable";
            self.say(
                &Entry::of(Kind::Recovery)
                    .named("torn_tail")
                    .reason_text(reason)
                    .ext(ext),
                namespace,
            )?;
            recover::told(&*self.storage, &copy)?;
        }
        Ok(reader)
    }

    /// Makes an entry of the log's own durable.
    fn say(&self, entry: &Entry<'_>, namespace: &str) -> Result<(), AuditError> {
        let mut text = String::new();
        let meta = encode(entry, namespace, &*self.pipeline.clock, &mut text)?;
        let index = self.pipeline.push_own(&text, meta)?;
        self.pipeline.wait(index)
    }

    /// Starts the threads. `reader` reads this log.
    pub(crate) fn start(&mut self, reader: AuditReader) -> Result<(), AuditError> {
        let size = storage::read(&*self.storage, PUBLISHED)
            .map_err(AuditError::storage(PUBLISHED))?
            .and_then(|bytes| recover::size_of(&bytes))
            .unwrap_or(0);
        let publisher = Publisher::new(Arc::clone(&self.storage), size)?;
        let namespace = reader.namespace().to_owned();
        let keeper = Arc::new(Keeper::new(
            Arc::clone(&self.pipeline),
            reader,
            namespace,
            publisher,
            self.every,
        ));
        self.keeper = Some(Arc::clone(&keeper));
        let pipeline = Arc::clone(&self.pipeline);
        self.spawn("audit-commit", move || pipeline.commit_for_others())?;
        let catalog = Arc::clone(&self.pipeline.catalog);
        self.spawn("audit-index", move || catalog.follow())?;
        if let Some(cosign) = self.cosign.take() {
            let keeper = Arc::clone(&keeper);
            // Not joined: a witness that does not answer would hold up the end of the log. Whatever it answers then changes nothing.
            let thread = Builder::new().name("audit-witness".into());
            let thread = thread.spawn(move || keeper.have_witnessed(&cosign));
            drop(thread.map_err(AuditError::storage("starting a thread of the log"))?);
        }
        self.spawn("audit-keep", move || keeper.run())
    }

    /// Publishes the newest checkpoint now.
    pub(crate) fn publish(&self) -> Result<Checkpoint, AuditError> {
        self.pipeline.flush()?;
        let keeper = self.keeper.as_ref().ok_or(AuditError::Closed)?;
        keeper.publish()?.ok_or(AuditError::NoCheckpoint)
    }

    /// Returns when a quorum of witnesses has seen entry `index`.
    pub(crate) fn wait_witnessed(&self, index: u64) -> Result<(), AuditError> {
        let waker = own_waker();
        loop {
            if let Some(answer) = self.poll_witnessed(index, &waker) {
                return answer;
            }
            std::thread::park();
        }
    }

    /// Whether a quorum of witnesses has seen entry `index`; if not, has `waker` woken when it has, or never will.
    pub(crate) fn poll_witnessed(
        &self,
        index: u64,
        waker: &Waker,
    ) -> Option<Result<(), AuditError>> {
        if !self.has_witnesses {
            return Some(Err(AuditError::Level {
                level: Acknowledgement::Witnessed,
            }));
        }
        let answer = || {
            if self.pipeline.witnessed.reached() > index {
                return Some(Ok(()));
            }
            self.pipeline.check().err().map(Err)
        };
        answer().or_else(|| {
            self.pipeline.witnessed.register(index, waker);
            self.pipeline.ring();
            self.pipeline.witness.ring();
            answer()
        })
    }

    /// What witnesses answered last.
    pub(crate) fn witnesses_told(&self) -> Option<String> {
        self.keeper.as_ref().and_then(|keeper| keeper.told())
    }

    /// The newest checkpoint with a quorum of cosignatures.
    pub(crate) fn witnessed(&self) -> Option<Checkpoint> {
        self.keeper.as_ref().and_then(|keeper| keeper.witnessed())
    }

    fn spawn(
        &mut self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), AuditError> {
        let thread = Builder::new().name(name.into()).spawn(work);
        self.threads
            .push(thread.map_err(AuditError::storage("starting a thread of the log"))?);
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.pipeline.close();
        // The committer first: what it commits is still to be published.
        let mut threads = std::mem::take(&mut self.threads).into_iter();
        for thread in threads.by_ref().take(1) {
            drop(thread.join());
        }
        self.pipeline.keeper.rouse();
        self.pipeline.catalog.close();
        for thread in threads {
            drop(thread.join());
        }
        if let Some(keeper) = &self.keeper {
            keeper.retire();
        }
        // Closing the file would do, were it not for copies of the handle in processes that other threads are just about to start.
        drop(self.lock.unlock());
    }
}

/// Makes the directories of a log, so that even the outermost that was not there before survives a power failure.
fn make_dirs(disk: &Disk, dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = dir
        .ancestors()
        .take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists())
        .collect();
    disk.make_dir(segment::DIR)?;
    for dir in missing {
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        Disk::new(parent.unwrap_or(Path::new("."))).sync_dir("")?;
    }
    Ok(())
}

fn lock(disk: &Disk, dir: &Path) -> Result<File, AuditError> {
    let path: PathBuf = disk.path(LOCK);
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(AuditError::storage(LOCK))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(AuditError::Locked {
            directory: dir.display().to_string(),
        }),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            Err(AuditError::Config(
                "this file system knows no locks, so that one writer at a time cannot be ensured"
                    .into(),
            ))
        }
        Err(TryLockError::Error(error)) => Err(AuditError::storage(LOCK)(error)),
    }
}
