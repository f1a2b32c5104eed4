//! Entry bundles: up to 256 entries, each after its length (C2SP tlog-tiles).

use super::{TileError, WIDTH};

/// The bundle of `entries`: for each its length in two bytes, big-endian, and its bytes.
///
/// # Errors
/// [`TileError::TooLong`] if an entry has more than 65 535 bytes, [`TileError::Width`] unless there are 1 to 256 of them.
pub fn encode_bundle<'a>(
    entries: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, TileError> {
    let mut bytes = Vec::new();
    let mut width = 0_u64;
    for entry in entries {
        push_entry(&mut bytes, entry)?;
        width = width.saturating_add(1);
    }
    if (1..=WIDTH).contains(&width) {
        Ok(bytes)
    } else {
        Err(TileError::Width)
    }
}

/// The entries of a bundle whose path says that there are `width` of them.
///
/// ```
/// use audit_trail::tiles::{decode_bundle, encode_bundle};
///
/// let bundle = encode_bundle([&b"one"[..], b"two"])?;
/// assert_eq!(decode_bundle(&bundle, 2)?, [b"one", b"two"]);
/// assert!(decode_bundle(&bundle, 1).is_err());
/// # Ok::<(), audit_trail::tiles::TileError>(())
/// ```
///
/// # Errors
/// [`TileError::Short`] or [`TileError::Surplus`] if there are not exactly `width` entries, [`TileError::Width`] if
/// `width` is not 1 to 256.
pub fn decode_bundle(bytes: &[u8], width: u16) -> Result<Vec<&[u8]>, TileError> {
    if !(1..=WIDTH).contains(&u64::from(width)) {
        return Err(TileError::Width);
    }
    let mut rest = bytes;
    let mut entries = Vec::with_capacity(usize::from(width));
    for index in 0..width {
        let (entry, after) = split_entry(rest).ok_or(TileError::Short { index, width })?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(TileError::Surplus { width })
    }
}

pub(super) fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), TileError> {
    let len = u16::try_from(entry.len()).map_err(|_| TileError::TooLong { len: entry.len() })?;
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundles_are_read_to_the_byte() {
        let long = vec![7; 65_535];
        let bundle = encode_bundle([&b""[..], &long]).unwrap();
        assert_eq!(bundle[..5], [0, 0, 0xff, 0xff, 7]);
        assert_eq!(decode_bundle(&bundle, 2).unwrap(), [&b""[..], &long]);
        let short = |index, width| Err(TileError::Short { index, width });
        assert_eq!(decode_bundle(&bundle, 3), short(2, 3));
        assert_eq!(decode_bundle(&bundle[..100], 2), short(1, 2));
        assert_eq!(decode_bundle(&[0], 1), short(0, 1));
        assert_eq!(
            decode_bundle(&bundle, 1),
            Err(TileError::Surplus { width: 1 })
        );
        assert_eq!(decode_bundle(&[], 0), Err(TileError::Width));
        assert_eq!(decode_bundle(&[], 257), Err(TileError::Width));
    }

    #[test]
    fn what_does_not_fit_into_a_bundle_is_refused() {
        let long = vec![7; 65_536];
        assert_eq!(
            encode_bundle([&long[..]]),
            Err(TileError::TooLong { len: 65_536 })
        );
        assert_eq!(encode_bundle([]), Err(TileError::Width));
        assert_eq!(encode_bundle([&b""[..]; 257]), Err(TileError::Width));
    }
}
