//! The handle that reads: entries, proofs and verification, and nothing that writes.

use std::io::BufRead;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use crate::AuditError;
use crate::bundle::{Meta, Snapshot};
use crate::checkpoint::Checkpoint;
use crate::clock::SystemClock;
use crate::commit::{Shared, State};
use crate::filter::Filter;
use crate::note::VerifierKey;
use crate::query::{OutcomeCounts, Page, Plan, page};
use crate::record::Record;
use crate::shards::Shards;
use crate::store::Store;
use crate::tree::{CompactRange, Hash, consistency_ranges, inclusion_ranges, leaf_hash};
use crate::verdict::{Verified, VerifyError};
use crate::verify::{Seen, Walk, scan};

/// Reads a log. Cheap to clone; it cannot append.
///
/// It belongs to a running [`AuditLog`](crate::AuditLog) and sees it grow, or to a file that was [read](Self::read_ndjson).
/// Reading takes the log's lock for as long as it takes to merge what waits and to note what is there; searching, verifying
/// and exporting happen outside it and do not hold up those who append.
///
/// Every method fails with [`AuditError::Poisoned`] after a panic inside the log; that is not repeated below.
#[derive(Debug, Clone)]
pub struct AuditReader(pub(crate) Arc<Shared>);

impl AuditReader {
    /// Reads an exported log into memory, whole, and verifies it on the way, as [`verify_ndjson`](crate::verify_ndjson) does.
    ///
    /// Without `key` no signature is checked and the level is [`Level::Tree`](crate::Level::Tree).
    ///
    /// # Errors
    /// [`VerifyError`] naming the line and what is wrong there; nothing of the file can be read then.
    pub fn read_ndjson(
        reader: impl BufRead,
        key: Option<&VerifierKey>,
        pin: Option<&Checkpoint>,
    ) -> Result<(Self, Verified), VerifyError> {
        let mut store = Store::new(None);
        let mut namespace = None;
        let (verified, last) = scan(reader, key, pin, |seen| match seen {
            Seen::Pruned(range) => store = Store::after(range.clone()),
            Seen::Entry(record) => {
                namespace.get_or_insert_with(|| record.namespace().to_owned());
                // Records are made of text, so this is never empty.
                let text = std::str::from_utf8(record.bytes()).unwrap_or_default();
                let meta = Meta {
                    leaf: *record.leaf(),
                    id: record.id(),
                    ts: record.ts(),
                    kind: record.kind(),
                    outcome: record.outcome(),
                };
                store.push(text, meta);
            }
        })?;
        let shards = Shards::new(store.size());
        let shared = Shared {
            namespace: namespace.unwrap_or_default(),
            clock: Box::new(SystemClock),
            signer: None,
            verifier: key.cloned(),
            has_sink: false,
            shards,
            state: Mutex::new(State {
                store,
                last,
                output: None,
                spares: Vec::new(),
            }),
        };
        Ok((Self(Arc::new(shared)), verified))
    }

    /// The namespace that entries carry.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// The key that verifies the log's checkpoints; `None` for a file that was read without one.
    #[must_use]
    pub fn verifier_key(&self) -> Option<&VerifierKey> {
        self.0.verifier.as_ref()
    }

    /// Number of entries ever logged, the genesis entry and evicted ones included.
    ///
    /// # Errors
    /// None but the common one.
    pub fn size(&self) -> Result<u64, AuditError> {
        Ok(self.0.current()?.store.size())
    }

    /// Number of entries that can be read now.
    ///
    /// # Errors
    /// None but the common one.
    pub fn count(&self) -> Result<u64, AuditError> {
        let held = held(&self.0.current()?.store);
        Ok(held.end.saturating_sub(held.start))
    }

    /// Index of the oldest entry that can be read.
    ///
    /// # Errors
    /// None but the common one.
    pub fn held_from(&self) -> Result<u64, AuditError> {
        Ok(self.0.current()?.store.held_from())
    }

    /// How many of the entries that can be read carry each outcome.
    ///
    /// # Errors
    /// None but the common one.
    pub fn outcome_counts(&self) -> Result<OutcomeCounts, AuditError> {
        Ok(OutcomeCounts::of(&self.view()?))
    }

    /// Finds entries.
    ///
    /// # Errors
    /// [`AuditError::Cursor`] if the filter's cursor is of another log or filter; [`AuditError::Evicted`] if the filter
    /// begins at, or its cursor has come to, an entry that is no longer held.
    pub fn query(&self, filter: &Filter) -> Result<Page, AuditError> {
        let (view, plan) = self.plan(filter)?;
        page(&view, &plan, filter, self.is_ours())
    }

