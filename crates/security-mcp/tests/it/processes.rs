//! A server in a process of its own: what it gets, and that it does not outlive its gate.
#![cfg(unix)]

use std::time::Duration;

use security_mcp::{Ended, Gate, GateError, Limits, ServerCommand};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, duplex, split};
use tokio::time::timeout;

use crate::support::Table;

/// Far longer than anything here takes: running into it is a failure.
const PATIENCE: Duration = Duration::from_secs(30);

fn shell(script: &str) -> ServerCommand {
    ServerCommand::new("/bin/sh", ["-c", script]).env("PATH", "/usr/bin:/bin")
}

/// Serves `command`, sends `input` and then closes; returns what came and how it ended.
async fn served(command: ServerCommand, input: &str) -> (String, Ended, Table) {
    let table = Table::new();
    let gate = Gate::new(table.clone());
    let (near, far) = duplex(1 << 16);
    let serving = tokio::spawn(async move { gate.serve(split(far), command).await });
    let (mut read, mut write) = split(near);
    write.write_all(input.as_bytes()).await.unwrap();
    write.shutdown().await.unwrap();
    let mut output = String::new();
    timeout(PATIENCE, read.read_to_string(&mut output))
        .await
        .unwrap()
        .unwrap();
    let served = timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
    (output, served.ended, table)
}

fn alive(pid: &str) -> bool {
    // A zombie is no more alive than none.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !matches!(
        stat.rsplit(") ")
            .next()
            .and_then(|rest| rest.chars().next()),
        None | Some('Z' | 'X')
    )
}

#[tokio::test]
async fn the_environment_is_scrubbed() {
    // HOME is set wherever tests run; only what is named may pass.
    let script = r#"printf '{"jsonrpc":"2.0","method":"notifications/message","params":"%s"}\n' "$(env | cut -d= -f1 | sort | tr '\n' ' ')""#;
    let (bare, ..) = served(shell(script), "").await;
    assert!(bare.contains("\"params\":\"PATH PWD "), "{bare}");
    assert!(!bare.contains("HOME"), "{bare}");
    let (named, ..) = served(shell(script).inherit(["HOME", "NOT_SET_ANYWHERE"]), "").await;
    assert!(
        named.contains("HOME") && !named.contains("NOT_SET"),
        "{named}"
    );
    assert!(!named.contains("CARGO"), "{named}");
}

