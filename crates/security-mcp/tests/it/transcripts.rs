//! What becomes of each message, as transcripts.

use insta::assert_snapshot;
use security_mcp::{Limits, MethodRule};

use crate::support::{Table, play, play_with};

fn transcript(text: &str) -> String {
    play(Limits::default(), text)
}

#[test]
fn the_handshake_passes_byte_for_byte() {
    assert_snapshot!(transcript(
        r#"
        c> { "jsonrpc" : "2.0","id":0, "method":"initialize","params":{"protocolVersion":"2025-11-25", "n":1.0} }
        s> {"result":{"capabilities":{}},  "jsonrpc":"2.0","id":0}
        c: {"method":"notifications/initialized"}
        c: {"id":"a","method":"ping"}
        s: {"id":"a","result":{}}
        c: {"id":1,"method":"logging/setLevel","params":{"level":"info"}}
        s: {"id":1,"result":{}}
        c: {"id":2,"method":"server/discover"}
        s: {"id":2,"result":{}}
        s: {"method":"notifications/message","params":{"data":"x"}}
        s: {"id":1,"method":"ping"}
        c: {"id":1,"result":{}}
        "#
    ));
}

#[test]
fn calls_are_judged_by_their_decoded_name() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a","arguments":{"x":1.0}}}
        s: {"id":1,"result":{"content":[]}}
        c: {"id":2,"method":"tools/call","params":{"n\u0061me":"\u0072un_b","arguments":null}}
        s: {"id":2,"error":{"code":-32602,"message":"secret"}}
        c: {"id":3,"method":"tools/call","params":{"name":"run_c"}}
        s: {"id":3,"result":{"content":[{"type":"text","text":"secret"}],"isError":true}}
        c: {"id":4,"method":"tools/call","params":{"name":"hidden"}}
        c: {"id":5,"method":"tools/call","params":{"name":"no_d"}}
        c: {"id":6,"method":"tools/call","params":{"name":"RUN_A"}}
        c: {"id":7,"method":"tools/call","params":{"name":""}}
        "#
    ));
}

#[test]
fn what_a_call_used_is_read_exactly() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":1,"result":{"content":[],"_meta":{"aumos/usage":{"tokens":1200,"cost_usd":0.1}}}}
        c: {"id":2,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":2,"result":{"content":[],"isError":true,"_meta":{"aumos/usage":{"cost_usd":"1.25e-3"}}}}
        c: {"id":3,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":3,"result":{"content":[],"_meta":{"aumos/usage":{"tokens":-1}}}}
        "#
    ));
}

#[test]
fn what_readers_could_take_differently_is_refused() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a","name":"hidden"}}
        c: {"id":2,"method":"tools/call","params":{"name":"run_a","n\u0061me":"hidden"}}
        c: {"id":3,"method":"tools/call","params":{"name":"run_a","Name":"hidden"}}
        c: {"id":4,"method":"tools/call","params":{"name":"run_a","arguments":{"a":{"b":1,"b":2}}}}
        c: {"id":5,"method":"ping","method":"tools/call"}
        c: {"id":6,"method":"ping","Method":"tools/call"}
        c: {"id":7,"id":8,"method":"ping"}
        c: {"id":9,"method":"ping","params":{"x":1e400}}
        c: {"id":10,"method":"ping","params":{"x":"\ud800"}}
        c: {"id":11,"method":"ping","params":{"x":01}}
        c: {"id":12,"method":"ping"} {}
        c> [{"jsonrpc":"2.0","id":13,"method":"ping"}]
        c> "ping"
        c> null
        c> {"jsonrpc":"2.0","id":14
        c> {"jsonrpc":"1.0","id":15,"method":"ping"}
        c> {"id":16,"method":"ping"}
        c: {"id":null,"method":"ping"}
        c: {"id":1.5,"method":"ping"}
        c: {"id":true,"method":"ping"}
        c: {"id":[1],"method":"ping"}
        c: {"id":9007199254740993,"method":"ping"}
        c: {"id":17,"method":["ping"]}
        c: {"id":18,"method":"ping","result":{}}
        c: {"id":19}
        c: {"id":20,"method":"ping"}
        "#
    ));
}

#[test]
fn a_smuggled_line_is_no_line_for_the_server() {
    let smuggled = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"x\":\r{\"jsonrpc\":\"2.0\",\"id\":2,\
                    \"method\":\"tools/call\",\"params\":{\"name\":\"hidden\"}}\r}}";
    let played = transcript(&format!("c> {smuggled}"));
    assert!(played.contains("note client carriage_return"), "{played}");
    assert!(!played.contains("-> server"), "{played}");
}

