//! Every combination of what the gates and the log can answer: only all-allow permits, and no denial leaves a debit.

use security_bundle::audit_trail::Kind;

use crate::support::Answer::{Allow, Deny, Fail};
use crate::support::{ANSWERS, Answer, Bench, FAULTS, Fault};

/// The first failure in the order in which decisions are told.
fn expected_code(trust: Answer, budget: Answer, consent: Answer, fault: Fault) -> &'static str {
    match (trust, budget, consent, fault) {
        (Fail, ..) => "internal_error",
        (Deny, ..) => "trust_too_low",
        (_, Fail, Allow, _) => "unavailable",
        (_, Deny, ..) => "exceeds_budget",
        (_, _, Deny, _) => "purpose_not_covered",
        (.., Fault::None) => "allowed",
        _ => "audit_unavailable",
    }
}

#[tokio::test]
async fn only_all_allow_permits_and_no_denial_leaves_a_debit() {
    let mut seen = 0;
    for trust in ANSWERS {
        for budget in ANSWERS {
            // Consent is asked in memory, at the decision's time: nothing outside of it can fail it. The unit tests of
            // `Decision` break it all the same.
            for consent in [Allow, Deny] {
                for fault in FAULTS {
                    one(trust, budget, consent, fault).await;
                    seen += 1;
                }
            }
        }
    }
    assert_eq!(seen, 90);
}

async fn one(trust: Answer, budget: Answer, consent: Answer, fault: Fault) {
    let bench = Bench::new();
    let action = bench.action(trust, budget, consent);
    bench.set_failing(trust, budget);
    bench.recorder.set(fault);
    let what = format!("{trust:?} {budget:?} {consent:?} {fault:?}");
    let code = expected_code(trust, budget, consent, fault);
    // Evaluating asks the budget's memory and never its journal: that can fail only where something is held.
    let looked = match budget {
        Fail => expected_code(trust, Allow, consent, fault),
        _ => code,
    };
    let before = bench.of_kind(Kind::Decision).len();

    for blocking in [false, true] {
        let decision = if blocking {
            bench.stack.evaluate_sync(&action)
        } else {
            bench.stack.evaluate(&action).await
        };
        assert_eq!(decision.code(), looked, "evaluate: {what}");
        assert_eq!(decision.allowed(), looked == "allowed", "evaluate: {what}");
        let permit = if blocking {
            bench.stack.guard().authorize_blocking(&action)
        } else {
            bench.stack.authorize(&action).await
        };
        match permit {
            Ok(permit) => {
                assert_eq!(code, "allowed", "authorize: {what}");
                bench.recorder.set(Fault::None);
                permit.cancel().await.unwrap();
                bench.recorder.set(fault);
            }
            Err(denied) => assert_eq!(denied.code(), code, "authorize: {what}"),
        }
    }

    bench.set_failing(Allow, Allow);
    assert_eq!(bench.spent_and_held(), (0, 0), "{what}");
    let decisions = bench.of_kind(Kind::Decision).len() - before;
    let takes_entries = matches!(
        fault,
        Fault::None | Fault::LiesAboutFailure | Fault::StoresNot
    );
    assert_eq!(decisions, if takes_entries { 4 } else { 0 }, "{what}");
    let lost = bench.stack.guard().losses();
    assert_eq!(lost, if fault == Fault::None { 0 } else { 4 }, "{what}");
}

#[test]
fn a_denial_is_told_with_the_reasons_up_to_it() {
    let bench = Bench::new();
    let text = |trust, budget, consent| {
        let decision = bench
            .stack
            .evaluate_sync(&bench.action(trust, budget, consent));
        decision
            .reasons()
            .map(|reason| reason.to_string())
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!(text(Deny, Deny, Deny), @"Agent 'desk-assistant' has trust level Act (Approval Required) (3), which is below the required level Autonomous (5).");
    insta::assert_snapshot!(text(Allow, Deny, Deny), @r"
    Agent 'desk-assistant' has trust level Act (Approval Required) (3), which satisfies the required level Suggest (2).
    Category 'llm-calls': 100.0100 requested but only 100.0000 remains (0.0000 of 100.0000 spent).
    ");
    insta::assert_snapshot!(text(Allow, Allow, Deny), @r"
    Agent 'desk-assistant' has trust level Act (Approval Required) (3), which satisfies the required level Suggest (2).
    Category 'llm-calls': 1.5000 requested, 100.0000 available (0.0000 of 100.0000 spent).
    No valid consent record found for agent 'desk-assistant' accessing 'user_profile' for purpose 'marketing' (granted for another purpose). Defaulting to deny.
    ");
}
