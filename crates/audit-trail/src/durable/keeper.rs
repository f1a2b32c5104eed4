//! What has to be done for a log but not while somebody waits for it: spares are made, the view is published, and that the disk is full is told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::durable::cosign::Cosign;
use crate::durable::pipeline::Pipeline;
use crate::durable::publish::Publisher;
use crate::entry::Entry;
use crate::ext::Ext;
use crate::kind::Kind;
use crate::log::encode;
use crate::reader::AuditReader;

/// What fails is not tried again at once.
const PAUSE: Duration = Duration::from_millis(10);
/// How long until a full disk is looked at again.
const AGAIN: Duration = Duration::from_secs(1);

/// Does the chores of one log, in a thread of its own or when asked to.
#[derive(Debug)]
pub(crate) struct Keeper {
    pipeline: Arc<Pipeline>,
    reader: AuditReader,
    namespace: String,
    publisher: Mutex<Publisher>,
    cosign: Option<Cosign>,
    witnessed: Mutex<Option<Checkpoint>>,
    /// Time between publications while the log grows.
    every: Duration,
}

impl Keeper {
    pub(crate) fn new(
        pipeline: Arc<Pipeline>,
        reader: AuditReader,
        namespace: String,
        publisher: Publisher,
        cosign: Option<Cosign>,
        every: Duration,
    ) -> Self {
        Self {
            pipeline,
            reader,
            namespace,
            publisher: Mutex::new(publisher),
            cosign,
            witnessed: Mutex::default(),
            every,
        }
    }

    /// Keeps the log until it is closed.
    pub(crate) fn run(&self) {
        loop {
            let limit = self.pipeline.admission.is_full().then_some(AGAIN);
            self.pipeline.keeper.sleep(limit, || self.has_work());
            let closing = self.pipeline.is_closing();
            if !closing && self.pipeline.check().is_ok() {
                self.provide();
            }
            // It is tried again with the next commit; whoever must know asks for it himself.
            drop(self.publish());
            self.ask_witnesses();
            if closing || self.pipeline.check().is_err() {
                return;
            }
            self.pipeline.keeper.rest(self.every.max(PAUSE));
        }
    }

    /// Publishes the newest checkpoint with its tiles, unless that is done.
    pub(crate) fn publish(&self) -> Result<Option<Checkpoint>, AuditError> {
        let checkpoint = self.pipeline.checkpoint()?;
        if let Some(checkpoint) = &checkpoint {
            while !self.step(checkpoint)? {
                // Publishing a lot takes its time, and a log that grows does not wait so long for its next segment.
                if !self.pipeline.is_closing() {
                    self.provide();
                }
            }
        }
        Ok(checkpoint)
    }

    /// Goes a step towards the view of `checkpoint`, and says whether it is there.
    fn step(&self, checkpoint: &Checkpoint) -> Result<bool, AuditError> {
        let mut publisher = self.lock();
        if checkpoint.size() <= publisher.published() {
            return Ok(true);
        }
        publisher.step(&self.reader, checkpoint)
    }

    /// The newest checkpoint with a quorum of cosignatures.
    pub(crate) fn witnessed(&self) -> Option<Checkpoint> {
        self.witnessed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Has the published checkpoint cosigned, unless that is done, and publishes it so. Other failures than a rollback are tried again later.
    fn ask_witnesses(&self) {
        let (Some(cosign), Ok(Some(checkpoint))) = (&self.cosign, self.pipeline.checkpoint())
        else {
            return;
        };
        if self.pipeline.witnessed.reached() >= checkpoint.size() {
            return;
        }
        match cosign.ask(&self.reader, &checkpoint) {
            Ok(cosigned) => {
                drop(self.lock().replace(&cosigned.checkpoint));
                if cosigned.enough {
                    let size = cosigned.checkpoint.size();
                    *self
                        .witnessed
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner) = Some(cosigned.checkpoint);
                    self.pipeline.witnessed.advance(size);
                }
            }
            Err(error @ AuditError::RollbackDetected { .. }) => self.pipeline.fail(&error),
            Err(_) => {}
        }
    }

    /// Makes the next segment; where there is no room for it, shuts the log before it has none left to say so.
    fn provide(&self) {
        let pipeline = &self.pipeline;
        match pipeline.spares.prepare() {
            Ok(()) => {
                let was_full = pipeline.admission.is_full();
                let refused = pipeline.admission.open();
                if was_full {
                    self.tell("disk_has_room", &format!("there is room for the log again; {refused} entries were refused for want of it"), refused);
                }
            }
            Err(AuditError::DiskFull) => {
                if !matches!(pipeline.has_room(), Ok(true)) && pipeline.admission.shut() {
                    self.tell("disk_full", "there is no room for the log's next segment; entries are refused from here on", 0);
                }
            }
            Err(error) => {
                if pipeline.admission.is_paused() {
                    pipeline.fail(&error);
                }
            }
        }
    }

    /// Records a word of the log's own; if even that fails, the log has ended and everybody learns it.
    fn tell(&self, event: &str, reason: &str, refused: u64) {
        let ext = Ext::encode(&serde_json::json!({ "refused": refused }));
        let mut entry = Entry::of(Kind::Gap).named(event).reason_text(reason);
        if let Ok(ext) = ext {
            entry = entry.ext(ext);
        }
        let mut text = String::new();
        if let Ok(meta) = encode(&entry, &self.namespace, &*self.pipeline.clock, &mut text) {
            drop(self.pipeline.push_own(&text, meta));
            self.pipeline.ring();
        }
    }

    fn has_work(&self) -> bool {
        let pipeline = &self.pipeline;
        pipeline.is_closing()
            || pipeline.check().is_err()
            || pipeline.admission.is_paused()
            || (!pipeline.spares.is_ready() && !pipeline.admission.is_full())
            || pipeline.durable.reached() > self.lock().published()
            || self.lacks_witnesses()
    }

    fn lacks_witnesses(&self) -> bool {
        self.cosign.is_some() && self.pipeline.witnessed.reached() < self.pipeline.durable.reached()
    }

    fn lock(&self) -> MutexGuard<'_, Publisher> {
        // After a panic the view is behind at most, and it is derived.
        self.publisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
