//! What is held before a request leaves, and what is written into it so that it costs no more.

use security_bundle::{Amounts, SecurityStackConfig};
use security_llm::{Endpoint, LlmError};
use serde_json::{Value, json};

use crate::provider::{Provider, Reply};
use crate::support::*;

fn answer() -> Reply {
    Reply::json(
        200,
        &json!({ "usage": { "prompt_tokens": 1, "completion_tokens": 1, "input_tokens": 1, "output_tokens": 1 } }),
    )
}

async fn bench() -> Bench {
    let usage = json!({ "usage": { "prompt_tokens": 1, "completion_tokens": 1 } });
    Bench::new(Provider::always(Reply::json(200, &usage)).await)
}

/// What the provider gets of a chat with these fields.
async fn sent(fields: Value, hold: Amounts) -> Value {
    let bench = bench().await;
    let mut request = chat(1);
    request
        .as_object_mut()
        .unwrap()
        .remove("max_completion_tokens");
    request
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let call = bench.call().hold_at_most(hold);
    call.send(Endpoint::ChatCompletions, request).await.unwrap();
    bench.provider.only().body
}

#[tokio::test]
async fn the_output_limit_is_set_where_the_caller_set_none() {
    let body = sent(json!({}), Amounts::NONE).await;
    assert_eq!(body["max_completion_tokens"], 16384);
    let body = sent(json!({ "max_tokens": null }), Amounts::NONE).await;
    assert_eq!(body["max_completion_tokens"], 16384);
}

#[tokio::test]
async fn the_output_limit_is_lowered_to_the_hold_and_never_raised() {
    let bytes = {
        let mut request = chat(1);
        request["max_completion_tokens"] = json!(5000);
        u64::try_from(request.to_string().len()).unwrap()
    };
    let hold = Amounts::NONE.tokens(bytes + 40);
    let body = sent(json!({ "max_completion_tokens": 5000 }), hold).await;
    assert_eq!(body["max_completion_tokens"], 40);
    let body = sent(
        json!({ "max_completion_tokens": 7 }),
        Amounts::NONE.tokens(10_000),
    )
    .await;
    assert_eq!(body["max_completion_tokens"], 7);
    // In money: 20 µUSD for the input's bytes, 10 nano-dollars × 1000 a token of output.
    let cost = usd("0.001");
    let body = sent(
        json!({ "max_completion_tokens": 5000 }),
        Amounts::NONE.cost(cost),
    )
    .await;
    assert_eq!(
        body["max_completion_tokens"],
        (1_000_000 - bytes * 2500) / 10_000
    );
    // Both names, each for itself.
    let both = json!({ "max_tokens": 30, "max_completion_tokens": 50_000 });
    let body = sent(both, Amounts::NONE).await;
    assert_eq!(
        (&body["max_tokens"], &body["max_completion_tokens"]),
        (&json!(30), &json!(30))
    );
}

#[tokio::test]
async fn several_answers_share_the_hold() {
    let bench = bench().await;
    let mut request = chat(100);
    request["n"] = json!(4);
    let bytes = u64::try_from(request.to_string().len()).unwrap();
    let call = bench.call().hold_at_most(Amounts::NONE.tokens(bytes + 99));
    call.send(Endpoint::ChatCompletions, request).await.unwrap();
    assert_eq!(bench.provider.only().body["max_completion_tokens"], 24);
}

#[tokio::test]
async fn the_hold_is_the_worst_case_while_the_call_is_out() {
    let bench = Bench::new(Provider::always(Reply::Never).await);
    let call = bench.call().send(Endpoint::ChatCompletions, chat(100));
    let call = tokio::spawn(call);
    while bench.provider.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.held(), chat_hold(100));
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    assert_eq!(bench.booked(), chat_hold(100));
    assert_eq!(bench.outcome().0, "abandoned");
}

#[tokio::test]
async fn input_that_may_be_cached_is_held_at_the_price_of_that() {
    let mut request = message(100);
    request["system"] =
        json!([{ "type": "text", "text": "s", "cache_control": { "type": "ephemeral" } }]);
    let bench = Bench::new(Provider::always(Reply::json(500, &json!(null))).await);
    bench
        .claude()
        .send(Endpoint::Messages, request.clone())
        .await
        .unwrap_err();
    assert_eq!(bench.booked(), hold(&request, 100, 6000, 15_000));
}

#[tokio::test]
async fn the_callers_counter_and_statement_replace_the_bytes() {
    let bench = Bench::new(Provider::always(Reply::json(500, &json!(null))).await);
    let llm = bench
        .openai()
        .count_input(|request| (request["model"] == "gpt-4o").then_some(7));
    let llm = llm.build().unwrap();
    let image = json!({ "model": "gpt-4o", "max_completion_tokens": 1, "messages": [
        { "role": "user", "content": [{ "type": "image_url", "image_url": { "url": "https://example.com/a.png" } }] },
    ] });
    let call = llm.call(AGENT).budget(BUDGET);
    call.clone()
        .send(Endpoint::ChatCompletions, image.clone())
        .await
        .unwrap_err();
    assert_eq!(bench.booked(), (8, 7 * 2500 + 10_000));
    call.input_at_most(20)
        .send(Endpoint::ChatCompletions, image)
        .await
        .unwrap_err();
    assert_eq!(bench.booked().0, 8 + 21);
}

