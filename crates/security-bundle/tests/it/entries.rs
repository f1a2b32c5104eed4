//! Every `evaluate` writes exactly one entry, every `authorize` one intent and at most one outcome, whatever fails.

use proptest::prelude::*;
use security_bundle::audit_trail::Kind;
use security_bundle::{Permit, Usage};

use crate::support::{Answer, Bench, FAULTS, Fault};

#[derive(Debug, Clone, Copy)]
enum Step {
    Evaluate,
    Authorize,
    Settle,
    Fail,
    Cancel,
    Drop,
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![4 => Just(Answer::Allow), 1 => Just(Answer::Deny), 1 => Just(Answer::Fail)]
}

fn step() -> impl Strategy<Value = (Step, [Answer; 3], Fault)> {
    let step = prop_oneof![
        Just(Step::Evaluate),
        Just(Step::Authorize),
        Just(Step::Authorize),
        Just(Step::Settle),
        Just(Step::Fail),
        Just(Step::Cancel),
        Just(Step::Drop),
    ];
    let fault = prop_oneof![4 => Just(Fault::None), 2 => proptest::sample::select(&FAULTS)];
    (step, [answer(), answer(), answer()], fault)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn entries_and_debits_add_up(steps in prop::collection::vec(step(), 1..40)) {
        let bench = Bench::new();
        let mut permits: Vec<Permit> = Vec::new();
        let (mut decisions, mut outcomes, mut losses, mut spent) = (0, 0, 0, 0);
        let hold = 1_500_000_000;
        for (step, [trust, budget, consent], fault) in steps {
            bench.set_failing(Answer::Allow, Answer::Allow);
            let action = bench.action(trust, budget, consent);
            bench.recorder.set(fault);
            let stays = matches!(fault, Fault::None | Fault::LiesAboutFailure | Fault::StoresNot);
            let lost = u64::from(fault != Fault::None);
            let mut ended = |permits: &mut Vec<Permit>, end: &dyn Fn(Permit)| {
                let Some(permit) = permits.pop() else { return false };
                end(permit);
                outcomes += usize::from(stays);
                // An abandoned permit waits for no acknowledgement, so it cannot know of that failure.
                losses += if matches!(step, Step::Drop) && fault == Fault::StoresNot { 0 } else { lost };
                true
            };
            match step {
                Step::Evaluate | Step::Authorize => {
                    bench.set_failing(trust, budget);
                    decisions += usize::from(stays);
                    losses += lost;
                    if matches!(step, Step::Evaluate) {
                        let decision = bench.stack.evaluate_sync(&action);
                        prop_assert_eq!(decision.record_id().is_some(), fault == Fault::None);
                    } else if let Ok(permit) = bench.stack.guard().authorize_blocking(&action) {
                        permits.push(permit);
                    }
                    bench.set_failing(Answer::Allow, Answer::Allow);
                }
                Step::Settle => {
                    let did = ended(&mut permits, &|permit| drop(permit.settle_blocking(Usage::default())));
                    spent += if did { hold } else { 0 };
                }
                Step::Fail => {
                    let did = ended(&mut permits, &|permit| drop(permit.fail_blocking("broken", Usage::default())));
                    spent += if did { hold } else { 0 };
                }
                Step::Cancel => {
                    ended(&mut permits, &|permit| drop(permit.cancel_blocking()));
                }
                Step::Drop => {
                    let did = ended(&mut permits, &|permit| drop(permit));
                    spent += if did { hold } else { 0 };
                }
            }
            bench.recorder.set(Fault::None);
            prop_assert_eq!(bench.of_kind(Kind::Decision).len(), decisions);
            prop_assert_eq!(bench.of_kind(Kind::Outcome).len(), outcomes);
            prop_assert_eq!(bench.stack.guard().losses(), losses);
            let held = hold * u64::try_from(permits.len()).unwrap();
            prop_assert_eq!(bench.spent_and_held(), (spent, held));
        }
        prop_assert!(bench.log().verify(None).unwrap().fully_covered());
    }
}
