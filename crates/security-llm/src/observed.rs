//! What the provider's words say about use: its reports, and what can be seen to stream by.

use security_bundle::budget_enforcer::{
    AnthropicUsage, OpenAiUsage, ProviderUsage, StreamUsage, TokenUsage,
};
use serde::Deserialize;
use serde_json::Value;

use crate::endpoint::Endpoint;

/// Text that streams is at least one token for so many bytes. Prose has 4 to 6 bytes a token, and no text is denser than this for
/// long but rows of one and the same character.
const BYTES_PER_TOKEN: u64 = 32;

/// What one event of a stream means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mark {
    /// The stream goes on.
    GoesOn,
    /// It was the last.
    Last,
    /// The provider gave up.
    Error,
}

/// Collects what a call used.
#[derive(Debug)]
pub(crate) struct Observed {
    endpoint: Endpoint,
    reports: Reports,
    /// The report is the last: it counts everything.
    is_final: bool,
    /// The last event had a report.
    has_just_reported: bool,
    /// Events with output, each of which is at least a token.
    pieces: u64,
    /// Bytes of output that were seen.
    bytes: u64,
}

#[derive(Debug)]
enum Reports {
    OpenAi(StreamUsage<OpenAiUsage>),
    Anthropic(StreamUsage<AnthropicUsage>),
}

