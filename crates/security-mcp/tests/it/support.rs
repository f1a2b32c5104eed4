//! A judge that follows a table, and a harness that plays a transcript through a real gate.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use security_mcp::{
    Gate, Judge, Limits, MethodRule, Methods, Peer, ProtocolEvent, Ticket, ToolCall, Usage, Verdict,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// What happened, in order.
pub(crate) type Log = Arc<Mutex<Vec<String>>>;

/// `run_*`, `late_*` and `held_*` run (`late_*` and `held_*` once released), `no_*` are refused, every other tool is hidden.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) log: Log,
    methods: Arc<Methods<u8>>,
    gates: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self::with_methods([
            ("resources/*", MethodRule::Level(1)),
            ("prompts/*", MethodRule::Level(3)),
            ("tools/*", MethodRule::Pass),
            ("sampling/createMessage", MethodRule::Deny),
            ("elicitation/*", MethodRule::Pass),
        ])
    }

    pub(crate) fn with_methods<const N: usize>(methods: [(&str, MethodRule<u8>); N]) -> Self {
        Self {
            log: Log::default(),
            methods: Arc::new(methods.into_iter().collect()),
            gates: Arc::default(),
        }
    }

    fn say(&self, text: String) {
        self.log.lock().unwrap().push(text);
    }

    fn gate(&self, tool: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap();
        let gate = gates.entry(tool.to_owned());
        gate.or_insert_with(|| Arc::new(Semaphore::new(0))).clone()
    }

    pub(crate) fn release(&self, tool: &str) {
        self.gate(tool).add_permits(1);
    }
}

#[async_trait]
impl Judge for Table {
    fn tool_visible(&self, tool: &str) -> bool {
        ["run_", "late_", "held_", "no_"]
            .iter()
            .any(|start| tool.starts_with(start))
    }

    fn method_allowed(&self, _: Peer, method: &str) -> bool {
        match self.methods.rule(method) {
            Some(MethodRule::Pass) => true,
            Some(MethodRule::Level(level)) => *level <= 2,
            Some(MethodRule::Deny) | None => false,
        }
    }

    async fn call(&self, call: ToolCall) -> Verdict {
        if !self.tool_visible(&call.name) {
            return Verdict::Hidden;
        }
        if call.name.starts_with("late_") {
            self.gate(&call.name).acquire().await.unwrap().forget();
        }
        if call.name.starts_with("no_") {
            return Verdict::Refused {
                text: format!("`{}` needs level L4", call.name),
                decision: json!({ "code": "insufficient_level" }),
            };
        }
        if call.name.starts_with("held_") {
            let (table, tool, gate) = (self.clone(), call.name.clone(), self.gate(&call.name));
            let mut hold = Hold(Some((self.clone(), call.name.clone())));
            return Verdict::Held {
                until: Box::pin(async move {
                    gate.acquire().await.unwrap().forget();
                    drop(hold.0.take());
                    table.say(format!("permit {tool}"));
                    Verdict::Run(Box::new(TableTicket {
                        tool: Some(tool),
                        log: table,
                    }))
                }),
                text: format!("`{}` waits for an operator", call.name),
                decision: json!({ "code": "needs_approval" }),
            };
        }
        self.say(format!("permit {}", call.name));
        Verdict::Run(Box::new(TableTicket {
            tool: Some(call.name),
            log: self.clone(),
        }))
    }

    fn note(&self, event: &ProtocolEvent<'_>) {
        let mut text = format!("note {} {}", event.from.as_str(), event.code);
        if let Some(method) = event.method {
            write!(text, " method={method}").unwrap();
        }
        if let Some(id) = event.id {
            write!(text, " id={id}").unwrap();
        }
        self.say(text);
    }
}

/// A call that is held, and says so if it is let go of.
struct Hold(Option<(Table, String)>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some((table, tool)) = self.0.take() {
            table.say(format!("let go of {tool}"));
        }
    }
}

struct TableTicket {
    tool: Option<String>,
    log: Table,
}

#[async_trait]
impl Ticket for TableTicket {
    async fn settle(mut self: Box<Self>, usage: Usage) {
        let tool = self.tool.take().unwrap();
        self.log.say(format!("settle {tool} {usage:?}"));
    }

    async fn fail(mut self: Box<Self>, error: String, usage: Usage) {
        let tool = self.tool.take().unwrap();
        self.log.say(format!("fail {tool} {usage:?}: {error}"));
    }

