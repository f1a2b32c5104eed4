//! Whoever observes sees each answer and each end once, as the log has them, and changes nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use allocation_counter::measure;
use proptest::prelude::*;
use security_bundle::audit_trail::Kind;
use security_bundle::budget_enforcer::{Dimension, Envelope};
use security_bundle::{
    Asked, DecisionSeen, EndSeen, Gauges, Observer, Permit, SecurityStack, SecurityStackConfig,
    Usage, create_security_stack,
};

use crate::support::{ANSWERS, Answer, BACKLOG, BUDGET, Bench, FAULTS, Fault, cost};

/// Writes down what it sees.
#[derive(Default)]
struct Notes {
    decided: Mutex<Vec<(Asked, String, Option<String>)>>,
    ended: Mutex<Vec<(String, Option<String>, bool)>>,
    lost: AtomicU64,
    gauges: Mutex<Option<Gauges>>,
}

impl Observer for Notes {
    fn attached(&self, gauges: Gauges) {
        assert!(self.gauges.lock().unwrap().replace(gauges).is_none());
    }

    fn decided(&self, seen: &DecisionSeen<'_>) {
        assert!(!seen.action.agent().as_str().is_empty());
        let id = seen.decision.record_id().map(|id| id.to_string());
        let code = seen.decision.code().to_owned();
        self.decided.lock().unwrap().push((seen.asked, code, id));
    }

    fn ended(&self, seen: &EndSeen<'_>) {
        let id = seen.decision.record_id().map(|id| id.to_string());
        let booked = seen.settlement.is_some();
        self.ended
            .lock()
            .unwrap()
            .push((seen.ending.to_owned(), id, booked));
    }

