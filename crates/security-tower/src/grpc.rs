//! What of gRPC over HTTP/2 a denial needs: knowing its requests, answering them, and reading how a call went.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(crate) const CONTENT: HeaderValue = HeaderValue::from_static("application/grpc");

/// gRPC's status codes that a denial uses (gRPC, `statuscodes.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    InvalidArgument = 3,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unavailable = 14,
    Unauthenticated = 16,
}

/// Whether this is a gRPC request. gRPC-Web is not: it has other trailers, and its own layer stands outside of this one.
pub(crate) fn is_request(headers: &HeaderMap) -> bool {
    let Some(rest) = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("application/grpc"))
    else {
        return false;
    };
    rest.is_empty() || rest.starts_with(['+', ';'])
}

/// Makes a response of these headers the whole answer ("Trailers-Only").
pub(crate) fn answer(headers: &mut HeaderMap, status: Status, message: &str) {
    headers.insert(CONTENT_TYPE, CONTENT);
    headers.insert(STATUS, HeaderValue::from(status as u16));
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(message)) {
        headers.insert(MESSAGE, message);
    }
}

/// The status, where it says that the server and not the caller is at fault.
pub(crate) fn servers_fault(headers: &HeaderMap) -> Option<u32> {
    let status: u32 = headers.get(STATUS)?.to_str().ok()?.parse().ok()?;
    // unknown, deadline exceeded, unimplemented, internal, unavailable, data loss
    matches!(status, 2 | 4 | 12..=15).then_some(status)
}

/// Printable ASCII but `%` stays; every other byte of the UTF-8 becomes `%XX` (gRPC over HTTP/2, "Status-Message").
fn percent_encoded(text: &str) -> String {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or('0');
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(char::from(byte)),
            _ => encoded.extend(['%', digit(byte >> 4), digit(byte & 0x0f)]),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_type(content: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content))])
    }

    #[test]
    fn grpc_is_known_by_its_content_type_and_grpc_web_is_not_it() {
        for grpc in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;x=y",
        ] {
            assert!(is_request(&with_type(grpc)), "{grpc}");
        }
        for other in [
            "application/grpc-web",
            "application/grpc-web+proto",
            "application/json",
        ] {
            assert!(!is_request(&with_type(other)), "{other}");
        }
        assert!(!is_request(&HeaderMap::new()));
    }

    #[test]
    fn messages_are_percent_encoded_byte_by_byte() {
        assert_eq!(percent_encoded("100 % of `ü`\n"), "100 %25 of `%C3%BC`%0A");
    }

    #[test]
    fn a_callers_fault_is_an_answer_and_a_servers_fault_is_a_failure() {
        let fault = |status: &'static str| {
            servers_fault(&HeaderMap::from_iter([(
                STATUS,
                HeaderValue::from_static(status),
            )]))
        };
        for callers in ["0", "1", "3", "5", "6", "7", "8", "9", "10", "11", "16"] {
            assert_eq!(fault(callers), None, "{callers}");
        }
        for servers in ["2", "4", "12", "13", "14", "15"] {
            assert_eq!(fault(servers), servers.parse().ok());
        }
        assert_eq!(fault("what"), None);
        assert_eq!(servers_fault(&HeaderMap::new()), None);
    }
}