    /// The entries of a record, in the order of the log: a decision and its outcome share their id. Empty if none is held.
    ///
    /// # Errors
    /// None but the common one.
    pub fn get(&self, id: Uuid) -> Result<Vec<Record>, AuditError> {
        let view = self.view()?;
        view.iter()
            .filter(|(_, _, meta)| meta.id == id)
            .map(record)
            .collect()
    }

    /// The entry at `index`.
    ///
    /// # Errors
    /// [`AuditError::Evicted`] if it is no longer held, [`AuditError::OutOfRange`] if there is none yet.
    pub fn entry(&self, index: u64) -> Result<Record, AuditError> {
        let state = self.0.current()?;
        within(&state.store, index)?;
        let view = state.store.snapshot(index, index.saturating_add(1));
        drop(state);
        view.iter().next().map(record).ok_or(AuditError::Poisoned)?
    }

    /// The newest `n` entries that can be read, the newest first.
    ///
    /// # Errors
    /// None but the common one.
    pub fn latest(&self, n: usize) -> Result<Vec<Record>, AuditError> {
        let state = self.0.current()?;
        let held = held(&state.store);
        let start = held
            .end
            .saturating_sub(u64::try_from(n).unwrap_or(u64::MAX))
            .max(held.start);
        let view = state.store.snapshot(start, held.end);
        drop(state);
        view.iter().rev().map(record).collect()
    }

    /// A signed checkpoint of everything logged so far; for a file, the last one in it.
    ///
    /// # Errors
    /// [`AuditError::NoCheckpoint`] for a file without a verified one.
    pub fn checkpoint(&self) -> Result<Checkpoint, AuditError> {
        self.0.checkpoint(&mut *self.0.current()?)
    }

    /// Root of the tree over the first `size` entries.
    ///
    /// # Errors
    /// [`AuditError::OutOfRange`] if the log is not that large; [`AuditError::Evicted`] if `size` is no multiple of 256 and
    /// ends among entries that are no longer held.
    pub fn root(&self, size: u64) -> Result<Hash, AuditError> {
        let state = self.0.current()?;
        let now = state.store.size();
        if size > now {
            return Err(AuditError::OutOfRange {
                index: size,
                size: now,
            });
        }
        state
            .store
            .root(size)
            .ok_or_else(|| evicted(&state.store, size.saturating_sub(1)))
    }

    /// The proof that entry `index` is in the tree of the first `size` entries; check it with [`verify_inclusion`](crate::verify_inclusion).
    ///
    /// # Errors
    /// [`AuditError::OutOfRange`] if `index ≥ size` or the log is not that large; [`AuditError::Evicted`] if the entry is no longer held.
    pub fn inclusion_proof(&self, index: u64, size: u64) -> Result<Vec<Hash>, AuditError> {
        let state = self.0.current()?;
        let now = state.store.size();
        if size > now || index >= size {
            let (index, size) = if size > now {
                (size, now)
            } else {
                (index, size)
            };
            return Err(AuditError::OutOfRange { index, size });
        }
        within(&state.store, index)?;
        prove(&state.store, &inclusion_ranges(index, size), index)
    }

    /// The proof that the tree of `new` entries begins with that of `old`; check it with [`verify_consistency`](crate::verify_consistency).
    ///
    /// # Errors
    /// [`AuditError::OutOfRange`] if `old > new` or the log is not that large; [`AuditError::Evicted`] if `old` is no multiple
    /// of 256 and ends among entries that are no longer held.
    pub fn consistency_proof(&self, old: u64, new: u64) -> Result<Vec<Hash>, AuditError> {
        let state = self.0.current()?;
        let now = state.store.size();
        if new > now || old > new {
            let (index, size) = if new > now { (new, now) } else { (old, new) };
            return Err(AuditError::OutOfRange { index, size });
        }
        prove(
            &state.store,
            &consistency_ranges(old, new),
            old.saturating_sub(1),
        )
    }

