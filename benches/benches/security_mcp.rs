//! What the gate adds to a round trip over standard input and output: a client and a server in two processes, with
//! nothing, with a bare gate and with a gate that asks the whole stack between them.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use async_trait::async_trait;
use criterion::Criterion;
use security_bundle::{SecurityStackConfig, create_security_stack};
use security_mcp::{
    Gate, GuardJudge, Judge, Peer, ProtocolEvent, ServerCommand, Ticket, ToolCall, Usage, Verdict,
};

const CALL: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read_note","#,
    r#""arguments":{"name":"shopping","lines":[1,2,3]},"_meta":{"progressToken":7}}}"#,
    "\n"
);
const ANSWER: &str = concat!(
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"milk, bread, and a note of some length "#,
    r#"so that the answer is no shorter than answers are"}],"isError":false}}"#,
    "\n"
);
const CONFIG: &str = r#"
[[trust.assignments]]
agent = "bench"
level = "L4"
assigned_by = "ops@example.com"
reason = "bench"
[[trust.tools]]
tool = "*"
required_level = "L1"
effect = "read_public"
[budget.session]
calls = 1000000000
"#;

struct Open;

#[async_trait]
impl Judge for Open {
    fn tool_visible(&self, _: &str) -> bool {
        true
    }

    fn method_allowed(&self, _: Peer, _: &str) -> bool {
        true
    }

    async fn call(&self, _: ToolCall) -> Verdict {
        Verdict::Run(Box::new(Free))
    }

    fn note(&self, _: &ProtocolEvent<'_>) {}
}

struct Free;

#[async_trait]
impl Ticket for Free {
    async fn settle(self: Box<Self>, _: Usage) {}
    async fn fail(self: Box<Self>, _: String, _: Usage) {}
    async fn cancel(self: Box<Self>) {}
}

/// A server that answers every line at once.
fn serve() {
    let mut input = std::io::stdin().lock();
    let mut output = std::io::stdout();
    let mut line = String::new();
    while input.read_line(&mut line).unwrap() > 0 {
        output.write_all(ANSWER.as_bytes()).unwrap();
        output.flush().unwrap();
        line.clear();
    }
}

fn gate(kind: &str) {
    let server = ServerCommand::new(env::current_exe().unwrap(), ["server"]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(async {
            if kind == "bare" {
                return Gate::new(Open).serve_stdio(server).await;
            }
            let config = SecurityStackConfig::from_toml_str(CONFIG).unwrap();
            let stack = create_security_stack(config).unwrap();
            let config = stack.config();
            let judge = GuardJudge::new(
                stack.guard(),
                "bench".try_into().unwrap(),
                "s-1".try_into().unwrap(),
                &config.trust_gate,
                &config.mcp,
            );
            Gate::new(judge.unwrap()).serve_stdio(server).await
        })
        .unwrap();
}

/// A client with whatever stands behind it.
struct Client {
    child: Child,
    output: ChildStdin,
    input: BufReader<ChildStdout>,
    line: String,
}

impl Client {
    fn of(arguments: &[&str]) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            output: child.stdin.take().unwrap(),
            input: BufReader::new(child.stdout.take().unwrap()),
            line: String::new(),
            child,
        }
    }

    fn round_trip(&mut self) {
        self.output.write_all(CALL.as_bytes()).unwrap();
        self.line.clear();
        self.input.read_line(&mut self.line).unwrap();
        assert_eq!(self.line, ANSWER);
    }

    fn close(mut self) {
        drop(self.output);
        self.child.wait().unwrap();
    }
}

fn main() {
    match env::args().nth(1).as_deref() {
        Some("server") => return serve(),
        Some("gate") => return gate(&env::args().nth(2).unwrap()),
        _ => {}
    }
    let mut criterion = Criterion::default().configure_from_args();
    for (name, arguments) in [
        ("stdio round trip/no gate", &["server"][..]),
        ("stdio round trip/bare gate", &["gate", "bare"]),
        ("stdio round trip/gate and stack", &["gate", "stack"]),
    ] {
        let mut client = Client::of(arguments);
        criterion.bench_function(name, |bencher| bencher.iter(|| client.round_trip()));
        client.close();
    }
    criterion.final_summary();
}
