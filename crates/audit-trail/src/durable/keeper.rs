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
/// Bundles whose tiles, two or three for each, are synced between two looks at what else there is to do, and before a log is closed.
const SETTLED_AT_ONCE: u64 = 128;
const SETTLED_AT_LAST: u64 = 512;
/// How long until a full disk is looked at again.
const AGAIN: Duration = Duration::from_secs(1);

/// Does the chores of one log, in a thread of its own or when asked to.
#[derive(Debug)]
pub(crate) struct Keeper {
    pipeline: Arc<Pipeline>,
    reader: AuditReader,
    namespace: String,
    publisher: Mutex<Publisher>,
    told: Mutex<Option<String>>,
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
        every: Duration,
    ) -> Self {
        Self {
            pipeline,
            reader,
            namespace,
            publisher: Mutex::new(publisher),
            told: Mutex::default(),
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
            self.settle(if closing {
                SETTLED_AT_LAST
            } else {
                SETTLED_AT_ONCE
            });
            if closing || self.pipeline.check().is_err() {
                return;
            }
            let most = if self.pipeline.admission.is_full() {
                AGAIN
            } else {
                Duration::MAX
            };
            self.pipeline.keeper.rest(self.every.clamp(PAUSE, most));
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

    /// Publishes once more, and nothing after that.
    pub(crate) fn retire(&self) {
        drop(self.publish());
        self.lock().retire();
    }

    /// Syncs some tiles if there is nothing else to do. What fails is written anew when the log is opened.
    fn settle(&self, bundles: u64) {
        let mut publisher = self.lock();
        if publisher.published() == self.pipeline.durable.reached() {
            drop(publisher.settle(bundles));
        }
    }

    /// The newest checkpoint with a quorum of cosignatures.
    pub(crate) fn witnessed(&self) -> Option<Checkpoint> {
        self.witnessed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Has published checkpoints cosigned until the log is closed. For a thread of its own: witnesses take their time.
    pub(crate) fn have_witnessed(&self, cosign: &Cosign) {
        let pipeline = &self.pipeline;
        let lacks = || pipeline.witnessed.reached() < pipeline.durable.reached();
        let ends = || pipeline.is_closing() || pipeline.check().is_err();
        loop {
            pipeline.witness.sleep(None, || lacks() || ends());
            if ends() {
                return;
            }
            self.ask_witnesses(cosign);
            pipeline.witness.rest(self.every.max(PAUSE));
        }
    }

    /// What witnesses answered last.
    pub(crate) fn told(&self) -> Option<String> {
        self.told
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Has what is published cosigned and publishes it so. Other failures than a rollback are tried again later.
    fn ask_witnesses(&self, cosign: &Cosign) {
        // Published first: a cosigned checkpoint whose tiles are not there would be published over.
        let Ok(Some(checkpoint)) = self.publish() else {
            return;
        };
        let cosigned = cosign.ask(&self.reader, &checkpoint);
        let told = match &cosigned {
            Ok(cosigned) => cosigned.told.clone(),
            Err(error) => error.to_string(),
        };
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        match cosigned {
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
            Err(error @ AuditError::RollbackDetected { .. }) => self.pipeline.fail(error),
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
                    pipeline.fail(error);
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
            || self.lock().is_unsettled()
    }

    fn lock(&self) -> MutexGuard<'_, Publisher> {
        // After a panic the view is behind at most, and it is derived.
        self.publisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
