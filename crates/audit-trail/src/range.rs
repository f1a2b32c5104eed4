//! Proving neighbouring entries at once, as a page of them: the roots of the subtrees left and right of the range, from which the log's root follows with the range's own leaves.

use std::ops::Range;

use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::proof::ProofError;
use crate::reader::AuditReader;
use crate::tree::{Hash, middle, node_hash, root_of};

impl AuditReader {
    /// The proof that the entries of `range` stand there, side by side, in the tree of the first `size` entries; check it with [`verify_range`].
    ///
    /// It has at most two hashes for each bit of `size`, however many entries it proves.
    ///
    /// # Errors
    /// [`AuditError::OutOfRange`] if the range is empty or reaches beyond `size`, or the log is not that large;
    /// [`AuditError::Evicted`] if the first entry is no longer held.
    ///
    /// ```
    /// use audit_trail::{AuditLog, Entry, verify_range};
    ///
    /// let log = AuditLog::builder().build()?;
    /// for i in 0..9 {
    ///     log.log(Entry::event(&format!("event-{i}")))?;
    /// }
    /// let checkpoint = log.checkpoint()?;
    /// let proof = log.range_proof(3..7, checkpoint.size())?;
    /// let leaves = (3..7).map(|i| Ok(*log.entry(i)?.leaf())).collect::<Result<Vec<_>, audit_trail::AuditError>>()?;
    /// verify_range(&leaves, 3, &proof, &checkpoint)?;
    /// assert!(verify_range(&leaves, 4, &proof, &checkpoint).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn range_proof(&self, range: Range<u64>, size: u64) -> Result<Vec<Hash>, AuditError> {
        self.reach(size)?;
        if range.is_empty() || range.end > size {
            let index = range.start.max(range.end.saturating_sub(1));
            return Err(AuditError::OutOfRange { index, size });
        }
        self.refuse_evicted(range.start)?;
        let mut outside = Vec::new();
        walk(&range, 0, size, &mut |start, end, is_inside| {
            if !is_inside {
                outside.push((start, end));
            }
            Ok::<_, AuditError>(())
        })?;
        self.roots(size, &outside, range.start)
    }
}

/// Checks that the entries with these leaf hashes stand side by side, the first at index `first`, in the log that `checkpoint` covers.
///
/// The hashes must come from the entries' exact bytes: [`leaf_hash`](crate::tree::leaf_hash), or [`Record::leaf`](crate::Record::leaf) of
/// a record that was parsed from them.
///
/// # Errors
/// [`ProofError`] if there is no entry, if they reach beyond the checkpoint's size, if the proof has a hash too many or too few, or if
/// it leads to another root.
pub fn verify_range(
    leaves: &[Hash],
    first: u64,
    proof: &[Hash],
    checkpoint: &Checkpoint,
) -> Result<(), ProofError> {
    verify(leaves, first, checkpoint.size(), proof, checkpoint.root())
}

