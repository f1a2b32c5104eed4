//! What holds whatever comes: byte by byte, key by key, in any order.

use std::collections::HashMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use security_mcp::{Gate, Limits};
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex, split};
use tokio::time::timeout;

use crate::model::Model;
use crate::support::Table;

/// One thing that a side does.
#[derive(Debug, Clone)]
enum Step {
    Client(Vec<u8>),
    Server(Vec<u8>),
    Release,
}

/// What reached either side, and what the judge saw.
struct Seen {
    by_server: Vec<u8>,
    by_client: Vec<u8>,
    log: Vec<String>,
}

/// Plays steps one after the other, each until nothing more comes of it; then both sides close.
fn exchange(steps: &[Step]) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let table = Table::new();
        let gate = Gate::new(table.clone()).with_limits(Limits {
            max_line: 4096,
            ..Limits::default()
        });
        let (mut client, client_far) = duplex(1 << 20);
        let (mut server, server_far) = duplex(1 << 20);
        let run = tokio::spawn(async move { gate.run(split(client_far), split(server_far)).await });
        let (mut by_server, mut by_client) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Client(line) => send(&mut client, line).await,
                Step::Server(line) => send(&mut server, line).await,
                Step::Release => table.release("late_a"),
            }
            // The second look catches what the first led to.
            for _ in 0..2 {
                drain(&mut server, &mut by_server).await;
                drain(&mut client, &mut by_client).await;
            }
        }
        client.shutdown().await.unwrap();
        server.shutdown().await.unwrap();
        drain(&mut server, &mut by_server).await;
        drain(&mut client, &mut by_client).await;
        drop((client, server));
        run.await.unwrap().unwrap();
        let log = table.log.lock().unwrap().clone();
        Seen {
            by_server,
            by_client,
            log,
        }
    })
}

async fn send(side: &mut DuplexStream, line: &[u8]) {
    side.write_all(line).await.unwrap();
    side.write_all(b"\n").await.unwrap();
}

/// Time is paused: the timeout fires once nothing else can go on.
async fn drain(side: &mut DuplexStream, seen: &mut Vec<u8>) {
    let mut chunk = vec![0; 1 << 14];
    while let Ok(Ok(count @ 1..)) = timeout(Duration::from_millis(1), side.read(&mut chunk)).await {
        seen.extend_from_slice(&chunk[..count]);
    }
}

/// Keys with a meaning, and others that look like them.
fn key() -> impl Strategy<Value = &'static str> {
    select(vec![
        "jsonrpc",
        "id",
        "method",
        "params",
        "result",
        "error",
        "name",
        "arguments",
        "task",
        "requestId",
        "x",
        "Method",
        "ID",
        "na\\u006de",
        "param\u{17f}",
        "tas\u{212a}",
        "NAME",
        "\\ud800",
        "m\\u0065thod",
        "Jsonrpc",
    ])
}

fn scalar() -> impl Strategy<Value = &'static str> {
    select(vec![
        "\"2.0\"",
        "1",
        "2",
        "\"1\"",
        "\"\\u0031\"",
        "null",
        "true",
        "1.5",
        "-0",
        "1e400",
        "01",
        "1e2",
        "",
        "9007199254740993",
        "\"tools/call\"",
        "\"tools\\/call\"",
        "\"Tools/call\"",
        "\"ping\"",
        "\"run_a\"",
        "\"no_a\"",
        "\"hidden\"",
        "\"\\ud800\"",
        "\"\\ud83e\\udd80\"",
        "\"notifications/cancelled\"",
        "\"resources/read\"",
        "\"a\u{2028}b\"",
        "\"\t\"",
        "[]",
        "{}",
        "nul",
        "\"",
    ])
}

fn blank() -> impl Strategy<Value = &'static str> {
    prop_oneof![20 => Just(""), 3 => Just(" "), 1 => Just("\t"), 1 => Just("\r")]
}

