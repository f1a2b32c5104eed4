//! Callers that break the rules: they are cut off, and nobody else notices.

use std::io::Write as _;

use proptest::prelude::*;

use super::raw::Raw;
use super::*;

const SHORT: Duration = Duration::from_millis(100);

#[test]
fn who_breaks_the_rules_is_cut_off() {
    let owned = Owned::new();
    let bystander = owned.client();
    let large = [&[0, 0x10, 0, 1][..], &[b' '; 100]].concat();
    let unknown = br#"{"cancel":{"id":1,"more":1}}"#;
    let twice = r#"{"ask":{"id":1,"request":{"wait":{}}}}"#;
    for bytes in [&large[..], &[255; 64], b"\0\0\0\0", b"\0\0\0\x01{"] {
        let mut raw = Raw::joined(&owned.path());
        raw.0.write_all(bytes).unwrap();
        assert_eq!(raw.receive(), None, "{bytes:?}");
    }
    let mut raw = Raw::joined(&owned.path());
    raw.send(std::str::from_utf8(unknown).unwrap());
    assert_eq!(raw.receive(), None);
    let mut raw = Raw::joined(&owned.path());
    raw.send(twice);
    raw.send(twice);
    assert_eq!(raw.receive(), None, "one id was taken twice");
    owned
        .alive
        .until(|counts| counts.seats == 1 && counts.waiting == 0);
    bystander.call_blocking(Request::echo("on")).unwrap();
}

