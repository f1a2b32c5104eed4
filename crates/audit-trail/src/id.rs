//! Record ids: UUID v7, with randomness drawn from the operating system in batches, for one system call an id would cost more than the whole append.

use std::cell::RefCell;
use std::io;

use uuid::{Builder, Uuid};

/// Random bytes in one id.
const RANDOM: usize = 10;
/// Ids that one draw is good for.
const BATCH: usize = 256;

struct Pool {
    bytes: [u8; RANDOM * BATCH],
    /// Ids of this draw still unused.
    left: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; RANDOM * BATCH], left: 0 }) };
}

/// A new id whose time part is `micros` since the epoch (before it: zero).
pub(crate) fn next(micros: i64) -> Result<Uuid, io::Error> {
    let millis = u64::try_from(micros.div_euclid(1000)).unwrap_or(0);
    POOL.with_borrow_mut(|pool| {
        if pool.left == 0 {
            getrandom::fill(&mut pool.bytes).map_err(|e| io::Error::other(e.to_string()))?;
            pool.left = BATCH;
        }
        pool.left = pool.left.saturating_sub(1);
        let (chunks, _) = pool.bytes.as_chunks::<RANDOM>();
        let random = chunks.get(pool.left).copied().unwrap_or_default();
        Ok(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn ids_are_version_7_carry_their_time_and_never_repeat_across_draws() {
        let mut seen = HashSet::new();
        for _ in 0..2000 {
            let id = super::next(1_700_000_000_123_456).unwrap();
            assert_eq!(id.get_version_num(), 7);
            let (secs, nanos) = id.get_timestamp().unwrap().to_unix();
            assert_eq!((secs, nanos), (1_700_000_000, 123_000_000));
            assert!(seen.insert(id));
        }
    }

    #[test]
    fn a_time_before_the_epoch_is_written_as_zero() {
        assert_eq!(
            super::next(-1)
                .unwrap()
                .get_timestamp()
                .unwrap()
                .to_unix()
                .0,
            0
        );
    }
}