    async fn cancel(mut self: Box<Self>) {
        let tool = self.tool.take().unwrap();
        self.log.say(format!("cancel {tool}"));
    }
}

impl Drop for TableTicket {
    fn drop(&mut self) {
        if let Some(tool) = self.tool.take() {
            self.log.say(format!("abandon {tool}"));
        }
    }
}

/// Plays a transcript and writes down what it led to.
///
/// A line is `c> bytes` or `s> bytes` (client or server sends them), `c: {..}` or `s: {..}` (the same with the
/// `jsonrpc` member put in), `release TOOL` (the judge makes up its mind), `c.` or `s.` (that side closes). What follows
/// each line: what the judge saw, what reached the server (`-> server`) and what the client (`-> client`).
pub(crate) fn play(limits: Limits, transcript: &str) -> String {
    play_with(&Table::new(), limits, transcript)
}

/// As [`play`], with another judge.
pub(crate) fn play_with(table: &Table, limits: Limits, transcript: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let gate = Gate::new(table.clone()).with_limits(limits);
        let (client, client_far) = duplex(1 << 20);
        let (server, server_far) = duplex(1 << 20);
        let run = tokio::spawn(async move {
            let client = tokio::io::split(client_far);
            let server = tokio::io::split(server_far);
            gate.run(client, server).await
        });
        let mut sides = Sides {
            client: Some(client),
            server: Some(server),
        };
        let mut out = String::new();
        for line in transcript
            .lines()
            .map(str::trim_start)
            .filter(|line| !line.is_empty())
        {
            writeln!(out, "{line}").unwrap();
            sides.send(line, table).await;
            sides.collect(table, &mut out).await;
        }
        drop(sides.client.take());
        if let Some(server) = sides.server.take() {
            drop(server);
        }
        let ended = run.await.unwrap();
        let mut left = std::mem::take(&mut *table.log.lock().unwrap());
        // What ends with the gate ends at once: calls still under way are tasks of their own, and who of them is first is nobody's promise.
        left.sort();
        for text in left {
            writeln!(out, "  {text}").unwrap();
        }
        writeln!(out, "{ended:?}").unwrap();
        out
    })
}

struct Sides {
    client: Option<DuplexStream>,
    server: Option<DuplexStream>,
}

impl Sides {
    async fn send(&mut self, line: &str, table: &Table) {
        if let Some(tool) = line.strip_prefix("release ") {
            return table.release(tool);
        }
        let side = match line.as_bytes()[0] {
            b'c' => &mut self.client,
            b's' => &mut self.server,
            _ => panic!("bad line `{line}`"),
        };
        if &line[1..] == "." {
            // Closes the writing half only: what is still on its way can be read.
            side.as_mut().unwrap().shutdown().await.unwrap();
            return;
        }
        let (kind, text) = line[1..].split_once(' ').unwrap();
        let text = match kind {
            ">" => text.to_owned(),
            ":" => text.replacen('{', "{\"jsonrpc\":\"2.0\",", 1),
            _ => panic!("bad line `{line}`"),
        };
        let side = side.as_mut().unwrap();
        side.write_all(format!("{text}\n").as_bytes())
            .await
            .unwrap();
    }

    /// With paused time a timeout fires only when nothing else can go on: then all is said.
    async fn collect(&mut self, table: &Table, out: &mut String) {
        let mut read = [String::new(), String::new()];
        for _ in 0..2 {
            for (side, text) in [&mut self.server, &mut self.client]
                .into_iter()
                .zip(&mut read)
            {
                let Some(side) = side else { continue };
                let mut chunk = [0; 4096];
                while let Ok(Ok(count @ 1..)) =
                    timeout(Duration::from_millis(1), side.read(&mut chunk)).await
                {
                    text.push_str(std::str::from_utf8(&chunk[..count]).unwrap());
                }
            }
        }
        for text in table.log.lock().unwrap().drain(..) {
            writeln!(out, "  {text}").unwrap();
        }
        for (name, text) in ["server", "client"].into_iter().zip(read) {
            for line in text.split_inclusive('\n') {
                let shown = line.strip_suffix('\n').unwrap_or(line).escape_debug();
                writeln!(
                    out,
                    "  -> {name} {}",
                    shown.to_string().replace("\\\"", "\"")
                )
                .unwrap();
            }
        }
    }
}