#[test]
fn a_greeting_that_is_not_understood_is_answered_or_cut_off() {
    let owned = Owned::new();
    let answer = |greeting: &str| {
        let mut raw = Raw::connect(&owned.path());
        raw.send(greeting);
        let answer = raw.receive();
        assert!(answer.is_none() || raw.receive().is_none(), "it stays open");
        answer.unwrap_or_else(|| "cut off".into())
    };
    let answers = [
        answer(r#"{"version":2,"hello":{"what":"ever"}}"#),
        answer(r#"{"version":1,"hello":{"role":"gate","name":"x","admin":true}}"#),
        answer(r#"{"version":1,"hello":{"role":"root","name":"x"}}"#),
        answer(r#"{"version":1,"hello":{"role":"gate","name":"nobody"}}"#),
        answer(r#"{"version":1,"hello":{"role":"gate","name":"x"},"more":1}"#),
        answer(r#"{"ask":{"id":1,"request":{"wait":{}}}}"#),
        answer(&format!(
            r#"{{"version":1,"hello":{{"role":"gate","name":"{}"}}}}"#,
            "x".repeat(4096)
        )),
    ];
    insta::assert_snapshot!(answers.join("\n"), @r#"
    {"turned_away":{"refusal":{"code":"control_version","message":"version 1 of the control socket is spoken here, not 2: run both sides from the same release"}}}
    {"turned_away":{"refusal":{"code":"control_unreadable","message":"unknown field `admin`, expected one of `role`, `config`, `name` at line 1 column 33"}}}
    {"turned_away":{"refusal":{"code":"control_unreadable","message":"unknown variant `root`, expected `gate` or `operator` at line 1 column 14"}}}
    {"turned_away":{"refusal":{"code":"not_you","message":"nobody is not let in"}}}
    cut off
    cut off
    cut off
    "#);
    assert_eq!(owned.alive.counts().seats, 0);
}

#[test]
fn who_says_nothing_is_cut_off_in_time() {
    let owned = Owned::with(Limits {
        greeting: SHORT,
        ..Limits::default()
    });
    assert_eq!(Raw::connect(&owned.path()).receive(), None);
    let mut raw = Raw::connect(&owned.path());
    raw.0.write_all(&[0, 0]).unwrap();
    assert_eq!(raw.receive(), None);
}

#[test]
fn who_never_reads_is_given_up_while_others_are_served() {
    let owned = Owned::with(Limits {
        patience: SHORT,
        ..Limits::default()
    });
    let bystander = owned.client();
    let mut raw = Raw::joined(&owned.path());
    owned.alive.until(|counts| counts.seats == 2);
    for id in 0..64 {
        raw.send(&format!(
            r#"{{"ask":{{"id":{id},"request":{{"large":{{"bytes":100000}}}}}}}}"#
        ));
    }
    bystander.call_blocking(Request::echo("on")).unwrap();
    owned.alive.until(|counts| counts.seats == 1);
    bystander.call_blocking(Request::echo("on")).unwrap();
}

#[test]
fn who_never_reads_its_answers_can_ask_for_no_more() {
    const MANY: usize = 100_000;

    let owned = Owned::with(Limits {
        in_flight: 0,
        ..Limits::default()
    });
    let mut raw = Raw::joined(&owned.path());
    // A pause of the owner's that is this long lets the test pass for nothing, and nothing makes it fail.
    raw.0
        .set_write_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    let ask = br#"{"ask":{"id":1,"request":{"wait":{}}}}"#;
    let frame = [&[0, 0, 0, u8::try_from(ask.len()).unwrap()][..], ask].concat();
    let taken = (0..MANY).take_while(|_| raw.0.write_all(&frame).is_ok());
    assert!(taken.count() < MANY, "all were read, and all answers kept");
}

#[test]
fn who_asks_for_too_much_at_once_is_told_so() {
    let owned = Owned::with(Limits {
        in_flight: 2,
        ..Limits::default()
    });
    let mut raw = Raw::joined(&owned.path());
    for id in 1..=3 {
        raw.send(&format!(
            r#"{{"ask":{{"id":{id},"request":{{"wait":{{}}}}}}}}"#
        ));
    }
    insta::assert_snapshot!(raw.receive().unwrap(), @r#"{"refused":{"id":3,"refusal":{"code":"control_busy","message":"2 requests wait for an answer already: try again once one has come"}}}"#);
    // Who cancels has room again once the cancelled one is answered.
    raw.send(r#"{"cancel":{"id":1}}"#);
    insta::assert_snapshot!(raw.receive().unwrap(), @r#"{"refused":{"id":1,"refusal":{"code":"control_cancelled","message":"the request was cancelled"}}}"#);
    raw.send(r#"{"cancel":{"id":1}}"#);
    raw.send(r#"{"ask":{"id":1,"request":{"echo":{"text":"again","turns":0}}}}"#);
    insta::assert_snapshot!(raw.receive().unwrap(), @r#"{"answer":{"id":1,"answer":"again"}}"#);
}

#[test]
fn more_processes_than_are_served_are_told_so() {
    let owned = Owned::with(Limits {
        connections: 2,
        ..Limits::default()
    });
    let clients = [owned.client(), owned.client()];
    let refused = Client::connect(&owned.path(), &hello("third")).unwrap_err();
    assert!(
        matches!(&refused, ConnectError::Refused(refusal) if refusal.code == "control_full"),
        "{refused}"
    );
    drop(clients);
    owned.alive.until(|counts| counts.seats == 0);
    // The seat goes before the connection's task does.
    let joined = (0..1000).any(|_| Client::connect(&owned.path(), &hello("third")).is_ok());
    assert!(joined);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_bytes_hurt_the_owner(
        joins in any::<bool>(),
        bytes in prop::collection::vec(prop_oneof![2 => 0_u8..4, 1 => any::<u8>(), 1 => prop::sample::select(&b"{}[]\":,ask"[..])], 0..200),
    ) {
        thread_local!(static OWNED: Owned = Owned::new());
        OWNED.with(|owned| {
            let mut raw = if joins { Raw::joined(&owned.path()) } else { Raw::connect(&owned.path()) };
            raw.0.write_all(&bytes).ok();
            drop(raw);
            owned.alive.until(|counts| counts.seats == 0);
            let answer = owned.client().call_blocking(Request::echo("on")).unwrap();
            assert_eq!(text(&answer), "on");
        });
    }
}
