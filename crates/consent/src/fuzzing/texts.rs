//! Texts that people write: names of every kind, hashes of notices, and what acts name.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{read, reread};
use crate::receipt::VerifyingKey;
use crate::{
    AgentId, Authority, DataType, Extent, GrantorId, Method, Notice, NoticeHash, NoticeId,
    NoticeVersion, Operation, OperatorId, Purpose, SubjectId,
};

pub(super) const TEXTS: &[&str] = &[
    "user.contact\nuser.contact.email",
    "user.contact\nuser.contacts",
    "ada\nops@example.com",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nE3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\nv1",
];
pub(super) const EXTENTS: &[&str] = &[
    "{\"agent\":\"bot\",\"data_type\":\"user.contact\",\"purpose\":\"marketing\",\"subject\":\"ada\",\"operation\":\"read\"}\n{\"data_type\":\"user.contact.email\"}\n{\"subject\":\"ada\",\"purpose\":\"marketing.letters\"}",
    "{}\n{\"agent\":\"bot\"}\n{\"agent\":\"Bot\"}",
    "{\"id\":\"privacy\",\"version\":\"v1\",\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}",
];

/// Two texts, a line each, read as everything that they might be.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (one, other) = text.split_once('\n').unwrap_or((text, text));
    for text in [one, other] {
        names(text);
        keys(text);
    }
    if let (Ok(wide), Ok(narrow)) = (one.parse::<DataType>(), other.parse::<DataType>()) {
        let mut rest = other.split('.');
        let by_segment = one.split('.').all(|segment| rest.next() == Some(segment));
        assert_eq!(wide.covers(&narrow), by_segment, "{one} covers {other}");
    }
}

fn names(text: &str) {
    let rule = reads_back::<AgentId>(text);
    assert_eq!(reads_back::<SubjectId>(text), rule);
    assert_eq!(reads_back::<GrantorId>(text), rule);
    assert_eq!(reads_back::<OperatorId>(text), rule);
    assert_eq!(reads_back::<Operation>(text), rule);
    assert_eq!(reads_back::<NoticeId>(text), rule);
    assert_eq!(reads_back::<NoticeVersion>(text), rule);
    assert_eq!(reads_back::<Method>(text), rule);
    assert_eq!(reads_back::<Authority>(text), rule);
    let dotted = rule && text.split('.').all(|segment| !segment.is_empty());
    assert_eq!(reads_back::<DataType>(text), dotted);
    assert_eq!(reads_back::<Purpose>(text), dotted);
    assert!(!rule || (1..=256).contains(&text.len()) && text.trim() == text);
}

fn keys(text: &str) {
    if let Ok(hash) = text.parse::<NoticeHash>() {
        assert_eq!(hash.to_string(), text.to_ascii_lowercase());
        assert_eq!(reread(&hash), Some(hash));
    }
    if let Ok(key) = text.parse::<VerifyingKey>() {
        assert_eq!(key.to_string(), text, "a key has one text");
    }
}

/// What up to three acts name, a line each, and notices: what holds and meets what, by the laws of sets.
pub fn extent(bytes: &[u8]) {
    let lines = bytes.split(|byte| *byte == b'\n').take(3);
    let extents: Vec<Extent> = lines.clone().filter_map(read::<Extent>).collect();
    lines.for_each(|line| drop(read::<Notice>(line)));
    for (one, other) in pairs(&extents) {
        assert!(one.covers(one) && Extent::default().covers(one));
        assert_eq!(one.overlaps(other), other.overlaps(one));
        assert!(!one.covers(other) || one.overlaps(other));
        assert!(!(one.covers(other) && other.covers(one)) || one == other);
        let both = one.intersection(other);
        assert_eq!(both, other.intersection(one));
        assert_eq!(both.is_some(), one.overlaps(other));
        for third in &extents {
            assert!(!one.covers(other) || !other.covers(third) || one.covers(third));
            let in_both = one.covers(third) && other.covers(third);
            let in_meet = both.as_ref().is_some_and(|both| both.covers(third));
            assert_eq!(in_meet, in_both, "the intersection is something else");
        }
    }
}

fn pairs(extents: &[Extent]) -> impl Iterator<Item = (&Extent, &Extent)> {
    let each = extents.iter();
    each.flat_map(move |one| extents.iter().map(move |other| (one, other)))
}

/// Whether the text is a `T`; then it is written as itself, and with serde as the same text.
fn reads_back<T>(text: &str) -> bool
where
    T: FromStr + Serialize + DeserializeOwned + PartialEq + Debug + Display,
    T::Err: Display,
{
    match text.parse::<T>() {
        Ok(value) => {
            assert_eq!(
                value.to_string(),
                text,
                "written otherwise than it was read"
            );
            assert_eq!(reread(&value).as_ref(), Some(&value));
            true
        }
        Err(error) => {
            let quoted = Value::from(text).to_string();
            assert!(
                serde_json::from_str::<T>(&quoted).is_err(),
                "refused and read"
            );
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
