//! Software from elsewhere on both sides: an SDK's client, the gate, an SDK's server.
#![cfg(feature = "demo-server")]

use std::sync::{Arc, Mutex};

use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, ClientRequest, JsonObject,
    PaginatedRequestParams, ProgressNotificationParam, ServerResult,
};
use rmcp::service::{NotificationContext, PeerRequestOptions, RunningService, ServiceError};
use rmcp::{ClientHandler, RoleClient, ServiceExt};
use security_mcp::demo::DemoServer;
use security_mcp::{Gate, Judge, Peer, ProtocolEvent, Ticket, ToolCall, Usage, Verdict};
use serde_json::{Value, json};
use tokio::io::{duplex, split};

/// Lets everything through but what a set of names forbids; keeps what was used.
#[derive(Clone, Default)]
struct Names {
    hidden: &'static [&'static str],
    refused: &'static [&'static str],
    used: Arc<Mutex<Vec<String>>>,
}

#[async_trait::async_trait]
impl Judge for Names {
    fn tool_visible(&self, tool: &str) -> bool {
        !self.hidden.contains(&tool)
    }

    fn method_allowed(&self, _: Peer, _: &str) -> bool {
        false
    }

    async fn call(&self, call: ToolCall) -> Verdict {
        if self.hidden.contains(&&*call.name) {
            return Verdict::Hidden;
        }
        if self.refused.contains(&&*call.name) {
            return Verdict::Refused {
                text: format!("`{}` is refused", call.name),
                decision: json!({ "code": "refused" }),
            };
        }
        Verdict::Run(Box::new(Kept(Some(call.name), self.used.clone())))
    }

    fn note(&self, event: &ProtocolEvent<'_>) {
        self.used
            .lock()
            .unwrap()
            .push(format!("note {}", event.code));
    }
}

struct Kept(Option<String>, Arc<Mutex<Vec<String>>>);

impl Kept {
    fn say(&mut self, text: &str) {
        if let Some(tool) = self.0.take() {
            self.1.lock().unwrap().push(format!("{tool}: {text}"));
        }
    }
}

#[async_trait::async_trait]
impl Ticket for Kept {
    async fn settle(mut self: Box<Self>, usage: Usage) {
        self.say(&format!("{usage:?}"));
    }

    async fn fail(mut self: Box<Self>, error: String, _: Usage) {
        self.say(&error);
    }

    async fn cancel(mut self: Box<Self>) {
        self.say("never ran");
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.say("abandoned");
    }
}

/// A client that counts progress.
#[derive(Clone, Default)]
struct Client(Arc<Mutex<Vec<f64>>>);

impl ClientHandler for Client {
    async fn on_progress(
        &self,
        progress: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        self.0.lock().unwrap().push(progress.progress);
    }
}

type Session = RunningService<RoleClient, Client>;

/// A client of the demo server, through a gate or (without a judge) directly.
async fn connect(judge: Option<Names>, folder: &std::path::Path) -> Session {
    let server = DemoServer::new(folder)
        .unwrap()
        .with_clock(|| time::OffsetDateTime::UNIX_EPOCH);
    let (client_near, client_far) = duplex(1 << 16);
    match judge {
        None => {
            let (input, output) = split(client_far);
            tokio::spawn(server.serve_streams(input, output));
        }
        Some(judge) => {
            let (server_near, server_far) = duplex(1 << 16);
            let (input, output) = split(server_far);
            tokio::spawn(server.serve_streams(input, output));
            let gate = Gate::new(judge);
            tokio::spawn(async move { gate.run(split(client_far), split(server_near)).await });
        }
    }
    Client::default().serve(client_near).await.unwrap()
}

fn arguments(value: Value) -> JsonObject {
    serde_json::from_value(value).unwrap()
}

async fn call(
    session: &Session,
    tool: &'static str,
    with: Value,
) -> Result<CallToolResult, ServiceError> {
    let params = CallToolRequestParams::new(tool).with_arguments(arguments(with));
    session.call_tool(params).await
}

fn text(result: &CallToolResult) -> String {
    result.content[0].as_text().unwrap().text.clone()
}

