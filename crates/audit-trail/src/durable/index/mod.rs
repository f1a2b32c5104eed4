//! Indexes, one a segment: derived from it, never trusted for authenticity, made anew when missing or damaged.
//!
//! A segment that grows has its index in memory ([`growing`]), a finished one in a file that is read piece by piece ([`sealed`]). Both answer the same questions.

pub(crate) mod blocks;
pub(crate) mod growing;
pub(crate) mod part;
pub(crate) mod row;
pub(crate) mod sealed;
pub(crate) mod term;

/// Directory of the index files.
pub(crate) const DIR: &str = "idx";
/// Entries under one pair of earliest and latest time, and in the widest subtree whose root an index keeps.
pub(crate) const ZONE: u64 = 256;
/// Leaves of the narrower subtrees whose roots an index keeps. With four roots of each, and four entries to hash, any path up to [`ZONE`] is known.
pub(crate) const NARROW: [u64; 3] = [4, 16, 64];
/// How many subtrees make the next wider one.
pub(crate) const GROUP: u64 = 4;

/// The name of the index of the segment whose first entry is `first`.
pub(crate) fn name(first: u64) -> String {
    format!("{DIR}/{first:020}.idx")
}
