//! A token that was read on the way is worth nothing once it has been used.
//!
//! What is remembered is bounded, and nothing live is forgotten to make room: an attacker who could fill the memory would
//! otherwise choose what is forgotten. Each issuer has its own, so that one cannot shut out another.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Mutex;

use time::OffsetDateTime;

use crate::error::IdentityError;
use crate::name::{Issuer, TokenId};

/// Whether a token may be presented more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Replay {
    /// Each token id once, until its expiry. The default, with a capacity of 65 536.
    ///
    /// Remembered in memory: a process that starts anew does not know what the one before it accepted.
    Refuse {
        /// How many live token ids are remembered for each issuer. When as many are in use, further tokens are refused.
        capacity: NonZeroUsize,
    },
    /// Any number of times until its expiry: whoever reads the token on its way is the agent until then.
    Allow,
}

impl Default for Replay {
    fn default() -> Self {
        Self::Refuse {
            capacity: NonZeroUsize::MIN.saturating_add(65_535),
        }
    }
}

/// The token ids that have been used and could still be presented.
#[derive(Debug)]
pub(crate) struct UsedTokens {
    capacity: usize,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    /// Whatever ended by then may be forgotten, and is refused unseen.
    forgotten_until: OffsetDateTime,
    issuers: HashMap<Issuer, Used>,
}

#[derive(Debug, Default)]
struct Used {
    ids: HashSet<TokenId>,
    ends: BTreeSet<(OffsetDateTime, TokenId)>,
}

impl UsedTokens {
    pub(crate) fn new(capacity: NonZeroUsize, since: OffsetDateTime) -> Self {
        Self {
            capacity: capacity.get(),
            memory: Mutex::new(Memory {
                forgotten_until: since,
                issuers: HashMap::new(),
            }),
        }
    }

    /// Uses a token up, if nobody has.
    pub(crate) fn use_up(
        &self,
        issuer: &Issuer,
        token: &TokenId,
        valid_until: OffsetDateTime,
        latest: OffsetDateTime,
    ) -> Result<(), IdentityError> {
        let mut memory = self.memory.lock().map_err(|_| IdentityError::Poisoned)?;
        // A slower thread may come with an earlier reading, after a faster one has had this token forgotten.
        let now = memory.forgotten_until.max(latest);
        memory.forgotten_until = now;
        if valid_until <= now {
            return Err(IdentityError::Expired { valid_until, now });
        }
        let used = memory.issuers.entry(issuer.clone()).or_default();
        used.forget(now);
        if used.ids.contains(token) {
            return Err(IdentityError::Replayed);
        }
        if used.ids.len() >= self.capacity {
            return Err(IdentityError::ReplayMemoryFull {
                capacity: self.capacity,
            });
        }
        used.ids.insert(token.clone());
        used.ends.insert((valid_until, token.clone()));
        Ok(())
    }
}

impl Used {
    fn forget(&mut self, until: OffsetDateTime) {
        while self.ends.first().is_some_and(|(end, _)| *end <= until) {
            if let Some((_, id)) = self.ends.pop_first() {
                self.ids.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOON: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

    fn second(count: i64) -> OffsetDateTime {
        NOON + time::Duration::seconds(count)
    }

    fn used(capacity: usize) -> UsedTokens {
        UsedTokens::new(NonZeroUsize::new(capacity).unwrap(), NOON)
    }

    fn use_up(used: &UsedTokens, id: &str, until: i64, now: i64) -> Result<(), &'static str> {
        let issuer = "issuer".parse().unwrap();
        used.use_up(&issuer, &id.parse().unwrap(), second(until), second(now))
            .map_err(|error| error.code())
    }

    #[test]
    fn a_reading_that_is_late_does_not_bring_back_what_was_forgotten() {
        let used = used(4);
        assert_eq!(use_up(&used, "a", 10, 0), Ok(()));
        assert_eq!(use_up(&used, "b", 20, 10), Ok(()), "forgets `a`");
        assert_eq!(use_up(&used, "a", 10, 9), Err("expired"));
    }

    #[test]
    fn full_means_refused_until_something_ends() {
        let used = used(2);
        assert_eq!(use_up(&used, "a", 10, 0), Ok(()));
        assert_eq!(use_up(&used, "b", 20, 0), Ok(()));
        assert_eq!(use_up(&used, "c", 30, 0), Err("replay_memory_full"));
        assert_eq!(use_up(&used, "a", 10, 0), Err("replayed"));
        assert_eq!(use_up(&used, "c", 30, 9), Err("replay_memory_full"));
        assert_eq!(use_up(&used, "c", 30, 10), Ok(()));
    }

    #[test]
    fn the_same_id_with_another_end_is_the_same_id() {
        let used = used(4);
        assert_eq!(use_up(&used, "a", 10, 0), Ok(()));
        assert_eq!(use_up(&used, "a", 11, 0), Err("replayed"));
    }

    #[test]
    fn one_issuer_does_not_fill_the_memory_of_another() {
        let used = used(1);
        assert_eq!(use_up(&used, "a", 10, 0), Ok(()));
        let other = "other".parse().unwrap();
        let same_id = "a".parse().unwrap();
        assert_eq!(used.use_up(&other, &same_id, second(10), second(0)), Ok(()));
    }
}
