//! What is lock-free, under every order in which threads can meet: the real file, on the model checker's atomics.

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "../../src/escrow.rs"]
mod escrow;

use escrow::{Escrow, Pool, Taken};
use loom::sync::{Arc, Mutex, MutexGuard};
use loom::thread;

/// A tree with one envelope: its units, and how many of those that were taken out are still out.
struct Units {
    left: u64,
    out: u64,
}

impl Pool for Units {
    fn left(&self) -> u64 {
        self.left
    }

    fn take(&mut self, units: u64) {
        self.left -= units;
        self.out += units;
    }
}

struct Envelope {
    escrow: Escrow,
    units: Mutex<Units>,
}

/// When a refuser publishes that nothing is left.
#[derive(Clone, Copy, PartialEq)]
enum Published {
    /// Before the pool is unlocked, as it must be.
    InTime,
    /// After that.
    TooLate,
}

impl Envelope {
    fn new(left: u64, stripes: usize) -> Arc<Self> {
        Arc::new(Self {
            escrow: Escrow::new(stripes),
            units: Mutex::new(Units { left, out: 0 }),
        })
    }

    /// What a meter does (`Metered::spend_slowly`), with a pool in place of a tree.
    fn spend(&self, stripe: usize, units: u64, published: Published) -> bool {
        match self.escrow.take(stripe, units) {
            Taken::Yes => return true,
            Taken::Refused => return false,
            Taken::Short => {}
        }
        let mut pool = self.units.lock().unwrap();
        if self.draw(&mut pool, stripe, units) {
            return true;
        }
        self.recall(&mut pool);
        if self.draw(&mut pool, stripe, units) {
            return true;
        }
        if published == Published::TooLate {
            drop(pool);
            self.escrow.publish(units);
        } else {
            self.escrow.publish(units);
            drop(pool);
        }
        false
    }

    fn draw(&self, pool: &mut MutexGuard<'_, Units>, stripe: usize, units: u64) -> bool {
        let is_drawn = self.escrow.draw(&mut **pool, stripe, units).is_some();
        if is_drawn {
            self.escrow.unpublish();
        }
        is_drawn
    }

    /// What a tree does before it is seen whole: what stripes still have was not spent.
    fn recall(&self, pool: &mut MutexGuard<'_, Units>) {
        let left = self.escrow.drain();
        pool.out = 0;
        pool.left += left;
    }

    /// Somebody gives a unit back.
    fn give_back(&self) {
        let mut pool = self.units.lock().unwrap();
        pool.left += 1;
        self.escrow.unpublish();
    }
}

/// One unit comes back while somebody is being refused: afterwards it can be spent, or it was.
fn a_unit_comes_back(published: Published) {
    loom::model(move || {
        let envelope = Envelope::new(0, 1);
        let giver = {
            let envelope = Arc::clone(&envelope);
            thread::spawn(move || envelope.give_back())
        };
        let spent = envelope.spend(0, 1, published);
        giver.join().unwrap();
        assert!(
            spent || envelope.spend(0, 1, published),
            "the last unit is lost behind the hint"
        );
        assert!(!envelope.spend(0, 1, published));
    });
}

#[test]
fn what_comes_back_can_be_spent() {
    a_unit_comes_back(Published::InTime);
}

/// The mutant: what must not be done, and is found out.
#[test]
#[should_panic(expected = "the last unit is lost behind the hint")]
fn a_hint_that_is_published_too_late_is_caught() {
    a_unit_comes_back(Published::TooLate);
}

#[test]
fn two_spenders_get_what_there_is_and_no_more() {
    loom::model(|| {
        let envelope = Envelope::new(3, 2);
        let other = {
            let envelope = Arc::clone(&envelope);
            thread::spawn(move || u64::from(envelope.spend(1, 2, Published::InTime)) * 2)
        };
        let mut spent = u64::from(envelope.spend(0, 1, Published::InTime));
        spent += other.join().unwrap();
        while envelope.spend(0, 1, Published::InTime) {
            spent += 1;
        }
        assert_eq!(spent, 3);
    });
}

#[test]
fn nothing_is_spent_twice_while_a_tree_is_looked_at() {
    loom::model(|| {
        let envelope = Envelope::new(9, 2);
        // Something lies in the stripe.
        assert!(envelope.spend(0, 1, Published::InTime));
        let looker = {
            let envelope = Arc::clone(&envelope);
            thread::spawn(move || {
                let mut pool = envelope.units.lock().unwrap();
                envelope.recall(&mut pool);
                pool.left
            })
        };
        let spent = envelope.spend(0, 1, Published::InTime);
        let left = looker.join().unwrap();
        assert!(spent && (left == 8 || left == 7), "{left}");
        let mut pool = envelope.units.lock().unwrap();
        envelope.recall(&mut pool);
        assert_eq!(pool.left, 7);
    });
}
