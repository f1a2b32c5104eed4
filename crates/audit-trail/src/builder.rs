//! Making a log: its name, its key, its clock and its bounds.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::AuditError;
use crate::clock::{Clock, SystemClock};
use crate::commit::{Output, Shared, State};
use crate::entry::Entry;
use crate::ext::Ext;
use crate::log::AuditLog;
use crate::note::SigningKey;
use crate::shards::Shards;
use crate::sink::Sink;
use crate::store::Store;

/// The namespace of a log that was not given one.
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
    namespace: String,
    origin: Option<String>,
    signer: Option<SigningKey>,
    clock: Box<dyn Clock>,
    max_records: Option<usize>,
    sink: Option<Box<dyn Sink>>,
    checkpoint_every: u64,
}

impl AuditLogBuilder {
    pub(crate) fn new() -> Self {
        Self {
            namespace: DEFAULT_NAMESPACE.to_owned(),
            origin: None,
            signer: None,
            clock: Box::new(SystemClock),
            max_records: None,
            sink: None,
            checkpoint_every: 256,
        }
    }

    /// The namespace that every entry carries. Default: `aumos.security-bundle`.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
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

    /// Makes the log, writes its genesis entry and, where there is a sink, the first checkpoint.
    ///
    /// # Errors
    /// [`AuditError::Config`] for a zero bound or an origin that is not the key's name, [`AuditError::Entry`] for a
    /// namespace that cannot be recorded, [`AuditError::Note`] for an origin that cannot name a key,
    /// [`AuditError::Random`] without randomness, [`AuditError::Sink`] if the sink fails at once.
    pub fn build(self) -> Result<AuditLog, AuditError> {
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
        let signer = match (self.signer, self.origin) {
            (Some(key), Some(origin)) if key.name() != origin => {
                let origin = crate::error::shortened(&origin);
                return Err(AuditError::Config(format!(
                    "the origin `{origin}` is not the key's name `{}`",
                    key.name()
                )));
            }
            (Some(key), _) => key,
            (None, Some(origin)) => SigningKey::generate(&origin)?,
            (None, None) => SigningKey::generate(&named_after(&self.namespace))?,
        };
        let verifier = signer.verifier_key().clone();
        let genesis =
            Ext::encode(&json!({ "key": verifier.to_string(), "origin": verifier.name() }))?;
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
        let log = AuditLog::of(Arc::new(Shared {
            namespace: self.namespace,
            clock: self.clock,
            signer: Some(signer),
            verifier: Some(verifier),
            has_sink: output.is_some(),
            shards: Shards::new(0),
            state: Mutex::new(State {
                store: Store::new(max_records),
                last: None,
                output,
                spares: Vec::new(),
            }),
        }));
        log.append(&Entry::genesis(genesis))?;
        if log.0.has_sink {
            log.publish_checkpoint()?;
        }
        Ok(log)
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
            .finish_non_exhaustive()
    }
}
