//! Calls that end otherwise: what is booked for each, and what the caller is told.

use std::time::Duration;

use futures_util::StreamExt;
use security_llm::{Call, End, Endpoint, LlmError, LlmStream};
use serde_json::{Value, json};

use crate::provider::{Piece, Provider, Reply};
use crate::streams::{CHAT, CHAT_COST, MESSAGE, MESSAGE_COST, text};
use crate::support::*;

fn bytes(text: &str) -> Piece {
    Piece::Bytes(text.as_bytes().to_vec())
}

fn word(text: &str) -> String {
    let chunk = json!({ "choices": [{ "index": 0, "delta": { "content": text } }] });
    format!("data: {chunk}\n\n")
}

async fn send(reply: Reply) -> (Bench, LlmError) {
    let bench = Bench::new(Provider::always(reply).await);
    let call = bench.call();
    let error = call
        .send(Endpoint::ChatCompletions, chat(100))
        .await
        .unwrap_err();
    (bench, error)
}

async fn stream(
    pieces: Vec<Piece>,
    max: u64,
    change: impl FnOnce(Call) -> Call,
) -> (Bench, LlmStream) {
    let bench = Bench::new(Provider::always(Reply::events(pieces)).await);
    let call = change(bench.call());
    let stream = call
        .stream(Endpoint::ChatCompletions, chat(max))
        .await
        .unwrap();
    (bench, stream)
}

fn as_is(call: Call) -> Call {
    call
}

#[tokio::test]
async fn a_connection_that_was_never_made_costs_nothing() {
    let bench = Bench::new(Provider::always(Reply::Never).await);
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let llm = bench.openai().base_url(url).build().unwrap();
    let call = llm.call(AGENT).budget(BUDGET);
    let error = call
        .send(Endpoint::ChatCompletions, chat(100))
        .await
        .unwrap_err();
    assert!(matches!(error, LlmError::Unreachable(_)), "{error:?}");
    assert_eq!((bench.booked(), bench.calls()), ((0, 0), 0));
    assert_eq!(bench.outcome().0, "cancelled");
}

#[tokio::test]
async fn a_refusal_before_generation_costs_the_call_alone() {
    let error = json!({ "error": { "message": "Rate limit reached for my prompt", "type": "requests", "param": null, "code": "rate_limit_exceeded" } });
    let (bench, told) = send(Reply::json(429, &error).with_header("retry-after", "20")).await;
    let LlmError::Status {
        status,
        kind,
        message,
        retry_after,
    } = &told
    else {
        panic!("{told:?}")
    };
    assert_eq!(
        (*status, kind.as_deref()),
        (429, Some("rate_limit_exceeded"))
    );
    assert_eq!(message.as_deref(), Some("Rate limit reached for my prompt"));
    assert_eq!(*retry_after, Some(Duration::from_secs(20)));
    assert_eq!(
        told.to_string(),
        "the provider answered with status 429 (rate_limit_exceeded)"
    );
    assert_eq!((bench.booked(), bench.calls()), ((0, 0), 1));
    let (ending, why) = bench.outcome();
    assert_eq!(ending, "failed");
    assert_eq!(
        why.as_deref(),
        Some("provider_status 429 rate_limit_exceeded")
    );
    // One try: nothing is sent twice.
    bench.provider.only();
}

#[tokio::test]
async fn every_other_error_settles_at_the_hold() {
    for (status, body) in [
        (
            500,
            json!({ "error": { "message": "The server had an error", "type": "server_error" } }),
        ),
        (
            529,
            json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } }),
        ),
        (
            400,
            json!({ "error": { "message": "Could not finish", "type": "invalid_request_error", "code": null } }),
        ),
        (429, json!("slow down")),
        (503, Value::Null),
        (302, Value::Null),
    ] {
        let reply = Reply::json(status, &body).with_header("location", "/elsewhere");
        let (bench, told) = send(reply).await;
        assert_eq!(told.code(), "provider_status", "{told:?}");
        assert_eq!(bench.booked(), chat_hold(100), "{status}");
        bench.provider.only();
    }
}

#[tokio::test]
async fn an_error_that_reports_a_usage_settles_by_it() {
    let body = json!({ "error": { "message": "m", "type": "t" }, "usage": { "prompt_tokens": 3, "completion_tokens": 2 } });
    let (bench, _) = send(Reply::json(500, &body)).await;
    assert_eq!(bench.booked(), (5, 3 * 2500 + 2 * 10_000));
}