impl Observed {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        let reports = match endpoint {
            Endpoint::Messages => Reports::Anthropic(StreamUsage::new()),
            Endpoint::ChatCompletions | Endpoint::Responses | Endpoint::Embeddings => {
                Reports::OpenAi(StreamUsage::new())
            }
        };
        Self {
            endpoint,
            reports,
            is_final: false,
            has_just_reported: false,
            pieces: 0,
            bytes: 0,
        }
    }

    /// Reads a whole answer.
    pub(crate) fn answer(&mut self, body: &Value) {
        self.is_final = body.get("usage").is_some_and(|usage| self.report(usage));
    }

    /// Reads an event of a stream.
    pub(crate) fn event(&mut self, data: &Value) -> Mark {
        match self.endpoint {
            Endpoint::Messages => self.messages_event(data),
            Endpoint::Responses => self.responses_event(data),
            Endpoint::ChatCompletions | Endpoint::Embeddings => self.chat_event(data),
        }
    }

    /// The stream said that it is done, without an event of its own: what its last event reported is all.
    pub(crate) fn done(&mut self) {
        self.is_final |= self.has_just_reported;
    }

    /// What the provider reports to have used in all.
    pub(crate) fn total(&self) -> Option<TokenUsage> {
        self.so_far().filter(|_| self.is_final)
    }

    /// What has been reported up to now.
    pub(crate) fn so_far(&self) -> Option<TokenUsage> {
        match &self.reports {
            Reports::OpenAi(stream) => stream.so_far(),
            Reports::Anthropic(stream) => stream.so_far(),
        }
    }

    /// How many tokens of output there are at least.
    pub(crate) fn output_at_least(&self) -> u64 {
        let seen = self.pieces.max(self.bytes.div_ceil(BYTES_PER_TOKEN));
        seen.max(self.reported_output())
    }

    /// How many there are at most of those that can be seen: a token is at least a byte.
    pub(crate) fn visible_at_most(&self) -> u64 {
        self.bytes.max(self.reported_output())
    }

    /// Whether any output was seen.
    pub(crate) fn has_begun(&self) -> bool {
        self.pieces > 0
    }

    fn reported_output(&self) -> u64 {
        self.so_far()
            .map_or(0, |usage| usage.output.saturating_add(usage.reasoning))
    }

    fn chat_event(&mut self, data: &Value) -> Mark {
        let choices = data.get("choices").and_then(Value::as_array);
        for choice in choices.into_iter().flatten() {
            if let Some(delta) = choice.get("delta") {
                self.see_delta(delta);
            }
        }
        let reported = data.get("usage").is_some_and(|usage| self.report(usage));
        self.has_just_reported = reported;
        // Some providers report in every chunk: the report that counts everything comes alone.
        self.is_final |= reported && choices.is_none_or(Vec::is_empty);
        if data.get("error").is_some_and(|error| !error.is_null()) {
            return Mark::Error;
        }
        Mark::GoesOn
    }

    fn see_delta(&mut self, delta: &Value) {
        let mut texts: Vec<&str> = ["content", "refusal", "reasoning_content", "reasoning"]
            .iter()
            .filter_map(|field| delta.get(field)?.as_str())
            .collect();
        let calls = delta.get("tool_calls").and_then(Value::as_array);
        let calls = calls.into_iter().flatten();
        let functions = calls
            .filter_map(|call| call.get("function"))
            .chain(delta.get("function_call"));
        for function in functions {
            let parts = ["name", "arguments"];
            texts.extend(parts.iter().filter_map(|part| function.get(part)?.as_str()));
        }
        self.see(texts.iter().map(|text| text.len()).sum());
    }

    fn responses_event(&mut self, data: &Value) -> Mark {
        let kind = data.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind.strip_suffix(".delta").is_some()
            && let Some(delta) = data.get("delta").and_then(Value::as_str)
        {
            self.see(delta.len());
        }
        let usage = data
            .get("response")
            .and_then(|response| response.get("usage"));
        let reported = usage.is_some_and(|usage| self.report(usage));
        match kind {
            "response.completed" | "response.incomplete" => {
                self.is_final |= reported;
                Mark::Last
            }
            "response.failed" | "response.cancelled" => {
                self.is_final |= reported;
                Mark::Error
            }
            "error" => Mark::Error,
            _ => Mark::GoesOn,
        }
    }

    fn messages_event(&mut self, data: &Value) -> Mark {
        match data.get("type").and_then(Value::as_str).unwrap_or_default() {
            "message_start" => {
                let usage = data.get("message").and_then(|message| message.get("usage"));
                usage.map(|usage| self.report(usage));
                Mark::GoesOn
            }
            "content_block_start" => {
                let block = data.get("content_block");
                let text = |field| block.and_then(|block| block.get(field)?.as_str());
                self.see(
                    text("text")
                        .or_else(|| text("name"))
                        .unwrap_or_default()
                        .len(),
                );
                Mark::GoesOn
            }
            "content_block_delta" => {
                let text = |field| {
                    data.get("delta")
                        .and_then(|delta| delta.get(field)?.as_str())
                };
                let seen = ["text", "partial_json", "thinking"]
                    .into_iter()
                    .find_map(text);
                self.see(seen.unwrap_or_default().len());
                Mark::GoesOn
            }
            "message_delta" => {
                let reported = data.get("usage").is_some_and(|usage| self.report(usage));
                self.is_final |= reported;
                Mark::GoesOn
            }
            "message_stop" => Mark::Last,
            "error" => Mark::Error,
            _ => Mark::GoesOn,
        }
    }

    fn see(&mut self, bytes: usize) {
        if bytes > 0 {
            // What was reported before it did not count it.
            self.is_final = false;
            self.pieces = self.pieces.saturating_add(1);
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.bytes = self.bytes.saturating_add(bytes);
        }
    }

    /// Takes a report. One that cannot be read says nothing, which is not zero.
    fn report(&mut self, usage: &Value) -> bool {
        fn observe<'a, U: ProviderUsage + Deserialize<'a>>(
            stream: &mut StreamUsage<U>,
            usage: &'a Value,
        ) -> bool {
            U::deserialize(usage).is_ok_and(|usage| stream.observe(&usage).is_ok())
        }
        if usage.is_null() {
            return false;
        }
        match &mut self.reports {
            Reports::OpenAi(stream) => observe(stream, usage),
            Reports::Anthropic(stream) => observe(stream, usage),
        }
    }
}
