//! Reading a log that is in memory, whether it was recorded there or read from a file: under its lock for as long as it takes to note what is there.

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
use crate::query::{OutcomeCounts, Plan, View};
use crate::reader::{AuditReader, Whole, optional};
use crate::record::Record;
use crate::shards::Shards;
use crate::store::Store;
use crate::tree::{Hash, leaf_hash};
use crate::verdict::{Verified, VerifyError};
use crate::verify::{Seen, Walk, scan};

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
        Ok((Self::of_memory(Arc::new(shared)), verified))
    }
}

impl Shared {
    pub(crate) fn held(&self) -> Result<Range<u64>, AuditError> {
        Ok(held(&self.current()?.store))
    }

    pub(crate) fn outcome_counts(&self) -> Result<OutcomeCounts, AuditError> {
        Ok(OutcomeCounts::of(&self.view()?))
    }

    pub(crate) fn of_id(&self, id: Uuid) -> Result<Vec<Record>, AuditError> {
        let view = self.view()?;
        view.iter()
            .filter(|(_, _, meta)| meta.id == id)
            .map(record)
            .collect()
    }

    pub(crate) fn entry(&self, index: u64) -> Result<Record, AuditError> {
        let view = self.between(index, index.saturating_add(1))?;
        view.iter().next().map(record).ok_or(AuditError::Poisoned)?
    }

    /// The entries `[start, end)`, all of which must be held.
    pub(crate) fn between(&self, start: u64, end: u64) -> Result<Snapshot, AuditError> {
        let state = self.current()?;
        if start < end {
            within(&state.store, start)?;
            within(&state.store, end.saturating_sub(1))?;
        }
        Ok(state.store.snapshot(start, end))
    }

    pub(crate) fn newest_checkpoint(&self) -> Result<Checkpoint, AuditError> {
        self.checkpoint(&mut *self.current()?)
    }

    /// Roots of subtrees of the tree over the first `size` entries. `index` is the entry to be named where hashes are gone.
    pub(crate) fn roots(&self, ranges: &[(u64, u64)], index: u64) -> Result<Vec<Hash>, AuditError> {
        let state = self.current()?;
        let hashes = ranges
            .iter()
            .map(|(start, end)| state.store.subtree(*start, *end))
            .collect::<Option<_>>();
        hashes.ok_or_else(|| evicted(&state.store, index))
    }

    pub(crate) fn root(&self, size: u64) -> Result<Hash, AuditError> {
        let state = self.current()?;
        let root = state.store.root(size);
        root.ok_or_else(|| evicted(&state.store, size.saturating_sub(1)))
    }

    /// Refuses an entry that is not held.
    pub(crate) fn within(&self, index: u64) -> Result<(), AuditError> {
        within(&self.current()?.store, index)
    }

    pub(crate) fn plan(&self, filter: &Filter) -> Result<(View, Plan), AuditError> {
        let state = self.current()?;
        let held = held(&state.store);
        let plan = Plan::new(filter, &held, filter.digest(state.store.first_leaf()))?;
        let snapshot = state
            .store
            .snapshot(plan.whole.start.max(held.start), plan.whole.end);
        let ours = self.signer.is_some();
        Ok((View::Memory { snapshot, ours }, plan))
    }

    /// All entries whose leaves are there, and the tree before them.
    pub(crate) fn everything(&self) -> Result<Whole, AuditError> {
        let mut state = self.current()?;
        let checkpoint = optional(self.checkpoint(&mut state))?;
        let from = state.store.pruned_to();
        let before = state.store.range(from).ok_or(AuditError::Poisoned)?;
        let snapshot = state.store.snapshot(from, state.store.size());
        let ours = self.signer.is_some();
        Ok(Whole {
            view: View::Memory { snapshot, ours },
            before,
            checkpoint,
        })
    }

    /// Hashes every entry anew. `see` is told how many have been, and how many bytes they have.
    pub(crate) fn verify(
        &self,
        pin: Option<&Checkpoint>,
        see: &mut dyn FnMut(u64, u64),
    ) -> Result<Verified, VerifyError> {
        let internal = |error: AuditError| VerifyError::Log(error.to_string());
        let Whole {
            view,
            before,
            checkpoint,
        } = self.everything().map_err(internal)?;
        let root = self.root(view.end()).map_err(internal)?;
        let mut walk = Walk::new(before, pin)?;
        let mut bytes = 0_u64;
        let mut failure = Ok(());
        let walked = view.each(&mut |_, entry| {
            failure = (|| {
                walk.push(leaf_hash(entry))?;
                let size = walk.size();
                if let Some(checkpoint) = checkpoint.as_ref().filter(|c| c.size() == size) {
                    walk.checkpoint(size, checkpoint.root(), true)
                        .map_err(|_| VerifyError::Root { size })?;
                }
                Ok(())
            })();
            bytes = bytes.saturating_add(entry.len() as u64);
            if walk.size().is_multiple_of(1 << 16) {
                see(walk.size(), bytes);
            }
            match failure {
                Ok(()) => Ok(()),
                // Any error ends the walk; the one that is told stands in `failure`.
                Err(_) => Err(AuditError::Poisoned),
            }
        });
        failure?;
        walked.map_err(internal)?;
        if root != walk.root() {
            return Err(VerifyError::Root { size: walk.size() });
        }
        see(walk.size(), bytes);
        walk.finish()
    }

    /// All that can be read.
    fn view(&self) -> Result<Snapshot, AuditError> {
        let state = self.current()?;
        let held = held(&state.store);
        Ok(state.store.snapshot(held.start, held.end))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundle;
    use crate::{AuditLog, Entry};

    /// Changes the bytes of the first bundle in memory, as a fault or an attacker inside the process would.
    fn damage(log: &AuditLog, change: impl FnOnce(&mut Bundle)) {
        let mut state = log.shared().unwrap().current().unwrap();
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