#[tokio::test]
async fn an_answer_that_breaks_or_cannot_be_read_settles_at_the_hold() {
    let whole = |pieces| Reply::Now {
        status: 200,
        headers: Vec::new(),
        pieces,
    };
    for (pieces, code) in [
        (vec![bytes("{\"usage\":"), Piece::Cut], "interrupted"),
        (vec![bytes("{\"usage\":")], "unreadable"),
        (vec![bytes("<html>")], "unreadable"),
        (vec![], "unreadable"),
    ] {
        let (bench, told) = send(whole(pieces)).await;
        assert_eq!(told.code(), code);
        assert_eq!(bench.booked(), chat_hold(100), "{code}");
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_not_read() {
    let reply = Reply::json(200, &json!({ "text": "x".repeat(1000) }));
    let bench = Bench::new(Provider::always(reply).await);
    let llm = bench.openai().max_response_bytes(999).build().unwrap();
    let call = llm.call(AGENT).budget(BUDGET);
    let error = call
        .send(Endpoint::ChatCompletions, chat(100))
        .await
        .unwrap_err();
    assert!(matches!(error, LlmError::TooLong { limit: 999 }));
    assert_eq!(bench.booked(), chat_hold(100));
}

#[tokio::test]
async fn a_provider_that_never_answers_settles_at_the_hold() {
    let bench = Bench::new(Provider::always(Reply::Never).await);
    let short = Duration::from_millis(100);
    let llm = bench
        .openai()
        .http(move |http| http.no_proxy().read_timeout(short))
        .build()
        .unwrap();
    let call = llm.call(AGENT).budget(BUDGET);
    let error = call
        .send(Endpoint::ChatCompletions, chat(100))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, LlmError::Interrupted(inner) if inner.is_timeout()),
        "{error:?}"
    );
    assert_eq!(bench.booked(), chat_hold(100));
}

#[tokio::test]
async fn a_provider_that_falls_silent_in_a_stream_settles_at_the_hold() {
    let reply = Reply::events([bytes(&word("a")), Piece::Silence]);
    let bench = Bench::new(Provider::always(reply).await);
    let short = Duration::from_millis(200);
    let llm = bench
        .openai()
        .http(move |http| http.no_proxy().read_timeout(short))
        .build()
        .unwrap();
    let call = llm.call(AGENT).budget(BUDGET);
    let stream = call
        .stream(Endpoint::ChatCompletions, chat(100))
        .await
        .unwrap();
    let (events, error, finished) = read(stream).await;
    assert_eq!(text(&events), "a");
    assert!(matches!(error, Some(LlmError::Interrupted(_))), "{error:?}");
    assert_eq!(finished.end, End::Disconnected);
    assert_eq!(bench.booked(), chat_hold(100));
}

#[tokio::test]
async fn a_stream_that_breaks_settles_at_the_hold_where_output_may_be_hidden() {
    for end in [vec![Piece::Cut], vec![], vec![bytes("data: {\"choices\":")]] {
        let is_cut = !end.is_empty() && matches!(end[0], Piece::Cut);
        let mut pieces = vec![bytes(&word("Hello")), bytes(&word(" you"))];
        pieces.extend(end);
        let (bench, stream) = stream(pieces, 100, as_is).await;
        let (events, error, finished) = read(stream).await;
        assert_eq!(text(&events), "Hello you");
        let code = if is_cut {
            "interrupted"
        } else {
            "disconnected"
        };
        assert_eq!(error.unwrap().code(), code);
        assert_eq!(finished.end, End::Disconnected);
        assert_eq!(bench.booked(), chat_hold(100));
        assert_eq!(
            bench.outcome(),
            ("failed".to_owned(), Some("disconnected".to_owned()))
        );
    }
}

#[tokio::test]
async fn a_stream_that_breaks_settles_at_what_was_seen_where_none_is_hidden() {
    let pieces = vec![bytes(&word("Hello")), bytes(&word(" you")), Piece::Cut];
    let (bench, stream) = stream(pieces, 100, Call::output_is_visible).await;
    read(stream).await;
    let (input, _) = hold(&chat(100), 0, 0, 0);
    assert_eq!(bench.booked(), (input + 9, input * 2500 + 9 * 10_000));
}

#[tokio::test]
async fn what_was_seen_is_never_more_than_the_hold() {
    let pieces = vec![
        bytes(&word("a word of many bytes, and yet two tokens")),
        Piece::Cut,
    ];
    let (bench, stream) = stream(pieces, 2, Call::output_is_visible).await;
    read(stream).await;
    assert_eq!(bench.booked(), chat_hold(2));
}

#[tokio::test]
async fn a_stream_without_a_word_settles_at_the_hold_in_any_case() {
    let (bench, stream) = stream(vec![Piece::Cut], 100, Call::output_is_visible).await;
    read(stream).await;
    assert_eq!(bench.booked(), chat_hold(100));
}

