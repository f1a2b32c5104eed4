//! Making a log: its name, its key, its clock and its bounds.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::AuditError;
use crate::acknowledge::Acknowledgement;
use crate::checkpoint::Checkpoint;
use crate::clock::{Clock, SystemClock};
use crate::commit::{Output, Shared, State};
use crate::durable::admission::WhenFull;
use crate::durable::cosign::Cosign;
use crate::durable::files::OPEN_FILES;
use crate::durable::writing::{Options, SEGMENT_SIZES, Writing};
use crate::entry::Entry;
use crate::log::{AuditLog, Backing};
use crate::note::SigningKey;
use crate::reader::AuditReader;
use crate::shards::Shards;
use crate::sink::Sink;
use crate::store::Store;
use crate::vault::{Keeper, Vault};

/// The namespace of a log that was not given one.
pub const DEFAULT_NAMESPACE: &str = "aumos.security-bundle";

/// Collects what a new log needs; everything has a default.
///
/// ```
/// use audit_trail::{AuditLog, SigningKey};
///
/// let key = SigningKey::generate("my-agent.production/log")?;
/// let log = AuditLog::builder().namespace("my-agent.production").signer(key).max_records(10_000).build()?;
/// assert_eq!(log.size()?, 1); // the genesis entry
/// # Ok::<(), audit_trail::AuditError>(())
/// ```
#[must_use = "a builder makes nothing before `build`"]
pub struct AuditLogBuilder {
    namespace: Option<String>,
    origin: Option<String>,
    signer: Option<SigningKey>,
    clock: Box<dyn Clock>,
    max_records: Option<usize>,
    sink: Option<Box<dyn Sink>>,
    checkpoint_every: u64,
    vault: Option<Keeper>,
    directory: Directory,
    acknowledge: Option<Acknowledgement>,
}

/// Where a durable log lives, and how.
struct Directory {
    path: Option<PathBuf>,
    new: Option<bool>,
    predecessor: Option<Succession>,
    segment_size: u64,
    open_files: usize,
    queue: u64,
    when_full: WhenFull,
    publish_every: Duration,
    pins: Vec<Checkpoint>,
    cosign: Option<Cosign>,
}

/// A key that is succeeded, on whose word, and why.
struct Succession {
    key: SigningKey,
    operator: String,
    reason: String,
}

impl AuditLogBuilder {
    pub(crate) fn new() -> Self {
        Self {
            namespace: None,
            origin: None,
            signer: None,
            clock: Box::new(SystemClock),
            max_records: None,
            sink: None,
            checkpoint_every: 256,
            vault: None,
            directory: Directory {
                path: None,
                new: None,
                predecessor: None,
                segment_size: 64 << 20,
                open_files: OPEN_FILES,
                queue: 8 << 20,
                when_full: WhenFull::Wait,
                publish_every: Duration::from_secs(1),
                pins: Vec::new(),
                cosign: None,
            },
            acknowledge: None,
        }
    }

    /// The namespace that every entry carries. Default: `aumos.security-bundle`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// The log's name in checkpoints, which is the name of its key. Default: the key's name; where there is no key, the
    /// namespace with `-` for each character that cannot stand in such a name.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// The key that signs checkpoints. Default: a new one, lost with the log; give its verifier key to whoever is to verify.
    pub fn signer(mut self, key: SigningKey) -> Self {
        self.signer = Some(key);
        self
    }

    /// Where time comes from. Default: [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// How many of the newest entries stay readable, at least 1. Default: all of them.
    ///
    /// Older ones are evicted by 256; what is kept of those is 32 bytes each time, so that root and proofs go on to hold.
    pub fn max_records(mut self, max: usize) -> Self {
        self.max_records = Some(max);
        self
    }

    /// Where each entry must have gone before it is acknowledged. Default: nowhere, entries stay in memory.
    pub fn sink(mut self, sink: impl Sink + 'static) -> Self {
        self.sink = Some(Box::new(sink));
        self
    }

    /// Writes a signed checkpoint to the sink whenever the size is a multiple of `entries`, at least 1. Default: 256.
    ///
    /// Multiples of 256 are the sizes from which consistency can be proved for ever, whatever is evicted.
    pub fn checkpoint_every(mut self, entries: u64) -> Self {
        self.checkpoint_every = entries;
        self
    }

    /// Where personal data goes, apart from the log. Default: nowhere, and logging any is an error.
    pub fn vault(mut self, vault: impl Vault + 'static) -> Self {
        self.vault = Some(Keeper::new(vault));
        self
    }

