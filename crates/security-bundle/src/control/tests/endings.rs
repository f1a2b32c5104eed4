//! An owner that goes: everybody who waits hears it at once, and knows whether the request can have arrived.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use tokio::task::JoinSet;

use super::process::Child;
use super::raw::Raw;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_stops_ends_all_calls_and_takes_its_socket_along() {
    let mut owned = Owned::new();
    let client = owned.client();
    let waiting = tokio::spawn(client.call(Request::wait()));
    owned.alive.until(|counts| counts.waiting == 1);
    assert!(!client.is_closed());
    owned.server.take();
    assert_eq!(
        waiting.await.unwrap().unwrap_err(),
        CallError::Gone(Gone::Unanswered)
    );
    client.closed().await;
    assert!(client.is_closed());
    assert_eq!(
        client.call(Request::echo("late")).await.unwrap_err(),
        CallError::Gone(Gone::Unsent)
    );
    let counts = owned.alive.counts().clone();
    assert_eq!((counts.seats, counts.waiting), (0, 0));
    assert_eq!(std::fs::read_dir(owned.dir.path()).unwrap().count(), 0);
    let absent = Client::connect(&owned.path(), &hello("late")).unwrap_err();
    assert!(matches!(absent, ConnectError::NoOwner { .. }), "{absent}");
}

#[test]
fn an_owner_that_stops_leaves_its_successors_socket_alone() {
    let mut owned = Owned::new();
    let (_successor, _) = serve_at(&owned.path(), Limits::default());
    owned.server.take();
    owned.client().call_blocking(Request::echo("on")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_owner_ends_all_calls_and_its_socket_is_replaced() {
    for _ in 0..3 {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        let mut owner = Child::owner(&path);
        let client = Client::connect(&path, &hello("gate")).unwrap();
        let mut waiting = Box::pin(client.call(Request::wait()));
        asked(&mut waiting).await;
        // Sent after it, and answered: so it has arrived.
        client.call(Request::echo("next")).await.unwrap();
        let mut busy = JoinSet::new();
        for _ in 0..4 {
            let client = client.clone();
            busy.spawn(async move {
                loop {
                    match client.call(Request::echo("busy")).await {
                        Ok(answer) => assert_eq!(text(&answer), "busy"),
                        Err(error) => return error,
                    }
                }
            });
        }
        tokio::task::yield_now().await;
        owner.kill();
        assert_eq!(
            waiting.await.unwrap_err(),
            CallError::Gone(Gone::Unanswered)
        );
        for error in busy.join_all().await {
            assert!(matches!(error, CallError::Gone(_)), "{error}");
        }
        client.closed().await;
        assert_eq!(
            client.call_blocking(Request::echo("late")).unwrap_err(),
            CallError::Gone(Gone::Unsent)
        );
        assert!(path.exists(), "a killed owner has left its socket");
        let stale = Client::connect(&path, &hello("gate")).unwrap_err();
        assert!(matches!(stale, ConnectError::NoOwner { .. }), "{stale}");
        let (_successor, _) = serve_at(&path, Limits::default());
        let client = Client::connect(&path, &hello("gate")).unwrap();
        client.call(Request::echo("on")).await.unwrap();
    }
}

#[test]
fn a_process_that_is_killed_leaves_its_seat_and_drops_what_it_waits_for() {
    let owned = Owned::new();
    let mut gate = Child::gate(&owned.path());
    owned
        .alive
        .until(|counts| counts.seats == 1 && counts.waiting == 1);
    gate.kill();
    owned
        .alive
        .until(|counts| counts.seats == 0 && counts.waiting == 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_the_owner_cannot_have_read_counts_as_unsent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let (half_read, half) = tokio::sync::oneshot::channel();
    let (close, closes) = std::sync::mpsc::channel::<()>();
    // Reads the first request and the beginning of the second.
    let owner = std::thread::spawn(move || {
        let mut raw = Raw::new(listener.accept().unwrap().0);
        raw.receive().unwrap();
        raw.send(r#"{"welcome":{}}"#);
        let first = raw.receive().unwrap();
        raw.0.read_exact(&mut [0; 1000]).unwrap();
        half_read.send(()).unwrap();
        closes.recv().ok();
        first
    });
    let client = Client::connect(&path, &hello("gate")).unwrap();
    let calls = [
        Request::echo("small"),
        Request::echo("x".repeat(1_000_000)),
        Request::echo("small"),
    ];
    let mut calls = calls.map(|request| Box::pin(client.call(request)));
    for call in &mut calls {
        asked(call).await;
    }
    half.await.unwrap();
    drop(close);
    assert!(owner.join().unwrap().contains("small"));
    let mut gone = Vec::new();
    for call in calls {
        gone.push(call.await.unwrap_err());
    }
    assert_eq!(
        gone,
        [Gone::Unanswered, Gone::Unsent, Gone::Unsent].map(CallError::Gone)
    );
}

/// Polls a call once, by which it is on its way, in order.
async fn asked<F: Future<Output: std::fmt::Debug> + Unpin>(call: &mut F) {
    tokio::select! {
        biased;
        answer = call => panic!("it is answered already: {answer:?}"),
        () = std::future::ready(()) => {}
    }
}