#[tokio::test]
async fn a_request_that_forbids_thinking_hides_nothing() {
    let events = MESSAGE.split("event: content_block_stop").next().unwrap();
    let reply = Reply::events([bytes(events), Piece::Cut]);
    let bench = Bench::new(Provider::always(reply).await);
    let mut request = message(100);
    request["thinking"] = json!({ "type": "disabled" });
    let stream = bench
        .claude()
        .stream(Endpoint::Messages, request)
        .await
        .unwrap();
    let (_, error, _) = read(stream).await;
    assert!(matches!(error, Some(LlmError::Interrupted(_))));
    // Input as message_start reported it, and a token for each of the 13 bytes.
    assert_eq!(bench.booked(), (25 + 13, 25 * 3000 + 13 * 15_000));
}

#[tokio::test]
async fn a_stream_that_breaks_after_its_usage_settles_by_it() {
    let events = MESSAGE.split("event: message_stop").next().unwrap();
    let reply = Reply::events([bytes(events), Piece::Cut]);
    let bench = Bench::new(Provider::always(reply).await);
    let stream = bench
        .claude()
        .stream(Endpoint::Messages, message(100))
        .await
        .unwrap();
    let (_, error, finished) = read(stream).await;
    assert!(matches!(error, Some(LlmError::Interrupted(_))));
    assert_eq!(finished.end, End::Disconnected);
    assert_eq!(bench.booked(), MESSAGE_COST);
}

#[tokio::test]
async fn an_error_event_ends_the_stream() {
    let openai =
        "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"code\":null}}\n\n";
    let (bench, stream) = stream(
        vec![bytes(&word("a")), bytes(openai), bytes(CHAT)],
        100,
        as_is,
    )
    .await;
    let (events, error, finished) = read(stream).await;
    assert_eq!(events.len(), 1);
    assert!(
        matches!(error, Some(LlmError::InStream { kind: Some(kind), .. }) if kind == "server_error")
    );
    assert_eq!(finished.end, End::Failed);
    assert_eq!(bench.booked(), chat_hold(100));

    let anthropic = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let bench = Bench::new(Provider::always(Reply::text(anthropic)).await);
    let stream = bench
        .claude()
        .stream(Endpoint::Messages, message(100))
        .await
        .unwrap();
    let (events, error, _) = read(stream).await;
    assert!(events.is_empty());
    assert!(
        matches!(error, Some(LlmError::InStream { kind: Some(kind), .. }) if kind == "overloaded_error")
    );
    assert_eq!(bench.booked(), message_hold(100));

    let failed = json!({ "type": "response.failed", "response": { "error": { "code": "rate_limit_exceeded", "message": "m" }, "usage": null } });
    let bench = Bench::new(
        Provider::always(Reply::text(&format!(
            "event: response.failed\ndata: {failed}\n\n"
        )))
        .await,
    );
    let request = json!({ "model": "gpt-4o", "input": "x", "max_output_tokens": 10 });
    let stream = bench
        .call()
        .stream(Endpoint::Responses, request)
        .await
        .unwrap();
    let (_, error, _) = read(stream).await;
    assert!(
        matches!(error, Some(LlmError::InStream { kind: Some(kind), .. }) if kind == "rate_limit_exceeded")
    );
}

#[tokio::test]
async fn an_event_that_is_no_json_or_too_long_ends_the_stream() {
    let (bench, stream) = stream(vec![bytes(&word("a")), bytes("data: {\n\n")], 100, as_is).await;
    let (events, error, finished) = read(stream).await;
    assert_eq!(
        (events.len(), error.unwrap().code(), finished.end),
        (1, "unreadable", End::Failed)
    );
    assert_eq!(bench.booked(), chat_hold(100));

    let reply = Reply::events([bytes(&word("a")), bytes(&"x".repeat(501)), Piece::Silence]);
    let bench = Bench::new(Provider::always(reply).await);
    let llm = bench.openai().max_event_bytes(500).build().unwrap();
    let call = llm.call(AGENT).budget(BUDGET);
    let stream = call
        .stream(Endpoint::ChatCompletions, chat(100))
        .await
        .unwrap();
    let (events, error, _) = read(stream).await;
    assert_eq!((events.len(), error.unwrap().code()), (1, "too_long"));
    assert_eq!(bench.booked(), chat_hold(100));
}