    /// Keeps the log in this directory: it is opened if there is one, and begun if not. Default: in memory.
    ///
    /// The [signer](Self::signer) must be given: the key that the log was last written with. Opening repairs what a crash left (design: audit-trail,
    /// Recovery) and refuses what only damage or tampering explains.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory.path = Some(path.into());
        self
    }

    /// Refuses a directory in which a log was begun.
    pub fn must_be_new(mut self) -> Self {
        self.directory.new = Some(true);
        self
    }

    /// Refuses a directory in which no log was begun.
    pub fn must_exist(mut self) -> Self {
        self.directory.new = Some(false);
        self
    }

    /// How far entries get before [`AuditLog::log`] returns. Default: `Durable` in a directory, `Buffered` in memory, where a sink has taken them by then.
    pub fn acknowledge(mut self, level: Acknowledgement) -> Self {
        self.acknowledge = Some(level);
        self
    }

    /// Has [`signer`](Self::signer) succeed `key` when the log is opened: an entry of kind `key_rotation` names the new key, and the checkpoint that
    /// covers it carries both signatures. From then on the log opens with the new key only. Where the log was last written with the new key
    /// already, nothing happens.
    pub fn succeeding(
        mut self,
        key: SigningKey,
        operator: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        self.directory.predecessor = Some(Succession {
            key,
            operator: operator.into(),
            reason: reason.into(),
        });
        self
    }

    /// Refuses the directory unless it still begins with what this checkpoint covers. May be called again.
    pub fn pin(mut self, checkpoint: Checkpoint) -> Self {
        self.directory.pins.push(checkpoint);
        self
    }

    /// Bytes in a segment file, from 1 MiB to 2 GiB. Default: 64 MiB. The next one is always made ahead, so that twice as much is taken up.
    pub fn segment_size(mut self, bytes: u64) -> Self {
        self.directory.segment_size = bytes;
        self
    }

    /// How many files of finished segments, half of them their indexes, stay open for reading, at least 2. Default: 16.
    ///
    /// Those that were read last do; any other is opened again, and checked to be the one that it was. Besides these there are about ten, and those that
    /// threads are reading at the moment. More make random reads of a large log quicker.
    pub fn open_files(mut self, files: usize) -> Self {
        self.directory.open_files = files;
        self
    }

    /// Bytes of entries that may wait for the disk, each counted with some 500 for what it may cost there besides. Default: 8 MiB. At most an eighth of
    /// a segment, so that whatever waits finds room.
    pub fn queue(mut self, bytes: u64) -> Self {
        self.directory.queue = bytes;
        self
    }

    /// What an append meets with when so much waits already. Default: it waits, too.
    pub fn when_full(mut self, when_full: WhenFull) -> Self {
        self.directory.when_full = when_full;
        self
    }

    /// How often tiles and checkpoint are published in the directory while the log grows, at most. Default: every second.
    pub fn publish_every(mut self, interval: Duration) -> Self {
        self.directory.publish_every = interval;
        self
    }

    /// Has published checkpoints cosigned by the witnesses of the client's policy, in the background; [`Acknowledgement::Witnessed`] waits for it.
    ///
    /// Should a witness show a larger checkpoint of the log with the log's own signature, the log was rolled back: it ends then and signs nothing more.
    /// What else keeps witnesses from cosigning, [`AuditLog::witnesses_told`] says.
    #[cfg(feature = "witness")]
    pub fn witnesses(mut self, client: crate::witness::WitnessClient) -> Self {
        self.directory.cosign = Some(crate::durable::cosign::by(client));
        self
    }

    /// Makes the log, writes its genesis entry and, where there is a sink, the first checkpoint; or opens the one in the directory.
    ///
    /// # Errors
    /// [`AuditError::Config`] for a zero bound, an origin that is not the key's name, or options that do not go together; [`AuditError::Entry`] for a
    /// namespace that cannot be recorded, [`AuditError::Note`] for an origin that cannot name a key,
    /// [`AuditError::Random`] without randomness, [`AuditError::Sink`] if the sink fails at once. For a directory also [`AuditError::Locked`],
    /// [`AuditError::Corrupt`], [`AuditError::RollbackDetected`], [`AuditError::DiskFull`] and [`AuditError::Storage`].
    pub fn build(mut self) -> Result<AuditLog, AuditError> {
        match self.directory.path.take() {
            Some(path) => self.open(&path),
            None => self.begin(),
        }
    }

    /// A log in memory.
    fn begin(self) -> Result<AuditLog, AuditError> {
        if self.max_records == Some(0) {
            return Err(AuditError::Config(
                "`max_records` is 0; it must be at least 1, or not set for no bound".into(),
            ));
        }
        if self.checkpoint_every == 0 {
            return Err(AuditError::Config(
                "`checkpoint_every` is 0; it must be at least 1".into(),
            ));
        }
        let namespace = self
            .namespace
            .unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
        let signer = match self.signer {
            Some(key) => named(key, self.origin.as_deref())?,
            None => SigningKey::generate(&self.origin.unwrap_or_else(|| named_after(&namespace)))?,
        };
        let genesis = Entry::genesis_of(signer.verifier_key())?;
        let max_records = self
            .max_records
            .map(|max| u64::try_from(max).unwrap_or(u64::MAX));
        let output = self.sink.map(|sink| Output {
            sink,
            every: self.checkpoint_every,
            published: 0,
            failure: None,
            lines: String::new(),
        });
        let shared = Arc::new(Shared {
            namespace,
            clock: self.clock,
            verifier: Some(signer.verifier_key().clone()),
            signer: Some(signer),
            has_sink: output.is_some(),
            shards: Shards::new(0),
            state: Mutex::new(State {
                store: Store::new(max_records),
                last: None,
                output,
                spares: Vec::new(),
            }),
        });
        let level = self.acknowledge.unwrap_or(Acknowledgement::Buffered);
        shared.reaches(level)?;
        let has_sink = shared.has_sink;
        let reader = AuditReader::of_memory(Arc::clone(&shared));
        let log = AuditLog::of(reader, Backing::Memory(shared), level, self.vault);
        log.append(&genesis)?;
        if has_sink {
            log.publish_checkpoint()?;
        }
        Ok(log)
    }

    /// A log in a directory.
    fn open(self, path: &Path) -> Result<AuditLog, AuditError> {
        if self.sink.is_some() || self.max_records.is_some() {
            return Err(AuditError::Config(
                "a log in a directory has no sink and no `max_records`: what it holds is on disk"
                    .into(),
            ));
        }
        let Some(signer) = self.signer else {
            return Err(AuditError::Config(
                "a log in a directory needs the key that signs it, the same each time: give it as `signer`".into(),
            ));
        };
        let signer = named(signer, self.origin.as_deref())?;
        let Directory {
            new,
            predecessor,
            segment_size,
            open_files,
            queue,
            when_full,
            publish_every,
            pins,
            cosign,
            ..
        } = self.directory;
        if !SEGMENT_SIZES.contains(&segment_size) {
            return Err(AuditError::Config(format!(
                "a segment of {segment_size} bytes; it must have from {} to {}",
                SEGMENT_SIZES.start(),
                SEGMENT_SIZES.end()
            )));
        }
        if open_files < 2 {
            return Err(AuditError::Config(format!(
                "`open_files` is {open_files}; it must be at least 2, a segment and its index"
            )));
        }
        let level = self.acknowledge.unwrap_or(Acknowledgement::Durable);
        if level == Acknowledgement::Witnessed && cosign.is_none() {
            return Err(AuditError::Level { level });
        }
        let verifier = signer.verifier_key().clone();
        if let Some(cosign) = &cosign {
            cosign.fits(&verifier)?;
        }
        let (key, successor) = match predecessor {
            None => (signer, None),
            Some(succession) => {
                if succession.key.name() != verifier.name() {
                    return Err(AuditError::Config(format!(
                        "a key of `{}` cannot succeed one of `{}`: the name is the log's",
                        verifier.name(),
                        crate::error::shortened(succession.key.name())
                    )));
                }
                (
                    succession.key,
                    Some((signer, succession.operator, succession.reason)),
                )
            }
        };
        let mut writing = Writing::open(
            path,
            new,
            Options {
                key,
                successor,
                clock: self.clock,
                segment_size,
                open_files,
                queue,
                when_full,
                publish_every,
                pins,
                cosign,
            },
        )?;
        let reader = writing.begin(self.namespace.as_deref(), &verifier)?;
        writing.start(reader.clone())?;
        Ok(AuditLog::of(
            reader,
            Backing::Directory(Arc::new(writing)),
            level,
            self.vault,
        ))
    }
}

/// The key, if it has the name that the log is to have.
fn named(key: SigningKey, origin: Option<&str>) -> Result<SigningKey, AuditError> {
    match origin.filter(|origin| *origin != key.name()) {
        Some(origin) => Err(AuditError::Config(format!(
            "the origin `{}` is not the key's name `{}`",
            crate::error::shortened(origin),
            key.name()
        ))),
        None => Ok(key),
    }
}

/// The namespace, made fit to name a key.
fn named_after(namespace: &str) -> String {
    let fits = |c: char| !(c.is_whitespace() || c.is_control() || c == '+');
    namespace
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .collect()
}

impl std::fmt::Debug for AuditLogBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLogBuilder")
            .field("namespace", &self.namespace)
            .field("origin", &self.origin)
            .field("signer", &self.signer)
            .field("max_records", &self.max_records)
            .field("checkpoint_every", &self.checkpoint_every)
            .field("directory", &self.directory.path)
            .finish_non_exhaustive()
    }
}
