//! The demo, whole: real gate, real server, real client, real log.

use crate::support::run;

#[test]
fn the_demo_plays_and_its_log_verifies_and_the_forged_one_does_not() {
    let ran = run(["demo"]);
    assert_eq!(ran.status, Some(0), "{}\n{}", ran.out, ran.err);
    for told in [
        "delete_file   {\"name\":\"report.txt\"}                        deny              trust_too_low",
        "error -32602: Unknown tool: delete_file",
        "deny              purpose_not_covered",
        "(held: 100 tokens, 1 call, 0.002 USD)",
        "deny              exceeds_budget",
        "VERIFIED  signed",
        "TAMPERED",
    ] {
        assert!(ran.out.contains(told), "{told}\n{}", ran.out);
    }
    assert!(
        !ran.out.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
}
