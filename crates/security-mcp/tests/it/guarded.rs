//! The whole of it: an SDK's client, the gate with a real security stack, an SDK's server.
#![cfg(feature = "demo-server")]

use std::time::Duration;

use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::{RunningService, ServiceError};
use rmcp::{RoleClient, ServiceExt};
use security_bundle::audit_trail::{Filter, Kind, Outcome, Record};
use security_bundle::trust_gate::ApprovalId;
use security_bundle::{SecurityStack, SecurityStackConfig, create_security_stack};
use security_mcp::demo::DemoServer;
use security_mcp::{Gate, GuardJudge, Judge, ToolCall, Verdict};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex, split};
use tokio::time::timeout;

const CONFIG: &str = r#"
[agent]
id = "desk-assistant"
session = "s-1"
[[trust.assignments]]
agent = "desk-assistant"
level = "L4"
assigned_by = "ops@example.com"
reason = "test"
[[trust.tools]]
tool = "delete_file"
required_level = "L5"
effect = "destructive"
[[trust.tools]]
tool = "read_profile"
required_level = "L2"
effect = "read_sensitive"
[[trust.tools]]
tool = "summarise"
required_level = "L1"
effect = "read_public"
[[trust.tools]]
tool = "now"
required_level = "L1"
effect = "read_public"
[budget.session]
calls = 6
tokens = 2050
cost_usd = "0.05"
[[budget.tools]]
tool = "summarise"
tokens = 100
cost_usd = "0.002"
[[consent.tools]]
tool = "read_profile"
data_type = "user_profile"
purpose = "personalisation"
[mcp.methods]
"resources/*" = "L1"
"prompts/*" = "L5"
[audit]
namespace = "test"
"#;

fn stack() -> SecurityStack {
    create_security_stack(SecurityStackConfig::from_toml_str(CONFIG).unwrap()).unwrap()
}

fn gate(stack: &SecurityStack) -> Gate<GuardJudge> {
    let config = stack.config();
    let judge = GuardJudge::new(
        stack.guard(),
        "desk-assistant".try_into().unwrap(),
        "s-1".try_into().unwrap(),
        &config.trust_gate,
        &config.mcp,
    );
    Gate::new(judge.unwrap())
}

type Session = RunningService<RoleClient, ()>;

async fn connect(stack: &SecurityStack, folder: &std::path::Path) -> Session {
    let gate = gate(stack);
    let (client_near, client_far) = duplex(1 << 16);
    let (server_near, server_far) = duplex(1 << 16);
    let (input, output) = split(server_far);
    tokio::spawn(
        DemoServer::new(folder)
            .unwrap()
            .serve_streams(input, output),
    );
    tokio::spawn(async move { gate.run(split(client_far), split(server_near)).await });
    ().serve(client_near).await.unwrap()
}

async fn call(
    session: &Session,
    tool: &'static str,
    with: Value,
) -> Result<CallToolResult, ServiceError> {
    let params =
        CallToolRequestParams::new(tool).with_arguments(serde_json::from_value(with).unwrap());
    session.call_tool(params).await
}

