//! Streams that go well: both providers' events, however the network cuts them, and what they cost.

use futures_util::StreamExt;
use proptest::prelude::*;
use security_llm::{Call, End, Endpoint, Event};
use serde_json::{Value, json};

use crate::provider::{Piece, Provider, Reply};
use crate::support::*;

pub(crate) const CHAT: &str = concat!(
    ": keep-alive\n\n",
    r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"Grüße"},"finish_reason":null}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":" 🦀!"},"finish_reason":null}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#,
    "\n\n",
    r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}}"#,
    "\n\n",
    "data: [DONE]\n\n",
);
/// 9 × 2500 + 7 × 10000 nano-dollars.
pub(crate) const CHAT_COST: (u64, u64) = (16, 92_500);

pub(crate) const MESSAGE: &str = concat!(
    "event: message_start\n",
    r#"data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude","stop_reason":null,"usage":{"input_tokens":25,"output_tokens":1}}}"#,
    "\n\nevent: content_block_start\n",
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    "\n\nevent: ping\n",
    r#"data: {"type":"ping"}"#,
    "\n\nevent: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Grüße"}}"#,
    "\n\nevent: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" 🦀!"}}"#,
    "\n\nevent: content_block_stop\n",
    r#"data: {"type":"content_block_stop","index":0}"#,
    "\n\nevent: message_delta\n",
    r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}"#,
    "\n\nevent: message_stop\n",
    r#"data: {"type":"message_stop"}"#,
    "\n\n",
);
/// 25 × 3000 + 15 × 15000 nano-dollars.
pub(crate) const MESSAGE_COST: (u64, u64) = (40, 300_000);

pub(crate) const RESPONSE: &str = concat!(
    "event: response.created\n",
    r#"data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","status":"in_progress","usage":null}}"#,
    "\n\nevent: response.output_text.delta\n",
    r#"data: {"type":"response.output_text.delta","sequence_number":1,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hi"}"#,
    "\n\nevent: response.output_text.done\n",
    r#"data: {"type":"response.output_text.done","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"text":"Hi"}"#,
    "\n\nevent: response.completed\n",
    r#"data: {"type":"response.completed","sequence_number":3,"response":{"id":"resp_1","status":"completed","usage":{"input_tokens":37,"output_tokens":11,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":48}}}"#,
    "\n\n",
);

/// The text of a chat or a message.
pub(crate) fn text(events: &[Event]) -> String {
    let pieces = events.iter().filter_map(|event| {
        let data = &event.data;
        data["choices"][0]["delta"]["content"]
            .as_str()
            .or_else(|| data["delta"]["text"].as_str())
    });
    pieces.collect()
}

async fn chat_stream(reply: Reply) -> (Bench, security_llm::LlmStream) {
    let bench = Bench::new(Provider::always(reply).await);
    let stream = bench
        .call()
        .stream(Endpoint::ChatCompletions, chat(100))
        .await
        .unwrap();
    (bench, stream)
}

#[tokio::test]
async fn a_chat_streams_to_its_end_and_is_booked_by_its_last_chunk() {
    let (bench, stream) = chat_stream(Reply::text(CHAT)).await;
    let (events, error, finished) = read(stream).await;
    assert!(error.is_none());
    assert_eq!(events.len(), 5);
    assert_eq!(text(&events), "Grüße 🦀!");
    assert_eq!(finished.end, End::Complete);
    assert_eq!(finished.usage.unwrap().tokens(), 16);
    assert_eq!(bench.booked(), CHAT_COST);
    assert_eq!(bench.outcome().0, "settled");
}

#[tokio::test]
async fn a_message_streams_to_its_end_and_is_booked_by_its_delta() {
    let bench = Bench::new(Provider::always(Reply::text(MESSAGE)).await);
    let call = bench.claude();
    let stream = call.stream(Endpoint::Messages, message(100)).await.unwrap();
    let (events, error, finished) = read(stream).await;
    assert!(error.is_none());
    let names: Vec<_> = events
        .iter()
        .map(|event| event.name.as_deref().unwrap())
        .collect();
    assert_eq!(names[0], "message_start");
    assert_eq!(names[7], "message_stop");
    assert_eq!(text(&events), "Grüße 🦀!");
    assert_eq!(finished.end, End::Complete);
    assert_eq!(bench.booked(), MESSAGE_COST);
}

#[tokio::test]
async fn a_response_streams_to_its_end_and_is_booked_by_its_last_event() {
    let bench = Bench::new(Provider::always(Reply::text(RESPONSE)).await);
    let request = json!({ "model": "gpt-4o", "input": "Hello!", "max_output_tokens": 100 });
    let stream = bench
        .call()
        .stream(Endpoint::Responses, request)
        .await
        .unwrap();
    let (events, error, finished) = read(stream).await;
    assert!(error.is_none());
    assert_eq!(events.len(), 4);
    assert_eq!(finished.end, End::Complete);
    assert_eq!(bench.booked(), (48, 37 * 2500 + 11 * 10_000));
}

#[tokio::test]
async fn the_events_are_the_same_wherever_the_network_cuts_them() {
    let bytes = CHAT.replace('\n', "\r\n").into_bytes();
    for size in [1, 2, 3, 7, 64, 1000] {
        let pieces = bytes.chunks(size).map(|chunk| Piece::Bytes(chunk.to_vec()));
        let (bench, stream) = chat_stream(Reply::events(pieces)).await;
        let (events, error, _) = read(stream).await;
        assert!(error.is_none());
        assert_eq!(
            (events.len(), text(&events).as_str()),
            (5, "Grüße 🦀!"),
            "{size}"
        );
        assert_eq!(bench.booked(), CHAT_COST);
    }
}

