//! What becomes of a permit: settled, failed, cancelled, dropped, or lost in a panic or an aborted task. Each leaves one outcome.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use security_bundle::audit_trail::Kind;
use security_bundle::{Permit, SettleError, Usage};

use crate::support::{Bench, Fault, cost};

/// The one outcome entry: how it ended, what was booked, why.
fn outcome(bench: &Bench) -> (String, Vec<String>, Option<String>) {
    let mut outcomes = bench.of_kind(Kind::Outcome);
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    let entry = outcomes.remove(0);
    let intent = &bench.of_kind(Kind::Decision)[0];
    assert_eq!(entry.id(), intent.id(), "intent and outcome share the id");
    let booked = entry
        .budget()
        .map(|budget| {
            budget
                .charges
                .iter()
                .map(|charge| format!("{} {} {}", charge.budget, charge.amount, charge.unit))
                .collect()
        })
        .unwrap_or_default();
    (
        entry.event().unwrap().to_owned(),
        booked,
        entry.reason().map(str::to_owned),
    )
}

fn permit(bench: &Bench) -> Permit {
    bench
        .stack
        .guard()
        .authorize_blocking(&bench.allowed())
        .unwrap()
}

#[tokio::test]
async fn settling_books_what_was_used() {
    let bench = Bench::new();
    let permit = permit(&bench);
    assert_eq!(bench.spent_and_held(), (0, 1_500_000_000));
    let settled = permit.settle(cost("0.25")).await.unwrap();
    assert_eq!(
        settled.record_id,
        Some(bench.of_kind(Kind::Outcome)[0].id())
    );
    assert_eq!(bench.spent_and_held(), (250_000_000, 0));
    assert_eq!(
        outcome(&bench),
        (
            "settled".into(),
            vec!["llm-calls 250000000 nano_usd".into()],
            None
        )
    );
}

#[tokio::test]
async fn unknown_usage_settles_at_the_hold_and_zero_is_not_unknown() {
    let bench = Bench::new();
    permit(&bench).settle(Usage::default()).await.unwrap();
    assert_eq!(bench.spent_and_held(), (1_500_000_000, 0));
    permit(&bench).settle(cost("0")).await.unwrap();
    assert_eq!(bench.spent_and_held(), (1_500_000_000, 0));
}

#[tokio::test]
async fn usage_from_the_governed_side_only_raises_the_charge() {
    let bench = Bench::new();
    permit(&bench).settle_at_least(cost("0.1")).await.unwrap();
    assert_eq!(bench.spent_and_held(), (1_500_000_000, 0));
    permit(&bench).settle_at_least(cost("2")).await.unwrap();
    assert_eq!(bench.spent_and_held(), (3_500_000_000, 0));
    let booked: Vec<_> = bench
        .of_kind(Kind::Outcome)
        .iter()
        .map(|entry| entry.budget().unwrap().charges[0].amount.to_string())
        .collect();
    assert_eq!(booked, ["1500000000", "2000000000"]);
}

#[tokio::test]
async fn what_cost_more_than_the_whole_budget_is_booked_and_blocks() {
    let bench = Bench::new();
    permit(&bench).settle(cost("150")).await.unwrap();
    let next = bench.stack.evaluate(&bench.allowed()).await;
    assert_eq!(next.code(), "exceeds_budget");
}

#[tokio::test]
async fn failing_books_what_was_used_and_says_why() {
    let bench = Bench::new();
    permit(&bench)
        .fail("the provider closed\nthe connection", cost("0.5"))
        .await
        .unwrap();
    assert_eq!(bench.spent_and_held(), (500_000_000, 0));
    let (ending, _, why) = outcome(&bench);
    assert_eq!(ending, "failed");
    assert_eq!(
        why.as_deref(),
        Some("the provider closed\u{fffd}the connection")
    );
}

#[tokio::test]
async fn cancelling_gives_everything_back() {
    let bench = Bench::new();
    permit(&bench).cancel().await.unwrap();
    assert_eq!(bench.spent_and_held(), (0, 0));
    assert_eq!(outcome(&bench), ("cancelled".into(), vec![], None));
}

#[test]
fn dropping_settles_the_whole_hold_as_abandoned() {
    let bench = Bench::new();
    drop(permit(&bench));
    assert_eq!(bench.spent_and_held(), (1_500_000_000, 0));
    assert_eq!(
        outcome(&bench),
        (
            "abandoned".into(),
            vec!["llm-calls 1500000000 nano_usd".into()],
            None
        )
    );
}

#[test]
fn a_panic_in_the_tool_abandons_the_permit() {
    let bench = Bench::new();
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let _permit = permit(&bench);
        panic!("a tool that panics");
    }));
    assert!(ran.is_err());
    assert_eq!(outcome(&bench).0, "abandoned");
    assert_eq!(bench.spent_and_held(), (1_500_000_000, 0));
}

#[tokio::test]
async fn an_aborted_task_abandons_the_permit() {
    let bench = Bench::new();
    let permit = permit(&bench);
    let task = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        permit.settle(Usage::default()).await.unwrap();
    });
    tokio::task::yield_now().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(outcome(&bench).0, "abandoned");
}

#[tokio::test]
async fn a_settling_future_that_nobody_awaits_has_settled() {
    let bench = Bench::new();
    drop(permit(&bench).settle(cost("0.25")));
    assert_eq!(bench.spent_and_held(), (250_000_000, 0));
    assert_eq!(outcome(&bench).0, "settled");
}

#[tokio::test]
async fn an_authorizing_future_that_nobody_awaits_holds_nothing() {
    let bench = Bench::new();
    drop(bench.stack.authorize(&bench.allowed()));
    assert_eq!(bench.spent_and_held(), (0, 0));
    assert_eq!(outcome(&bench).0, "cancelled");
}

#[tokio::test]
async fn an_outcome_that_cannot_be_recorded_is_told_and_counted_and_still_booked() {
    for fault in [
        Fault::Refuses,
        Fault::LiesAboutFailure,
        Fault::StoresNot,
        Fault::Panics,
    ] {
        let bench = Bench::new();
        let permit = permit(&bench);
        bench.recorder.set(fault);
        let error = permit.settle(cost("0.25")).await.unwrap_err();
        assert!(
            matches!(error, SettleError::Record(_)),
            "{fault:?}: {error:?}"
        );
        assert_eq!(bench.stack.guard().losses(), 1, "{fault:?}");
        assert_eq!(bench.spent_and_held(), (250_000_000, 0), "{fault:?}");
    }
}
