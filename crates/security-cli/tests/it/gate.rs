//! `secstack mcp` on a real pipe: what passes, what is refused, and what is left behind in the log.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use crate::support::{CONFIG, Folder, command, run};

/// A client of a gate in front of the demo's server.
pub(crate) struct Session {
    gate: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Session {
    fn start(folder: &Folder) -> Self {
        let log = folder.file("log.ndjson");
        Self::with(folder, "gate.toml", &["--audit-out", &log])
    }

    /// With this configuration and these arguments.
    pub(crate) fn with(folder: &Folder, config: &str, more: &[&str]) -> Self {
        std::fs::create_dir_all(folder.path().join("files")).unwrap();
        let mut gate = command()
            .args(["mcp", "--config", &folder.file(config)])
            .args(more)
            .arg("--")
            .arg(env!("CARGO_BIN_EXE_secstack"))
            .args(["demo-server", &folder.file("files")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (to, from) = (gate.stdin.take().unwrap(), gate.stdout.take().unwrap());
        let mut session = Self {
            gate,
            to,
            from: BufReader::new(from),
        };
        let hello = session.ask(&json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize",
            "params": {
                "protocolVersion": "2025-06-18", "capabilities": {},
                "clientInfo": { "name": "desk-assistant-but-L5", "version": "1" },
            },
        }));
        assert_eq!(hello["result"]["serverInfo"]["name"], "secstack-demo");
        session.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        session
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string());
    }

    fn send_text(&mut self, line: &str) {
        writeln!(self.to, "{line}").unwrap();
    }

    pub(crate) fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    pub(crate) fn ask(&mut self, message: &Value) -> Value {
        self.send(message);
        self.answer()
    }

    pub(crate) fn call(&mut self, id: u32, tool: &str, arguments: &Value) -> Value {
        self.begin(id, tool, arguments);
        self.answer()
    }

    /// Sends a call, whose answer comes later.
    pub(crate) fn begin(&mut self, id: u32, tool: &str, arguments: &Value) {
        self.send(&json!({
            "jsonrpc": "2.0", "id": id, "method": "tools/call",
            "params": { "name": tool, "arguments": arguments },
        }));
    }

    /// SIGKILL to the gate; the verifier key that it told.
    pub(crate) fn kill(mut self) -> String {
        self.gate.kill().unwrap();
        self.end().1
    }

    /// Closes the client's side; the exit status and the verifier key that the gate told.
    pub(crate) fn end(self) -> (Option<i32>, String) {
        drop(self.to);
        let output = self.gate.wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        let key = told
            .lines()
            .find_map(|line| line.strip_prefix("verifier key: "))
            .unwrap_or_else(|| panic!("{told}"))
            .to_owned();
        (output.status.code(), key)
    }
}

