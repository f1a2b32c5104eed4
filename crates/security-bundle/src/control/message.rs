//! What the two sides say to each other. One version of it is spoken, and nothing unknown is passed over.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

/// The version of everything below. Both sides must speak the same.
pub(super) const VERSION: u32 = 1;

/// How many bytes the first message of a connection may have.
pub(super) const MAX_GREETING: usize = 4096;

/// What an id and a frame's own words need at most beside a request or an answer.
pub(super) const ENVELOPE: usize = 64;

/// Who is calling, as it says itself; who it is in truth, its [`Peer`](super::Peer) says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hello {
    pub(crate) role: Role,
    /// The digest of the configuration under which the caller runs, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) config: Option<String>,
    /// What it is called in reports and in the log.
    pub(crate) name: String,
}

/// What a caller is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    /// It has actions decided, and runs them.
    Gate,
    /// It administers.
    Operator,
}

/// Why somebody was not let in, or a request not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(deny_unknown_fields)]
#[error("{message} ({code})")]
pub(crate) struct Refusal {
    /// Stable, in snake case. The socket's own begin with `control_`.
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            message: message.into(),
        }
    }
}

/// What the owner asks or answers, as JSON.
///
/// # Errors
/// It cannot be written as JSON.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Box<RawValue>, Refusal> {
    to_raw_value(value).map_err(|error| Refusal::new("control_unwritable", error.to_string()))
}

/// What JSON says.
///
/// # Errors
/// It is not what is expected here.
pub(crate) fn decode<T: DeserializeOwned>(json: &RawValue) -> Result<T, Refusal> {
    serde_json::from_str(json.get())
        .map_err(|error| Refusal::new("control_unreadable", error.to_string()))
}

/// The first message of a connection. What it says is looked at only once the version is known to be the same.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Greeting {
    pub(super) version: u32,
    pub(super) hello: Box<RawValue>,
}

/// What a caller says after that.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FromClient {
    /// Wants an answer under this id, which no request in flight may have.
    Ask { id: u64, request: Box<RawValue> },
    /// Does not want it any more. Still gets one, which may be the one it asked for.
    Cancel { id: u64 },
}

/// What the owner says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum FromServer {
    /// To a greeting: come in.
    Welcome {},
    /// To a greeting: no, and the connection ends.
    TurnedAway {
        refusal: Refusal,
    },
    Answer {
        id: u64,
        answer: Box<RawValue>,
    },
    Refused {
        id: u64,
        refusal: Refusal,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json<T: Serialize>(value: &T) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn the_messages_are_these() {
        let hello = Hello {
            role: Role::Gate,
            config: Some("c0ffee".into()),
            name: "gate of mail".into(),
        };
        let greeting = Greeting {
            version: VERSION,
            hello: encode(&hello).unwrap(),
        };
        let request = encode(&[1]).unwrap();
        let refusal = Refusal::new("needs_approval", "ask");
        let messages = [
            json(&greeting),
            json(&FromClient::Ask {
                id: 1,
                request: request.clone(),
            }),
            json(&FromClient::Cancel { id: 1 }),
            json(&FromServer::Welcome {}),
            json(&FromServer::TurnedAway {
                refusal: refusal.clone(),
            }),
            json(&FromServer::Answer {
                id: 1,
                answer: request,
            }),
            json(&FromServer::Refused { id: 1, refusal }),
        ];
        insta::assert_snapshot!(messages.join("\n"), @r#"
        {"version":1,"hello":{"role":"gate","config":"c0ffee","name":"gate of mail"}}
        {"ask":{"id":1,"request":[1]}}
        {"cancel":{"id":1}}
        {"welcome":{}}
        {"turned_away":{"refusal":{"code":"needs_approval","message":"ask"}}}
        {"answer":{"id":1,"answer":[1]}}
        {"refused":{"id":1,"refusal":{"code":"needs_approval","message":"ask"}}}
        "#);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for text in [
            r#"{"ask":{"id":1,"request":1,"more":1}}"#,
            r#"{"ask":{"id":1,"id":2,"request":1}}"#,
            r#"{"ask":{"id":-1,"request":1}}"#,
            r#"{"ask":{"id":1}}"#,
            r#"{"ask":{"id":1,"request":1},"cancel":{"id":1}}"#,
            r#"{"cancel":{"id":1}} "#.trim_end().trim_end_matches('}'),
            r#"{"cancel":{"id":1}}x"#,
            r#"{"shout":{"id":1}}"#,
            r#""ask""#,
            "[]",
            "",
        ] {
            assert!(
                serde_json::from_str::<FromClient>(text).is_err(),
                "{text} was read"
            );
        }
        let hello: Result<Hello, _> =
            serde_json::from_str(r#"{"role":"gate","name":"x","admin":true}"#);
        assert!(hello.is_err());
    }

    #[test]
    fn an_envelope_is_no_longer_than_said() {
        let request = encode(&()).unwrap();
        let ask = FromClient::Ask {
            id: u64::MAX,
            request: request.clone(),
        };
        let answer = FromServer::Answer {
            id: u64::MAX,
            answer: request,
        };
        for message in [json(&ask), json(&answer)] {
            assert!(message.len() - "null".len() <= ENVELOPE, "{message}");
        }
    }
}
