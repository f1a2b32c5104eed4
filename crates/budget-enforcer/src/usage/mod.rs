//! How many tokens of which class a call used, as the providers report it.

mod anthropic;
mod error;
mod openai;
mod stream;
mod tokens;

pub use anthropic::{AnthropicCacheCreation, AnthropicUsage};
pub use error::UsageError;
pub use openai::{OpenAiInputDetails, OpenAiOutputDetails, OpenAiUsage};
pub use stream::{ProviderUsage, StreamUsage};
pub use tokens::TokenUsage;
