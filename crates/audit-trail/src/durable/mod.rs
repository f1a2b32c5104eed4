//! The log in a directory: segments are the source of truth, everything else there is derived from them.

pub(crate) mod admission;
pub(crate) mod bell;
pub(crate) mod catalog;
pub(crate) mod check;
pub(crate) mod cosign;
pub(crate) mod directory;
pub(crate) mod files;
pub(crate) mod frame;
pub(crate) mod index;
pub(crate) mod keeper;
pub(crate) mod news;
pub(crate) mod nodes;
pub(crate) mod pipeline;
pub(crate) mod progress;
pub(crate) mod proofs;
pub(crate) mod publish;
#[cfg(test)]
mod reading;
pub(crate) mod recent;
pub(crate) mod recover;
pub(crate) mod search;
pub(crate) mod segment;
pub(crate) mod segment_check;
#[cfg(test)]
mod sim;
pub(crate) mod spare;
pub(crate) mod storage;
pub(crate) mod window;
pub(crate) mod writer;
pub(crate) mod writing;
