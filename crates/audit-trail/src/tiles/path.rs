//! The names of tiles, in their one canonical form, and which of them there are at a size.

use std::fmt;
use std::iter;
use std::str::FromStr;

use super::{TileError, WIDTH};
use crate::error::shortened;

/// The highest level that a path can name.
const MAX_LEVEL: u8 = 63;

/// The path of a hash tile or an entry bundle, relative to where the log is served.
///
/// ```
/// use audit_trail::tiles::TilePath;
///
/// let path: TilePath = "tile/0/x001/067.p/12".parse()?;
/// assert_eq!((path.level(), path.index(), path.width()), (Some(0), 1067, 12));
/// assert_eq!(path.to_string(), "tile/0/x001/067.p/12");
/// assert!("tile/00/067".parse::<TilePath>().is_err());
/// # Ok::<(), audit_trail::tiles::TileError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TilePath {
    level: Option<u8>,
    index: u64,
    width: u16,
}

impl TilePath {
    /// A tile of `width` hashes; `None` unless `level ≤ 63` and `1 ≤ width ≤ 256`.
    #[must_use]
    pub fn hashes(level: u8, index: u64, width: u16) -> Option<Self> {
        (level <= MAX_LEVEL && is_width(width)).then_some(Self {
            level: Some(level),
            index,
            width,
        })
    }

    /// A bundle of `width` entries; `None` unless `1 ≤ width ≤ 256`.
    #[must_use]
    pub fn entries(index: u64, width: u16) -> Option<Self> {
        is_width(width).then_some(Self {
            level: None,
            index,
            width,
        })
    }

    /// The level of a hash tile; `None` for an entry bundle.
    #[must_use]
    pub fn level(&self) -> Option<u8> {
        self.level
    }

    /// Which tile of its level, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes or entries in it, 1 to 256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds 256 hashes or entries and so never changes.
    #[must_use]
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == WIDTH
    }

    /// Number of the first hash or entry in it.
    pub(super) fn first(&self) -> Option<u64> {
        self.index.checked_mul(WIDTH)
    }

    /// The same tile with all its 256 hashes or entries.
    pub(super) fn full(self) -> Self {
        Self { width: 256, ..self }
    }
}

impl fmt::Display for TilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            Some(level) => write!(f, "tile/{level}/")?,
            None => f.write_str("tile/entries/")?,
        }
        let mut groups = Vec::new();
        let mut rest = self.index;
        loop {
            groups.push(rest % 1000);
            rest /= 1000;
            if rest == 0 {
                break;
            }
        }
        let last = groups.first().copied().unwrap_or_default();
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{last:03}")?;
        if self.is_full() {
            Ok(())
        } else {
            write!(f, ".p/{}", self.width)
        }
    }
}

impl FromStr for TilePath {
    type Err = TileError;

    /// Reads the canonical form, without a leading `/`.
    ///
    /// # Errors
    /// [`TileError::Path`] for everything else: other widths than 1 to 255 after `.p/`, leading zeros, missing or
    /// superfluous groups.
    fn from_str(text: &str) -> Result<Self, TileError> {
        // No index has more digits than a u64, so longer texts need not be looked at.
        let path = (text.len() <= 64).then(|| read(text)).flatten();
        // Writing it again refuses whatever reads as the same tile and is spelt otherwise.
        path.filter(|path| path.to_string() == text)
            .ok_or_else(|| TileError::Path(shortened(text)))
    }
}

fn read(text: &str) -> Option<TilePath> {
    let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let (index, width) = match rest.split_once(".p/") {
        Some((index, width)) => (index, number(width)?),
        None => (rest, WIDTH),
    };
    let mut value = 0_u64;
    for group in index.split('/') {
        let group =
            number(group.strip_prefix('x').unwrap_or(group)).filter(|group| *group < 1000)?;
        value = value.checked_mul(1000)?.checked_add(group)?;
    }
    let width = u16::try_from(width).ok()?;
    match level {
        "entries" => TilePath::entries(value, width),
        level => TilePath::hashes(u8::try_from(number(level)?).ok()?, value, width),
    }
}

