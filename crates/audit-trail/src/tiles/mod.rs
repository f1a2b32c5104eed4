//! The log as static files that everybody can serve and check (C2SP tlog-tiles): which files there are, what is in them, and whether they are true.

mod content;
mod entries;
mod path;
mod verify;

pub use entries::{decode_bundle, encode_bundle};
pub use path::{TilePath, tiles_at, tiles_between};
pub use verify::{in_directory, verify_tiles};

use thiserror::Error;

/// Hashes in a full tile, entries in a full bundle.
const WIDTH: u64 = crate::bundle::WIDTH;

/// Why a path or a bundle is not one of a tiled log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TileError {
    /// The text is not the path of a tile.
    #[error("`{0}` is not the path of a tile; expected `tile/<level>/<index>[.p/<width>]`")]
    Path(String),
    /// An entry does not fit into a bundle.
    #[error("an entry is {len} bytes long; a bundle takes at most 65535")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// There is no bundle of so many entries.
    #[error("a bundle holds 1 to 256 entries")]
    Width,
    /// The bundle ends within an entry, or holds fewer than its path says.
    #[error("the bundle ends within entry {index} of {width}")]
    Short {
        /// Number of the entry within the bundle, from 0.
        index: u16,
        /// Entries that its path says.
        width: u16,
    },
    /// The bundle goes on after as many entries as its path says.
    #[error("the bundle goes on after its {width} entries")]
    Surplus {
        /// Entries that its path says.
        width: u16,
    },
}
