//! How long those who joined an owner wait for it, and what they have given up meanwhile: an owner can be stopped, or its disk hang,
//! without its going, and whoever waits must be denied some time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// How long calls wait where nobody has said otherwise.
const USUAL: Duration = Duration::from_secs(10);
/// How exact that is.
pub(super) const BEAT: Duration = Duration::from_millis(50);

/// Whether the owner can know of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    NotYet,
    Already,
}

/// Time is told by the seat's thread: calls are waited for in any executor, or in none that knows of time.
pub(super) struct Patience {
    beats: watch::Sender<u64>,
    /// In beats.
    limit: AtomicU64,
    /// How many calls were given up that the owner has not ended yet.
    given_up: Arc<watch::Sender<usize>>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            beats: watch::Sender::new(0),
            limit: AtomicU64::new(beats(USUAL)),
            given_up: Arc::new(watch::Sender::new(0)),
        }
    }
}

impl Patience {
    pub(super) fn set(&self, limit: Duration) {
        self.limit.store(beats(limit), Ordering::Relaxed);
    }

    /// Another [`BEAT`] has passed.
    pub(super) fn beat(&self) {
        self.beats.send_modify(|beat| *beat = beat.wrapping_add(1));
    }

    /// Done once somebody who begins to wait now has waited long enough.
    pub(super) async fn over(&self) {
        let mut beats = self.beats.subscribe();
        // The one that is under way does not count.
        let limit = self.limit.load(Ordering::Relaxed).saturating_add(1);
        let until = beats.borrow_and_update().saturating_add(limit);
        drop(beats.wait_for(|beat| *beat >= until).await);
    }

    /// Done while the owner has ended all that was given up.
    pub(super) async fn nothing_given_up(&self) {
        drop(
            self.given_up
                .subscribe()
                .wait_for(|calls| *calls == 0)
                .await,
        );
    }

    /// Notes a call that was given up, until this is dropped.
    pub(super) fn give_up(&self) -> GivenUp {
        self.given_up
            .send_modify(|calls| *calls = calls.saturating_add(1));
        GivenUp(Arc::clone(&self.given_up))
    }
}

/// A call that was given up and is not known to be over.
pub(super) struct GivenUp(Arc<watch::Sender<usize>>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.send_modify(|calls| *calls = calls.saturating_sub(1));
    }
}

/// At least one.
fn beats(time: Duration) -> u64 {
    let beats = time.as_millis().div_ceil(BEAT.as_millis()).max(1);
    u64::try_from(beats).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Poll, Waker};

    fn is_done(future: &mut std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        future.as_mut().poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn whoever_waits_has_its_whole_time() {
        let patience = Patience::default();
        patience.set(BEAT * 3);
        patience.beat();
        let mut over = std::pin::pin!(patience.over());
        for _ in 0..4 {
            assert!(!is_done(&mut over));
            patience.beat();
        }
        assert!(is_done(&mut over));
    }

    #[test]
    fn nothing_is_begun_while_something_is_given_up() {
        let patience = Patience::default();
        let calls = [patience.give_up(), patience.give_up()];
        let mut nothing = std::pin::pin!(patience.nothing_given_up());
        for call in calls {
            assert!(!is_done(&mut nothing));
            drop(call);
        }
        assert!(is_done(&mut nothing));
    }

    #[test]
    fn a_limit_is_never_none_and_never_too_long_to_count() {
        assert_eq!(beats(Duration::ZERO), 1);
        assert_eq!(beats(BEAT * 2), 2);
        assert!(beats(Duration::MAX) > 1 << 60);
    }
}