#[tokio::test]
async fn a_provider_that_ignores_the_limit_is_cut_at_the_hold() {
    // It would go on for ever.
    let mut pieces: Vec<Piece> = (0..50).map(|_| bytes(&word("x"))).collect();
    pieces.push(Piece::Silence);
    let (bench, stream) = stream(pieces, 20, as_is).await;
    let (events, error, finished) = read(stream).await;
    assert!(matches!(error, Some(LlmError::HoldUsedUp)), "{error:?}");
    assert_eq!(events.len(), 21);
    assert_eq!(finished.end, End::HoldUsedUp);
    // What certainly came is more than the tokens that were held for output, but not than those for all.
    assert_eq!(bench.booked(), chat_hold(20));
    assert_eq!(
        bench.outcome(),
        ("failed".to_owned(), Some("hold_used_up".to_owned()))
    );
}

#[tokio::test]
async fn a_few_long_pieces_are_cut_at_the_hold_too() {
    let long = "y".repeat(32 * 10);
    let pieces = vec![
        bytes(&word(&long)),
        bytes(&word(&long)),
        bytes(&word(&long)),
        Piece::Silence,
    ];
    let (_bench, stream) = stream(pieces, 20, as_is).await;
    let (events, error, _) = read(stream).await;
    assert_eq!((events.len(), error.unwrap().code()), (3, "hold_used_up"));
}

#[tokio::test]
async fn a_stream_that_keeps_to_its_limit_is_not_cut() {
    let mut pieces: Vec<Piece> = (0..20).map(|_| bytes(&word("a very long word "))).collect();
    let usage = json!({ "choices": [], "usage": { "prompt_tokens": 9, "completion_tokens": 20 } });
    pieces.push(bytes(&format!("data: {usage}\n\ndata: [DONE]\n\n")));
    let (bench, stream) = stream(pieces, 20, as_is).await;
    let (_, error, finished) = read(stream).await;
    assert!(error.is_none());
    assert_eq!(finished.end, End::Complete);
    assert_eq!(bench.booked().0, 29);
}

#[tokio::test]
async fn a_reported_input_beyond_the_hold_cuts_the_stream_and_is_booked() {
    let start = json!({ "type": "message_start", "message": { "usage": { "input_tokens": 50_000, "output_tokens": 1 } } });
    let reply = Reply::events([
        bytes(&format!("event: message_start\ndata: {start}\n\n")),
        Piece::Silence,
    ]);
    let bench = Bench::new(Provider::always(reply).await);
    let stream = bench
        .claude()
        .stream(Endpoint::Messages, message(100))
        .await
        .unwrap();
    let (events, error, _) = read(stream).await;
    assert_eq!((events.len(), error.unwrap().code()), (1, "hold_used_up"));
    assert_eq!(bench.booked(), (50_001, 50_000 * 3000 + 15_000));
}

#[tokio::test]
async fn a_dropped_stream_is_settled_without_a_runtime() {
    let (bench, mut stream) = stream(vec![bytes(&word("a")), Piece::Silence], 100, as_is).await;
    stream.next().await.unwrap().unwrap();
    assert_eq!(bench.held(), chat_hold(100));
    std::thread::spawn(move || drop(stream)).join().unwrap();
    assert_eq!(bench.booked(), chat_hold(100));
    assert_eq!(
        bench.outcome(),
        ("failed".to_owned(), Some("aborted".to_owned()))
    );
}

#[tokio::test]
async fn finishing_early_aborts() {
    let (bench, mut stream) = stream(
        vec![bytes(&word("ab")), Piece::Silence],
        100,
        Call::output_is_visible,
    )
    .await;
    stream.next().await.unwrap().unwrap();
    let finished = stream.finish().await.unwrap();
    assert_eq!((finished.end, finished.usage), (End::Aborted, None));
    let (input, _) = hold(&chat(100), 0, 0, 0);
    assert_eq!(bench.booked(), (input + 2, input * 2500 + 2 * 10_000));
}

#[tokio::test]
async fn a_stream_dropped_after_its_end_is_booked_once() {
    let (bench, mut stream) = stream(vec![bytes(CHAT)], 100, as_is).await;
    while let Some(event) = stream.next().await {
        event.unwrap();
    }
    drop(stream);
    assert_eq!(bench.booked(), CHAT_COST);
    assert_eq!(bench.outcome().0, "settled");
}

#[tokio::test]
async fn a_call_dropped_before_it_is_permitted_costs_nothing() {
    let bench = Bench::new(Provider::always(Reply::Never).await);
    drop(bench.call().send(Endpoint::ChatCompletions, chat(100)));
    assert_eq!((bench.booked(), bench.calls()), ((0, 0), 0));
    assert!(bench.provider.seen().is_empty());
}
