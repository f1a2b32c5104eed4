//! What was used last: so much of it, and no more.

use std::collections::VecDeque;
use std::io;

/// Holds the values that were asked for last, by the first entry of the segment that they belong to.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    limit: usize,
    /// The one asked for last stands last.
    held: VecDeque<(u64, T)>,
}

impl<T: Clone> Recent<T> {
    /// Holds at least one.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            held: VecDeque::new(),
        }
    }

    /// The value held, or else the one that `make` gives, which is held from then on. After an error nothing is.
    pub(crate) fn get(
        &mut self,
        first: u64,
        make: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let at = self.held.iter().rposition(|(other, _)| *other == first);
        let value = match at.and_then(|at| self.held.remove(at)) {
            Some((_, value)) => value,
            None => make()?,
        };
        self.put(first, value.clone());
        Ok(value)
    }

    /// Holds this one, in place of what was held for the segment.
    pub(crate) fn put(&mut self, first: u64, value: T) {
        self.forget(first);
        while self.held.len() >= self.limit {
            self.held.pop_front();
        }
        self.held.push_back((first, value));
    }

    pub(crate) fn forget(&mut self, first: u64) {
        self.held.retain(|(other, _)| *other != first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_held(recent: &mut Recent<u64>, first: u64) -> bool {
        recent
            .get(first, || Err(io::ErrorKind::NotFound.into()))
            .is_ok()
    }

    #[test]
    fn the_one_that_was_not_asked_for_longest_goes_first() {
        let mut recent = Recent::new(2);
        for first in [1, 2] {
            assert_eq!(recent.get(first, || Ok(first * 10)).unwrap(), first * 10);
        }
        assert!(is_held(&mut recent, 1));
        recent.put(3, 30);
        assert!(is_held(&mut recent, 1) && is_held(&mut recent, 3));
        assert!(!is_held(&mut recent, 2));
        recent.put(3, 31);
        assert_eq!(recent.get(3, || Ok(0)).unwrap(), 31);
        assert!(is_held(&mut recent, 1), "one segment, one value");
        recent.forget(3);
        assert!(!is_held(&mut recent, 3));
    }
}
