//! What the demo's agent does.

use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::{RunningService, ServiceError};
use serde_json::{Value, json};

use super::log::Tail;
use super::show;
use crate::failure::Failure;

type Client = RunningService<RoleClient, ()>;

/// More than the session's 100 calls, however many of them the scenes before have used.
const MANY: usize = 120;

pub(super) async fn play(client: &Client, log: &mut Tail) -> Result<(), Failure> {
    // What the configuration itself did: levels, budgets, grants.
    log.news()?;
    let tools = client.list_all_tools().await?;
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    show::tools(&names);

    show::scene("what the operator allows");
    call(client, log, "now", json!({})).await?;
    call(
        client,
        log,
        "write_note",
        json!({ "name": "todo", "text": "call the supplier" }),
    )
    .await?;
    call(client, log, "read_note", json!({ "name": "todo" })).await?;
    call(client, log, "read_file", json!({ "name": "report.txt" })).await?;

    show::scene("above the agent's level: for this agent the tool does not exist");
    call(client, log, "delete_file", json!({ "name": "report.txt" })).await?;
    call(client, log, "read_file", json!({ "name": "report.txt" })).await?;

    show::scene("personal data, and consent for another purpose only");
    call(client, log, "read_profile", json!({})).await?;

    show::scene("a result that cost more than was reserved: the truth is booked");
    let text = "Sales rose by 4 %. Costs did not.";
    call(client, log, "summarise", json!({ "text": text })).await?;

    show::scene("the session's 100 calls run out");
    exhaust(client, log).await
}

async fn call(client: &Client, log: &mut Tail, tool: &str, args: Value) -> Result<bool, Failure> {
    let answer = ask(client, tool, &args).await;
    let ran = answer
        .as_ref()
        .is_ok_and(|result| result.is_error != Some(true));
    show::call(tool, &args, &answer, &log.news()?);
    Ok(ran)
}

/// Calls until one is refused; shows the first, how many passed, and the refusal.
async fn exhaust(client: &Client, log: &mut Tail) -> Result<(), Failure> {
    let mut passed = 0_usize;
    for _ in 0..MANY {
        let answer = ask(client, "now", &json!({})).await;
        let news = log.news()?;
        let ran = answer
            .as_ref()
            .is_ok_and(|result| result.is_error != Some(true));
        if ran {
            passed = passed.saturating_add(1);
            continue;
        }
        show::repeated("now", passed);
        show::call("now", &json!({}), &answer, &news);
        return Ok(());
    }
    Err(Failure::new("the session's calls did not run out"))
}

async fn ask(client: &Client, tool: &str, args: &Value) -> Result<CallToolResult, ServiceError> {
    let mut params = CallToolRequestParams::new(tool.to_owned());
    if let Value::Object(args) = args {
        params = params.with_arguments(args.clone());
    }
    client.call_tool(params).await
}
