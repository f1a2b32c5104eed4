//! What a provider's error means for the budget: some are known to come before anything is generated, all others are not.

#[cfg(feature = "http")]
use std::time::Duration;

use security_bundle::Usage;
use security_bundle::budget_enforcer::{Amounts, Usd};
use serde_json::Value;

#[cfg(feature = "http")]
use crate::error::LlmError;

/// Who calls, which address, how long and how often are looked at before any model is. Not 400 and 422, with which some providers
/// refuse what they have generated already (an output limit reached while reasoning, output that does not fit its schema); not 408 and
/// 409, nor anything of 5xx.
const BEFORE_GENERATION: &[u16] = &[401, 402, 403, 404, 405, 413, 415, 429];

/// Codes of a 400 that speak of the request alone.
const OF_THE_REQUEST: &[&str] = &[
    "context_length_exceeded",
    "missing_required_parameter",
    "unknown_parameter",
    "unsupported_parameter",
    "unsupported_value",
];

/// An error as the provider describes it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The most precise name of it: a code, else a type.
    pub(crate) kind: Option<String>,
    pub(crate) message: Option<String>,
    /// The error has the providers' form; a proxy in between would not know it.
    is_the_providers: bool,
}

impl Refusal {
    /// Reads the error in a body, an event, or a response inside of one.
    pub(crate) fn read(body: &Value) -> Self {
        let inner = body.get("response").unwrap_or(body);
        let error = match inner.get("error") {
            Some(error) if !error.is_null() => error,
            // The Responses API's event of type `error` is the error itself.
            _ => inner,
        };
        let text = |field| error.get(field).and_then(Value::as_str);
        let kind = text("code").or_else(|| text("type"));
        Self {
            kind: kind.filter(|kind| is_name(kind)).map(str::to_owned),
            message: text("message")
                .or_else(|| error.as_str())
                .map(|text| text.chars().take(1024).collect()),
            is_the_providers: error.is_object()
                && (text("type").is_some() || text("code").is_some())
                && text("message").is_some(),
        }
    }

    /// What a call with this error used, where it has no usage of its own: nothing, or what nobody knows.
    pub(crate) fn used(&self, status: u16) -> Usage {
        let of_the_request = status == 400
            && self
                .kind
                .as_deref()
                .is_some_and(|kind| OF_THE_REQUEST.contains(&kind));
        if self.is_the_providers && (of_the_request || BEFORE_GENERATION.contains(&status)) {
            // The call itself was made, and counts.
            Amounts::NONE.tokens(0).cost(Usd::ZERO)
        } else {
            Amounts::NONE
        }
    }

    /// As the log tells it: never with the provider's text, which may repeat the request.
    pub(crate) fn reason(&self, status: u16) -> String {
        match &self.kind {
            Some(kind) => format!("provider_status {status} {kind}"),
            None => format!("provider_status {status}"),
        }
    }

    #[cfg(feature = "http")]
    pub(crate) fn into_status(self, status: u16, retry_after: Option<Duration>) -> LlmError {
        LlmError::Status {
            status,
            kind: self.kind,
            message: self.message,
            retry_after,
        }
    }

    #[cfg(feature = "http")]
    pub(crate) fn into_event(self) -> LlmError {
        LlmError::InStream {
            kind: self.kind,
            message: self.message,
        }
    }
}

/// A name of an error, and no text.
fn is_name(text: &str) -> bool {
    let is_ordinary = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_ordinary)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn used(status: u16, body: &Value) -> Usage {
        Refusal::read(body).used(status)
    }

    #[test]
    fn what_is_refused_before_generation_used_nothing() {
        let nothing = Amounts::NONE.tokens(0).cost(Usd::ZERO);
        let openai = json!({ "error": { "message": "m", "type": "requests", "code": "rate_limit_exceeded" } });
        let anthropic =
            json!({ "type": "error", "error": { "type": "authentication_error", "message": "m" } });
        for status in BEFORE_GENERATION {
            assert_eq!(used(*status, &openai), nothing);
            assert_eq!(used(*status, &anthropic), nothing);
        }
        let long = json!({ "error": { "message": "m", "type": "invalid_request_error", "code": "context_length_exceeded" } });
        assert_eq!(used(400, &long), nothing);
    }

    #[test]
    fn every_other_error_is_not_known_to_be_free() {
        let error =
            json!({ "error": { "message": "m", "type": "invalid_request_error", "code": null } });
        for status in [301, 400, 408, 409, 418, 422, 499, 500, 502, 503, 504, 529] {
            assert_eq!(used(status, &error), Amounts::NONE, "{status}");
        }
        // Not the provider's words.
        for body in [
            json!(null),
            json!({ "message": "nginx" }),
            json!({ "error": "x" }),
            json!([1]),
        ] {
            assert_eq!(used(429, &body), Amounts::NONE, "{body}");
        }
    }

    #[test]
    fn only_a_name_gets_into_the_log() {
        let told = |code: &str| {
            Refusal::read(&json!({ "error": { "code": code, "message": "my prompt" } })).reason(400)
        };
        assert_eq!(told("bad_thing"), "provider_status 400 bad_thing");
        assert_eq!(told("bad thing\n"), "provider_status 400");
        assert_eq!(told(&"x".repeat(65)), "provider_status 400");
    }
}
