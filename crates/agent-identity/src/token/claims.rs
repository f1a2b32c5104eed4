//! The payload of a compact token, and its one way of being written.

use serde::{Deserialize, Serialize};

use crate::error::IdentityError;

/// The members in the order of RFC 8785, which is that of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    pub(super) agent: String,
    pub(super) audience: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ceiling: Option<u8>,
    pub(super) expires_at: i64,
    pub(super) issued_at: i64,
    pub(super) issuer: String,
    pub(super) key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    pub(super) not_before: i64,
    pub(super) token_id: String,
}

impl Claims {
    /// Reads what [`to_json`](Self::to_json) wrote, and nothing else that means the same.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, IdentityError> {
        let claims: Self = serde_json::from_slice(json)
            .map_err(|_| IdentityError::malformed("its payload is not the object it must be"))?;
        if claims.to_json()? != json {
            return Err(IdentityError::malformed(
                "its payload is not canonical JSON",
            ));
        }
        Ok(claims)
    }

    pub(super) fn to_json(&self) -> Result<Vec<u8>, IdentityError> {
        serde_json::to_vec(self)
            .map_err(|_| IdentityError::malformed("its payload cannot be written as JSON"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            agent: "ada \"β\" \\".to_owned(),
            audience: "gate".to_owned(),
            ceiling: Some(2),
            expires_at: 20,
            issued_at: 10,
            issuer: "issuer".to_owned(),
            key_id: "key".to_owned(),
            name: None,
            not_before: 10,
            token_id: "t".to_owned(),
        }
    }

    #[test]
    fn the_text_is_pinned() {
        insta::assert_snapshot!(
            String::from_utf8(claims().to_json().unwrap()).unwrap(),
            @r#"{"agent":"ada \"β\" \\","audience":"gate","ceiling":2,"expires_at":20,"issued_at":10,"issuer":"issuer","key_id":"key","not_before":10,"token_id":"t"}"#
        );
    }

    #[test]
    fn reads_its_own_text() {
        let json = claims().to_json().unwrap();
        assert_eq!(Claims::from_json(&json).unwrap(), claims());
    }

    #[test]
    fn refuses_every_other_text_of_the_same_object() {
        let json = String::from_utf8(claims().to_json().unwrap()).unwrap();
        let others = [
            json.replacen('{', "{ ", 1),
            format!("{json}\n"),
            json.replacen("β", "\\u03b2", 1),
            json.replacen("\"ceiling\":2", "\"ceiling\":2.0", 1),
            json.replacen("\"issued_at\":10", "\"issued_at\":1e1", 1),
            json.replacen("\"not_before\"", "\"name\":null,\"not_before\"", 1),
            json.replacen(
                "\"audience\":\"gate\"",
                "\"audience\":\"gate\",\"audience\":\"gate\"",
                1,
            ),
            json.replacen("\"token_id\":\"t\"", "\"token_id\":\"t\",\"x\":1", 1),
            json.replacen("\"agent\"", "\"\\u0061gent\"", 1),
            json.replacen(
                "\"not_before\":10,\"token_id\":\"t\"",
                "\"token_id\":\"t\",\"not_before\":10",
                1,
            ),
        ];
        for other in others {
            assert_ne!(other, json);
            let refused = Claims::from_json(other.as_bytes()).unwrap_err();
            assert_eq!(refused.code(), "malformed", "{other}");
        }
    }
}