fn code(result: &CallToolResult) -> String {
    assert_eq!(result.is_error, Some(true), "{result:?}");
    let meta = result.meta.as_ref().unwrap();
    meta.0["aumos/decision"]["code"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn one_agent_s_session_from_permit_to_an_empty_purse() {
    let folder = tempfile::tempdir().unwrap();
    let stack = stack();
    let session = connect(&stack, folder.path()).await;

    let listed = session.list_all_tools().await.unwrap();
    let names: Vec<&str> = listed.iter().map(|tool| &*tool.name).collect();
    assert!(
        !names.contains(&"write_note"),
        "no rule names it: {names:?}"
    );
    assert!(
        names.contains(&"now") && names.contains(&"summarise"),
        "{names:?}"
    );

    let now = call(&session, "now", json!({})).await.unwrap();
    assert_eq!(now.is_error, Some(false));
    let unknown = call(&session, "write_note", json!({ "name": "a", "text": "b" })).await;
    assert!(matches!(unknown, Err(ServiceError::McpError(error))
        if error.code.0 == -32602 && error.message == "Unknown tool: write_note" && error.data.is_none()));
    let without_consent = call(&session, "read_profile", json!({})).await.unwrap();
    assert_eq!(
        without_consent.meta.as_ref().unwrap().0["aumos/decision"]["stage"],
        "consent"
    );
    code(&without_consent);

    // 100 tokens are reserved, 1000 are used: after two of them the session has 50 left.
    let text = "x".repeat(2000);
    for _ in 0..2 {
        let result = call(&session, "summarise", json!({ "text": text }))
            .await
            .unwrap();
        assert_eq!(result.meta.unwrap().0["aumos/usage"]["tokens"], 1000);
    }
    let spent = call(&session, "summarise", json!({ "text": "x" }))
        .await
        .unwrap();
    assert_eq!(
        spent.meta.as_ref().unwrap().0["aumos/decision"]["stage"],
        "budget"
    );
    code(&spent);
    // Three calls are spent; three are left, and refused ones cost none.
    for _ in 0..3 {
        assert_eq!(
            call(&session, "now", json!({})).await.unwrap().is_error,
            Some(false)
        );
    }
    code(&call(&session, "now", json!({})).await.unwrap());

    let entries = stack
        .audit
        .query(&Filter::new().agent("desk-assistant").session("s-1"))
        .unwrap()
        .records;
    let counted = |of: &str| {
        entries
            .iter()
            .filter(|entry| entry.kind().as_str() == of)
            .count()
    };
    assert_eq!(counted("decision"), 10, "{entries:?}");
    assert_eq!(counted("outcome"), 6, "{entries:?}");
    stack.audit.publish_checkpoint().unwrap();
    assert!(stack.audit.verify(None).unwrap().fully_covered());
}

#[tokio::test]
async fn what_the_gate_refuses_is_in_the_log() {
    let stack = stack();
    let gate = gate(&stack);
    let (client, client_far) = duplex(1 << 16);
    let (server, server_far) = duplex(1 << 16);
    let run = tokio::spawn(async move { gate.run(split(client_far), split(server_far)).await });
    let (read, mut write) = split(client);
    let mut answers = BufReader::new(read).lines();
    for (line, answer) in [
        ("nonsense", "-32700"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"prompts/list"}"#,
            "-32601",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
            "-32600",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a\u0000b"}}"#,
            "Unknown tool",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":""}}"#,
            "Unknown tool: ",
        ),
    ] {
        write
            .write_all(format!("{line}\n").as_bytes())
            .await
            .unwrap();
        let got = answers.next_line().await.unwrap().unwrap();
        assert!(got.contains(answer), "{line}: {got}");
    }
    drop((answers, write, server));
    run.await.unwrap().unwrap();
    let records = stack
        .audit
        .query(&Filter::new().session("s-1"))
        .unwrap()
        .records;
    let events: Vec<_> = records.iter().filter_map(|record| record.event()).collect();
    assert_eq!(
        events,
        [
            "mcp_not_json",
            "mcp_method_denied",
            "mcp_duplicate_key",
            "mcp_refused",
            "mcp_refused"
        ]
    );
}

/// A stack in which `send` needs an operator's approval, and a judge that waits two minutes for it.
fn asking(more: &str) -> (SecurityStack, GuardJudge) {
    let config = r#"
[[trust.assignments]]
agent = "desk-assistant"
level = "L4"
assigned_by = "ops@example.com"
[[trust.tools]]
tool = "send"
required_level = "L2"
effect = "write"
approval = "always"
[[trust.tools]]
tool = "erase"
required_level = "L5"
effect = "destructive"
"#;
    let config = SecurityStackConfig::from_toml_str(&format!("{more}{config}")).unwrap();
    let mut mcp = config.mcp.clone();
    mcp.approval_wait = Some(Duration::from_secs(120));
    let trust = config.trust_gate.clone();
    let stack = create_security_stack(config).unwrap();
    let judge = GuardJudge::new(
        stack.guard(),
        "desk-assistant".try_into().unwrap(),
        "s-1".try_into().unwrap(),
        &trust,
        &mcp,
    );
    (stack, judge.unwrap())
}

fn decisions(stack: &SecurityStack) -> Vec<Option<Outcome>> {
    let filter = Filter::new().kind(Kind::Decision);
    let records = stack.audit.query(&filter).unwrap().records;
    records.iter().map(Record::outcome).collect()
}

fn approval(decision: &Value) -> ApprovalId {
    serde_json::from_value(decision["approval"].clone()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_is_held_until_an_operator_approves() {
    let (stack, judge) = asking("");
    let Verdict::Held {
        until,
        text,
        decision,
    } = judge.call(ToolCall::new("send", None)).await
    else {
        panic!("not held");
    };
    let id = approval(&decision);
    assert!(text.contains(&format!("approval `{id}`")), "{text}");
    let operator = "ops@example.com".parse().unwrap();
    let admin = stack.admin();
    let mut until = std::pin::pin!(until);
    assert!(
        timeout(Duration::from_secs(100), &mut until).await.is_err(),
        "nobody has approved it"
    );
    admin
        .trust()
        .approvals()
        .approve(id, &operator, "known")
        .unwrap();
    let Verdict::Run(ticket) = until.await else {
        panic!("approved, and not run");
    };
    ticket.settle(security_mcp::Usage::Unreported).await;
    assert_eq!(
        decisions(&stack),
        [Some(Outcome::Deny), Some(Outcome::AllowWithCaveat)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_is_answered_by_the_denial_that_is_recorded() {
    let (stack, judge) = asking("");
    let Verdict::Held {
        until,
        text,
        decision,
    } = judge.call(ToolCall::new("send", None)).await
    else {
        panic!("not held");
    };
    let began = tokio::time::Instant::now();
    let Verdict::Refused {
        text: now,
        decision: then,
    } = until.await
    else {
        panic!("not refused");
    };
    assert_eq!(began.elapsed().as_secs(), 120);
    assert_eq!((now, then), (text, decision));
    assert_eq!(decisions(&stack), [Some(Outcome::Deny)]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_an_operator_denies_is_not_asked_for_again() {
    let (stack, judge) = asking("");
    let Verdict::Held {
        until, decision, ..
    } = judge.call(ToolCall::new("send", None)).await
    else {
        panic!("not held");
    };
    let operator = "ops@example.com".parse().unwrap();
    let admin = stack.admin();
    let denied = admin
        .trust()
        .approvals()
        .deny(approval(&decision), &operator, "not today");
    denied.unwrap();
    let Verdict::Refused { text, decision } = until.await else {
        panic!("not refused");
    };
    assert_eq!(decision["code"], "approval_denied");
    assert_eq!(decision.get("approval"), None);
    assert!(text.contains("Do not repeat it"), "{text}");
}

#[tokio::test]
async fn a_stack_that_only_watches_hides_and_holds_nothing() {
    let (stack, judge) = asking("mode = \"shadow\"\n");
    for tool in ["send", "erase", "unheard_of"] {
        assert!(judge.tool_visible(tool));
        let Verdict::Run(ticket) = judge.call(ToolCall::new(tool, None)).await else {
            panic!("`{tool}` is stopped");
        };
        ticket.settle(security_mcp::Usage::Unreported).await;
    }
    let filter = Filter::new().kind(Kind::Decision);
    let records = stack.audit.query(&filter).unwrap().records;
    assert_eq!(records.len(), 3);
    for record in records {
        assert_eq!(record.decision().unwrap().enforced, Some(false));
    }
}
