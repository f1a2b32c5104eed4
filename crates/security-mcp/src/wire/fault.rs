//! What can be wrong with a line, so that it is refused and never forwarded.

use thiserror::Error;

/// Why a line is not a message that this gate lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Fault {
    #[error("line is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("line is not UTF-8")]
    NotUtf8,
    #[error("line is not JSON")]
    NotJson,
    #[error("carriage return inside a message; escape it in strings, leave it out elsewhere")]
    CarriageReturn,
    #[error("message is a batch; send its messages one by one")]
    Batch,
    #[error("message is not a JSON object")]
    NotObject,
    #[error("message nests deeper than {} levels", super::message::MAX_DEPTH)]
    TooDeep,
    #[error("an object has more than {} members", super::object::MAX_MEMBERS)]
    TooManyMembers,
    #[error("an object names the same key twice")]
    DuplicateKey,
    #[error("an object has a key that differs only in case from one of the protocol's")]
    AmbiguousKey,
    #[error("a string or number cannot be read exactly")]
    Unreadable,
    #[error("`jsonrpc` must be \"2.0\"")]
    BadVersion,
    #[error(
        "`id` must be a string of at most {} bytes or an integer within 2^53",
        super::id::MAX_TEXT
    )]
    BadId,
    #[error("`error.code` must be an integer of 32 bits")]
    BadCode,
    #[error("`method` must be a string")]
    BadMethod,
    #[error(
        "message must be a request, a notification or a response with either `result` or `error`"
    )]
    BadShape,
}

impl Fault {
    /// Stable name, as recorded.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::TooLong { .. } => "line_too_long",
            Self::NotUtf8 => "not_utf8",
            Self::NotJson => "not_json",
            Self::CarriageReturn => "carriage_return",
            Self::Batch => "batch",
            Self::NotObject => "not_object",
            Self::TooDeep => "too_deep",
            Self::TooManyMembers => "too_many_members",
            Self::DuplicateKey => "duplicate_key",
            Self::AmbiguousKey => "ambiguous_key",
            Self::Unreadable => "unreadable_value",
            Self::BadVersion => "bad_version",
            Self::BadId => "bad_id",
            Self::BadCode => "bad_code",
            Self::BadMethod => "bad_method",
            Self::BadShape => "bad_shape",
        }
    }

    /// The JSON-RPC code it is answered with: a parse error for what is no JSON, else an invalid request.
    pub(crate) fn rpc_code(self) -> i32 {
        match self {
            Self::NotUtf8 | Self::NotJson => -32700,
            _ => -32600,
        }
    }
}
