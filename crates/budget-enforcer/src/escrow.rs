//! Units set aside in stripes, which threads take without a lock and without meeting each other.
//!
//! Units come out of a pool that somebody else guards: whatever is called with a pool is called with that locked. Two things keep it exact:
//! before anybody is refused every stripe is swept back into the pool, and that nothing is left is published before the pool is
//! unlocked, so that whoever returns something afterwards finds the word and takes it back. Published later, it could stand for good over
//! units that had come back meanwhile.

use crate::sync::{AtomicU64, Ordering};

/// The most that is set aside at once: what is counted out must stay countable.
const MOST: u64 = 1 << 40;

/// Where units come from and go back to.
pub(crate) trait Pool {
    /// How many units it has left.
    fn left(&self) -> u64;

    /// Takes units out, which it has.
    fn take(&mut self, units: u64);
}

#[derive(Debug)]
pub(crate) struct Escrow {
    stripes: Box<[Stripe]>,
    /// More than this is refused without looking any further. The largest number: nothing is known.
    hint: AtomicU64,
}

/// Two cache lines each, for processors fetch them in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Stripe(AtomicU64);

/// What came of taking units without the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// There are not so many anywhere.
    Refused,
    /// The stripe has not so many: ask the pool.
    Short,
}

impl Escrow {
    /// With at least so many stripes: a power of two, for finding one by a mask.
    pub(crate) fn new(stripes: usize) -> Self {
        Self {
            stripes: (0..stripes.max(1).next_power_of_two())
                .map(|_| Stripe(AtomicU64::new(0)))
                .collect(),
            hint: AtomicU64::new(u64::MAX),
        }
    }

    /// Whether so many are known not to be there: one load of what nobody writes meanwhile.
    #[inline]
    pub(crate) fn refuses(&self, units: u64) -> bool {
        units > self.hint.load(Ordering::Acquire)
    }

    /// Takes units from a stripe.
    pub(crate) fn take(&self, stripe: usize, units: u64) -> Taken {
        if self.refuses(units) {
            return Taken::Refused;
        }
        let Some(Stripe(left)) = self.stripe(stripe) else {
            return Taken::Short;
        };
        let mut seen = left.load(Ordering::Relaxed);
        while let Some(rest) = seen.checked_sub(units) {
            match left.compare_exchange_weak(seen, rest, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Taken::Yes,
                Err(now) => seen = now,
            }
        }
        Taken::Short
    }

    /// Takes units out of the pool, and more for the stripe, a part of what is left. `None`: it has not so many, and stripes may.
    /// Returns what was taken altogether.
    pub(crate) fn draw(&self, pool: &mut impl Pool, stripe: usize, units: u64) -> Option<u64> {
        let rest = pool.left().checked_sub(units)?;
        let parts = u64::try_from(self.stripes.len())
            .unwrap_or(u64::MAX)
            .saturating_mul(2);
        let more = rest.checked_div(parts).unwrap_or(0).min(MOST);
        let all = units.saturating_add(more);
        pool.take(all);
        if let Some(Stripe(left)) = self.stripe(stripe) {
            left.fetch_add(more, Ordering::AcqRel);
        }
        Some(all)
    }

    /// Empties every stripe, with the pool locked. Returns what they had.
    pub(crate) fn drain(&self) -> u64 {
        let stripes = self.stripes.iter();
        stripes.fold(0, |sum, Stripe(left)| {
            sum.saturating_add(left.swap(0, Ordering::AcqRel))
        })
    }

    /// So many are refused from now on, and more than so many. With the pool locked, and every stripe back in it.
    pub(crate) fn publish(&self, refused: u64) {
        self.hint
            .store(refused.saturating_sub(1), Ordering::Release);
    }

    /// Something may have come back, or gone into somebody's stripe. With the pool locked.
    pub(crate) fn unpublish(&self) {
        if self.hint.load(Ordering::Relaxed) != u64::MAX {
            self.hint.store(u64::MAX, Ordering::Release);
        }
    }

    fn stripe(&self, number: usize) -> Option<&Stripe> {
        let mask = self.stripes.len().wrapping_sub(1);
        self.stripes.get(number & mask)
    }
}