#[tokio::test]
async fn allowed_calls_return_what_they_return_ungated() {
    let folder = tempfile::tempdir().unwrap();
    let gated = connect(Some(Names::default()), folder.path()).await;
    let direct = connect(None, folder.path()).await;
    assert_eq!(
        gated
            .peer_info()
            .map(|info| serde_json::to_value(&*info).unwrap()),
        direct
            .peer_info()
            .map(|info| serde_json::to_value(&*info).unwrap())
    );
    let all = |list: &rmcp::model::ListToolsResult| serde_json::to_value(list).unwrap();
    assert_eq!(
        all(&gated.list_tools(None).await.unwrap()),
        all(&direct
            .list_tools(Some(PaginatedRequestParams::default()))
            .await
            .unwrap())
    );
    for (tool, with) in [
        ("now", json!({})),
        (
            "write_note",
            json!({ "name": "a", "text": "\u{2028} \u{1f980} \"quoted\"" }),
        ),
        ("read_note", json!({ "name": "a" })),
        ("read_note", json!({ "name": "none" })),
        ("write_file", json!({ "name": "f.txt", "text": "x" })),
        ("list_files", json!({})),
        ("read_file", json!({ "name": "../f.txt" })),
        ("read_profile", json!({})),
        ("summarise", json!({ "text": "One. Two." })),
        ("slow", json!({ "steps": 1 })),
    ] {
        let through = call(&gated, tool, with.clone()).await.unwrap();
        let plain = call(&direct, tool, with).await.unwrap();
        assert_eq!(through, plain, "{tool}");
    }
    assert_eq!(
        text(&call(&gated, "now", json!({})).await.unwrap()),
        "1970-01-01T00:00:00Z"
    );
}

#[tokio::test]
async fn hidden_tools_do_not_exist_and_refused_ones_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let names = Names {
        hidden: &["delete_file"],
        refused: &["write_note"],
        ..Names::default()
    };
    let session = connect(Some(names), folder.path()).await;
    let listed = session.list_all_tools().await.unwrap();
    assert!(listed.iter().any(|tool| tool.name == "write_note"));
    assert!(!listed.iter().any(|tool| tool.name == "delete_file"));
    let ServiceError::McpError(hidden) = call(&session, "delete_file", json!({ "name": "x" }))
        .await
        .unwrap_err()
    else {
        panic!("not an error of the protocol");
    };
    assert_eq!(
        (hidden.code.0, &*hidden.message),
        (-32602, "Unknown tool: delete_file")
    );
    assert_eq!(hidden.data, None);
    let refused = call(&session, "write_note", json!({ "name": "a", "text": "b" }))
        .await
        .unwrap();
    assert_eq!(refused.is_error, Some(true));
    assert_eq!(text(&refused), "`write_note` is refused");
    assert_eq!(refused.meta.unwrap().0["aumos/decision"]["code"], "refused");
}

#[tokio::test]
async fn usage_progress_and_cancellation_pass() {
    let folder = tempfile::tempdir().unwrap();
    let names = Names::default();
    let session = connect(Some(names.clone()), folder.path()).await;

    let result = call(&session, "summarise", json!({ "text": "x".repeat(10_000) }))
        .await
        .unwrap();
    assert_eq!(result.meta.unwrap().0["aumos/usage"]["tokens"], 3000);
    assert_eq!(
        names.used.lock().unwrap().pop().unwrap(),
        "summarise: Reported { tokens: Some(3000), cost_usd: Some(\"0.06\") }"
    );

    let slow = |steps: u16| {
        let params =
            CallToolRequestParams::new("slow").with_arguments(arguments(json!({ "steps": steps })));
        ClientRequest::CallToolRequest(CallToolRequest::new(params))
    };
    let options = PeerRequestOptions::no_options;
    let running = session
        .send_cancellable_request(slow(3), options())
        .await
        .unwrap();
    let answer = running.await_response().await.unwrap();
    assert!(matches!(answer, ServerResult::CallToolResult(_)));
    assert_eq!(*session.service().0.lock().unwrap(), [1.0, 2.0, 3.0]);

    let running = session
        .send_cancellable_request(slow(1000), options())
        .await
        .unwrap();
    while session.service().0.lock().unwrap().len() < 5 {
        tokio::task::yield_now().await;
    }
    running.cancel(Some("enough".into())).await.unwrap();
    // The session goes on, and the hold of the cancelled call is settled.
    call(&session, "now", json!({})).await.unwrap();
    assert!(
        names
            .used
            .lock()
            .unwrap()
            .contains(&"slow: abandoned".to_owned())
    );
}