/// Digits alone: `parse` would take a sign as well.
fn number(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

fn is_width(width: u16) -> bool {
    (1..=WIDTH).contains(&u64::from(width))
}

/// Every tile and bundle of a log of `size` entries: the bundles first, then the hashes from level 0 up.
pub fn tiles_at(size: u64) -> impl Iterator<Item = TilePath> {
    tiles_between(0, size)
}

/// What a log of `new` entries has that it had not, or not as wide, when it had `old`. Nothing if it did not grow.
///
/// The bundles come first, then the hashes from level 0 up, each from left to right, the partial one last. Who writes
/// them in this order, and the checkpoint after them, never shows a checkpoint whose tiles are missing.
///
/// ```
/// use audit_trail::tiles::tiles_between;
///
/// let paths: Vec<_> = tiles_between(255, 257).map(|path| path.to_string()).collect();
/// assert_eq!(paths, [
///     "tile/entries/000", "tile/entries/001.p/1",
///     "tile/0/000", "tile/0/001.p/1",
///     "tile/1/000.p/1",
/// ]);
/// ```
pub fn tiles_between(old: u64, new: u64) -> impl Iterator<Item = TilePath> {
    // 64 bits hold eight levels of eight.
    iter::once(None)
        .chain((0..8).map(Some))
        .flat_map(move |level| {
            let bits = u32::from(level.unwrap_or(0_u8)).saturating_mul(8);
            let (had, has) = (old >> bits, new >> bits);
            let indexes = had / WIDTH..has / WIDTH;
            let partial = u16::try_from(has % WIDTH)
                .ok()
                .filter(|_| has > had)
                .map(|width| (has / WIDTH, width));
            indexes
                .map(|index| (index, 256))
                .chain(partial)
                .filter_map(move |(index, width)| match level {
                    None => TilePath::entries(index, width),
                    Some(level) => TilePath::hashes(level, index, width),
                })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_has_these_tiles() {
        let count = |level, full| {
            tiles_at(70_000)
                .filter(|p| p.level() == Some(level) && p.is_full() == full)
                .count()
        };
        assert_eq!((count(0, true), count(1, true)), (273, 1));
        let partial: Vec<_> = tiles_at(70_000)
            .filter(|p| !p.is_full())
            .map(|p| p.to_string())
            .collect();
        assert_eq!(
            partial,
            [
                "tile/entries/273.p/112",
                "tile/0/273.p/112",
                "tile/1/001.p/17",
                "tile/2/000.p/1"
            ]
        );
        let at_256: Vec<_> = tiles_at(256).map(|p| p.to_string()).collect();
        assert_eq!(at_256, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    }

    #[test]
    fn an_empty_log_and_a_log_that_did_not_grow_have_no_new_tiles() {
        for (old, new) in [(0, 0), (5, 5), (256, 256), (300, 256), (u64::MAX, 7)] {
            assert_eq!(tiles_between(old, new).count(), 0, "{old} to {new}");
        }
        let last = tiles_between(u64::MAX - 1, u64::MAX).collect::<Vec<_>>();
        assert_eq!(last.len(), 2);
    }

    #[test]
    fn other_spellings_of_a_path_are_refused() {
        for good in [
            "tile/0/000",
            "tile/63/x001/x234/067.p/255",
            "tile/entries/x018/x446/x744/x073/x709/x551/615",
            "tile/entries/000.p/1",
        ] {
            assert_eq!(good.parse::<TilePath>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "/tile/0/000",
            "tile/0/000/",
            "tile/00/000",
            "tile/+0/000",
            "tile/64/000",
            "tile/256/000",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000/000",
            "tile/0/x001",
            "tile/0/001/067",
            "tile/0/x1/067",
            "tile/0/x001/x067",
            "tile/0/xx01/067",
            "tile/0/1000",
            "tile/0/+01",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/+1",
            "tile/0/000.p/",
            "tile/0/000.p",
            "tile/0/000.p/1/",
            "tile/0/000.p/1.p/1",
            "tile/Entries/000",
            "tile/entries/x018/x446/x744/x073/x709/x551/616",
            "tile/0/../000",
            "tile/entries/..",
            "tile/0/０００",
        ] {
            assert!(bad.parse::<TilePath>().is_err(), "{bad}");
        }
    }
}
