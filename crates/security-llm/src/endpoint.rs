//! The shapes of HTTP APIs that are understood, and how they differ.

/// An API by the shape of its requests and answers, whoever serves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// OpenAI's Chat Completions: `POST {base}/chat/completions`.
    ChatCompletions,
    /// OpenAI's Responses: `POST {base}/responses`.
    Responses,
    /// OpenAI's Embeddings: `POST {base}/embeddings`. They have no output and do not stream.
    Embeddings,
    /// Anthropic's Messages: `POST {base}/v1/messages`.
    Messages,
}

impl Endpoint {
    /// Below the base URL, which the providers' own clients write with the version for the one and without for the other.
    #[cfg(feature = "http")]
    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::ChatCompletions => "/chat/completions",
            Self::Responses => "/responses",
            Self::Embeddings => "/embeddings",
            Self::Messages => "/v1/messages",
        }
    }

    /// What the log calls such a call.
    pub(crate) const fn action_type(self) -> &'static str {
        match self {
            Self::Embeddings => "llm_embedding",
            Self::ChatCompletions | Self::Responses | Self::Messages => "llm_completion",
        }
    }

    /// The names under which a request may bound its output; the first is the one that is set where the caller set none.
    pub(crate) const fn output_limits(self) -> &'static [&'static str] {
        match self {
            Self::ChatCompletions => &["max_completion_tokens", "max_tokens"],
            Self::Responses => &["max_output_tokens"],
            Self::Messages => &["max_tokens"],
            Self::Embeddings => &[],
        }
    }

    pub(crate) const fn has_output(self) -> bool {
        !matches!(self, Self::Embeddings)
    }
}