    fn lost(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// Fails at whatever it is told.
struct Panics;

impl Observer for Panics {
    fn attached(&self, _: Gauges) {
        panic!("an observer that panics");
    }
    fn decided(&self, _: &DecisionSeen<'_>) {
        panic!("an observer that panics");
    }
    fn ended(&self, _: &EndSeen<'_>) {
        panic!("an observer that panics");
    }
    fn lost(&self) {
        panic!("an observer that panics");
    }
}

fn noted() -> (Bench, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let config = SecurityStackConfig::default();
    let bench = Bench::observed(config, |_, stack| stack.observer(Arc::clone(&notes)));
    (bench, notes)
}

/// What the log has of one kind: its code or ending, and its id.
fn logged(bench: &Bench, kind: Kind) -> Vec<(String, Option<String>)> {
    let entries = bench.of_kind(kind);
    let told = entries.iter().map(|entry| {
        let what = match kind {
            Kind::Decision => entry.decision().unwrap().reason_code.to_string(),
            _ => entry.event().unwrap().to_owned(),
        };
        (what, Some(entry.id().to_string()))
    });
    told.collect()
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Evaluate(Answer, Answer, Answer),
    Authorize(Answer, Answer, Answer, End),
}

#[derive(Debug, Clone, Copy)]
enum End {
    Settle,
    Fail,
    Cancel,
    Drop,
    Panic,
}

fn end(permit: Permit, how: End) {
    match how {
        End::Settle => drop(permit.settle_blocking(cost("0.01")).unwrap()),
        End::Fail => drop(permit.fail_blocking("it broke", Usage::default()).unwrap()),
        End::Cancel => drop(permit.cancel_blocking().unwrap()),
        End::Drop => drop(permit),
        End::Panic => {
            let run = std::panic::AssertUnwindSafe(|| {
                let _permit = permit;
                std::panic::resume_unwind(Box::new("the tool panicked"));
            });
            std::panic::catch_unwind(run).unwrap_err();
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let answer = || proptest::sample::select(&ANSWERS[..2]);
    let ends = [End::Settle, End::Fail, End::Cancel, End::Drop, End::Panic];
    let end = proptest::sample::select(ends.to_vec());
    prop_oneof![
        (answer(), answer(), answer()).prop_map(|(t, b, c)| Step::Evaluate(t, b, c)),
        (answer(), answer(), answer(), end).prop_map(|(t, b, c, e)| Step::Authorize(t, b, c, e)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_seen_is_what_the_log_has(steps in prop::collection::vec(step(), 1..24)) {
        let (bench, notes) = noted();
        let guard = bench.stack.guard();
        for step in steps {
            match step {
                Step::Evaluate(t, b, c) => {
                    let decision = guard.evaluate_sync(&bench.action(t, b, c));
                    let last = notes.decided.lock().unwrap().last().cloned().unwrap();
                    prop_assert_eq!(last.0, Asked::Evaluate);
                    prop_assert_eq!(last.1, decision.code());
                }
                Step::Authorize(t, b, c, how) => {
                    let answer = guard.authorize_blocking(&bench.action(t, b, c));
                    let last = notes.decided.lock().unwrap().last().cloned().unwrap();
                    prop_assert_eq!(last.0, Asked::Authorize);
                    match answer {
                        Ok(permit) => {
                            prop_assert_eq!(last.1, "allowed");
                            end(permit, how);
                        }
                        Err(denied) => prop_assert_eq!(last.1, denied.code()),
                    }
                }
            }
        }
        let decided = notes.decided.lock().unwrap().iter().map(|(_, code, id)| (code.clone(), id.clone())).collect::<Vec<_>>();
        prop_assert_eq!(decided, logged(&bench, Kind::Decision));
        let ended = notes.ended.lock().unwrap().iter().map(|(ending, id, _)| (ending.clone(), id.clone())).collect::<Vec<_>>();
        prop_assert_eq!(ended, logged(&bench, Kind::Outcome));
    }
}

#[tokio::test]
async fn the_answer_that_is_seen_is_the_one_that_the_caller_gets() {
    for fault in FAULTS {
        let (bench, notes) = noted();
        bench.recorder.set(fault);
        let guard = bench.stack.guard();
        let decision = guard.evaluate(&bench.allowed()).await;
        let code = decision.code();
        let answer = guard.authorize(&bench.allowed()).await;
        let asked = answer
            .as_ref()
            .map_or_else(security_bundle::Denied::code, |permit| {
                permit.decision().code()
            });
        let seen: Vec<_> = notes.decided.lock().unwrap().clone();
        let seen: Vec<_> = seen.iter().map(|(_, code, _)| code.as_str()).collect();
        assert_eq!(seen, [code, asked], "{fault:?}");
        assert_eq!(asked == "allowed", fault == Fault::None);
        drop(answer);
        assert_eq!(
            notes.ended.lock().unwrap().len(),
            usize::from(fault == Fault::None)
        );
        assert_eq!(notes.lost.load(Ordering::Relaxed), guard.losses());
        assert_eq!(guard.losses() > 0, fault != Fault::None, "{fault:?}");
    }
}

#[tokio::test]
async fn a_settlement_is_seen_where_the_budget_booked_one() {
    let (bench, notes) = noted();
    let guard = bench.stack.guard();
    let permit = guard.authorize(&bench.allowed()).await.unwrap();
    permit.settle(cost("0.25")).await.unwrap();
    let permit = guard.authorize(&bench.allowed()).await.unwrap();
    permit.cancel().await.unwrap();
    let ended = notes.ended.lock().unwrap();
    let ended: Vec<_> = ended
        .iter()
        .map(|(e, _, booked)| (e.as_str(), *booked))
        .collect();
    assert_eq!(ended, [("settled", true), ("cancelled", false)]);
}

#[tokio::test]
async fn a_call_that_is_given_up_before_its_answer_is_not_seen() {
    let (bench, notes) = noted();
    let guard = bench.stack.guard();
    drop(guard.evaluate(&bench.allowed()));
    drop(guard.authorize(&bench.allowed()));
    assert!(notes.decided.lock().unwrap().is_empty());
    assert!(notes.ended.lock().unwrap().is_empty());
    assert_eq!(bench.of_kind(Kind::Decision).len(), 2);
}

#[test]
fn an_observer_that_panics_changes_nothing() {
    let notes = Arc::new(Notes::default());
    let config = SecurityStackConfig::default();
    let bench = Bench::observed(config, |_, stack| {
        let before = stack.observer(Panics);
        before.observer(Arc::clone(&notes)).observer(Panics)
    });
    let plain = Bench::new();
    for bench in [&bench, &plain] {
        let guard = bench.stack.guard();
        let permit = guard.authorize_blocking(&bench.allowed()).unwrap();
        permit.settle_blocking(cost("0.25")).unwrap();
        drop(guard.authorize_blocking(&bench.allowed()).unwrap());
        let denied = bench.action(Answer::Allow, Answer::Deny, Answer::Allow);
        assert!(!guard.evaluate_sync(&denied).allowed());
        bench.recorder.set(Fault::Refuses);
        assert!(guard.authorize_blocking(&bench.allowed()).is_err());
    }
    assert_eq!(bench.spent_and_held(), plain.spent_and_held());
    for kind in [Kind::Decision, Kind::Outcome] {
        let codes = |bench| -> Vec<_> {
            logged(bench, kind)
                .into_iter()
                .map(|(what, _)| what)
                .collect()
        };
        assert_eq!(codes(&bench), codes(&plain));
    }
    assert_eq!(bench.stack.guard().losses(), plain.stack.guard().losses());
    assert_eq!(notes.decided.lock().unwrap().len(), 4);
    assert_eq!(notes.ended.lock().unwrap().len(), 2);
    assert_eq!(notes.lost.load(Ordering::Relaxed), 1);
}

#[test]
fn the_gauges_read_the_stack_and_keep_nothing_alive() {
    let (bench, notes) = noted();
    let gauges = notes.gauges.lock().unwrap().clone().unwrap();
    let permit = bench.stack.guard().authorize_blocking(&bench.allowed());
    let readings = gauges.read().unwrap();
    let used = &readings.budgets[0];
    assert_eq!(used.envelope, Envelope::Budget(BUDGET.parse().unwrap()));
    let reserved = used.usage(Dimension::Cost).reserved;
    assert_eq!(reserved.to_string(), "1.5000");
    assert_eq!(readings.losses, 0);
    assert_eq!(readings.audit_backlog, Some(BACKLOG));
    drop(permit);
    drop(bench);
    assert!(gauges.read().is_none());
}

/// Sees and keeps nothing.
struct Looks;
impl Observer for Looks {}

#[test]
fn observing_allocates_nothing() {
    let allocations = |stack: &SecurityStack| {
        let action = stack.action("a").tool("erase").build().unwrap();
        let guard = stack.guard();
        // The first one fills what is filled once.
        drop(guard.evaluate_sync(&action));
        let info = measure(|| drop(guard.evaluate_sync(&action)));
        info.count_total
    };
    let config = SecurityStackConfig::default();
    let plain = create_security_stack(config.clone()).unwrap();
    let seen = SecurityStack::builder(config)
        .observer(Looks)
        .build()
        .unwrap();
    assert_eq!(allocations(&plain), allocations(&seen));
}
