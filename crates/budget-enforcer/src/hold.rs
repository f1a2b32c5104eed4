//! A reservation's entry in each tree that it touches.

use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::BudgetError;
use crate::lines::Lines;
use crate::moment::Moment;
use crate::path::Path;

#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) path: Path,
    pub(crate) held: Lines,
    /// When it expires; of a lapsed one that nobody holds on to, when it is forgotten.
    pub(crate) due: Moment,
    /// The tree's epoch when it was taken: finds the cells that it was taken in.
    pub(crate) epoch: u64,
    pub(crate) stage: Stage,
    /// A guard holds on to it, so that it will be ended by name.
    pub(crate) is_attached: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// Taken; the call has not left.
    Held,
    /// The call has left.
    Started,
    /// Expired: given back where the call had not left, else spent in full.
    Lapsed { started: bool },
}

impl Hold {
    /// Whether it is still open and runs out by `at`; then, whether its call had left.
    pub(crate) fn lapses_by(&self, at: Moment) -> Option<bool> {
        match self.stage {
            Stage::Held if self.due <= at => Some(false),
            Stage::Started if self.due <= at => Some(true),
            Stage::Held | Stage::Started | Stage::Lapsed { .. } => None,
        }
    }

    /// Whether it holds something at `at`.
    pub(crate) fn is_open(&self, at: Moment) -> bool {
        !matches!(self.stage, Stage::Lapsed { .. }) && self.lapses_by(at).is_none()
    }

    /// The stage that it is in at `at`, whether or not the tree has noticed. `None`: it is forgotten, which happens `late` after it lapsed.
    pub(crate) fn stage_at(&self, at: Moment, late: Duration) -> Option<Stage> {
        let (stage, forget) = match (self.lapses_by(at), self.stage) {
            (Some(started), _) => (Stage::Lapsed { started }, self.due.plus(late)),
            (None, stage @ Stage::Lapsed { .. }) => (stage, self.due),
            (None, stage) => return Some(stage),
        };
        (self.is_attached || at < forget).then_some(stage)
    }
}

macro_rules! tree_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            tree: u64,
            serial: u64,
        }

        impl $name {
            pub(crate) const fn new(tree: u64, serial: u64) -> Self {
                Self { tree, serial }
            }

            pub(crate) const fn tree(self) -> u64 {
                self.tree
            }

            pub(crate) const fn serial(self) -> u64 {
                self.serial
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{:x}-{:x}"), self.tree, self.serial)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BudgetError;

            fn from_str(text: &str) -> Result<Self, BudgetError> {
                let read = || {
                    let (tree, serial) = text.strip_prefix(concat!($prefix, "-"))?.split_once('-')?;
                    let id = Self { tree: hex(tree)?, serial: hex(serial)? };
                    Some(id)
                };
                read().ok_or_else(|| BudgetError::invalid_id($what, text, concat!("write it as `", $prefix, "-0-1f`")))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = BudgetError;

            fn try_from(text: &str) -> Result<Self, BudgetError> {
                text.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = BudgetError;

            fn try_from(text: String) -> Result<Self, BudgetError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

tree_id! {
    /// Name of a reservation, unique within a journal. A name, not a secret: whoever holds an enforcer can settle by it.
    ReservationId, "r", "reservation id"
}
tree_id! {
    /// Name of a ledger row, unique within a journal.
    TransactionId, "t", "transaction id"
}

fn hex(text: &str) -> Option<u64> {
    // One way to write a number, so that ids compare as texts too.
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let short = text == "0" || !text.starts_with('0');
    (plain && short).then(|| u64::from_str_radix(text, 16).ok())?
}

/// Hashes the two numbers of an id, which this crate made itself: no one can choose them to collide.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

pub(crate) type IdHash = BuildHasherDefault<IdHasher>;

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(26) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back() {
        for id in [
            ReservationId::new(0, 0),
            ReservationId::new(3, 255),
            ReservationId::new(u64::MAX, u64::MAX),
        ] {
            assert_eq!(id.to_string().parse::<ReservationId>().unwrap(), id);
        }
        assert_eq!(TransactionId::new(1, 31).to_string(), "t-1-1f");
    }

    #[test]
    fn ids_have_one_spelling() {
        for text in [
            "",
            "r",
            "r--",
            "r-1",
            "r-1-",
            "t-1-1",
            "r-01-1",
            "r-1-1F",
            "r-+1-1",
            "r-1-1-1",
            "r-11111111111111111-1",
        ] {
            assert!(
                matches!(
                    text.parse::<ReservationId>(),
                    Err(BudgetError::InvalidId { .. })
                ),
                "{text:?}"
            );
        }
    }
}
