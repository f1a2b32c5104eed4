//! The law: no effective level rises without an operator's act of a higher revision, whatever clocks do.

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use trust_gate::{Clock, ManualClock, MemoryStore, Revision, TrustLevel};

use crate::fixture::{Fixture, NOON, agent, scope};
use crate::model::{AGENTS, Op, Place, Rules, SCOPES, any_op, any_place, config, perform};

#[derive(Debug, Clone)]
enum Step {
    Operator(Op),
    /// Wall time set to so many milliseconds from noon.
    Wall(i64),
    /// Wall time moved by so many nanoseconds, mostly back.
    Nudge(i64),
    /// Elapsed time moved on; `None`: no longer told.
    Elapsed(Option<u64>),
    /// Both moved on.
    Pass(u64),
    /// A reading handed in from outside.
    Given(Place, i64),
    /// A new process on the same store, on a machine that may have booted again.
    Reboot(Option<u64>),
    /// Every agent in every scope looked at.
    Look,
}

fn any_step() -> impl Strategy<Value = Step> {
    const DAY: i64 = 86_400_000;
    let wall = prop_oneof![
        -5_i64..5,
        -DAY..9 * DAY,
        Just(36_500 * DAY),
        Just(-36_500 * DAY)
    ];
    let span = prop_oneof![0_u64..3, 0..5 * DAY as u64];
    prop_oneof![
        4 => any_op().prop_map(Step::Operator),
        3 => wall.clone().prop_map(Step::Wall),
        2 => prop_oneof![Just(-1_i64), Just(1), Just(-DAY * 1_000_000), -2_000_000..1_000_000_i64].prop_map(Step::Nudge),
        1 => prop::option::weighted(0.8, span.clone()).prop_map(Step::Elapsed),
        3 => span.clone().prop_map(Step::Pass),
        2 => (any_place(), wall).prop_map(|(place, wall)| Step::Given(place, wall)),
        2 => prop::option::of(span).prop_map(Step::Reboot),
        6 => Just(Step::Look),
    ]
}

#[derive(Default)]
struct Witness(HashMap<Place, (Revision, TrustLevel)>);

impl Witness {
    fn sees(
        &mut self,
        place: Place,
        revision: Revision,
        level: TrustLevel,
    ) -> Result<(), TestCaseError> {
        if let Some((then, before)) = self.0.insert(place, (revision, level)) {
            prop_assert!(revision >= then);
            prop_assert!(
                level <= before || revision > then,
                "{} in `{}` rose from {before} to {level} at revision {revision}",
                AGENTS[place.0],
                SCOPES[place.1],
            );
        }
        Ok(())
    }
}

fn walk(steps: impl IntoIterator<Item = Step>) -> Result<(), TestCaseError> {
    let clock = ManualClock::new(NOON);
    clock.set_elapsed(Some(Duration::ZERO));
    let rules = Rules {
        default: 1,
        max: 5,
        exact: false,
    };
    let mut f = Fixture::open(config(rules), clock, MemoryStore::default());
    let mut witness = Witness::default();
    for step in steps {
        match step {
            Step::Operator(Op::Read(_)) => {}
            Step::Operator(op) => f = perform(f, &op).0,
            Step::Wall(wall) => f.clock.set(NOON + time::Duration::milliseconds(wall)),
            Step::Nudge(by) => {
                let wall = f.clock.now() + time::Duration::nanoseconds(by);
                f.clock.set(wall);
            }
            Step::Elapsed(elapsed) => f.clock.set_elapsed(elapsed.map(Duration::from_millis)),
            Step::Pass(span) => f.clock.advance(Duration::from_millis(span)),
            Step::Reboot(elapsed) => {
                f.clock.set_elapsed(elapsed.map(Duration::from_millis));
                f = f.restart();
            }
            Step::Given(place, wall) => {
                let wall = NOON + time::Duration::milliseconds(wall);
                let (agent, scope) = (agent(AGENTS[place.0]), scope(SCOPES[place.1]));
                let decision = f
                    .gate
                    .check_level_at(&agent, &scope, TrustLevel::Observer, wall);
                witness.sees(place, decision.revision(), decision.effective())?;
            }
            Step::Look => {
                for (a, name) in AGENTS.iter().enumerate() {
                    for (s, path) in SCOPES.iter().enumerate() {
                        witness.sees((a, s), f.gate.revision(), f.level(name, path))?;
                    }
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_level_rises_without_an_act(steps in prop::collection::vec(any_step(), 1..80)) {
        walk(steps)?;
    }
}

#[test]
#[ignore = "a million steps; the test above is a part of them"]
fn no_level_rises_without_an_act_in_a_million_steps() {
    let config = ProptestConfig {
        cases: 500,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(any_step(), 2_000), walk)
        .unwrap();
}
