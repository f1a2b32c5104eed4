//! The newest rows of the ledger, in a bounded number of them: memory does not grow with traffic.
//!
//! Rows lie in shards by tree and lane, each with a short lock of its own that is taken last, so that trees do not wait for each other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::amounts::Amounts;
use crate::hold::TransactionId;
use crate::lane::ROWS_OF_A_LANE;
use crate::row::Row;
use crate::transaction::{TransactionFilter, Transactions};

const SHARDS: usize = 16;

#[derive(Debug)]
pub(crate) struct Ledger {
    shards: [Mutex<Shard>; SHARDS],
    /// Rows that each shard keeps.
    most: AtomicUsize,
}

/// A ring: once it is full, each new row takes the place of the oldest. Aligned, so that no two share a cache line.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    rows: Vec<Row>,
    oldest: usize,
    dropped: u64,
}

impl Shard {
    fn push(&mut self, row: Row, most: usize) {
        if self.rows.len() < most {
            self.rows.push(row);
            return;
        }
        self.dropped = self.dropped.saturating_add(1);
        if let Some(oldest) = self.rows.get_mut(self.oldest) {
            *oldest = row;
            self.oldest = self.oldest.saturating_add(1).checked_rem(most).unwrap_or(0);
        }
    }
}

impl Ledger {
    /// A ledger of about `most` rows; zero keeps none.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            most: AtomicUsize::new(most.div_ceil(SHARDS)),
        }
    }

    /// Keeps about `most` rows from now on, where it was without bound before.
    pub(crate) fn bound(&self, most: usize) {
        let most = most.div_ceil(SHARDS);
        self.most.store(most, Ordering::Relaxed);
        for shard in &self.shards {
            let mut shard = lock(shard);
            // So far it was without bound, and the oldest is the first.
            let excess = shard.rows.len().saturating_sub(most);
            shard.rows.drain(..excess);
            let excess = u64::try_from(excess).unwrap_or(u64::MAX);
            shard.dropped = shard.dropped.saturating_add(excess);
        }
    }

    /// Drops all rows, and keeps none from now on.
    pub(crate) fn close(&self) {
        self.most.store(0, Ordering::Relaxed);
        for shard in &self.shards {
            *lock(shard) = Shard::default();
        }
    }

    /// Whether there is any use in rows.
    pub(crate) fn keeps_rows(&self) -> bool {
        self.most.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn push(&self, row: Row) {
        let most = self.most.load(Ordering::Relaxed);
        self.shard(row.id).push(row, most);
    }

    /// All rows, shard by shard, and how many have left.
    pub(crate) fn all(&self) -> (Vec<Row>, u64) {
        let (mut rows, mut dropped) = (Vec::new(), 0_u64);
        for shard in &self.shards {
            let shard = lock(shard);
            let (newer, older) = shard.rows.split_at(shard.oldest.min(shard.rows.len()));
            rows.extend(older.iter().chain(newer).cloned());
            dropped = dropped.saturating_add(shard.dropped);
        }
        (rows, dropped)
    }

    /// So many have left before.
    pub(crate) fn set_dropped(&self, dropped: u64) {
        let [first, ..] = &self.shards;
        lock(first).dropped = dropped;
    }

    pub(crate) fn find(&self, id: TransactionId) -> Option<Row> {
        self.shard(id).rows.iter().find(|row| row.id == id).cloned()
    }

    pub(crate) fn set_refunded(&self, id: TransactionId, refunded: Amounts) {
        if let Some(row) = self.shard(id).rows.iter_mut().find(|row| row.id == id) {
            row.set_refunded(refunded);
        }
    }

    /// The rows that match, as they were at one instant.
    pub(crate) fn list(&self, filter: &TransactionFilter) -> Transactions {
        let shards: Vec<_> = self.shards.iter().map(lock).collect();
        let mut rows: Vec<&Row> = shards
            .iter()
            .flat_map(|shard| &shard.rows)
            .filter(|row| row.matches(filter))
            .collect();
        rows.sort_by_key(|row| (row.at, row.id));
        let skipped = rows
            .len()
            .saturating_sub(filter.newest.unwrap_or(usize::MAX));
        let rows = rows
            .into_iter()
            .skip(skipped)
            .map(Row::transaction)
            .collect();
        let dropped = shards
            .iter()
            .fold(0, |sum: u64, shard| sum.saturating_add(shard.dropped));
        Transactions { rows, dropped }
    }

    fn shard(&self, id: TransactionId) -> MutexGuard<'_, Shard> {
        // Lanes of a tree number their rows far apart: then their threads do not wait for each other here, either.
        let number = id.tree().wrapping_add(id.serial() / ROWS_OF_A_LANE);
        let number = usize::try_from(number).unwrap_or(0) % SHARDS;
        // `number` is below the length; the first shard stands in for what cannot be.
        let [first, ..] = &self.shards;
        lock(self.shards.get(number).unwrap_or(first))
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // A row is pushed whole or not at all, so that rows behind a poisoned lock are still rows.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
