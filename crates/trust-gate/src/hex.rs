//! Bytes as lower-case hexadecimal: one text for one value, so that digests and keys can be compared as they are read.

use std::fmt;

/// Writes two digits a byte.
pub(crate) fn write(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads exactly `N` bytes; capitals are refused, or one value would have two texts.
pub(crate) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(bytes)
}

/// Gives a newtype over bytes its text form, and serde the same one.
macro_rules! as_hex {
    ($name:ident, $error:ty, $refuse:expr) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                crate::hex::write(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                let refuse: fn(String) -> $error = $refuse;
                crate::hex::read(text)
                    .map(Self)
                    .ok_or_else(|| refuse(crate::error::excerpt(text)))
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<Self, $error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}
pub(crate) use as_hex;

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(character.wrapping_sub(b'a').wrapping_add(10)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shown(Vec<u8>);

    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write(&self.0, f)
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_back(bytes: [u8; 4]) {
            let text = Shown(bytes.to_vec()).to_string();
            proptest::prop_assert_eq!(read(&text), Some(bytes));
        }

        #[test]
        fn what_is_read_is_written_alike(text in "[0-9a-fA-Fg+-]{3,5}") {
            if let Some(bytes) = read::<2>(&text) {
                proptest::prop_assert_eq!(Shown(bytes.to_vec()).to_string(), text);
            }
        }
    }

    #[test]
    fn refuses_other_lengths_and_other_digits() {
        for text in ["", "0", "00f", "00f00", "00F0", "00g0", "+0f0", "0é0"] {
            assert_eq!(read::<2>(text), None, "{text}");
        }
        assert_eq!(read(""), Some([]));
    }
}