    /// Hashes every entry in memory anew and compares with the log's tree, with a checkpoint signed by its key, and with `pin`.
    ///
    /// For a running log the level is `Signed` over all entries, for it signs a checkpoint now; only a pin that was kept
    /// elsewhere speaks against the holder of the key.
    ///
    /// # Errors
    /// [`VerifyError`] saying what does not agree.
    pub fn verify(&self, pin: Option<&Checkpoint>) -> Result<Verified, VerifyError> {
        let internal = |error: AuditError| VerifyError::Log(error.to_string());
        let (view, range, checkpoint, root) = {
            let mut state = self.0.current().map_err(internal)?;
            let checkpoint = optional(self.0.checkpoint(&mut state)).map_err(internal)?;
            let (view, range) = everything(&state.store).map_err(internal)?;
            let root = state.store.root(view.end);
            (view, range, checkpoint, root)
        };
        if let (Some(pin), Some(key)) = (pin, self.verifier_key())
            && pin.origin() != key.name()
        {
            return Err(VerifyError::PinOrigin {
                pin: pin.origin().to_owned(),
                log: key.name().to_owned(),
            });
        }
        let mut walk = Walk::new(range, pin)?;
        for (_, text, _) in view.iter() {
            walk.push(leaf_hash(text.as_bytes()))?;
            if let Some(checkpoint) = checkpoint
                .as_ref()
                .filter(|checkpoint| checkpoint.size() == walk.size())
            {
                walk.checkpoint(checkpoint.size(), checkpoint.root(), true)
                    .map_err(|_| VerifyError::Root { size: walk.size() })?;
            }
        }
        if root != Some(walk.root()) {
            return Err(VerifyError::Root { size: walk.size() });
        }
        walk.finish()
    }

    pub(crate) fn plan(&self, filter: &Filter) -> Result<(Snapshot, Plan), AuditError> {
        let state = self.0.current()?;
        let held = held(&state.store);
        let plan = Plan::new(filter, &held, filter.digest(state.store.first_leaf()))?;
        let view = state
            .store
            .snapshot(plan.whole.start.max(held.start), plan.whole.end);
        Ok((view, plan))
    }

    /// All that can be read.
    fn view(&self) -> Result<Snapshot, AuditError> {
        let state = self.0.current()?;
        let held = held(&state.store);
        Ok(state.store.snapshot(held.start, held.end))
    }

    /// Whether the entries were written by this crate, rather than read from a file.
    pub(crate) fn is_ours(&self) -> bool {
        self.0.signer.is_some()
    }
}

fn held(store: &Store) -> Range<u64> {
    store.held_from()..store.size()
}

fn record((index, text, meta): (u64, &str, &Meta)) -> Result<Record, AuditError> {
    Ok(Record::with_leaf(index, text.as_bytes(), meta.leaf)?)
}

fn within(store: &Store, index: u64) -> Result<(), AuditError> {
    let held = held(store);
    if index >= held.end {
        return Err(AuditError::OutOfRange {
            index,
            size: held.end,
        });
    }
    if index < held.start {
        Err(evicted(store, index))
    } else {
        Ok(())
    }
}

fn evicted(store: &Store, index: u64) -> AuditError {
    AuditError::Evicted {
        index,
        held_from: store.held_from(),
    }
}

fn prove(store: &Store, ranges: &[(u64, u64)], index: u64) -> Result<Vec<Hash>, AuditError> {
    let hashes = ranges
        .iter()
        .map(|(start, end)| store.subtree(*start, *end))
        .collect::<Option<_>>();
    hashes.ok_or_else(|| evicted(store, index))
}

/// All entries whose leaves are there, and the tree before them.
pub(crate) fn everything(store: &Store) -> Result<(Snapshot, CompactRange), AuditError> {
    let from = store.pruned_to();
    let range = store.range(from).ok_or(AuditError::Poisoned)?;
    Ok((store.snapshot(from, store.size()), range))
}

/// A checkpoint, where there can be one.
pub(crate) fn optional(
    checkpoint: Result<Checkpoint, AuditError>,
) -> Result<Option<Checkpoint>, AuditError> {
    match checkpoint {
        Ok(checkpoint) => Ok(Some(checkpoint)),
        Err(AuditError::NoCheckpoint) => Ok(None),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundle;
    use crate::{AuditLog, Entry};

    /// Changes the bytes of the first bundle in memory, as a fault or an attacker inside the process would.
    fn damage(log: &AuditLog, change: impl FnOnce(&mut Bundle)) {
        let mut state = log.0.current().unwrap();
        change(Arc::make_mut(&mut state.store.held_mut()[0]));
    }

    #[test]
    fn a_byte_changed_in_memory_shows() {
        for size in [2, 256, 257, 600] {
            let log = AuditLog::builder().build().unwrap();
            for i in 1..size {
                log.log(Entry::event(&format!("event-{i}"))).unwrap();
            }
            assert!(log.verify(None).is_ok());
            damage(&log, |bundle| {
                let altered = bundle.text_mut().replacen("event-1", "event-2", 1);
                *bundle.text_mut() = altered;
            });
            let found = log.verify(None).unwrap_err();
            assert!(
                matches!(found, VerifyError::Root { .. }),
                "size {size}: {found}"
            );
            let mut file = Vec::new();
            log.export_ndjson(&mut file).unwrap();
            assert!(crate::verify_ndjson(&file[..], log.verifier_key().unwrap(), None).is_err());
        }
    }
}