#[tokio::test]
async fn a_server_that_ends_ends_the_session_after_its_last_word() {
    let script = r#"read line; printf '{"jsonrpc":"2.0","id":1,"result":{}}\n'; exit 3"#;
    let table = Table::new();
    let gate = Gate::new(table.clone());
    let (near, far) = duplex(1 << 16);
    let serving = tokio::spawn(async move { gate.serve(split(far), shell(script)).await });
    let (read, mut write) = split(near);
    let lines = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\
                 {\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"tools/call\",\"params\":{\"name\":\"run_a\"}}\n";
    write.write_all(lines.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(read).lines();
    let first = lines.next_line().await.unwrap().unwrap();
    assert_eq!(first, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    // The client is still there, and learns that no answer will come.
    let second = timeout(PATIENCE, lines.next_line())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(
        second.contains("\"id\":2") && second.contains("-32000"),
        "{second}"
    );
    let served = timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
    assert_eq!(served.ended, Ended::Server);
    assert_eq!(served.status.code(), Some(3));
    assert!(
        table
            .log
            .lock()
            .unwrap()
            .contains(&"abandon run_a".to_owned())
    );
}

#[tokio::test]
async fn answers_still_pass_when_the_client_has_closed() {
    let script = r#"while read line; do :; done; printf '{"jsonrpc":"2.0","id":1,"result":{}}\n'"#;
    let ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";
    let (output, ended, _) = served(shell(script), ping).await;
    assert_eq!(output, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n");
    assert_eq!(ended, Ended::Client);
}

#[tokio::test]
async fn a_stubborn_server_and_what_it_started_are_killed() {
    let script = r#"trap '' TERM; sleep 600 & printf '{"jsonrpc":"2.0","method":"notifications/message","params":"%s %s"}\n' $$ $!; while :; do wait; done"#;
    let gate = Gate::new(Table::new()).with_limits(Limits {
        grace: Duration::from_millis(50),
        ..Limits::default()
    });
    let (near, far) = duplex(1 << 16);
    let serving = tokio::spawn(async move { gate.serve(split(far), shell(script)).await });
    let (read, write) = split(near);
    let mut lines = BufReader::new(read).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let pids = line.split('"').nth_back(1).unwrap().to_owned();
    assert!(pids.split(' ').all(alive), "{pids}");
    drop((lines, write));
    let served = timeout(PATIENCE, serving).await.unwrap().unwrap().unwrap();
    assert_eq!(served.ended, Ended::Client);
    assert!(!served.status.success());
    gone(&pids).await;
}

#[tokio::test]
async fn a_dropped_session_leaves_no_process() {
    let script = r#"sleep 600 & printf '{"jsonrpc":"2.0","method":"notifications/message","params":"%s %s"}\n' $$ $!; wait"#;
    let gate = Gate::new(Table::new());
    let (near, far) = duplex(1 << 16);
    let serving = tokio::spawn(async move { gate.serve(split(far), shell(script)).await });
    let mut lines = BufReader::new(near).lines();
    let line = lines.next_line().await.unwrap().unwrap();
    let pids = line.split('"').nth_back(1).unwrap().to_owned();
    serving.abort();
    assert!(serving.await.unwrap_err().is_cancelled());
    gone(&pids).await;
}

/// A killed process needs a moment to be gone; it must not need more.
async fn gone(pids: &str) {
    let gone = async {
        while pids.split(' ').any(alive) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.unwrap();
}

#[tokio::test]
async fn a_server_that_cannot_be_started_says_which() {
    let gate = Gate::new(Table::new());
    let (_near, far) = duplex(16);
    let command = ServerCommand::new("/nonexistent/server", [""; 0]);
    let error = gate.serve(split(far), command).await.unwrap_err();
    assert!(matches!(error, GateError::Spawn { .. }));
    assert!(
        error.to_string().contains("`/nonexistent/server`"),
        "{error}"
    );
}

/// Serves `script` with a short grace, sends `input`, closes, and expects the session to end by itself.
async fn ends(script: &str, input: Vec<u8>) -> Table {
    let table = Table::new();
    let gate = Gate::new(table.clone()).with_limits(Limits {
        grace: Duration::from_millis(100),
        ..Limits::default()
    });
    let (near, far) = duplex(1 << 16);
    let script = script.to_owned();
    let serving = tokio::spawn(async move { gate.serve(split(far), shell(&script)).await });
    let (mut read, mut write) = split(near);
    let reading = tokio::spawn(async move {
        let mut output = Vec::new();
        read.read_to_end(&mut output).await.map(|_| output)
    });
    timeout(PATIENCE, write.write_all(&input))
        .await
        .expect("the client is read")
        .unwrap();
    write.shutdown().await.unwrap();
    let served = timeout(PATIENCE, serving)
        .await
        .expect("the session ends")
        .unwrap()
        .unwrap();
    assert_eq!(served.ended, Ended::Client);
    assert!(!served.status.success());
    drop(reading.await.unwrap().unwrap());
    table
}

fn pings(count: usize, size: usize) -> Vec<u8> {
    let padding = "x".repeat(size);
    let ping = |id| {
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"ping\",\"params\":{{\"x\":\"{padding}\"}}}}\n"
        )
    };
    (0..count).map(ping).collect::<String>().into_bytes()
}

#[tokio::test]
async fn a_server_that_does_not_read_cannot_outlive_its_client() {
    // More than a pipe holds, less than may wait.
    ends("sleep 600", pings(4, 1 << 16)).await;
}

#[tokio::test]
async fn a_client_that_sends_more_than_may_wait_is_still_heard_to_close() {
    let table = ends("sleep 600", pings(200, 1 << 15)).await;
    let log = table.log.lock().unwrap();
    let stalled = |line: &String| line.starts_with("note client server_stalled id=");
    assert!(log.iter().any(stalled), "{log:?}");
}

#[tokio::test]
async fn a_server_that_floods_and_does_not_read_cannot_outlive_its_client() {
    let script = r#"exec yes '{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage"}'"#;
    let table = ends(script, pings(1, 1)).await;
    let log = table.log.lock().unwrap();
    assert!(log.iter().any(|line| line == "note server reply_lost"));
}
