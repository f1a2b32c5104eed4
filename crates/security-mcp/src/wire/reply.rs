//! The messages that the gate itself writes.

use serde::Serialize;
use serde_json::Value;

use super::RequestId;

/// A JSON-RPC error as a line. Without an id it answers a message whose id is not known.
pub(crate) fn error(id: Option<&RequestId>, code: i32, message: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Failure<'a> {
        jsonrpc: &'static str,
        id: Option<&'a RequestId>,
        error: Error<'a>,
    }
    #[derive(Serialize)]
    struct Error<'a> {
        code: i32,
        message: &'a str,
    }
    line(&Failure {
        jsonrpc: "2.0",
        id,
        error: Error { code, message },
    })
}

/// A tool result that tells the model that the tool did not run, and why.
pub(crate) fn tool_refusal(id: &RequestId, text: &str, decision: &Value) -> Vec<u8> {
    #[derive(Serialize)]
    struct Answer<'a> {
        jsonrpc: &'static str,
        id: &'a RequestId,
        result: Refusal<'a>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Refusal<'a> {
        result_type: &'static str,
        content: [Content<'a>; 1],
        is_error: bool,
        #[serde(rename = "_meta")]
        meta: Meta<'a>,
    }
    #[derive(Serialize)]
    struct Content<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        text: &'a str,
    }
    #[derive(Serialize)]
    struct Meta<'a> {
        #[serde(rename = "aumos/decision")]
        decision: &'a Value,
    }
    line(&Answer {
        jsonrpc: "2.0",
        id,
        result: Refusal {
            // Required since MCP 2026-07-28, without a meaning before.
            result_type: "complete",
            content: [Content { kind: "text", text }],
            is_error: true,
            meta: Meta { decision },
        },
    })
}

fn line(message: &impl Serialize) -> Vec<u8> {
    // Writing strings, numbers and structs into memory cannot fail; an empty line would be harmless.
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_whatever_it_quotes() {
        let line = error(
            Some(&RequestId::Text("a\nb".into())),
            -32602,
            "x\n\r\u{2028}",
        );
        assert_eq!(
            line.iter()
                .filter(|byte| matches!(byte, b'\n' | b'\r'))
                .count(),
            1
        );
        let read: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(read["id"], "a\nb");
        assert_eq!(read["error"]["message"], "x\n\r\u{2028}");
    }

    #[test]
    fn an_unknown_id_is_null() {
        let line = error(None, -32700, "x");
        let expected = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#;
        assert_eq!(line, format!("{expected}\n").into_bytes());
    }
}
