//! The one place where waiting entries become the log: merged by number, handed to the sink, then made visible.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

use crate::AuditError;
use crate::acknowledge::Acknowledgement;
use crate::bundle::Meta;
use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::ndjson::Mark;
use crate::note::{SigningKey, VerifierKey};
use crate::shards::{Buffer, Pressure, Shards};
use crate::sink::Sink;
use crate::store::Store;

/// What all handles of one log share.
pub(crate) struct Shared {
    pub(crate) namespace: String,
    pub(crate) clock: Box<dyn Clock>,
    pub(crate) signer: Option<SigningKey>,
    pub(crate) verifier: Option<VerifierKey>,
    pub(crate) has_sink: bool,
    pub(crate) shards: Shards,
    pub(crate) state: Mutex<State>,
}

/// What readers see, and how it grows.
pub(crate) struct State {
    pub(crate) store: Store,
    /// The newest checkpoint that was signed or read.
    pub(crate) last: Option<Checkpoint>,
    pub(crate) output: Option<Output>,
    /// Emptied buffers, to be filled again.
    pub(crate) spares: Vec<Buffer>,
}

/// The sink, and how far it got.
pub(crate) struct Output {
    pub(crate) sink: Box<dyn Sink>,
    /// A checkpoint line is written whenever the size is a multiple of this.
    pub(crate) every: u64,
    /// Size of the last checkpoint line.
    pub(crate) published: u64,
    pub(crate) failure: Option<Arc<io::Error>>,
    pub(crate) lines: String,
}

impl Shared {
    /// Records an entry that is written and hashed; nothing in it can be wrong any more.
    pub(crate) fn append(&self, text: &str, meta: Meta) -> Result<u64, AuditError> {
        if self.state.is_poisoned() {
            return Err(AuditError::Poisoned);
        }
        let (index, pressure) = self.shards.append(text, meta)?;
        if self.has_sink {
            let mut state = self.lock()?;
            if state.store.size() <= index {
                match self.merge(&mut state) {
                    // The sink failed after it had taken this entry, on a later one or on a checkpoint.
                    Err(AuditError::Sink(_)) if state.store.size() > index => {}
                    result => result?,
                }
            }
        } else if pressure != Pressure::None {
            match self.state.try_lock() {
                Ok(mut state) => self.merge(&mut state)?,
                // Whoever has the lock merges, or will be made to.
                Err(TryLockError::WouldBlock) if pressure == Pressure::Offer => {}
                Err(TryLockError::WouldBlock) => self.merge(&mut *self.lock()?)?,
                Err(TryLockError::Poisoned(_)) => return Err(AuditError::Poisoned),
            }
        }
        Ok(index)
    }

    /// Whether entries get as far as `level` here: durable is what a sink has taken.
    pub(crate) fn reaches(&self, level: Acknowledgement) -> Result<(), AuditError> {
        let most = if self.has_sink {
            Acknowledgement::Durable
        } else {
            Acknowledgement::Buffered
        };
        if level <= most {
            Ok(())
        } else {
            Err(AuditError::Level { level })
        }
    }

    /// The log as it is now, every acknowledged entry merged. After a failure of the sink: as it was then.
    pub(crate) fn current(&self) -> Result<MutexGuard<'_, State>, AuditError> {
        let mut state = self.lock()?;
        match self.merge(&mut state) {
            Ok(()) | Err(AuditError::Sink(_)) => Ok(state),
            Err(other) => Err(other),
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, State>, AuditError> {
        self.state.lock().map_err(|_| AuditError::Poisoned)
    }

    /// Moves what waits in the buffers into the store, through the sink if there is one.
    fn merge(&self, state: &mut State) -> Result<(), AuditError> {
        let batch = self.shards.drain(&mut state.spares)?;
        state.check()?;
        let entries = batch.in_order(state.store.size())?;
        match state.output {
            None => {
                for (text, meta) in entries {
                    state.store.push(text, *meta);
                }
            }
            Some(_) => self.write_through(state, &entries)?,
        }
        batch.recycle(&mut state.spares);
        Ok(())
    }

    /// Hands entries to the sink, up to each size at which a checkpoint is due, and only then to the store.
    fn write_through(
        &self,
        state: &mut State,
        entries: &[(&str, &Meta)],
    ) -> Result<(), AuditError> {
        let mut rest = entries;
        while let Some(output) = state.output.as_mut().filter(|_| !rest.is_empty()) {
            let size = state.store.size();
            let until_due = output
                .every
                .saturating_sub(size.checked_rem(output.every).unwrap_or(0));
            let count = usize::try_from(until_due)
                .unwrap_or(usize::MAX)
                .min(rest.len());
            let (now, later) = rest.split_at(count);
            output.lines.clear();
            for (text, _) in now {
                output.lines.push_str(text);
                output.lines.push('\n');
            }
            output.write()?;
            for (text, meta) in now {
                state.store.push(text, **meta);
            }
            if count as u64 == until_due {
                self.publish(state)?;
            }
            rest = later;
        }
        Ok(())
    }

    /// The newest checkpoint: of the present size where there is a key to sign it, else the one that was read.
    pub(crate) fn checkpoint(&self, state: &mut State) -> Result<Checkpoint, AuditError> {
        let size = state.store.size();
        let current = state
            .last
            .as_ref()
            .filter(|last| self.signer.is_none() || last.size() == size);
        if let Some(current) = current {
            return Ok(current.clone());
        }
        let key = self.signer.as_ref().ok_or(AuditError::NoCheckpoint)?;
        let root = state.store.root(size).ok_or(AuditError::Poisoned)?;
        let checkpoint = Checkpoint::sign(key, size, root)?;
        state.last = Some(checkpoint.clone());
        Ok(checkpoint)
    }

    /// Signs a checkpoint and hands it to the sink, unless the sink has it already.
    pub(crate) fn publish(&self, state: &mut State) -> Result<Checkpoint, AuditError> {
        state.check()?;
        let checkpoint = self.checkpoint(state)?;
        if let Some(output) = state
            .output
            .as_mut()
            .filter(|output| output.published < checkpoint.size())
        {
            output.lines.clear();
            Mark::checkpoint(&checkpoint).push_to(&mut output.lines);
            output.write()?;
            output.published = checkpoint.size();
        }
        Ok(checkpoint)
    }
}

impl State {
    /// Whether the sink has failed.
    fn check(&self) -> Result<(), AuditError> {
        match self
            .output
            .as_ref()
            .and_then(|output| output.failure.as_ref())
        {
            Some(failure) => Err(AuditError::Sink(Arc::clone(failure))),
            None => Ok(()),
        }
    }
}

impl Output {
    /// Hands `lines` over; a failure is remembered for ever.
    fn write(&mut self) -> Result<(), AuditError> {
        self.sink.write(&self.lines).map_err(|error| {
            let failure = Arc::new(error);
            self.failure = Some(Arc::clone(&failure));
            AuditError::Sink(failure)
        })
    }
}

impl Drop for Shared {
    /// The last handle leaves the sink's lines covered by a checkpoint where it can; it cannot say where it could not.
    fn drop(&mut self) {
        if self.has_sink
            && let Ok(mut state) = self.current()
        {
            drop(self.publish(&mut state));
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("namespace", &self.namespace)
            .field("key", &self.verifier)
            .finish_non_exhaustive()
    }
}
