//! `--metrics`: what Prometheus gets from a running gate and a running log server, and that nothing else changes for it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::{CONFIG, Folder, Log, command, run};

/// The address that the command tells on standard error.
fn told(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let line = line.unwrap();
        let address = line.strip_prefix("metrics: http://")?;
        Some(address.strip_suffix("/metrics").unwrap().to_owned())
    });
    // Read to the end, so that whoever writes there never waits.
    std::thread::spawn(move || lines.for_each(drop));
    address.unwrap()
}

/// The head and the body of an answer.
fn get(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn a_gate_answers_with_what_it_has_decided() {
    let folder = Folder::with(CONFIG);
    std::fs::create_dir_all(folder.path().join("files")).unwrap();
    let mut gate = command()
        .args([
            "mcp",
            "--config",
            &folder.file("gate.toml"),
            "--metrics",
            "0",
            "--",
        ])
        .arg(env!("CARGO_BIN_EXE_secstack"))
        .args(["demo-server", &folder.file("files")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = told(&mut gate);
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    let mut to = gate.stdin.take().unwrap();
    let mut from = BufReader::new(gate.stdout.take().unwrap());
    let mut ask = |message: &Value| -> Value {
        writeln!(to, "{message}").unwrap();
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    let client = json!({ "name": "c", "version": "1" });
    ask(&json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": { "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client },
    }));
    let tools = ["now", "now", "now", "now", "write_note", "delete_file"];
    for (id, tool) in tools.into_iter().enumerate() {
        ask(&json!({
            "jsonrpc": "2.0", "id": id + 1, "method": "tools/call",
            "params": { "name": tool, "arguments": { "name": "a", "text": "b" } },
        }));
    }
    let (head, text) = get(&address, "GET /metrics");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(
        head.contains("content-type: application/openmetrics-text; version=1.0.0"),
        "{head}"
    );
    for line in [
        r#"secstack_decisions_total{asked="authorize",outcome="allow",reason="allowed",tool="*"} 3"#,
        r#"secstack_decisions_total{asked="authorize",outcome="deny",reason="exceeds_budget",tool="*"} 1"#,
        r#"secstack_decisions_total{asked="authorize",outcome="deny",reason="needs_approval",tool="write_*"} 1"#,
        r#"secstack_permit_duration_seconds_count{ending="settled"} 3"#,
        "secstack_permits_open 0",
        "secstack_sessions 1",
        "secstack_audit_lost_total 0",
        "# EOF",
    ] {
        assert!(text.lines().any(|of| of == line), "no `{line}` in {text}");
    }
    assert!(get(&address, "GET /").0.starts_with("http/1.1 404"));
    assert!(get(&address, "POST /metrics").0.starts_with("http/1.1 405"));
    drop(to);
    assert_eq!(gate.wait().unwrap().code(), Some(0));
    let mut rest = String::new();
    from.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "nothing but protocol goes to standard output");
    assert!(TcpStream::connect(&address).is_err());
}

#[test]
fn a_log_server_answers_with_how_far_the_log_is() {
    let log = Log::filled();
    let mut server = command()
        .args([
            "audit",
            "serve",
            &log.dir(),
            "--listen",
            "127.0.0.1:0",
            "--metrics",
            "127.0.0.1:0",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = told(&mut server);
    let mut line = String::new();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let log_at = line.trim().strip_prefix("http://").unwrap();
    assert!(get(log_at, "GET /checkpoint").0.starts_with("http/1.1 200"));
    assert!(get(log_at, "GET /metrics").0.starts_with("http/1.1 404"));
    let (_, text) = get(&address, "GET /metrics");
    insta::assert_snapshot!(text, @r"
    # HELP secstack_log_entries Entries of the log.
    # TYPE secstack_log_entries gauge
    secstack_log_entries 5
    # HELP secstack_log_published Entries that the published checkpoint covers.
    # TYPE secstack_log_published gauge
    secstack_log_published 5
    # HELP secstack_log_requests Requests for the log.
    # TYPE secstack_log_requests counter
    secstack_log_requests_total 2
    # EOF
    ");
    log.append(&[r#"{"event":"more"}"#]);
    let (_, text) = get(&address, "GET /metrics");
    assert!(text.contains("secstack_log_entries 6\n"), "{text}");
    let documented = include_str!("../../../../docs/observability.md");
    let names = text.lines().filter(|line| !line.starts_with('#'));
    for name in names.filter_map(|line| line.split(' ').next()) {
        assert!(documented.contains(&format!("`{name}`")), "{name}");
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn an_address_that_cannot_be_had_is_told_before_anything_runs() {
    let folder = Folder::with(CONFIG);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    for (address, told) in [
        (taken.to_string(), taken.to_string()),
        (
            "everywhere".to_owned(),
            "write a port, such as 9464".to_owned(),
        ),
        ("65536".to_owned(), "write a port, such as 9464".to_owned()),
    ] {
        let config = folder.file("gate.toml");
        let ran = run([
            "mcp",
            "--config",
            &config,
            "--metrics",
            &address,
            "--",
            "false",
        ]);
        assert_eq!((ran.status, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
        assert!(ran.err.contains(&told), "{}", ran.err);
    }
}
