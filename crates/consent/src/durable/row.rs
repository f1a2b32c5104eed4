//! An event or a mark as it is stored: JSON behind a fingerprint, for a disk may give back something else than it was given.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::DurableError;

/// Sixteen hexadecimal digits, a space, and JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row(Vec<u8>);

/// Of the digits and the space.
const PREFIX: usize = 17;

impl Row {
    /// `value` as the row of `revision`.
    pub(crate) fn of(revision: u64, value: &impl Serialize) -> Result<Self, DurableError> {
        let mut bytes = vec![b' '; PREFIX];
        serde_json::to_writer(&mut bytes, value)
            .map_err(|error| DurableError::Unwritable(error.into()))?;
        if let Some((prefix, json)) = bytes.split_at_mut_checked(PREFIX) {
            let digits = format!("{:016x} ", fingerprint(revision, json));
            prefix.copy_from_slice(digits.as_bytes());
        }
        Ok(Self(bytes))
    }

    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self(bytes.to_owned())
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What it says, if it is whole and the row of `revision`.
    pub(crate) fn parse<T: DeserializeOwned>(&self, revision: u64) -> Result<T, DurableError> {
        let json = self
            .0
            .split_at_checked(PREFIX)
            .filter(|(prefix, json)| {
                *prefix == format!("{:016x} ", fingerprint(revision, json)).as_bytes()
            })
            .map(|(_, json)| json)
            .ok_or_else(|| {
                DurableError::damaged_at(revision, "the text does not fit its fingerprint")
            })?;
        serde_json::from_slice(json).map_err(|error| DurableError::damaged_at(revision, error))
    }
}

/// FNV-1a of the revision and the text: against accidents, not against people.
pub(crate) fn fingerprint(revision: u64, json: &[u8]) -> u64 {
    revision
        .to_le_bytes()
        .iter()
        .chain(json)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_text() {
        let row = Row::of(7, &["a", "b"]).unwrap();
        insta::assert_snapshot!(std::str::from_utf8(row.bytes()).unwrap(), @r#"31fc3a72ea5103dd ["a","b"]"#);
    }

    #[test]
    fn a_row_with_any_bit_turned_or_under_another_revision_is_refused() {
        let row = Row::of(7, &["a", "b"]).unwrap();
        assert_eq!(row.parse::<Vec<String>>(7).unwrap(), ["a", "b"]);
        assert!(row.parse::<Vec<String>>(8).is_err());
        for (byte, bit) in
            (0..row.bytes().len()).flat_map(|byte| (0..8).map(move |bit| (byte, bit)))
        {
            let mut bytes = row.bytes().to_vec();
            bytes[byte] ^= 1 << bit;
            assert!(Row(bytes).parse::<Vec<String>>(7).is_err(), "{byte} {bit}");
        }
        for len in 0..row.bytes().len() {
            assert!(
                Row::read(&row.bytes()[..len])
                    .parse::<Vec<String>>(7)
                    .is_err()
            );
        }
    }
}
