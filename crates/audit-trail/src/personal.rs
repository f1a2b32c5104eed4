//! Personal data in an entry: salted commitments in the form of SD-JWT (RFC 9901), so that the values can be forgotten and every proof goes on to hold.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::io;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::entry::Entry;
use crate::fields::Fields;
use crate::vault::Kept;
use crate::{AuditError, EntryError, MAX_TEXT};

/// Names that a personal field cannot have: nothing that is disclosed can pass for a field of the entry (RFC 9901 §7.1).
const TAKEN: [&str; 22] = [
    "...",
    "_sd",
    "_sd_alg",
    "action",
    "agent",
    "approval",
    "budget",
    "consent",
    "decision",
    "event",
    "ext",
    "id",
    "kind",
    "namespace",
    "operator",
    "policy",
    "reason",
    "resource",
    "scope",
    "session",
    "trust",
    "ts",
];

/// Bytes of randomness in front of each value: nobody guesses a value by hashing candidates.
const SALT: usize = 16;

/// A value that does not enter the entry. Its `Debug` form shows the name alone.
#[derive(Clone, Copy)]
pub(crate) struct Personal<'a> {
    pub(crate) subject: &'a str,
    pub(crate) field: &'a str,
    pub(crate) value: &'a str,
}

impl fmt::Debug for Personal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Personal({:?}, ..)", self.field)
    }
}

/// An entry's fields with commitments in the place of its personal data, and what opens these.
pub(crate) struct Sealed<'a> {
    pub(crate) fields: Fields<'a>,
    /// Subject and disclosure.
    openings: Vec<(&'a str, String)>,
}

/// `None` for an entry without personal data.
pub(crate) fn seal<'a>(entry: &Entry<'a>) -> Result<Option<Sealed<'a>>, AuditError> {
    if entry.personal_fields().is_empty() {
        return Ok(None);
    }
    let (mut names, mut digests) = (BTreeSet::new(), BTreeSet::new());
    let mut openings = Vec::new();
    for personal in entry.personal_fields() {
        check_subject(personal.subject)?;
        check("personal.field", personal.field)?;
        check("personal.value", personal.value)?;
        if TAKEN.contains(&personal.field) || !names.insert(personal.field) {
            return Err(EntryError::PersonalName {
                name: crate::error::shortened(personal.field),
            }
            .into());
        }
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt)
            .map_err(|e| AuditError::Random(io::Error::other(e.to_string())))?;
        let salt = BASE64_URL_SAFE_NO_PAD.encode(salt);
        let opening = json!([salt, personal.field, personal.value]).to_string();
        let disclosure = BASE64_URL_SAFE_NO_PAD.encode(opening);
        digests.insert(digest(&disclosure));
        openings.push((personal.subject, disclosure));
    }
    let mut fields = entry.fields().clone();
    fields.sd = digests.into_iter().map(Cow::Owned).collect();
    Ok(Some(Sealed { fields, openings }))
}

impl Sealed<'_> {
    /// Hands what opens the commitments to the vault.
    pub(crate) fn keep(&self, vault: &Kept<'_>) -> Result<(), AuditError> {
        let subjects: BTreeSet<&str> = self.openings.iter().map(|(subject, _)| *subject).collect();
        for subject in subjects {
            let of_subject: Vec<&str> = (self.openings.iter())
                .filter(|(of, _)| *of == subject)
                .map(|(_, disclosure)| disclosure.as_str())
                .collect();
            vault
                .keep(subject, &of_subject)
                .map_err(AuditError::Vault)?;
        }
        Ok(())
    }
}

/// What stands in an entry's `_sd` for a disclosure.
pub(crate) fn digest(disclosure: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(disclosure))
}

/// Name and value in a disclosure.
pub(crate) fn open(disclosure: &str) -> Option<(String, String)> {
    let json = BASE64_URL_SAFE_NO_PAD.decode(disclosure).ok()?;
    let [_salt, name, value]: [String; 3] = serde_json::from_slice(&json).ok()?;
    (!TAKEN.contains(&&*name)).then_some((name, value))
}

/// Whether `text` is the base64url of a SHA-256, in its one canonical form.
pub(crate) fn is_digest(text: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .is_ok_and(|bytes| bytes.len() == 32)
}

pub(crate) fn check_subject(subject: &str) -> Result<(), EntryError> {
    check("personal.subject", subject)
}

fn check(field: &str, text: &str) -> Result<(), EntryError> {
    let field = || field.to_owned();
    if text.is_empty() {
        return Err(EntryError::Empty { field: field() });
    }
    if text.len() > MAX_TEXT {
        return Err(EntryError::TooLong {
            field: field(),
            len: text.len(),
        });
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(EntryError::Control {
            field: field(),
            code: c.into(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disclosure_hashes_as_the_standard_says() {
        // RFC 9901 §4.2.3.
        let disclosure = "WyI2cU1RdlJMNWhhaiIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
        assert_eq!(
            digest(disclosure),
            "uutlBuYeMDyjLLTpf6Jxi7yNkEF35jdyWMn9U7b_RYY"
        );
        assert_eq!(
            open(disclosure).unwrap(),
            ("family_name".into(), "Möbius".into())
        );
    }

    #[test]
    fn what_is_disclosed_cannot_pass_for_a_field() {
        for (json, opens) in [
            (r#"["s","name","v"]"#, true),
            (r#"["s","agent","v"]"#, false),
            (r#"["s","_sd","v"]"#, false),
            (r#"["s","...","v"]"#, false),
            (r#"["s","name"]"#, false),
            (r#"["s","name","v",1]"#, false),
            (r#"["s","name",{"agent":"x"}]"#, false),
            ("", false),
        ] {
            let disclosure = BASE64_URL_SAFE_NO_PAD.encode(json);
            assert_eq!(open(&disclosure).is_some(), opens, "{json}");
        }
        assert!(open("not base64!").is_none());
    }
}
