//! What is refused before anything is held: nothing leaves, nothing is booked, and the log knows.

use security_bundle::audit_trail::Kind;
use security_bundle::{Amounts, TrustLevel};
use security_llm::{Call, Endpoint, GovernedHttp, LlmError};
use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

async fn bench() -> Bench {
    Bench::new(Provider::always(Reply::json(200, &json!({}))).await)
}

async fn refused(endpoint: Endpoint, request: Value, change: impl FnOnce(Call) -> Call) -> String {
    let bench = bench().await;
    let error = change(bench.call())
        .send(endpoint, request)
        .await
        .unwrap_err();
    assert!(bench.provider.seen().is_empty());
    assert_eq!(bench.booked(), (0, 0));
    assert_eq!(bench.calls(), 0);
    let events = bench.of_kind(Kind::Event);
    let noted: Vec<_> = events
        .iter()
        .map(|event| entry(event).to_string())
        .filter(|event| event.contains("llm_refused"))
        .collect();
    assert_eq!(noted.len(), 1);
    assert!(noted[0].contains(error.code()), "{}", noted[0]);
    error.code().to_owned()
}

fn with(field: &str, value: Value) -> Value {
    let mut request = chat(10);
    request[field] = value;
    request
}

#[tokio::test]
async fn requests_whose_cost_cannot_be_foreseen_are_refused() {
    let same = |call: Call| call;
    for (request, code) in [
        (json!([]), "invalid_request"),
        (json!({}), "invalid_request"),
        (with("model", json!(7)), "invalid_request"),
        (with("model", json!("")), "invalid_request"),
        (with("model", json!("gpt-4o-unknown")), "unknown_price"),
        (with("model", json!("open-ended\n")), "unknown_price"),
        (with("max_tokens", json!("many")), "invalid_request"),
        (with("max_tokens", json!(1.5)), "invalid_request"),
        (with("max_tokens", json!(0)), "hold_too_small"),
        (with("n", json!(0)), "invalid_request"),
        (with("n", json!(-1)), "invalid_request"),
        (with("n", json!(u64::MAX)), "unbounded_output"),
        (
            with("prediction", json!({ "type": "content" })),
            "unbounded_input",
        ),
        (with("service_tier", json!("priority")), "priced_otherwise"),
        (with("web_search_options", json!({})), "unbounded_input"),
        (
            json!({ "model": "open-ended", "messages": [] }),
            "unbounded_output",
        ),
    ] {
        assert_eq!(
            refused(Endpoint::ChatCompletions, request.clone(), same).await,
            code,
            "{request}"
        );
    }
    let request = json!({ "model": "gpt-4o", "input": "x", "previous_response_id": "resp_1" });
    assert_eq!(
        refused(Endpoint::Responses, request, same).await,
        "unbounded_input"
    );
}

#[tokio::test]
async fn a_hold_that_pays_for_no_output_is_refused() {
    let little = |call: Call| call.hold_at_most(Amounts::NONE.tokens(20));
    assert_eq!(
        refused(Endpoint::ChatCompletions, chat(10), little).await,
        "hold_too_small"
    );
    let little = |call: Call| call.hold_at_most(Amounts::NONE.cost(usd("0.000000001")));
    assert_eq!(
        refused(Endpoint::ChatCompletions, chat(10), little).await,
        "hold_too_small"
    );
    let request = json!({ "model": "text-embedding-3-small", "input": "a" });
    let little = |call: Call| call.hold_at_most(Amounts::NONE.tokens(3));
    assert_eq!(
        refused(Endpoint::Embeddings, request, little).await,
        "hold_too_small"
    );
    // Money alone does not bound a model that costs nothing.
    let request = json!({ "model": "free", "messages": [] });
    let money = |call: Call| call.hold_at_most(Amounts::NONE.cost(usd("1")));
    assert_eq!(
        refused(Endpoint::ChatCompletions, request, money).await,
        "unbounded_output"
    );
}

#[tokio::test]
async fn a_thinking_budget_that_the_hold_cuts_is_refused() {
    let bench = bench().await;
    let mut request = message(5000);
    request["thinking"] = json!({ "type": "enabled", "budget_tokens": 4000 });
    let call = bench.claude().hold_at_most(Amounts::NONE.tokens(1000));
    let error = call.send(Endpoint::Messages, request).await.unwrap_err();
    assert_eq!(error.code(), "hold_too_small");
    assert!(bench.provider.seen().is_empty());
}

#[tokio::test]
async fn another_price_can_be_named() {
    let bench = Bench::new(Provider::always(Reply::json(500, &json!(null))).await);
    let request = with("service_tier", json!("priority"));
    let call = bench.call().priced_as("gpt-4o priority");
    call.send(Endpoint::ChatCompletions, request.clone())
        .await
        .unwrap_err();
    assert_eq!(bench.booked(), hold(&request, 10, 5000, 20_000));
}

#[tokio::test]
async fn a_call_that_charges_nothing_is_refused() {
    let bench = bench().await;
    let llm = bench.openai().build().unwrap();
    let error = llm
        .call(AGENT)
        .send(Endpoint::ChatCompletions, chat(10))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "nothing_charged");
    let call = llm.call(AGENT).session("s-1");
    let error = call
        .send(Endpoint::ChatCompletions, chat(10))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "invalid_action");
    // With a budget, a session may be a name only.
    let call = llm.call(AGENT).session("s-1").budget(BUDGET);
    call.send(Endpoint::ChatCompletions, chat(10))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_denial_sends_and_books_nothing() {
    let bench = bench().await;
    let call = bench.call().required_level(TrustLevel::Autonomous);
    let error = call
        .send(Endpoint::ChatCompletions, chat(10))
        .await
        .unwrap_err();
    assert!(matches!(error, LlmError::Denied(_)));
    let error = bench
        .call()
        .stream(Endpoint::ChatCompletions, with("n", json!(1_000_000)))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "exceeds_budget");
    assert!(bench.provider.seen().is_empty());
    assert_eq!(bench.booked(), (0, 0));
}

#[tokio::test]
async fn embeddings_do_not_stream() {
    let bench = bench().await;
    let request = json!({ "model": "text-embedding-3-small", "input": "a" });
    let error = bench
        .call()
        .stream(Endpoint::Embeddings, request)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "invalid_request");
    assert_eq!(bench.booked(), (0, 0));
}

#[tokio::test]
async fn addresses_and_keys_that_would_leak_are_refused() {
    let bench = bench().await;
    let setup = |url: &str| {
        let client = GovernedHttp::openai(bench.stack.guard(), bench.prices.clone()).base_url(url);
        client
            .build()
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    for good in [
        "https://api.example.com/v1/",
        "http://localhost:1",
        "http://127.0.0.2",
        "http://[::1]:8",
    ] {
        assert_eq!(setup(good), Ok(()), "{good}");
    }
    for bad in [
        "http://api.example.com",
        "ftp://a.example",
        "x",
        "https://user@a.example",
        "https://a.example?key=1",
        "http://127.0.0.1.example.com",
    ] {
        assert!(setup(bad).is_err(), "{bad}");
    }
    let plain = bench
        .openai()
        .base_url("http://10.0.0.1")
        .allow_plain_http();
    plain.build().unwrap();
    let error = bench.openai().api_key("a\nb").build().unwrap_err();
    assert!(!format!("{error:?}").contains("a\\nb"));
}
