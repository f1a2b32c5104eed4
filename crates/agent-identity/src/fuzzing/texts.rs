//! Texts that people write: names of every kind, ceilings and keys.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use crate::{AgentId, Audience, Ceiling, Issuer, KeyId, TokenId, VerifyingKey};

pub(super) const SEEDS: &[&str] = &[
    "desk-assistant",
    "https://login.example.com",
    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "ada\u{a0}b",
];

/// A text as everything that it might be.
pub fn text(bytes: &[u8]) {
    for level in bytes {
        let ceiling = Ceiling::try_from(*level).ok();
        assert_eq!(ceiling.map(Ceiling::get), (*level <= 5).then_some(*level));
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let rule = reads_back::<AgentId>(text);
    assert_eq!(reads_back::<Audience>(text), rule);
    assert_eq!(reads_back::<Issuer>(text), rule);
    assert_eq!(reads_back::<KeyId>(text), rule);
    assert_eq!(reads_back::<TokenId>(text), rule);
    assert!(!rule || (1..=256).contains(&text.len()) && text.trim() == text);
    reads_back::<VerifyingKey>(text);
}

/// Whether the text is a `T`; then it is written as itself.
fn reads_back<T>(text: &str) -> bool
where
    T: FromStr + Debug + Display,
    T::Err: Display,
{
    match text.parse::<T>() {
        Ok(value) => {
            assert_eq!(
                value.to_string(),
                text,
                "written otherwise than it was read"
            );
            true
        }
        Err(error) => {
            let message = error.to_string();
            assert!(!message.chars().any(char::is_control), "{message:?}");
            assert!(
                message.len() < 2048,
                "the whole value stands in the message"
            );
            false
        }
    }
}
