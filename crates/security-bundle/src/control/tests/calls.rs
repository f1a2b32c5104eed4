//! Requests and answers: each its own, in any order, from anywhere, until nobody wants it any more.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::task::JoinSet;

use super::super::client::IN_FLIGHT;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_call_of_many_gets_its_own_answer() {
    let owned = Owned::new();
    let mut calls = JoinSet::new();
    for client in 0..8_u32 {
        let asking = owned.client();
        for n in 0..250_u32 {
            let request = Request::Echo {
                text: format!("{client} {n}"),
                turns: (n * 7 + client) % 13,
            };
            let answer = asking.call(request.json());
            calls.spawn(async move {
                assert_eq!(text(&answer.await.unwrap()), format!("{client} {n}"));
            });
        }
    }
    assert_eq!(calls.join_all().await.len(), 2000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_calls_than_may_be_in_flight_wait_for_their_turn() {
    let owned = Owned::new();
    let client = owned.client();
    let mut calls = JoinSet::new();
    for n in 0..3 * IN_FLIGHT {
        calls.spawn(client.call(Request::echo(n.to_string())));
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_keeps_no_other_from_its_answer() {
    let owned = Owned::new();
    let (client, other) = (owned.client(), owned.client());
    let waiting = tokio::spawn(client.call(Request::wait()));
    assert_eq!(
        text(&client.call(Request::echo("now")).await.unwrap()),
        "now"
    );
    assert!(!waiting.is_finished());
    other.call(Request::Release {}.json()).await.unwrap();
    assert_eq!(text(&waiting.await.unwrap().unwrap()), "released");
}

#[test]
fn a_process_says_who_it_is_and_the_kernel_says_so_too() {
    let owned = Owned::new();
    let hello = Hello {
        role: Role::Operator,
        config: Some("c0ffee".into()),
        name: "ada".into(),
    };
    let _client = Client::connect(&owned.path(), &hello).unwrap();
    let [(said, peer)] = <[_; 1]>::try_from(owned.alive.counts().hellos.clone()).unwrap();
    assert_eq!(said, hello);
    assert_eq!(peer.uid, rustix::process::geteuid().as_raw());
    assert_eq!(peer.gid, rustix::process::getegid().as_raw());
    if let Some(pid) = peer.pid {
        assert_eq!(u32::try_from(pid).unwrap(), std::process::id());
    }
}

#[test]
fn a_refusal_comes_as_it_was_made() {
    let owned = Owned::new();
    let client = owned.client();
    let refused = client.call_blocking(Request::Refuse {}.json()).unwrap_err();
    let refusal = Refusal::new("needs_approval", "ask an operator");
    assert_eq!(refused, CallError::Refused(refusal));
    let unknown = encode(&serde_json::json!({"shout": {}})).unwrap();
    let CallError::Refused(refusal) = client.call_blocking(unknown).unwrap_err() else {
        panic!("not refused");
    };
    assert_eq!(refusal.code, "control_unreadable");
    let refused = Client::connect(&owned.path(), &hello("nobody")).unwrap_err();
    assert!(
        matches!(&refused, ConnectError::Refused(refusal) if refusal.code == "not_you"),
        "{refused}"
    );
}

#[test]
fn a_request_that_panics_ends_alone() {
    let owned = Owned::new();
    let client = owned.client();
    let CallError::Refused(refusal) = client.call_blocking(Request::Panic {}.json()).unwrap_err()
    else {
        panic!("not refused");
    };
    assert_eq!(refusal.code, "control_failed");
    assert_eq!(
        text(&client.call_blocking(Request::echo("on")).unwrap()),
        "on"
    );
    assert_eq!(owned.alive.counts().seats, 1);
}

#[test]
fn what_is_too_large_is_refused_and_the_connection_stays() {
    let owned = Owned::new();
    let client = owned.client();
    let too_large = client.call_blocking(Request::echo("x".repeat(1 << 20)));
    assert!(matches!(too_large, Err(CallError::TooLarge { .. })));
    let bytes = 1 << 20;
    let CallError::Refused(refusal) = client
        .call_blocking(Request::Large { bytes }.json())
        .unwrap_err()
    else {
        panic!("not refused");
    };
    assert_eq!(refusal.code, "control_answer_too_large");
    let bytes = (1 << 20) - 100;
    let answer = client
        .call_blocking(Request::Large { bytes }.json())
        .unwrap();
    assert_eq!(text(&answer).len(), bytes);
    let largest = "x".repeat(bytes - 50);
    let answer = client.call_blocking(Request::echo(&*largest)).unwrap();
    assert_eq!(text(&answer), largest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_requests_and_large_answers_do_not_wait_for_each_other_for_ever() {
    let owned = Owned::new();
    let client = owned.client();
    let mut calls = JoinSet::new();
    for _ in 0..60 {
        calls.spawn(client.call(Request::echo("x".repeat(500_000))));
    }
    assert!(calls.join_all().await.iter().all(Result::is_ok));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_dropped_is_dropped_at_the_owner_too() {
    let owned = Owned::new();
    let client = owned.client();
    let waiting = tokio::spawn(client.call(Request::wait()));
    let other = tokio::spawn(client.call(Request::wait()));
    owned.alive.until(|counts| counts.waiting == 2);
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    owned.alive.until(|counts| counts.waiting == 1);
    client.call(Request::Release {}.json()).await.unwrap();
    assert_eq!(text(&other.await.unwrap().unwrap()), "released");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropped_calls_leave_their_place_to_others() {
    let owned = Owned::new();
    let client = owned.client();
    for _ in 0..3 {
        let mut waiting = JoinSet::new();
        for _ in 0..IN_FLIGHT {
            waiting.spawn(client.call(Request::wait()));
        }
        owned.alive.until(|counts| counts.waiting == IN_FLIGHT);
        waiting.shutdown().await;
        assert_eq!(text(&client.call(Request::echo("on")).await.unwrap()), "on");
    }
}

#[test]
fn a_call_that_is_not_polled_is_not_sent() {
    let owned = Owned::new();
    let client = owned.client();
    drop(client.call(Request::Release {}.json()));
    let mut waiting = pin!(client.call(Request::wait()));
    let polled = waiting
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
    owned.alive.until(|counts| counts.waiting == 1);
    client.call_blocking(Request::echo("on")).unwrap();
    assert_eq!(owned.alive.counts().waiting, 1);
    client.call_blocking(Request::Release {}.json()).unwrap();
    owned.alive.until(|counts| counts.waiting == 0);
    let answer = loop {
        if let Poll::Ready(answer) = waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            break answer;
        }
        std::thread::yield_now();
    };
    assert_eq!(text(&answer.unwrap()), "released");
}

#[tokio::test]
async fn blocks_inside_of_a_runtimes_worker_for_as_many_calls_as_one_likes() {
    let owned = Owned::new();
    let client = owned.client();
    // Far beyond what Tokio lets a task do in one turn.
    for n in 0..500 {
        let n = n.to_string();
        let answer = client.call_blocking(Request::echo(&*n)).unwrap();
        assert_eq!(text(&answer), n);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_outlives_its_client_and_then_the_process_is_gone() {
    let owned = Owned::new();
    let client = owned.client();
    let other = owned.client();
    let waiting = tokio::spawn(client.call(Request::wait()));
    owned.alive.until(|counts| counts.waiting == 1);
    drop(client);
    other.call(Request::Release {}.json()).await.unwrap();
    assert_eq!(text(&waiting.await.unwrap().unwrap()), "released");
    owned.alive.until(|counts| counts.seats == 1);
}