#[test]
fn a_tool_call_that_is_no_plain_request_is_refused() {
    assert_snapshot!(transcript(
        r#"
        c: {"method":"tools/call","params":{"name":"run_a"}}
        c: {"id":1,"method":"tools/call"}
        c: {"id":2,"method":"tools/call","params":["run_a"]}
        c: {"id":3,"method":"tools/call","params":{"name":7}}
        c: {"id":4,"method":"tools/call","params":{"name":"run_a","task":{"ttl":1}}}
        c: {"id":5,"method":"tools/call","params":{"name":"run_a","task":null}}
        c: {"id":6,"method":"tools/call","params":{"name":"run_a","Task":{}}}
        c: {"id":7,"method":"tools/run","params":{"name":"run_a"}}
        c: {"id":8,"method":"Tools/Call","params":{"name":"run_a"}}
        c: {"id":9,"method":" tools/call","params":{"name":"run_a"}}
        "#
    ));
}

#[test]
fn other_methods_need_a_rule_and_its_level() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"resources/read","params":{"uri":"x"}}
        s: {"id":1,"result":{"contents":[]}}
        c: {"id":2,"method":"prompts/get"}
        c: {"id":3,"method":"unknown/method"}
        c: {"id":4,"method":"notifications/initialized"}
        c: {"id":5,"method":""}
        c: {"method":"resources/read"}
        "#
    ));
}

#[test]
fn an_id_in_flight_is_refused() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a"}}
        c: {"id":1,"method":"ping"}
        c: {"id":"1","method":"ping"}
        s: {"id":1,"result":{}}
        s: {"id":1,"result":{"again":true}}
        c: {"id":1,"method":"ping"}
        s: {"id":7,"result":{}}
        s: {"id":null,"error":{"code":-32700,"message":"what?"}}
        "#
    ));
}

#[test]
fn no_more_requests_are_in_flight_than_the_limit() {
    let limits = Limits {
        max_in_flight: 2,
        ..Limits::default()
    };
    assert_snapshot!(play(
        limits,
        r#"
        c: {"id":1,"method":"ping"}
        c: {"id":2,"method":"ping"}
        c: {"id":3,"method":"ping"}
        s: {"id":2,"result":{}}
        c: {"id":3,"method":"ping"}
        "#
    ));
}

#[test]
fn requests_of_the_server_need_a_rule() {
    assert_snapshot!(transcript(
        r#"
        s: {"id":1,"method":"sampling/createMessage","params":{"messages":[]}}
        s> {"jsonrpc":"2.0", "id":2,"method":"elicitation/create","params":{ "message":"?" }}
        c: {"id":2,"result":{"action":"accept"}}
        s: {"id":3,"method":"roots/list"}
        s: {"method":"sampling/createMessage"}
        s: {"id":4,"method":"elicitation/create","Method":"sampling/createMessage"}
        s> hello, I am a banner
        s> [{"jsonrpc":"2.0","id":1,"result":{}}]
        "#
    ));
}

#[test]
fn requests_inside_results_need_the_same_rule() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":1,"result":{"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create"}}}}
        c: {"id":2,"method":"tools/call","params":{"name":"run_a","inputResponses":{"k":{}}}}
        s: {"id":2,"result":{"inputRequests":{"k":{"method":"elicitation/create"},"l":{"method":"sampling/createMessage"}}}}
        c: {"id":3,"method":"resources/read"}
        s: {"id":3,"result":{"inputRequests":{"l":{"method":"sampling/createMessage"}}}}
        c: {"id":4,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":4,"result":{"resultType":"task","taskId":"t"}}
        s: {"method":"notifications/tasks","params":{"taskId":"t","inputRequests":{"l":{"method":"sampling/createMessage"}}}}
        s: {"method":"notifications/tasks","params":{"taskId":"t"}}
        c: {"id":5,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":5,"result":{"inputRequests":[]}}
        "#
    ));
}

#[test]
fn an_answer_that_cannot_be_read_ends_its_call() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":1,"result":{"isError":false,"isError":true}}
        c: {"id":2,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":2,"id":2,"result":{}}
        c: {"id":3,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":3,"result":"not an object"}
        c: {"id":4,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":4,"result":{"content":[{"type":"text","text":"\ud800"}]}}
        c: {"id":5,"method":"ping"}
        s: {"id":5,"id":6,"method":"ping"}
        "#
    ));
}

