//! Where entries wait in order: each thread has a buffer of its own, and the only thing that appending threads share is a counter.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::AuditError;
use crate::bundle::Meta;

/// Entries after which a thread offers to merge, and after which it insists: what keeps waiting entries few.
const OFFER: usize = 256;
const INSIST: usize = 16 * OFFER;
/// The same in bytes.
const OFFER_BYTES: usize = 128 * 1024;
const INSIST_BYTES: usize = 16 * OFFER_BYTES;

/// The buffers, and the next sequence number.
#[derive(Debug)]
pub(crate) struct Shards {
    next: AtomicU64,
    shards: Box<[Shard]>,
}

/// A buffer on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<Buffer>);

#[derive(Debug, Default)]
pub(crate) struct Buffer {
    text: String,
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    seq: u64,
    end: usize,
    meta: Meta,
}

/// How full a thread's buffer has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pressure {
    None,
    /// Somebody should merge.
    Offer,
    /// Nothing more before a merge.
    Insist,
}

impl Shards {
    /// Buffers for the threads of this machine; `next` is the number that the first entry gets.
    pub(crate) fn new(next: u64) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = threads.saturating_mul(2).clamp(4, 64);
        Self {
            next: AtomicU64::new(next),
            shards: (0..count).map(|_| Shard::default()).collect(),
        }
    }

    /// Appends an entry to the calling thread's buffer and says which number it got.
    pub(crate) fn append(&self, text: &str, meta: Meta) -> Result<(u64, Pressure), AuditError> {
        let shard = own_number()
            .checked_rem(self.shards.len())
            .and_then(|at| self.shards.get(at))
            .ok_or(AuditError::Poisoned)?;
        let mut buffer = shard.0.lock().map_err(|_| AuditError::Poisoned)?;
        buffer.text.push_str(text);
        let end = buffer.text.len();
        // The number is taken inside the lock: whoever holds all the locks sees every entry of every number taken so far.
        // Sequentially consistent, for whoever counts on seeing it before the taker looks whether somebody has to be roused.
        let seq = self.next.fetch_add(1, Ordering::SeqCst);
        buffer.slots.push(Slot { seq, end, meta });
        let pressure = match (buffer.slots.len(), end) {
            (n, b) if n >= INSIST || b >= INSIST_BYTES => Pressure::Insist,
            (n, b) if n >= OFFER || b >= OFFER_BYTES => Pressure::Offer,
            _ => Pressure::None,
        };
        Ok((seq, pressure))
    }

    /// Number of entries ever taken.
    pub(crate) fn taken(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    /// Takes all that waits, leaving `spares` or empty buffers in place.
    pub(crate) fn drain(&self, spares: &mut Vec<Buffer>) -> Result<Batch, AuditError> {
        let mut buffers = Vec::new();
        let mut locked: Vec<MutexGuard<'_, Buffer>> = Vec::with_capacity(self.shards.len());
        for shard in &self.shards {
            locked.push(shard.0.lock().map_err(|_| AuditError::Poisoned)?);
        }
        for mut buffer in locked {
            if !buffer.slots.is_empty() {
                buffers.push(std::mem::replace(
                    &mut *buffer,
                    spares.pop().unwrap_or_default(),
                ));
            }
        }
        Ok(Batch { buffers })
    }
}

/// What was drained at once: consecutive numbers, spread over buffers.
#[derive(Debug)]
pub(crate) struct Batch {
    buffers: Vec<Buffer>,
}

impl Batch {
    /// The entries in the order of their numbers, the first of which must be `first`.
    ///
    /// A number that is missing means that the log is broken: nothing is returned rather than less.
    pub(crate) fn in_order(&self, first: u64) -> Result<Vec<(&str, &Meta)>, AuditError> {
        let count = self.buffers.iter().map(|buffer| buffer.slots.len()).sum();
        let mut places: Vec<Option<(&str, &Meta)>> = vec![None; count];
        for buffer in &self.buffers {
            let mut start = 0;
            for slot in &buffer.slots {
                let at = slot
                    .seq
                    .checked_sub(first)
                    .and_then(|at| usize::try_from(at).ok());
                let place = at
                    .and_then(|at| places.get_mut(at))
                    .ok_or(AuditError::Poisoned)?;
                *place = buffer
                    .text
                    .get(start..slot.end)
                    .map(|text| (text, &slot.meta));
                start = slot.end;
            }
        }
        places
            .into_iter()
            .collect::<Option<_>>()
            .ok_or(AuditError::Poisoned)
    }

    /// Empties the buffers for use as spares.
    pub(crate) fn recycle(self, spares: &mut Vec<Buffer>) {
        spares.extend(self.buffers.into_iter().map(|mut buffer| {
            buffer.text.clear();
            buffer.slots.clear();
            buffer
        }));
    }
}

/// A number for the calling thread, the same in all logs.
fn own_number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static OWN: Cell<Option<usize>> = const { Cell::new(None) });
    OWN.get().unwrap_or_else(|| {
        let number = THREADS.fetch_add(1, Ordering::Relaxed);
        OWN.set(Some(number));
        number
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;
    use crate::tree::empty_root;

    fn meta() -> Meta {
        Meta {
            leaf: empty_root(),
            id: uuid::Uuid::nil(),
            ts: 0,
            kind: Kind::Event,
            outcome: None,
        }
    }

    #[test]
    fn a_batch_is_in_order_and_a_missing_number_is_never_passed_over() {
        let shards = Shards::new(5);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        shards.append("x", meta()).unwrap();
                    }
                });
            }
        });
        let mut spares = Vec::new();
        let batch = shards.drain(&mut spares).unwrap();
        assert_eq!(batch.in_order(5).unwrap().len(), 400);
        assert!(batch.in_order(4).is_err());
        assert!(batch.in_order(6).is_err());
        batch.recycle(&mut spares);
        assert!(!spares.is_empty());
        assert_eq!(shards.append("y", meta()).unwrap().0, 405);
        let batch = shards.drain(&mut spares).unwrap();
        assert_eq!(batch.in_order(405).unwrap()[0].0, "y");
    }

    #[test]
    fn a_buffer_asks_to_be_merged_and_then_insists() {
        let shards = Shards::new(0);
        let pressures: Vec<Pressure> = (0..INSIST)
            .map(|_| shards.append("x", meta()).unwrap().1)
            .collect();
        assert_eq!(pressures[OFFER - 2], Pressure::None);
        assert_eq!(pressures[OFFER - 1], Pressure::Offer);
        assert_eq!(pressures[INSIST - 1], Pressure::Insist);
        let shards = Shards::new(0);
        assert_eq!(
            shards.append(&"x".repeat(OFFER_BYTES), meta()).unwrap().1,
            Pressure::Offer
        );
    }
}
