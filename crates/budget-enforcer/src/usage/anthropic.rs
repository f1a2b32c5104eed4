//! The `usage` object of the Anthropic API, whose parts lie beside each other.

use serde::{Deserialize, Serialize};

use super::error::{UsageError, equal};
use super::stream::ProviderUsage;
use super::tokens::TokenUsage;

/// `usage` of Messages: of a response, of a stream's `message_start` (in its `message`), or of its `message_delta`. Read it with serde; fields
/// that are not known here are skipped, for providers add some. Its `output_tokens` contain thinking, which costs the same.
///
/// Its three kinds of input do not overlap, and writes to the cache are taken apart by how long it keeps them. Tools that run at the provider
/// (`server_tool_use`) have prices of their own, beside the tokens: charge them as calls or money.
///
/// ```
/// # use budget_enforcer::{AnthropicUsage, ProviderUsage, TokenUsage};
/// let usage: AnthropicUsage = serde_json::from_str(r#"{
///     "input_tokens": 20, "cache_read_input_tokens": 600, "cache_creation_input_tokens": 50, "output_tokens": 300,
///     "cache_creation": { "ephemeral_5m_input_tokens": 40, "ephemeral_1h_input_tokens": 10 }
/// }"#)?;
/// let classes = TokenUsage::NONE.input(20).cached_input(600).cache_write(40).cache_write_long(10).output(300);
/// assert_eq!(usage.token_usage()?, classes);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnthropicUsage {
    /// Input that is neither read from nor written to the cache. A `message_delta` may leave it out.
    pub input_tokens: Option<u64>,
    /// Input written to the cache.
    pub cache_creation_input_tokens: Option<u64>,
    /// Input read from the cache.
    pub cache_read_input_tokens: Option<u64>,
    /// Output: in a stream, so far.
    pub output_tokens: Option<u64>,
    /// How long what was written is kept. Without it, for five minutes.
    pub cache_creation: Option<AnthropicCacheCreation>,
}

/// Input written to the cache, by how long it is kept there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AnthropicCacheCreation {
    /// For five minutes.
    pub ephemeral_5m_input_tokens: Option<u64>,
    /// For an hour.
    pub ephemeral_1h_input_tokens: Option<u64>,
}

impl ProviderUsage for AnthropicUsage {
    fn token_usage(&self) -> Result<TokenUsage, UsageError> {
        let written = self.cache_creation_input_tokens;
        let (cache_write, cache_write_long) = match self.cache_creation {
            None => (written.unwrap_or(0), 0),
            Some(kept) => {
                let short = kept.ephemeral_5m_input_tokens.unwrap_or(0);
                let long = kept.ephemeral_1h_input_tokens.unwrap_or(0);
                let sum = short.checked_add(long).ok_or(UsageError::TooLarge)?;
                equal(
                    "cache_creation_input_tokens",
                    written.unwrap_or(sum),
                    "cache_creation",
                    sum,
                )?;
                (short, long)
            }
        };
        let usage = TokenUsage {
            input: self.input_tokens.ok_or(UsageError::Missing {
                field: "input_tokens",
            })?,
            cached_input: self.cache_read_input_tokens.unwrap_or(0),
            cache_write,
            cache_write_long,
            output: self.output_tokens.ok_or(UsageError::Missing {
                field: "output_tokens",
            })?,
            reasoning: 0,
        };
        usage
            .checked_tokens()
            .map(|_| usage)
            .ok_or(UsageError::TooLarge)
    }

    fn keep_larger(&mut self, newer: &Self) {
        *self = Self {
            input_tokens: self.input_tokens.max(newer.input_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .max(newer.cache_creation_input_tokens),
            cache_read_input_tokens: self
                .cache_read_input_tokens
                .max(newer.cache_read_input_tokens),
            output_tokens: self.output_tokens.max(newer.output_tokens),
            cache_creation: match (self.cache_creation, newer.cache_creation) {
                (Some(old), Some(new)) => Some(AnthropicCacheCreation {
                    ephemeral_5m_input_tokens: old
                        .ephemeral_5m_input_tokens
                        .max(new.ephemeral_5m_input_tokens),
                    ephemeral_1h_input_tokens: old
                        .ephemeral_1h_input_tokens
                        .max(new.ephemeral_1h_input_tokens),
                }),
                (old, new) => new.or(old),
            },
        };
    }
}
