//! The Merkle tree of RFC 6962 as pure functions: hashes, the running state of a growing tree, and which subtrees a proof consists of.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use sha2::{Digest as _, Sha256};

pub use crate::proof::{ProofError, verify_consistency, verify_inclusion};

/// A SHA-256 hash. Displayed in standard base64, as in checkpoints.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = ProofError;

    /// Reads standard base64 with padding, canonical form only.
    ///
    /// # Errors
    /// [`ProofError::NotAHash`] for anything that is not the encoding of 32 bytes.
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let bytes = BASE64_STANDARD
            .decode(text)
            .map_err(|_| ProofError::NotAHash)?;
        bytes.try_into().map(Self).map_err(|_| ProofError::NotAHash)
    }
}

/// Hash of a leaf: `SHA-256(0x00 ‖ entry)` (RFC 6962 §2.1).
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([0]);
    hasher.update(entry);
    Hash(hasher.finalize().into())
}

/// Hash of an inner node: `SHA-256(0x01 ‖ left ‖ right)` (RFC 6962 §2.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    let (_, children) = bytes.split_at_mut(1);
    let (l, r) = children.split_at_mut(32);
    l.copy_from_slice(&left.0);
    r.copy_from_slice(&right.0);
    Hash(Sha256::digest(bytes).into())
}

/// Root of the tree without leaves: `SHA-256("")`.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest([]).into())
}

/// Root of the tree over `leaves`.
#[must_use]
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut range = CompactRange::default();
    for leaf in leaves {
        range.push(*leaf);
    }
    range.root()
}

/// The running state of a growing tree: the roots of its complete subtrees, at most 64 hashes.
///
/// ```
/// use audit_trail::tree::{CompactRange, empty_root, leaf_hash, node_hash};
///
/// let mut range = CompactRange::default();
/// assert_eq!(range.root(), empty_root());
/// range.push(leaf_hash(b"first"));
/// range.push(leaf_hash(b"second"));
/// assert_eq!(range.root(), node_hash(&leaf_hash(b"first"), &leaf_hash(b"second")));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompactRange {
    size: u64,
    /// From the largest subtree to the smallest, one for each bit set in `size`.
    peaks: Vec<Hash>,
}

impl CompactRange {
    /// The state of a tree of `size` leaves whose complete subtrees, largest first, have the roots `peaks`.
    ///
    /// # Errors
    /// [`ProofError::Length`] if the number of peaks is not the number of bits set in `size`.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Result<Self, ProofError> {
        if u64::try_from(peaks.len()) != Ok(u64::from(size.count_ones())) {
            return Err(ProofError::Length);
        }
        Ok(Self { size, peaks })
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends a leaf. At 2^64 − 1 leaves the tree is full and stays as it is.
    pub fn push(&mut self, leaf: Hash) {
        let Some(size) = self.size.checked_add(1) else {
            return;
        };
        let mut node = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.peaks.push(node);
        self.size = size;
    }

    /// The tree's root.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return empty_root();
        };
        peaks.fold(*last, |right, left| node_hash(left, &right))
    }
}

/// The largest power of two below `n`, where RFC 6962 splits a tree of `n > 1` leaves.
pub(crate) fn split(n: u64) -> u64 {
    n.saturating_sub(1)
        .checked_ilog2()
        .map_or(0, |bits| 1 << bits)
}

/// The subtrees `[start, end)` whose roots are the inclusion proof of leaf `index` in a tree of `size > index` (RFC 9162 §2.1.3.1), in order.
pub(crate) fn inclusion_ranges(index: u64, size: u64) -> Vec<(u64, u64)> {
    let (mut start, mut end) = (0, size);
    let mut ranges = Vec::new();
    while end.saturating_sub(start) > 1 {
        let middle = middle(start, end);
        if index < middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    ranges.reverse();
    ranges
}

/// The subtrees whose roots are the proof that a tree of `new ≥ old` extends one of `old` (RFC 9162 §2.1.4.1), in order.
pub(crate) fn consistency_ranges(old: u64, new: u64) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    if old == 0 || old == new {
        return ranges;
    }
    let (mut start, mut end) = (0, new);
    while old != end {
        let middle = middle(start, end);
        if old <= middle {
            ranges.push((middle, end));
            end = middle;
        } else {
            ranges.push((start, middle));
            start = middle;
        }
    }
    if start != 0 {
        ranges.push((start, end));
    }
    ranges.reverse();
    ranges
}

/// Where the tree over `[start, end)` is split.
pub(crate) fn middle(start: u64, end: u64) -> u64 {
    start.saturating_add(split(end.saturating_sub(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_largest_power_of_two_below() {
        let splits: Vec<u64> = (2..=9).map(split).collect();
        assert_eq!(splits, [1, 2, 2, 4, 4, 4, 4, 8]);
        assert_eq!(split(u64::MAX), 1 << 63);
    }

    #[test]
    fn parts_must_match_the_size() {
        let leaf = leaf_hash(b"a");
        assert!(CompactRange::from_parts(3, vec![leaf]).is_err());
        assert!(CompactRange::from_parts(3, vec![leaf, leaf]).is_ok());
    }

    #[test]
    fn hashes_read_back_only_from_canonical_base64() {
        let hash = leaf_hash(b"a");
        let text = hash.to_string();
        assert_eq!(text.parse::<Hash>().unwrap(), hash);
        assert!(text.trim_end_matches('=').parse::<Hash>().is_err());
        assert!("AAAA".parse::<Hash>().is_err());
    }
}
