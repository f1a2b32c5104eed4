//! The types of `async-openai`: its requests as they are sent, its answers as they are read, the same bookings.

use async_openai::types::chat::{
    ChatCompletionRequestUserMessage, CreateChatCompletionRequest, CreateChatCompletionRequestArgs,
};
use async_openai::types::embeddings::CreateEmbeddingRequestArgs;
use async_openai::types::responses::{CreateResponseArgs, ResponseStreamEvent};
use futures_util::StreamExt;
use security_llm::{End, LlmError};
use serde_json::json;

use crate::provider::{Provider, Reply};
use crate::streams::{CHAT, CHAT_COST, RESPONSE};
use crate::support::*;

fn request() -> CreateChatCompletionRequest {
    CreateChatCompletionRequestArgs::default()
        .model("gpt-4o")
        .max_completion_tokens(100_u32)
        .messages([ChatCompletionRequestUserMessage::from("Hello!").into()])
        .build()
        .unwrap()
}

#[tokio::test]
async fn a_chat() {
    let answer = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_700_000_000, "model": "gpt-4o",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": "Hi!", "refusal": null }, "finish_reason": "stop", "logprobs": null }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 7, "total_tokens": 16 }
    });
    let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
    let got = bench.call().create_chat(&request()).await.unwrap();
    assert_eq!(got.body.choices[0].message.content.as_deref(), Some("Hi!"));
    assert_eq!(bench.booked(), CHAT_COST);
    assert_eq!(bench.provider.only().body["max_completion_tokens"], 100);
}

#[tokio::test]
async fn a_chat_that_streams() {
    // The types want what the real events have.
    let events = CHAT.replace(
        "\"id\":\"chatcmpl-1\",",
        "\"id\":\"chatcmpl-1\",\"created\":1700000000,\"model\":\"gpt-4o\",",
    );
    let bench = Bench::new(Provider::always(Reply::text(&events)).await);
    let mut stream = bench.call().create_chat_stream(&request()).await.unwrap();
    let mut text = String::new();
    while let Some(chunk) = stream.next().await {
        for choice in chunk.unwrap().choices {
            text.extend(choice.delta.content);
        }
    }
    assert_eq!(text, "Grüße 🦀!");
    let finished = stream.finish().await.unwrap();
    assert_eq!(finished.end, End::Complete);
    assert_eq!(bench.booked(), CHAT_COST);
}

#[tokio::test]
async fn a_response() {
    let answer = json!({
        "id": "resp_1", "object": "response", "created_at": 1_700_000_000, "status": "completed", "model": "gpt-4o",
        "output": [{ "type": "message", "id": "msg_1", "status": "completed", "role": "assistant",
            "content": [{ "type": "output_text", "text": "Hi!", "annotations": [], "logprobs": [] }] }],
        "usage": { "input_tokens": 36, "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 }, "output_tokens": 8,
            "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 44 }
    });
    let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
    let request = CreateResponseArgs::default()
        .model("gpt-4o")
        .max_output_tokens(50_u32)
        .input("Hello!")
        .build()
        .unwrap();
    let got = bench.call().create_response(&request).await.unwrap();
    assert_eq!(got.body.id, "resp_1");
    assert_eq!(bench.booked().0, 44);
}

#[tokio::test]
async fn a_response_that_streams() {
    let bench = Bench::new(Provider::always(Reply::text(RESPONSE)).await);
    let request = CreateResponseArgs::default()
        .model("gpt-4o")
        .max_output_tokens(50_u32)
        .input("Hello!")
        .build()
        .unwrap();
    let mut stream = bench.call().create_response_stream(&request).await.unwrap();
    let mut text = String::new();
    while let Some(event) = stream.next().await {
        // The tests' first and last event have less than the type wants: told, and the stream goes on.
        match event {
            Ok(ResponseStreamEvent::ResponseOutputTextDelta(delta)) => text += &delta.delta,
            Ok(_) | Err(LlmError::Unreadable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(text, "Hi");
    assert_eq!(bench.booked().0, 48);
}

#[tokio::test]
async fn embeddings() {
    let answer = json!({
        "object": "list", "model": "text-embedding-3-small",
        "data": [{ "object": "embedding", "index": 0, "embedding": [0.5, -0.25] }],
        "usage": { "prompt_tokens": 8, "total_tokens": 8 }
    });
    let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
    let request = CreateEmbeddingRequestArgs::default()
        .model("text-embedding-3-small")
        .input("The food was good")
        .build()
        .unwrap();
    let got = bench.call().create_embedding(&request).await.unwrap();
    assert_eq!(got.body.data[0].embedding, [0.5, -0.25]);
    assert_eq!(bench.booked(), (8, 160));
}

#[tokio::test]
async fn an_answer_of_another_type_is_settled_nevertheless() {
    let answer =
        json!({ "surprise": true, "usage": { "prompt_tokens": 9, "completion_tokens": 7 } });
    let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
    let error = bench.call().create_chat(&request()).await.unwrap_err();
    assert!(matches!(error, LlmError::Unreadable(_)));
    assert_eq!(bench.booked(), CHAT_COST);
}
