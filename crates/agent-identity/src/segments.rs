//! A token is three segments of text with a dot between them, and each text decodes in one way only.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::error::IdentityError;

/// Splits `credential` at its dots, without looking into the segments.
pub(crate) fn split(credential: &[u8], limit: usize) -> Result<[&str; 3], IdentityError> {
    if credential.len() > limit {
        return Err(IdentityError::TooLong {
            length: credential.len(),
            limit,
        });
    }
    let text = std::str::from_utf8(credential)
        .map_err(|_| IdentityError::malformed("it is not UTF-8 text"))?;
    let mut segments = text.split('.');
    match (
        segments.next(),
        segments.next(),
        segments.next(),
        segments.next(),
    ) {
        (Some(first), Some(second), Some(third), None) => Ok([first, second, third]),
        _ => Err(IdentityError::malformed(
            "it has not three segments with dots between them",
        )),
    }
}

/// base64url without padding (RFC 4648 §5). One text for each value: padding, white space, other alphabets and bits left
/// over at the end are refused.
pub(crate) fn decode(segment: &str) -> Result<Vec<u8>, IdentityError> {
    BASE64_URL_SAFE_NO_PAD
        .decode(segment)
        .map_err(|_| IdentityError::malformed("a segment is not canonical base64url"))
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_has_one_text() {
        assert_eq!(decode("-_8").unwrap(), [0xfb, 0xff]);
        for other in [
            "+/8", "-_8=", "-_9", "-_8\n", " -_8", "-_", "-_8A-", "-_8é", "-\0_8",
        ] {
            let again = decode(other).map(|bytes| encode(&bytes));
            assert!(again.is_err() || again.as_deref() == Ok(other), "{other:?}");
            assert_ne!(decode(other).ok().as_deref(), Some(&[0xfb, 0xff][..]));
        }
    }

    #[test]
    fn three_segments_neither_more_nor_fewer() {
        assert_eq!(split(b"a..c", 10).unwrap(), ["a", "", "c"]);
        for other in ["", "a", "a.b", "a.b.c.d", "a.b.c."] {
            assert_eq!(
                split(other.as_bytes(), 10).unwrap_err().code(),
                "malformed",
                "{other}"
            );
        }
        assert_eq!(split(b"a.b.c", 5).unwrap(), ["a", "b", "c"]);
        assert_eq!(split(b"a.b.c", 4).unwrap_err().code(), "too_long");
        assert_eq!(split(b"a.\xff.c", 10).unwrap_err().code(), "malformed");
    }
}