/// JSON-like text: mostly well formed, with all that a message could be made of.
fn text() -> impl Strategy<Value = String> {
    let leaf = scalar().prop_map(str::to_owned);
    leaf.prop_recursive(3, 24, 6, |inner| {
        let member = (key(), blank(), inner.clone()).prop_map(|(key, blank, value)| format!("\"{key}\":{blank}{value}"));
        prop_oneof![
            4 => (vec(member, 0..6), blank()).prop_map(|(members, blank)| format!("{{{}{blank}}}", members.join(","))),
            1 => vec(inner, 0..3).prop_map(|items| format!("[{}]", items.join(","))),
        ]
    })
}

/// Messages that pass, and some that do not, to be damaged.
fn message() -> impl Strategy<Value = String> {
    let id = select(vec!["1", "2", "3", "\"1\"", "\"a\"", "-7"]);
    let method = select(vec![
        ("ping", "{}"),
        ("initialize", "{\"clientInfo\":{\"name\":\"x\"}}"),
        ("tools/list", "{\"cursor\":\"c\"}"),
        (
            "tools/call",
            "{\"name\":\"run_a\",\"arguments\":{\"a\":[1,{\"b\":\"\\u0041\"}]}}",
        ),
        ("tools/call", "{\"name\":\"hidden\"}"),
        (
            "tools/call",
            "{\"name\":\"no_a\",\"_meta\":{\"progressToken\":1}}",
        ),
        ("resources/read", "{\"uri\":\"x\"}"),
        ("prompts/get", "{}"),
    ]);
    let request = (id.clone(), method).prop_map(|(id, (method, params))| {
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
    });
    let notification = id.clone().prop_map(|id| {
        format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#)
    });
    let response = id
        .prop_map(|id| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"action":"accept"}}}}"#));
    prop_oneof![6 => request, 1 => notification, 1 => response]
}

