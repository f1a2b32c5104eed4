//! How many input tokens a request can have, at most, from nothing but its bytes; and what of it bytes cannot bound.
//!
//! A token of a byte-level vocabulary stands for at least one byte, and what a provider puts around a message is shorter than the
//! JSON around it. That holds for text. An image, a file, or whatever is only referred to, may come to thousands of tokens
//! in a few bytes: what is not known to be text is not bounded.

use serde_json::{Map, Value};

use crate::error::LlmError;

/// What a provider may add of its own to explain tools or an output format to the model. Documented prompts for tools have up to 735 tokens.
const ALLOWANCE: u64 = 1024;

/// With one of these in the request, the provider adds text of its own.
const EXPLAINED: &[&str] = &[
    "tools",
    "functions",
    "response_format",
    "text",
    "output_format",
    "output_config",
];

/// With one of these, the provider adds input that the request does not hold, or output beyond its limit.
const ELSEWHERE: &[&str] = &[
    "audio",
    "container",
    "conversation",
    "mcp_servers",
    "prediction",
    "previous_response_id",
    "prompt",
    "web_search_options",
];

/// The parts of messages that are text, by their `type`.
const TEXT: &[&str] = &[
    "custom_tool_call",
    "custom_tool_call_output",
    "function",
    "function_call",
    "function_call_output",
    "input_text",
    "message",
    "output_text",
    "refusal",
    "text",
    "tool_result",
    "tool_use",
];

/// Tools that the caller runs.
const OWN_TOOLS: &[&str] = &["custom", "function"];

/// An upper bound of the input tokens of a request that is `bytes` long.
pub(crate) fn input_tokens(request: &Map<String, Value>, bytes: usize) -> Result<u64, LlmError> {
    for field in ELSEWHERE {
        if given(request, field).is_some() {
            return Err(unbounded(field));
        }
    }
    let is_text = |kind: &Value| kind.as_str() == Some("text");
    if let Some(modalities) = given(request, "modalities")
        && !modalities
            .as_array()
            .is_some_and(|all| all.iter().all(is_text))
    {
        return Err(unbounded("modalities"));
    }
    for tool in given(request, "tools").into_iter().flat_map(elements) {
        if let Some(kind) = tool.get("type")
            && !kind.as_str().is_some_and(|kind| OWN_TOOLS.contains(&kind))
        {
            return Err(unbounded(&format!("tools: {}", shown(kind))));
        }
    }
    for field in ["messages", "input", "system"] {
        if let Some(parts) = given(request, field) {
            check_parts(parts)?;
        }
    }
    let explained = EXPLAINED
        .iter()
        .any(|field| given(request, field).is_some());
    let allowance = if explained { ALLOWANCE } else { 0 };
    u64::try_from(bytes)
        .ok()
        .and_then(|bytes| bytes.checked_add(allowance))
        .ok_or_else(|| LlmError::Request("it is too long to be counted".to_owned()))
}

/// A field that is there and not null.
pub(crate) fn given<'a>(request: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    request.get(field).filter(|value| !value.is_null())
}

fn check_parts(parts: &Value) -> Result<(), LlmError> {
    for part in elements(parts) {
        if let Some(kind) = part.get("type")
            && !kind.as_str().is_some_and(|kind| TEXT.contains(&kind))
        {
            return Err(unbounded(&shown(kind)));
        }
        for inner in ["content", "output"] {
            if let Some(inner) = part.get(inner) {
                check_parts(inner)?;
            }
        }
        if part.get("audio").is_some_and(|audio| !audio.is_null()) {
            return Err(unbounded("audio"));
        }
    }
    Ok(())
}

/// One thing may stand where a list of them may.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(all) => all,
        one => std::slice::from_ref(one),
    }
}

fn unbounded(field: &str) -> LlmError {
    LlmError::Unbounded {
        field: field.to_owned(),
    }
}

/// A name out of the request, for an error: short, and printable.
fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) => text.escape_debug().take(64).collect(),
        None => "type".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bound(request: Value) -> Result<u64, String> {
        let Value::Object(request) = request else {
            panic!("no object")
        };
        input_tokens(&request, 100).map_err(|error| match error {
            LlmError::Unbounded { field } => field,
            other => panic!("{other}"),
        })
    }

    #[test]
    fn text_is_bounded_by_its_bytes() {
        for text in [
            json!({ "messages": [{ "role": "user", "content": "hi" }] }),
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text", "text": "hi" }] }], "system": "s" }),
            json!({ "messages": [{ "role": "user", "content": [
                { "type": "tool_result", "content": [{ "type": "text", "text": "t" }] },
                { "type": "tool_use", "input": { "type": "image" } },
            ] }] }),
            json!({ "input": "hi", "conversation": null }),
            json!({ "input": [[1, 2], [3]] }),
            json!({ "input": [{ "type": "function_call_output", "output": "x" }], "modalities": ["text"] }),
            json!({ "messages": [{ "role": "assistant", "tool_calls": [{ "type": "function" }] }] }),
        ] {
            assert_eq!(bound(text.clone()), Ok(100), "{text}");
        }
    }

    #[test]
    fn what_the_provider_explains_to_the_model_is_allowed_for() {
        let tools = json!([{ "type": "function", "function": { "name": "f" } }, { "name": "g", "input_schema": {} }]);
        assert_eq!(bound(json!({ "tools": tools })), Ok(1124));
        assert_eq!(
            bound(json!({ "response_format": { "type": "json_object" } })),
            Ok(1124)
        );
    }

    #[test]
    fn what_is_no_text_is_not_bounded_by_its_bytes() {
        for (request, field) in [
            (
                json!({ "messages": [{ "content": [{ "type": "image_url" }] }] }),
                "image_url",
            ),
            (
                json!({ "messages": [{ "content": [{ "type": "tool_result", "content": [{ "type": "image" }] }] }] }),
                "image",
            ),
            (
                json!({ "messages": [{ "content": { "type": "document" } }] }),
                "document",
            ),
            (
                json!({ "messages": [{ "role": "assistant", "audio": { "id": "a" } }] }),
                "audio",
            ),
            (
                json!({ "input": [{ "type": "item_reference", "id": "x" }] }),
                "item_reference",
            ),
            (
                json!({ "input": [{ "type": "function_call_output", "output": [{ "type": "input_file" }] }] }),
                "input_file",
            ),
            (json!({ "input": [{ "type": 7 }] }), "type"),
            (
                json!({ "previous_response_id": "r" }),
                "previous_response_id",
            ),
            (json!({ "prediction": {} }), "prediction"),
            (json!({ "modalities": ["text", "audio"] }), "modalities"),
            (
                json!({ "tools": [{ "type": "web_search" }] }),
                "tools: web_search",
            ),
        ] {
            assert_eq!(bound(request.clone()), Err(field.to_owned()), "{request}");
        }
    }
}