fn verify(
    leaves: &[Hash],
    first: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    let beyond = ProofError::IndexBeyondSize { index: first, size };
    let end = first.checked_add(leaves.len() as u64);
    let end = end.filter(|end| *end <= size && !leaves.is_empty());
    let range = first..end.ok_or(beyond)?;
    let (mut leaves, mut proof) = (leaves, proof.iter());
    // Subtrees come from left to right; those to the left that are complete wait for what is to their right.
    let mut known: Vec<(u64, u64, Hash)> = Vec::new();
    walk(&range, 0, size, &mut |start, end, is_inside| {
        let hash = if is_inside {
            let count = usize::try_from(end.saturating_sub(start)).ok();
            let parts = count.and_then(|count| leaves.split_at_checked(count));
            let (here, rest) = parts.ok_or(ProofError::Length)?;
            leaves = rest;
            root_of(here)
        } else {
            *proof.next().ok_or(ProofError::Length)?
        };
        known.push((start, end, hash));
        Ok(())
    })?;
    if proof.next().is_some() || !leaves.is_empty() {
        return Err(ProofError::Length);
    }
    let mut known = known.into_iter();
    if join(&mut known, 0, size)? == *root {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}

/// Shows, from left to right, the widest subtrees of `[start, end)` that lie wholly inside `range` or wholly outside.
fn walk<E>(
    range: &Range<u64>,
    start: u64,
    end: u64,
    see: &mut dyn FnMut(u64, u64, bool) -> Result<(), E>,
) -> Result<(), E> {
    let inside = range.start <= start && end <= range.end;
    if inside || end <= range.start || range.end <= start {
        return see(start, end, inside);
    }
    let middle = middle(start, end);
    walk(range, start, middle, see)?;
    walk(range, middle, end, see)
}

/// Root of `[start, end)` from the subtrees that [`walk`] showed.
fn join(
    known: &mut std::vec::IntoIter<(u64, u64, Hash)>,
    start: u64,
    end: u64,
) -> Result<Hash, ProofError> {
    match known.as_slice().first() {
        Some((from, to, hash)) if (*from, *to) == (start, end) => {
            let hash = *hash;
            known.next();
            Ok(hash)
        }
        // Every subtree that was not shown whole has two halves that were.
        Some(_) if end.saturating_sub(start) > 1 => {
            let middle = middle(start, end);
            let left = join(known, start, middle)?;
            Ok(node_hash(&left, &join(known, middle, end)?))
        }
        _ => Err(ProofError::Length),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tree::leaf_hash;

    fn leaves(size: u64) -> Vec<Hash> {
        (0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn slice(all: &[Hash], range: &Range<u64>) -> Vec<Hash> {
        all[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()].to_vec()
    }

    fn prove(all: &[Hash], range: &Range<u64>) -> Vec<Hash> {
        let mut proof = Vec::new();
        walk(range, 0, all.len() as u64, &mut |start, end, inside| {
            if !inside {
                proof.push(root_of(&slice(all, &(start..end))));
            }
            Ok::<_, ()>(())
        })
        .unwrap();
        proof
    }

    #[test]
    fn every_range_of_every_small_tree_verifies_and_nothing_else_does() {
        for size in 1..=17 {
            let all = leaves(size);
            let root = root_of(&all);
            for first in 0..size {
                for end in first + 1..=size {
                    let range = first..end;
                    let (here, proof) = (slice(&all, &range), prove(&all, &range));
                    assert!(proof.len() <= 2 * 5);
                    assert_eq!(
                        verify(&here, first, size, &proof, &root),
                        Ok(()),
                        "{range:?} of {size}"
                    );
                    assert!(verify(&here, first + 1, size, &proof, &root).is_err());
                    assert!(verify(&here[1..], first, size, &proof, &root).is_err());
                    assert!(verify(&here[1..], first + 1, size, &proof, &root).is_err());
                    let longer = [&proof[..], &[root]].concat();
                    assert_eq!(
                        verify(&here, first, size, &longer, &root),
                        Err(ProofError::Length)
                    );
                    if let Some((_, shorter)) = proof.split_last() {
                        assert_eq!(
                            verify(&here, first, size, shorter, &root),
                            Err(ProofError::Length)
                        );
                    }
                }
            }
        }
        assert!(verify(&[], 0, 0, &[], &crate::tree::empty_root()).is_err());
    }

    proptest! {
        #[test]
        fn a_changed_hash_anywhere_is_refused(size in 2_u64..200, a in any::<u64>(), b in any::<u64>(), at in any::<usize>(), bit in 0_usize..256) {
            let all = leaves(size);
            let root = root_of(&all);
            let (a, b) = (a % size, b % size);
            let range = a.min(b)..a.max(b) + 1;
            let (mut here, mut proof) = (slice(&all, &range), prove(&all, &range));
            prop_assert_eq!(verify(&here, range.start, size, &proof, &root), Ok(()));
            let count = here.len() + proof.len();
            let hash = here.iter_mut().chain(&mut proof).nth(at % count).unwrap();
            let mut bytes = *hash.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            *hash = bytes.into();
            prop_assert_eq!(verify(&here, range.start, size, &proof, &root), Err(ProofError::Root));
        }

        #[test]
        fn sizes_and_indexes_of_any_kind_are_refused_or_hold(first in any::<u64>(), size in any::<u64>(), count in 0_usize..5, hashes in 0_usize..130) {
            let all = leaves(5);
            let proof = vec![all[0]; hashes];
            let _ = verify(&all[..count], first, size, &proof, &all[0]);
        }
    }
}