#[test]
fn a_cancelled_call_settles_its_hold_and_its_late_answer_is_dropped() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a","_meta":{"progressToken":1}}}
        s: {"method":"notifications/progress","params":{"progressToken":1,"progress":0.5}}
        c: {"method":"notifications/cancelled","params":{"requestId":1,"reason":"enough"}}
        c: {"id":1,"method":"ping"}
        s: {"id":1,"result":{"content":[],"_meta":{"aumos/usage":{"tokens":9}}}}
        c: {"id":1,"method":"resources/read"}
        c: {"method":"notifications/cancelled","params":{"requestId":1}}
        s: {"id":1,"result":{"contents":[]}}
        c: {"method":"notifications/cancelled","params":{"requestId":99}}
        c: {"method":"notifications/cancelled","params":{"requestId":1,"requestId":2}}
        c: {"method":"notifications/cancelled"}
        "#
    ));
}

#[test]
fn a_judge_that_takes_its_time_holds_up_calls_only() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"late_a"}}
        c: {"id":2,"method":"tools/call","params":{"name":"run_b"}}
        c: {"id":3,"method":"ping"}
        s: {"id":1,"result":{"forged":true}}
        s: {"id":3,"result":{}}
        c: {"id":1,"method":"ping"}
        release late_a
        s: {"id":2,"result":{}}
        s: {"id":1,"result":{}}
        "#
    ));
}

#[test]
fn a_call_cancelled_before_its_verdict_never_runs() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"late_a"}}
        c: {"method":"notifications/cancelled","params":{"requestId":1}}
        release late_a
        c: {"id":1,"method":"ping"}
        "#
    ));
}

#[test]
fn a_call_that_is_held_holds_up_no_other() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"late_a"}}
        c: {"id":2,"method":"tools/call","params":{"name":"held_b"}}
        c: {"id":3,"method":"tools/call","params":{"name":"run_c"}}
        release late_a
        s: {"id":2,"result":{"forged":true}}
        c: {"id":2,"method":"ping"}
        release held_b
        s: {"id":2,"result":{}}
        "#
    ));
}

#[test]
fn a_held_call_that_is_cancelled_is_let_go_of_and_never_runs() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"late_a"}}
        c: {"id":2,"method":"tools/call","params":{"name":"held_b"}}
        c: {"id":3,"method":"tools/call","params":{"name":"held_c"}}
        c: {"method":"notifications/cancelled","params":{"requestId":2}}
        release late_a
        c: {"method":"notifications/cancelled","params":{"requestId":3}}
        release held_b
        release held_c
        c: {"id":3,"method":"ping"}
        "#
    ));
}

#[test]
fn a_held_call_is_refused_once_the_client_has_closed() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"held_a"}}
        c: {"id":2,"method":"tools/call","params":{"name":"late_b"}}
        c: {"id":3,"method":"tools/call","params":{"name":"held_c"}}
        c.
        release late_b
        s: {"id":2,"result":{}}
        "#
    ));
}

#[test]
fn a_held_call_is_answered_when_the_server_goes() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"held_a"}}
        s.
        "#
    ));
}

#[test]
fn held_calls_take_no_room_from_others() {
    let held: String = (0..70)
        .map(|id| {
            format!(r#"c: {{"id":{id},"method":"tools/call","params":{{"name":"held_{id}"}}}}"#)
                + "\n"
        })
        .collect();
    let played = transcript(&format!(
        "{held}c: {{\"id\":99,\"method\":\"tools/call\",\"params\":{{\"name\":\"run_b\"}}}}\ns: {{\"id\":99,\"result\":{{}}}}"
    ));
    assert!(played.contains("settle run_b"), "{played}");
}

#[test]
fn a_server_that_goes_leaves_no_request_without_an_answer() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a"}}
        s.
        "#
    ));
}

#[test]
fn a_client_that_goes_gets_its_answers_and_leaves_no_hold() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a"}}
        c: {"id":2,"method":"tools/call","params":{"name":"run_b"}}
        c.
        s: {"id":1,"result":{}}
        "#
    ));
}