#[test]
fn calls_are_judged_and_the_log_tells_the_same_story() {
    let folder = Folder::with(CONFIG);
    let mut session = Session::start(&folder);

    let listed = session.ask(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" }));
    let names: Vec<&str> = listed["result"]["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"read_note") && names.contains(&"write_note"),
        "{names:?}"
    );
    assert!(!names.contains(&"delete_file"), "{names:?}");

    let hidden = session.call(2, "delete_file", &json!({ "name": "x" }));
    assert_eq!(
        hidden["error"],
        json!({ "code": -32602, "message": "Unknown tool: delete_file" })
    );
    let asks = session.call(3, "write_note", &json!({ "name": "a", "text": "b" }));
    assert_eq!(asks["result"]["isError"], true);
    assert_eq!(
        asks["result"]["_meta"]["aumos/decision"]["code"],
        "needs_approval"
    );
    let consent = session.call(4, "read_profile", &json!({}));
    assert_eq!(
        consent["result"]["_meta"]["aumos/decision"]["code"],
        "no_record"
    );
    for id in 5..8 {
        let ran = session.call(id, "now", &json!({}));
        assert_eq!(ran["result"]["isError"], false, "{ran}");
    }
    let spent = session.call(8, "now", &json!({}));
    assert_eq!(
        spent["result"]["_meta"]["aumos/decision"]["code"],
        "exceeds_budget"
    );
    let (status, key) = session.end();
    assert_eq!(status, Some(0));

    let log = folder.file("log.ndjson");
    let verified = run(["audit", "verify", &log, "--vkey", &key]);
    assert_eq!(verified.status, Some(0), "{}{}", verified.out, verified.err);
    let count = |outcome: &str| {
        let ran = run([
            "audit",
            "query",
            &log,
            "--vkey",
            &key,
            "--outcome",
            outcome,
            "--json",
        ]);
        assert_eq!(ran.status, Some(0), "{}", ran.err);
        ran.out.lines().count()
    };
    assert_eq!((count("allow"), count("deny")), (3, 4));
}

#[test]
fn messages_that_two_readers_could_read_differently_are_not_forwarded() {
    let folder = Folder::with(CONFIG);
    let mut session = Session::start(&folder);
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"now","arguments":{}1{}}}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for (line, code) in [
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"now","na\u006de":"delete_file","arguments":{}}}"#,
            -32600,
        ),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        (
            r#"{"jsonrpc":"2.0","id":1.5,"method":"tools/list"}"#,
            -32600,
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"#, -32700),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/erase"}"#, -32601),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"resources/list"}"#,
            -32601,
        ),
        (&deep, -32600),
    ] {
        session.send_text(line);
        let shown: String = line.chars().take(80).collect();
        assert_eq!(session.answer()["error"]["code"], code, "{shown}");
    }
    let pong = session.ask(&json!({ "jsonrpc": "2.0", "id": 2, "method": "ping" }));
    assert!(pong["result"].is_object(), "the session goes on: {pong}");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn a_line_of_64_megabytes_is_refused_and_the_session_goes_on() {
    let folder = Folder::with(CONFIG);
    let mut session = Session::start(&folder);
    session.send_text(&"x".repeat(64 << 20));
    assert_eq!(session.answer()["error"]["code"], -32600);
    let pong = session.ask(&json!({ "jsonrpc": "2.0", "id": 2, "method": "ping" }));
    assert!(pong["result"].is_object(), "{pong}");
    assert_eq!(session.end().0, Some(0));
}

#[test]
fn a_log_that_is_there_already_is_kept() {
    let folder = Folder::with(CONFIG);
    let (_, first) = Session::start(&folder).end();
    let (_, second) = Session::start(&folder).end();
    let (_, third) = Session::start(&folder).end();
    for (name, key) in [
        ("log.ndjson.1", first),
        ("log.ndjson.2", second),
        ("log.ndjson", third),
    ] {
        let ran = run(["audit", "verify", &folder.file(name), "--vkey", &key]);
        assert_eq!(ran.status, Some(0), "{name}: {}", ran.out);
    }
}

#[test]
fn a_server_that_cannot_be_started_ends_with_2() {
    let folder = Folder::with(CONFIG);
    let ran = run([
        "mcp",
        "--config",
        &folder.file("gate.toml"),
        "--",
        "/no/such/server",
    ]);
    assert_eq!(ran.status, Some(2), "{}", ran.err);
    assert!(
        ran.out.is_empty(),
        "nothing but protocol on standard output"
    );
}

#[test]
fn a_file_that_becomes_tighter_is_in_force_in_the_running_gate_and_one_that_raises_is_not() {
    let folder = Folder::with(CONFIG);
    let config = folder.path().join("gate.toml");
    let mut session = Session::with(&folder, "gate.toml", &[]);
    let mut told = BufReader::new(session.gate.stderr.take().unwrap());
    let mut hear = |what: &str| {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(told.read_line(&mut line).unwrap() > 0, "nothing was told");
        }
        line
    };
    let write = json!({ "name": "a.txt", "text": "a" });
    let answer = session.call(1, "write_file", &write);
    assert!(answer["result"]["content"].is_array(), "{answer}");

    let tighter = CONFIG.replace("\"L3\"\neffect", "\"L4\"\neffect");
    std::fs::write(&config, tighter).unwrap();
    hear("the configuration is in force as it is now");
    let answer = session.call(2, "write_file", &write);
    assert_eq!(answer["error"]["code"], -32602, "{answer}");

    let raising = CONFIG.replace("\"L3\"\nassigned", "\"L5\"\nassigned");
    std::fs::write(&config, raising).unwrap();
    let line = hear("the configuration from before is still in force");
    assert!(line.contains("desk-assistant"), "{line}");
    session.gate.kill().unwrap();
    session.gate.wait().unwrap();
}
