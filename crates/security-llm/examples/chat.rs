//! A chat that streams, from a provider on this machine: what is held, what comes, what is booked.
//!
//! `cargo run -p security-llm --example chat`

use std::error::Error;

use axum::Router;
use axum::routing::post;
use futures_util::StreamExt;
use security_bundle::budget_enforcer::{BudgetId, Dimension, PriceTable};
use security_bundle::{SecurityStackConfig, create_security_stack};
use security_llm::{Endpoint, GovernedHttp, LlmError};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const CONFIG: &str = r#"
[[trust.assignments]]
agent = "desk-assistant"
level = "L2"
assigned_by = "ops@example.com"

[[budget.budgets]]
id = "llm-calls"
period = "daily"
cost_usd = "0.01"
"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let app = Router::new().route("/v1/chat/completions", post(provider));
    tokio::spawn(async move { axum::serve(listener, app).await });

    let stack = create_security_stack(SecurityStackConfig::from_toml_str(CONFIG)?)?;
    let prices: PriceTable = serde_json::from_value(json!({ "models": [
        { "provider": "openai", "model": "gpt-4o", "input": "2.50", "output": "10.00" },
    ] }))?;
    let llm = GovernedHttp::openai(stack.guard(), prices)
        .base_url(format!("http://{address}/v1"))
        .http(reqwest::ClientBuilder::no_proxy)
        .build()?;

    let request = json!({
        "model": "gpt-4o", "max_completion_tokens": 200, "messages": [{ "role": "user", "content": "Say hello." }],
    });
    let call = llm.call("desk-assistant").budget("llm-calls");
    let mut stream = call
        .clone()
        .stream(Endpoint::ChatCompletions, request.clone())
        .await?;
    let budget: BudgetId = "llm-calls".parse()?;
    let cost = |what: &str| -> Result<(), Box<dyn Error>> {
        let used = stack.budget.utilization(&budget)?;
        let used = used.usage(Dimension::Cost);
        println!(
            "{what}: held {} USD, spent {} USD",
            used.reserved, used.spent
        );
        Ok(())
    };
    cost("while it streams")?;
    while let Some(event) = stream.next().await {
        if let Some(text) = event?.data["choices"][0]["delta"]["content"].as_str() {
            println!("  {text}");
        }
    }
    let finished = stream.finish().await?;
    println!("{:?}: {:?}", finished.end, finished.usage);
    cost("afterwards")?;

    // More than is left today.
    let mut greedy = request;
    greedy["max_completion_tokens"] = json!(1000);
    match call.send(Endpoint::ChatCompletions, greedy).await {
        Err(LlmError::Denied(denied)) => println!("denied ({}): {denied}", denied.code()),
        other => println!("not denied: {other:?}"),
    }
    Ok(())
}

/// Speaks Chat Completions, in a few words.
async fn provider(
    axum::Json(request): axum::Json<Value>,
) -> ([(&'static str, &'static str); 1], String) {
    let mut chunks: Vec<Value> = ["Hello", " from", " here."]
        .iter()
        .map(|word| json!({ "choices": [{ "index": 0, "delta": { "content": word } }], "usage": null }))
        .collect();
    if request["stream_options"]["include_usage"] == true {
        let usage = json!({ "prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13 });
        chunks.push(json!({ "choices": [], "usage": usage }));
    }
    let events: String = chunks
        .iter()
        .map(Value::to_string)
        .chain(["[DONE]".to_owned()])
        .flat_map(|data| ["data: ".to_owned(), data, "\n\n".to_owned()])
        .collect();
    ([("content-type", "text/event-stream")], events)
}
