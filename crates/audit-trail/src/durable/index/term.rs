//! Terms: what can be looked up in an index — a field and a value, shortened to sixteen bytes.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use crate::filter::Field;

/// The first half of a SHA-256 over field and value. Two values that share it only cost a look: what an index finds is read and compared.
pub(crate) type Term = [u8; 16];

/// Names of the fields that are looked up besides the texts.
const KIND: u8 = 10;
const OUTCOME: u8 = 11;

/// Values that come again and again are not hashed again and again.
#[derive(Debug, Default)]
pub(crate) struct Memo {
    known: HashMap<Vec<u8>, Term>,
    /// Field and value that are looked for.
    key: Vec<u8>,
}

impl Memo {
    /// Bounds on what is remembered: half a megabyte.
    const VALUES: usize = 4096;
    const LEN: usize = 64;

    pub(crate) fn text(&mut self, field: Field, value: &str) -> Term {
        self.get(field.tag(), value)
    }

    pub(crate) fn kind(&mut self, value: &str) -> Term {
        self.get(KIND, value)
    }

    pub(crate) fn outcome(&mut self, value: &str) -> Term {
        self.get(OUTCOME, value)
    }

    fn get(&mut self, tag: u8, value: &str) -> Term {
        self.key.clear();
        self.key.push(tag);
        self.key.extend_from_slice(value.as_bytes());
        if let Some(term) = self.known.get(&self.key) {
            return *term;
        }
        let term = hash(tag, value);
        if value.len() <= Self::LEN {
            if self.known.len() >= Self::VALUES {
                self.known.clear();
            }
            self.known.insert(self.key.clone(), term);
        }
        term
    }
}

/// The term of a text.
pub(crate) fn text(field: Field, value: &str) -> Term {
    hash(field.tag(), value)
}

/// The term of an entry's kind.
pub(crate) fn kind(value: &str) -> Term {
    hash(KIND, value)
}

/// The term of a decision's outcome.
pub(crate) fn outcome(value: &str) -> Term {
    hash(OUTCOME, value)
}

fn hash(tag: u8, value: &str) -> Term {
    let mut hasher = Sha256::new();
    hasher.update([tag]);
    hasher.update(value);
    let hash: [u8; 32] = hasher.finalize().into();
    hash.first_chunk().copied().unwrap_or_default()
}
