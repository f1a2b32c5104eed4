//! The `usage` object of the OpenAI APIs, whose parts are contained in its wholes.

use serde::{Deserialize, Serialize};

use super::error::{UsageError, equal, rest};
use super::stream::ProviderUsage;
use super::tokens::TokenUsage;

/// `usage` of Chat Completions (`prompt_tokens`, `completion_tokens`, …) or of Responses (`input_tokens`, `output_tokens`, …), also as the
/// many compatible providers write it. Read it with serde; fields that are not known here are skipped, for providers add some.
///
/// Its input contains what was read from and written to a cache, and its output contains reasoning: [`token_usage`](ProviderUsage::token_usage)
/// takes them apart. A report whose parts exceed their whole, or whose `total_tokens` is not the sum, is refused, and so are
/// audio tokens, which cost many times as much as text.
///
/// ```
/// # use budget_enforcer::{OpenAiUsage, ProviderUsage, TokenUsage};
/// let usage: OpenAiUsage = serde_json::from_str(r#"{
///     "prompt_tokens": 1000, "completion_tokens": 300, "total_tokens": 1300,
///     "prompt_tokens_details": { "cached_tokens": 600 }, "completion_tokens_details": { "reasoning_tokens": 200 }
/// }"#)?;
/// assert_eq!(usage.token_usage()?, TokenUsage::NONE.input(400).cached_input(600).output(100).reasoning(200));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenAiUsage {
    /// All input.
    #[serde(alias = "input_tokens")]
    pub prompt_tokens: Option<u64>,
    /// All output. Absent from embeddings, which have none: then `total_tokens` must say so.
    #[serde(alias = "output_tokens")]
    pub completion_tokens: Option<u64>,
    /// Both.
    pub total_tokens: Option<u64>,
    /// Which input that was.
    #[serde(alias = "input_tokens_details")]
    pub prompt_tokens_details: Option<OpenAiInputDetails>,
    /// Which output that was.
    #[serde(alias = "output_tokens_details")]
    pub completion_tokens_details: Option<OpenAiOutputDetails>,
}

/// Parts of the input. The cache's two do not overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenAiInputDetails {
    /// Read from a cache.
    pub cached_tokens: Option<u64>,
    /// Written to a cache.
    pub cache_write_tokens: Option<u64>,
    /// Audio.
    pub audio_tokens: Option<u64>,
}

/// Parts of the output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenAiOutputDetails {
    /// Reasoning.
    pub reasoning_tokens: Option<u64>,
    /// Audio.
    pub audio_tokens: Option<u64>,
}

impl ProviderUsage for OpenAiUsage {
    fn token_usage(&self) -> Result<TokenUsage, UsageError> {
        let prompt = self.prompt_tokens.ok_or(UsageError::Missing {
            field: "prompt_tokens",
        })?;
        let completion = match (self.completion_tokens, self.total_tokens) {
            (Some(completion), _) => completion,
            (None, Some(total)) if total == prompt => 0,
            (None, _) => {
                return Err(UsageError::Missing {
                    field: "completion_tokens",
                });
            }
        };
        let sum = prompt.checked_add(completion).ok_or(UsageError::TooLarge)?;
        if let Some(total) = self.total_tokens {
            equal(
                "total_tokens",
                total,
                "prompt_tokens and completion_tokens",
                sum,
            )?;
        }
        let input = self.prompt_tokens_details.unwrap_or_default();
        let output = self.completion_tokens_details.unwrap_or_default();
        for audio in [input.audio_tokens, output.audio_tokens] {
            if let Some(tokens @ 1..) = audio {
                return Err(UsageError::Unpriced {
                    field: "audio_tokens",
                    tokens,
                });
            }
        }
        let cached_input = input.cached_tokens.unwrap_or(0);
        let cache_write = input.cache_write_tokens.unwrap_or(0);
        let reasoning = output.reasoning_tokens.unwrap_or(0);
        let of_cache = cached_input
            .checked_add(cache_write)
            .ok_or(UsageError::TooLarge)?;
        Ok(TokenUsage {
            input: rest(
                "prompt_tokens",
                prompt,
                "cached_tokens and cache_write_tokens",
                of_cache,
            )?,
            cached_input,
            cache_write,
            cache_write_long: 0,
            output: rest(
                "completion_tokens",
                completion,
                "reasoning_tokens",
                reasoning,
            )?,
            reasoning,
        })
    }

    fn keep_larger(&mut self, newer: &Self) {
        let input = (self.prompt_tokens_details, newer.prompt_tokens_details);
        let output = (
            self.completion_tokens_details,
            newer.completion_tokens_details,
        );
        *self = Self {
            prompt_tokens: self.prompt_tokens.max(newer.prompt_tokens),
            completion_tokens: self.completion_tokens.max(newer.completion_tokens),
            total_tokens: self.total_tokens.max(newer.total_tokens),
            prompt_tokens_details: match input {
                (Some(old), Some(new)) => Some(OpenAiInputDetails {
                    cached_tokens: old.cached_tokens.max(new.cached_tokens),
                    cache_write_tokens: old.cache_write_tokens.max(new.cache_write_tokens),
                    audio_tokens: old.audio_tokens.max(new.audio_tokens),
                }),
                (old, new) => new.or(old),
            },
            completion_tokens_details: match output {
                (Some(old), Some(new)) => Some(OpenAiOutputDetails {
                    reasoning_tokens: old.reasoning_tokens.max(new.reasoning_tokens),
                    audio_tokens: old.audio_tokens.max(new.audio_tokens),
                }),
                (old, new) => new.or(old),
            },
        };
    }
}
