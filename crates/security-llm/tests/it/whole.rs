//! Answers that come whole, as the providers document them, and what they cost.

use security_bundle::budget_enforcer::{Dimension, TokenUsage};
use security_llm::{Endpoint, LlmError};
use serde_json::json;

use crate::provider::{Provider, Reply};
use crate::support::*;

#[tokio::test]
async fn a_chat_is_booked_by_its_usage() {
    let answer = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o-2024-08-06",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hi!", "refusal": null }, "finish_reason": "stop" }],
        "usage": {
            "prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29,
            "prompt_tokens_details": { "cached_tokens": 8, "audio_tokens": 0 },
            "completion_tokens_details": { "reasoning_tokens": 4, "accepted_prediction_tokens": 0 }
        }
    });
    let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
    let got = bench
        .call()
        .send(Endpoint::ChatCompletions, chat(100))
        .await
        .unwrap();
    assert_eq!(got.body, answer);
    let usage = TokenUsage::NONE
        .input(11)
        .cached_input(8)
        .output(6)
        .reasoning(4);
    assert_eq!(got.usage, Some(usage));
    // 11 × 2500 + 8 × 1250 + 10 × 10000 nano-dollars.
    assert_eq!(bench.booked(), (29, 137_500));
    assert_eq!(bench.calls(), 1);
    let seen = bench.provider.only();
    assert_eq!(seen.path, "/chat/completions");
    assert_eq!(seen.headers["authorization"], format!("Bearer {KEY}"));
    assert_eq!(seen.headers["content-type"], "application/json");
    assert_eq!(seen.body, chat(100));
}

#[tokio::test]
async fn a_message_is_booked_by_its_usage() {
    let answer = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "stop_reason": "end_turn",
        "content": [{ "type": "text", "text": "Hi!" }],
        "usage": { "input_tokens": 12, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 50, "output_tokens": 6 }
    });
    let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
    let got = bench
        .claude()
        .send(Endpoint::Messages, message(1024))
        .await
        .unwrap();
    assert_eq!(got.body, answer);
    // 12 × 3000 + 100 × 3750 + 50 × 300 + 6 × 15000 nano-dollars.
    assert_eq!(bench.booked(), (168, 516_000));
    let seen = bench.provider.only();
    assert_eq!(seen.path, "/v1/messages");
    assert_eq!(seen.headers["x-api-key"], KEY);
    assert_eq!(seen.headers["anthropic-version"], "2023-06-01");
    assert!(!seen.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_response_is_booked_by_its_usage() {
    let answer = json!({
        "id": "resp_1", "object": "response", "status": "completed", "model": "gpt-4o",
        "output": [{ "type": "message", "id": "msg_1", "role": "assistant", "content": [{ "type": "output_text", "text": "Hi!" }] }],
        "usage": {
            "input_tokens": 36, "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": 87, "output_tokens_details": { "reasoning_tokens": 64 }, "total_tokens": 123
        }
    });
    let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
    let request = json!({ "model": "gpt-4o", "input": "Hello!", "max_output_tokens": 200 });
    let got = bench
        .call()
        .send(Endpoint::Responses, request)
        .await
        .unwrap();
    assert_eq!(got.body, answer);
    assert_eq!(bench.booked(), (123, 36 * 2500 + 87 * 10_000));
    assert_eq!(bench.provider.only().path, "/responses");
}

#[tokio::test]
async fn embeddings_are_booked_by_their_usage_and_have_no_output() {
    let answer = json!({
        "object": "list", "model": "text-embedding-3-small",
        "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, -0.25] }],
        "usage": { "prompt_tokens": 8, "total_tokens": 8 }
    });
    let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
    let request = json!({ "model": "text-embedding-3-small", "input": ["The food was good"] });
    let got = bench
        .call()
        .send(Endpoint::Embeddings, request.clone())
        .await
        .unwrap();
    assert_eq!(got.body, answer);
    assert_eq!(bench.booked(), (8, 160));
    let seen = bench.provider.only();
    assert_eq!((seen.path.as_str(), seen.body), ("/embeddings", request));
}

#[tokio::test]
async fn a_usage_that_is_missing_or_contradicts_itself_settles_at_the_hold() {
    for usage in [
        json!(null),
        json!({}),
        json!("much"),
        json!({ "prompt_tokens": 5 }),
        json!({ "prompt_tokens": -5, "completion_tokens": 1 }),
        json!({ "prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 9 }),
        json!({ "prompt_tokens": u64::MAX, "completion_tokens": u64::MAX }),
        json!({ "prompt_tokens": 5, "completion_tokens": 5, "prompt_tokens_details": { "audio_tokens": 5 } }),
    ] {
        let answer = json!({ "id": "chatcmpl-1", "choices": [], "usage": usage });
        let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
        let got = bench
            .call()
            .send(Endpoint::ChatCompletions, chat(100))
            .await;
        assert_eq!(got.unwrap().usage, None);
        assert_eq!(bench.booked(), chat_hold(100), "{usage}");
    }
}

#[tokio::test]
async fn a_usage_beyond_the_hold_is_booked_as_reported_and_shown() {
    let answer = json!({ "usage": { "prompt_tokens": 10, "completion_tokens": 2000 } });
    let provider = Provider::always(Reply::json(200, &answer)).await;
    let bench = Bench::with(provider, |spec| spec.tokens(1000).cost(usd("10")));
    let got = bench
        .call()
        .send(Endpoint::ChatCompletions, chat(100))
        .await
        .unwrap();
    assert_eq!(bench.booked(), (2010, 10 * 2500 + 2000 * 10_000));
    assert_eq!(bench.usage(Dimension::Tokens).1, 1010);
    let settlement = got.settled.settlement.unwrap();
    assert_eq!(settlement.overspent.tokens, Some(1010));
    let next = bench.call().send(Endpoint::ChatCompletions, chat(1)).await;
    assert!(matches!(next, Err(LlmError::Denied(_))), "{next:?}");
    assert_eq!(bench.provider.seen().len(), 1);
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let answer = json!({ "usage": { "prompt_tokens": 1, "completion_tokens": 1 } });
    let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
    let llm = bench.openai().build().unwrap();
    for _ in 0..3 {
        let call = llm.call(AGENT).budget(BUDGET);
        call.send(Endpoint::ChatCompletions, chat(10))
            .await
            .unwrap();
    }
    let mut peers: Vec<_> = bench.provider.seen().iter().map(|seen| seen.peer).collect();
    peers.dedup();
    assert_eq!(peers.len(), 1);
    assert_eq!(bench.booked(), (6, 3 * 12_500));
}