#[tokio::test]
async fn a_provider_that_reports_in_every_chunk_is_booked_by_the_last() {
    let chunk = |tokens: u64, content: &str| {
        let usage = json!({ "prompt_tokens": 5, "completion_tokens": tokens });
        json!({ "choices": [{ "delta": { "content": content } }], "usage": usage })
    };
    let stream = format!(
        "data: {}\n\ndata: {}\n\ndata: [DONE]\n\n",
        chunk(1, "a"),
        chunk(2, "b")
    );
    let (bench, stream) = chat_stream(Reply::text(&stream)).await;
    read(stream).await;
    assert_eq!(bench.booked().0, 7);
}

#[tokio::test]
async fn a_report_that_is_not_the_last_is_not_the_whole() {
    let first = json!({ "choices": [], "usage": { "prompt_tokens": 5, "completion_tokens": 0 } });
    let then = json!({ "choices": [{ "delta": { "content": "more" } }] });
    let stream = format!("data: {first}\n\ndata: {then}\n\ndata: [DONE]\n\n");
    let (bench, stream) = chat_stream(Reply::text(&stream)).await;
    let (_, _, finished) = read(stream).await;
    assert_eq!((finished.end, finished.usage), (End::Complete, None));
    assert_eq!(bench.booked(), chat_hold(100));
}

#[tokio::test]
async fn a_stream_that_reports_nothing_settles_at_the_hold() {
    let (bench, stream) =
        chat_stream(Reply::text("data: {\"choices\":[]}\n\ndata: [DONE]\n\n")).await;
    let (_, error, finished) = read(stream).await;
    assert!(error.is_none());
    assert_eq!((finished.end, finished.usage), (End::Complete, None));
    assert_eq!(bench.booked(), chat_hold(100));
}

#[tokio::test]
async fn a_last_report_without_a_last_event_is_enough() {
    let (bench, stream) = chat_stream(Reply::text(&CHAT.replace("data: [DONE]\n\n", ""))).await;
    let (_, error, finished) = read(stream).await;
    assert!(error.is_none());
    assert_eq!(finished.end, End::Complete);
    assert_eq!(bench.booked(), CHAT_COST);
}

#[tokio::test]
async fn nothing_after_the_last_event_is_told() {
    let (bench, stream) = chat_stream(Reply::text(&format!("{CHAT}{CHAT}"))).await;
    let (events, error, _) = read(stream).await;
    assert!(error.is_none());
    assert_eq!(events.len(), 5);
    assert_eq!(bench.booked(), CHAT_COST);
}

#[tokio::test]
async fn a_last_report_beyond_the_hold_does_not_cut_what_has_come_already() {
    let report = "\"prompt_tokens\":9,\"completion_tokens\":7000,\"total_tokens\":7009";
    let known = "\"prompt_tokens\":9,\"completion_tokens\":7,\"total_tokens\":16";
    let (bench, stream) = chat_stream(Reply::text(&CHAT.replace(known, report))).await;
    let (_, error, finished) = read(stream).await;
    assert!(error.is_none());
    assert_eq!(finished.end, End::Complete);
    assert_eq!(bench.booked().0, 7009);
}

/// Whatever a provider streams, the call ends once, with nothing held.
fn arbitrary() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let usage = (any::<u64>(), 0_u64..1 << 40)
        .prop_map(|(input, output)| json!({ "prompt_tokens": input, "completion_tokens": output }));
    let data = prop_oneof![
        Just("[DONE]".to_owned()),
        Just("{".to_owned()),
        Just("null".to_owned()),
        "[a-z😀]{0,40}"
            .prop_map(|text| json!({ "choices": [{ "delta": { "content": text } }] }).to_string()),
        usage.prop_map(|usage| json!({ "choices": [], "usage": usage }).to_string()),
        Just(json!({ "error": { "message": "m", "type": "server_error" } }).to_string()),
        any::<i64>().prop_map(|n| json!({ "choices": n, "usage": [n] }).to_string()),
    ];
    let piece = prop_oneof![
        4 => data.prop_map(|data| format!("data: {data}\n\n").into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(piece, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_streams_the_call_ends_once_and_holds_nothing(pieces in arbitrary(), reads in 0_usize..8, visible: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let reply = Reply::events(pieces.into_iter().map(Piece::Bytes));
            let bench = Bench::new(Provider::always(reply).await);
            let see = |call: Call| if visible { call.output_is_visible() } else { call };
            let mut stream = see(bench.call()).stream(Endpoint::ChatCompletions, chat(50)).await.unwrap();
            for _ in 0..reads {
                drop(stream.next().await);
            }
            drop(stream);
            bench.booked();
            bench.outcome();
            assert_eq!(bench.calls(), 1);
        });
    }
}

#[tokio::test]
async fn an_event_prints_without_its_data() {
    let (_bench, mut stream) = chat_stream(Reply::text(CHAT)).await;
    let event = stream.next().await.unwrap().unwrap();
    assert_eq!(format!("{event:?}"), "Event { name: None, .. }");
    assert_ne!(event.data, Value::Null);
}