#[tokio::test]
async fn old_servers_get_the_old_name() {
    let bench = bench().await;
    let llm = bench
        .openai()
        .legacy_max_tokens()
        .default_max_output(9)
        .build()
        .unwrap();
    let request = json!({ "model": "open-ended", "messages": [] });
    let call = llm.call(AGENT).budget(BUDGET);
    call.send(Endpoint::ChatCompletions, request.clone())
        .await
        .unwrap();
    let body = bench.provider.only().body;
    assert_eq!(
        body,
        json!({ "model": "open-ended", "messages": [], "max_tokens": 9 })
    );
}

#[tokio::test]
async fn a_tools_rule_bounds_the_output_too() {
    let config = SecurityStackConfig::from_toml_str(
        r#"
        [[trust.assignments]]
        agent = "desk-assistant"
        level = "L2"
        assigned_by = "ops@example.com"
        [[trust.tools]]
        tool = "llm"
        required_level = "L1"
        effect = "read_public"
        [[budget.budgets]]
        id = "llm-calls"
        period = "daily"
        cost_usd = "10"
        [[budget.tools]]
        tool = "llm"
        budget = "llm-calls"
        cost_usd = "0.002"
        [budget.session]
        cost_usd = "1"
        "#,
    );
    let provider = Provider::always(answer()).await;
    let bench = Bench::of(provider, config.unwrap());
    let llm = bench.openai().build().unwrap();
    let call = llm.call(AGENT).session("s-1").tool("llm");
    call.send(Endpoint::ChatCompletions, chat(16_000))
        .await
        .unwrap();
    let bytes = u64::try_from(chat(16_000).to_string().len()).unwrap();
    let body = bench.provider.only().body;
    assert_eq!(
        body["max_completion_tokens"],
        (2_000_000 - bytes * 2500) / 10_000
    );
}

#[tokio::test]
async fn a_tools_rule_that_holds_more_does_not_raise_what_the_caller_wants() {
    let config = SecurityStackConfig::from_toml_str(
        r#"
        [[trust.assignments]]
        agent = "desk-assistant"
        level = "L2"
        assigned_by = "ops@example.com"
        [[trust.tools]]
        tool = "llm"
        required_level = "L1"
        effect = "read_public"
        [[budget.tools]]
        tool = "llm"
        tokens = 1000
        cost_usd = "1"
        [budget.session]
        tokens = 100_000
        cost_usd = "10"
        "#,
    );
    let bench = Bench::of(Provider::always(answer()).await, config.unwrap());
    let llm = bench.openai().build().unwrap();
    let call = llm.call(AGENT).session("s-1").tool("llm");
    call.send(Endpoint::ChatCompletions, chat(50))
        .await
        .unwrap();
    assert_eq!(bench.provider.only().body, chat(50));
}

#[tokio::test]
async fn a_session_is_charged_like_a_budget() {
    let config = SecurityStackConfig {
        budget: security_bundle::BudgetEnforcerConfig::per_session().tokens(200),
        ..SecurityStackConfig::default()
    };
    let bench = Bench::of(Provider::always(answer()).await, config);
    let llm = bench.openai().build().unwrap();
    let call = llm.call(AGENT).session("s-1");
    call.clone()
        .send(Endpoint::ChatCompletions, chat(50))
        .await
        .unwrap();
    let denied = call
        .send(Endpoint::ChatCompletions, chat(500))
        .await
        .unwrap_err();
    assert!(matches!(denied, LlmError::Denied(_)), "{denied:?}");
    assert_eq!(bench.provider.seen().len(), 1);
}

#[tokio::test]
async fn a_stream_is_asked_to_report_and_a_whole_answer_is_not_asked_to_stream() {
    let bench = bench().await;
    let mut request = chat(10);
    request["stream"] = json!(true);
    request["stream_options"] = json!({ "include_usage": false, "include_obfuscation": false });
    drop(
        bench
            .call()
            .stream(Endpoint::ChatCompletions, request.clone())
            .await
            .unwrap(),
    );
    bench
        .call()
        .send(Endpoint::ChatCompletions, request)
        .await
        .unwrap();
    let seen = bench.provider.seen();
    assert_eq!(seen[0].body["stream"], true);
    assert_eq!(
        seen[0].body["stream_options"],
        json!({ "include_usage": true, "include_obfuscation": false })
    );
    assert_eq!(seen[1].body, chat(10));
}