/// A message with one byte changed, added or taken away.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    (
        message(),
        any::<prop::sample::Index>(),
        any::<u8>(),
        0..4_u8,
    )
        .prop_map(|(message, at, byte, how)| {
            let mut bytes = message.into_bytes();
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => drop(bytes.remove(at)),
                _ => {}
            }
            bytes
        })
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let envelope =
        text().prop_map(|text| format!(r#"{{"jsonrpc":"2.0",{}"#, text.trim_start_matches('{')));
    prop_oneof![
        1 => vec(any::<u8>(), 0..40),
        2 => text().prop_map(String::into_bytes),
        3 => envelope.prop_map(String::into_bytes),
        3 => message().prop_map(String::into_bytes),
        4 => damaged(),
    ]
    .prop_map(|mut line| {
        line.retain(|byte| *byte != b'\n');
        line
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    /// What goes on to the server are the client's own bytes, and exactly those lines that the model lets through.
    #[test]
    fn forwards_exactly_what_the_model_forwards(lines in vec(line(), 1..12)) {
        let mut model = Model::default();
        let mut expected = Vec::new();
        for line in &lines {
            if model.forwards(line) {
                expected.extend_from_slice(line);
                expected.push(b'\n');
            }
        }
        let steps: Vec<Step> = lines.into_iter().map(Step::Client).collect();
        let seen = exchange(&steps);
        prop_assert_eq!(
            String::from_utf8_lossy(&seen.by_server),
            String::from_utf8_lossy(&expected)
        );
    }

    /// What the client gets are the server's own bytes or the gate's own sound messages.
    #[test]
    fn the_client_gets_whole_messages_only(lines in vec(line(), 1..12)) {
        let steps: Vec<Step> = lines.iter().cloned().map(Step::Server).collect();
        let seen = exchange(&steps);
        for line in seen.by_client.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap();
            prop_assert!(lines.iter().any(|sent| sent == line));
            // Payloads pass as they are, so only the envelope can be read.
            let message: HashMap<String, Box<RawValue>> = serde_json::from_slice(line).unwrap();
            prop_assert_eq!(message["jsonrpc"].get(), "\"2.0\"");
            // Nothing was asked: no answer can pass, but an error that belongs to no request.
            prop_assert!(!message.contains_key("result"));
        }
    }

    /// However calls, answers, cancellations and verdicts mix: every ticket ends once, no request gets two answers,
    /// and what the server was not asked never reaches the client.
    #[test]
    fn every_ticket_ends_exactly_once(steps in vec(step(), 1..40)) {
        let seen = exchange(&steps);
        let count = |start: &str| seen.log.iter().filter(|line| line.starts_with(start)).count();
        let ends = count("settle") + count("fail") + count("cancel") + count("abandon");
        prop_assert_eq!(count("permit"), ends, "{:?}", seen.log);
        let asked = steps.iter().filter(|step| matches!(step, Step::Client(line) if line.starts_with(b"{\"jsonrpc\":\"2.0\",\"id\""))).count();
        let answers = seen.by_client.split(|byte| *byte == b'\n').count() - 1;
        prop_assert!(answers <= asked, "{answers} answers to {asked} requests");
        let text = String::from_utf8_lossy(&seen.by_client);
        prop_assert!(!text.contains("\"id\":99"), "{text}");
    }

    /// A filtered list is the list with the hidden tools taken out, and nothing else changed.
    #[test]
    fn a_filtered_list_loses_its_hidden_tools_only(
        tools in vec((select(vec!["run_a", "no_b", "hidden", "r\\u0075n_c", "hid\\u0064en"]), blank(), any::<u16>()), 0..8),
        before in blank(),
    ) {
        let before = before.replace('\r', " ");
        let listed: Vec<String> = tools
            .iter()
            .map(|(name, blank, rest)| {
                let blank = blank.replace('\r', " ");
                format!("{{{blank}\"name\":\"{name}\",\"inputSchema\":{{\"x\":{rest}.50}}}}")
            })
            .collect();
        let kept: Vec<&str> = listed
            .iter()
            .map(String::as_str)
            .filter(|tool| tool.contains("run_") || tool.contains("no_") || tool.contains("r\\u0075n_"))
            .collect();
        let answer = |tools: &str| {
            format!("{{\"jsonrpc\":\"2.0\",{before}\"id\":1,\"result\":{{\"tools\":[{tools}],\"nextCursor\":\"c\",\"n\":1.0}}}}")
        };
        let seen = exchange(&[
            Step::Client(br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#.to_vec()),
            Step::Server(answer(&listed.join(",")).into_bytes()),
        ]);
        prop_assert_eq!(
            String::from_utf8(seen.by_client).unwrap(),
            format!("{}\n", answer(&kept.join(",")))
        );
    }
}

fn step() -> impl Strategy<Value = Step> {
    let id = 1..5_u8;
    let tool = select(vec!["run_a", "late_a", "no_a", "hidden"]);
    prop_oneof![
        4 => (id.clone(), tool).prop_map(|(id, tool)| Step::Client(
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/call","params":{{"name":"{tool}"}}}}"#).into_bytes()
        )),
        1 => id.clone().prop_map(|id| Step::Client(
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#).into_bytes()
        )),
        2 => id.clone().prop_map(|id| Step::Client(
            format!(r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id}}}}}"#).into_bytes()
        )),
        4 => id.clone().prop_map(|id| Step::Server(
            format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"content":[]}}}}"#).into_bytes()
        )),
        1 => id.clone().prop_map(|id| Step::Server(
            format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-1,"message":""}}}}"#).into_bytes()
        )),
        1 => id.prop_map(|id| Step::Server(
            format!(r#"{{"jsonrpc":"2.0","id":{id},"id":{id},"result":{{}}}}"#).into_bytes()
        )),
        1 => Just(Step::Server(br#"{"jsonrpc":"2.0","id":99,"result":{}}"#.to_vec())),
        2 => Just(Step::Release),
    ]
}
