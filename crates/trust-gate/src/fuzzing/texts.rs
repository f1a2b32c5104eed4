//! Texts that people write: scopes, patterns, names, levels, keys, numbers of approvals.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    AgentId, ApprovalId, ArgsDigest, GateName, KeyId, LevelRef, OperatorId, OperatorKey, Scope,
    Tiers, ToolName, ToolPattern, TrustLevel,
};

pub(super) const SEEDS: &[&str] = &[
    "payments/eu\npayments",
    "get_*\nget_time",
    "*a*b*\nxaxbx",
    "aba*aba\nababa",
    "*ab*b\nab",
    "a:b\na",
    "L3\nACT_APPROVE",
    "verified\n2",
    "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c\n000102030405060708090a0b0c0d0e0f",
    "18446744073709551615\n007",
];

/// Two texts, a line each, read as everything that they might be.
pub fn text(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (one, other) = text.split_once('\n').unwrap_or((text, text));
    for text in [one, other] {
        names(text);
        others(text);
    }
    scopes(one, other);
    pattern(one, other);
}

fn names(text: &str) {
    let agent = reads_back::<AgentId>(text);
    let rule = agent.is_some();
    assert_eq!(reads_back::<OperatorId>(text).is_some(), rule);
    assert_eq!(reads_back::<GateName>(text).is_some(), rule);
    assert_eq!(reads_back::<ToolName>(text).is_some(), rule);
    assert_eq!(reads_back::<ToolPattern>(text).is_some(), rule);
    if let Some(agent) = agent {
        assert_eq!(agent.as_str(), text, "a name is what was written");
        assert_eq!(text.trim(), text);
        assert!((1..=256).contains(&text.len()) && !text.chars().any(char::is_control));
    }
}

fn others(text: &str) {
    if let Ok(level) = text.parse::<LevelRef>() {
        assert_eq!(level.to_string().parse().ok().as_ref(), Some(&level));
        assert_eq!(super::reread(&level).as_ref(), Some(&level));
        let resolved = Tiers::default().resolve(&level).ok();
        assert_eq!(resolved, text.parse::<TrustLevel>().ok(), "another level");
    } else {
        assert!(
            text.parse::<TrustLevel>().is_err(),
            "a level is a reference"
        );
    }
    for reads_as_itself in [
        reads_back::<ArgsDigest>(text).map(|read| read.to_string()),
        reads_back::<OperatorKey>(text).map(|read| read.to_string()),
        reads_back::<KeyId>(text).map(|read| read.to_string()),
    ] {
        assert!(reads_as_itself.is_none_or(|read| read == text));
    }
    if let Ok(id) = text.parse::<ApprovalId>() {
        assert_eq!(id.to_string().parse().ok(), Some(id));
        assert_eq!(text.parse().ok(), Some(id.as_u64()));
    }
}

fn scopes(one: &str, other: &str) {
    let Some(inner) = reads_back::<Scope>(one) else {
        return;
    };
    assert_eq!(inner.as_str(), one);
    assert!(inner.contains(&inner) && Scope::root().contains(&inner));
    let segments = inner.segments();
    assert_eq!(Scope::from_segments(segments).ok().as_ref(), Some(&inner));
    assert_eq!(inner.ancestors().count(), inner.segments().count());
    let ancestors: Vec<Scope> = inner.ancestors().flat_map(str::parse).collect();
    assert_eq!(ancestors.len(), inner.segments().count(), "one is no scope");
    if let Some(outer) = reads_back::<Scope>(other) {
        let by_segment = outer.segments().count() <= inner.segments().count()
            && outer.segments().zip(inner.segments()).all(|(a, b)| a == b);
        assert_eq!(outer.contains(&inner), by_segment);
        assert_eq!(outer == inner, one == other, "two scopes are taken for one");
    }
}

fn pattern(glob: &str, name: &str) {
    let (Some(pattern), Ok(tool)) = (reads_back::<ToolPattern>(glob), name.parse::<ToolName>())
    else {
        return;
    };
    assert_eq!(pattern.is_exact(), !glob.contains('*'));
    assert_eq!(pattern.matches(&tool), matches(glob, name), "the slow way");
}

/// The same question, asked in the most obvious way: which parts of the pattern may have been used up after each character.
fn matches(glob: &str, name: &str) -> bool {
    let glob: Vec<char> = glob.chars().collect();
    let closed = |mut at: Vec<bool>| {
        for (nth, part) in glob.iter().enumerate() {
            if *part == '*' && at.get(nth) == Some(&true) {
                at.iter_mut()
                    .skip(nth)
                    .nth(1)
                    .into_iter()
                    .for_each(|next| *next = true);
            }
        }
        at
    };
    let mut reached = vec![false; glob.len().saturating_add(1)];
    reached.iter_mut().take(1).for_each(|first| *first = true);
    let mut reached = closed(reached);
    for character in name.chars() {
        let mut next = vec![false; reached.len()];
        for (nth, part) in glob.iter().enumerate() {
            if reached.get(nth) != Some(&true) {
                continue;
            }
            let stays = usize::from(*part != '*');
            if *part == '*' || *part == character {
                next.iter_mut()
                    .skip(nth)
                    .nth(stays)
                    .into_iter()
                    .for_each(|place| *place = true);
            }
        }
        reached = closed(next);
    }
    reached.last() == Some(&true)
}

/// What the text says, if it says something; written as itself, and with serde as the same text.
fn reads_back<T>(text: &str) -> Option<T>
where
    T: FromStr + Serialize + DeserializeOwned + PartialEq + Debug + Clone + Into<String>,
    T::Err: Display,
{
    match text.parse::<T>() {
        Ok(value) => {
            let again: String = value.clone().into();
            assert_eq!(again, text, "written otherwise than it was read");
            assert_eq!(super::reread(&value).as_ref(), Some(&value));
            Some(value)
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
            None
        }
    }
}