#[test]
fn an_overlong_line_is_refused_and_the_next_one_passes() {
    let limits = Limits {
        max_line: 100,
        ..Limits::default()
    };
    let long = "x".repeat(100);
    assert_snapshot!(play(
        limits,
        &format!(
            r#"
            c: {{"id":1,"method":"ping","params":{{"x":"{long}"}}}}
            c: {{"id":2,"method":"ping"}}
            c: {{"id":3,"method":"tools/call","params":{{"name":"run_a"}}}}
            s: {{"id":2,"result":{{"x":"{long}"}}}}
            s: {{"result":{{"x":"{long}"}},"id":3}}
            s: {{"id":3,"result":{{}}}}
            "#
        )
    ));
}

#[test]
fn blank_lines_are_nothing() {
    assert_snapshot!(transcript("c> \t\ns> \t"));
}

#[test]
fn a_cancelled_id_is_never_free_while_the_server_may_answer_it() {
    use std::fmt::Write as _;

    let mut text = String::new();
    for id in 0..300 {
        writeln!(text, r#"c: {{"id":{id},"method":"tools/list"}}"#).unwrap();
        let cancelled = r#"c: {"method":"notifications/cancelled","params":{"requestId":"#;
        writeln!(text, "{cancelled}{id}}}}}").unwrap();
    }
    text.push_str(
        r#"
        c: {"id":0,"method":"ping"}
        s: {"id":0,"result":{"tools":[{"name":"hidden"},{"name":"run_a"}]}}
        "#,
    );
    let played = transcript(&text);
    let end = played.find(r#"c: {"id":0,"method":"ping"}"#).unwrap();
    assert_snapshot!(&played[end..]);
}

#[test]
fn a_cancellation_of_no_exact_id_is_refused() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a"}}
        c: {"method":"notifications/cancelled","params":{"requestId":1.0}}
        c: {"method":"notifications/cancelled","params":{"requestId":1e0}}
        c: {"method":"notifications/cancelled","params":{"requestId":null}}
        c: {"method":"notifications/cancelled","params":{"requestId":{"id":1}}}
        c: {"method":"notifications/cancelled","params":{"requestId":[1]}}
        c: {"method":"notifications/cancelled","params":{"requestId":true}}
        c: {"method":"notifications/cancelled","params":[1]}
        s: {"id":1,"result":{}}
        "#
    ));
}

#[test]
fn an_error_that_elicits_needs_the_rule_of_a_request() {
    let text = r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":1,"error":{"code":-32042,"message":"secret","data":{"elicitations":[{"mode":"url","url":"https://example.com"}]}}}
        c: {"id":2,"method":"ping"}
        s: {"id":2,"error":{"code":-32042,"message":"m"}}
        c: {"id":3,"method":"ping"}
        s: {"id":3,"error":{"code":-32602,"message":"m","data":{"elicitations":[]}}}
        s: {"id":null,"error":{"code":-32042,"message":"m"}}
        "#;
    let denying = Table::with_methods([("elicitation/create", MethodRule::Deny)]);
    assert_snapshot!(
        "an_eliciting_error_without_a_rule",
        play_with(&denying, Limits::default(), text)
    );
    assert_snapshot!("an_eliciting_error_with_a_rule", transcript(text));
}

#[test]
fn an_error_that_readers_could_take_differently_is_withheld() {
    assert_snapshot!(transcript(
        r#"
        c: {"id":1,"method":"tools/call","params":{"name":"run_a"}}
        s: {"id":1,"error":{"code":-1,"code":-32042,"message":"m"}}
        c: {"id":2,"method":"ping"}
        s: {"id":2,"error":{"code":-32042,"message":"m","data":{"elicitations":[],"elicitations":[]}}}
        c: {"id":3,"method":"ping"}
        s: {"id":3,"error":{"code":-32042,"message":"m","data":{},"data":{}}}
        c: {"id":4,"method":"ping"}
        s: {"id":4,"error":{"code":-1},"error":{"code":-32042}}
        c: {"id":5,"method":"ping"}
        s: {"id":5,"error":{"code":-32042.0,"message":"m"}}
        c: {"id":6,"method":"ping"}
        s: {"id":6,"error":{"code":"-32042","message":"m"}}
        c: {"id":7,"method":"ping"}
        s: {"id":7,"error":{"Code":-32042,"code":1,"message":"m"}}
        c: {"id":8,"method":"ping"}
        s: {"id":8,"error":{"message":"no code"}}
        c: {"id":9,"method":"ping"}
        s: {"id":9,"error":"no object"}
        "#
    ));
}
