//! Checking inclusion and consistency proofs, exactly as RFC 9162 §2.1.3.2 and §2.1.4.2 say.

use thiserror::Error;

use crate::tree::{Hash, empty_root, node_hash};

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The leaf's index is not below the tree's size.
    #[error("index {index} is not in a tree of {size} leaves")]
    IndexBeyondSize {
        /// The leaf's index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The old tree is larger than the new one.
    #[error("the old tree has {old} leaves, the new one only {new}")]
    Shrunk {
        /// Size of the old tree.
        old: u64,
        /// Size of the new tree.
        new: u64,
    },
    /// The proof has too many or too few hashes for these sizes.
    #[error("the number of hashes does not fit the size of the tree")]
    Length,
    /// The proof leads to another root.
    #[error("the hashes lead to another root")]
    Root,
    /// The two trees belong to different logs.
    #[error("the checkpoints have different origins")]
    Origin,
    /// The text is not base64 of 32 bytes.
    #[error("not a hash: expected the base64 of 32 bytes")]
    NotAHash,
}

/// Checks that the leaf with hash `leaf` stands at `index` in the tree of `size` leaves with root `root` (RFC 9162 §2.1.3.2).
///
/// # Errors
/// [`ProofError`] if the index is not below the size, if a hash is missing or superfluous, or if the root is another one.
///
/// ```
/// use audit_trail::tree::{leaf_hash, node_hash, verify_inclusion};
///
/// let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
/// verify_inclusion(&a, 0, 2, &[b], &node_hash(&a, &b))?;
/// assert!(verify_inclusion(&a, 1, 2, &[b], &node_hash(&a, &b)).is_err());
/// # Ok::<(), audit_trail::tree::ProofError>(())
/// ```
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::IndexBeyondSize { index, size });
    }
    let (mut at, mut last) = (index, size.saturating_sub(1));
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            skip_missing_siblings(&mut at, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    same(&hash, root)
}

/// Checks that the tree of `new` leaves with root `new_root` begins with all the leaves of the tree of `old` leaves with root `old_root` (RFC 9162 §2.1.4.2).
///
/// Every tree extends the empty one, and the proof of that is empty.
///
/// # Errors
/// [`ProofError`] if the old tree is larger, if a hash is missing or superfluous, or if one of the roots is another one.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    if old == 0 || old == new {
        if !proof.is_empty() {
            return Err(ProofError::Length);
        }
        return if old == new {
            same(old_root, new_root)
        } else {
            same(old_root, &empty_root())
        };
    }
    let mut path = proof.iter();
    // The old tree's own root leads the path where it is a subtree of the new tree.
    let first = if old.is_power_of_two() {
        Some(old_root)
    } else {
        path.next()
    };
    let Some(first) = first.filter(|_| !proof.is_empty()) else {
        return Err(ProofError::Length);
    };
    let (mut at, mut last) = (old.saturating_sub(1), new.saturating_sub(1));
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in path {
        if last == 0 {
            return Err(ProofError::Length);
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            skip_missing_siblings(&mut at, &mut last);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofError::Length);
    }
    same(&old_hash, old_root)?;
    same(&new_hash, new_root)
}

/// At the right edge of an incomplete tree levels without a sibling are passed over.
fn skip_missing_siblings(at: &mut u64, last: &mut u64) {
    while *at & 1 == 0 && *at != 0 {
        *at >>= 1;
        *last >>= 1;
    }
}

fn same(found: &Hash, expected: &Hash) -> Result<(), ProofError> {
    if found == expected {
        Ok(())
    } else {
        Err(ProofError::Root)
    }
}
