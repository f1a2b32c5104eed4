//! The gate and the ledger against a model, over random walks.

mod pair;
mod reference;
mod steps;
mod survey;

use std::collections::HashSet;
use std::sync::LazyLock;

use consent::{ConsentQuery, Revision};
use proptest::prelude::*;

use pair::{Pair, everything_askable, instant, open, query};
use reference::Named;
use steps::{SECOND, asked, step};

/// Every query with the queries that ask for a part of it.
static PARTS: LazyLock<Vec<(ConsentQuery, Vec<ConsentQuery>)>> = LazyLock::new(|| {
    let all = everything_askable();
    let parts = |wide: &Named| {
        all.iter()
            .filter(|part| wide.covers(part))
            .map(query)
            .collect()
    };
    all.iter().map(|wide| (query(wide), parts(wide))).collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_as_the_model_does(
        steps in prop::collection::vec(step(), 1..40),
        default_deny in prop::bool::weighted(0.8),
        elapsed: bool,
        past in prop::collection::vec((-20..400i64).prop_map(|seconds| seconds * SECOND), 3),
    ) {
        let mut pair = Pair::new(default_deny, elapsed);
        for step in &steps {
            pair.step(step);
        }
        for (nth, asked) in everything_askable().iter().enumerate() {
            pair.ask(asked);
            if nth % 13 == 0 {
                pair.ask_why(asked);
            }
        }
        pair.survey();
        for at in past {
            pair.look_back(at);
        }
        prop_assert_eq!(pair.ledger.history(Revision::ZERO).len(), pair.acts.len());
    }

    #[test]
    fn naming_less_never_permits_more(steps in prop::collection::vec(step(), 1..40), default_deny: bool) {
        let mut pair = Pair::new(default_deny, false);
        for step in &steps {
            pair.step(step);
        }
        for (wide, parts) in &*PARTS {
            if pair.gate.check(wide).allowed() {
                for part in parts {
                    prop_assert!(pair.gate.check(part).allowed(), "{:?} is allowed, its part {:?} is not", wide, part);
                }
            }
        }
    }

    #[test]
    fn no_consent_that_was_told_of_as_lapsed_ever_permits_again(
        steps in prop::collection::vec(step(), 1..25),
        asked in prop::collection::vec(asked(), 20),
        walls in prop::collection::vec((-500..500i64, prop::bool::weighted(0.2)), 1..15),
    ) {
        let mut pair = Pair::new(true, false);
        for step in &steps {
            pair.step(step);
        }
        let queries: Vec<ConsentQuery> = asked.iter().map(query).collect();
        let mut lapsed = HashSet::new();
        for (wall, reopen) in walls {
            pair.clock.set(instant(wall * SECOND));
            if reopen {
                (pair.gate, _) = open(pair.config, &pair.clock, &pair.store);
            }
            for query in &queries {
                let decision = pair.gate.check(query);
                if decision.code() == "expired" {
                    lapsed.insert(decision.record_id());
                }
                prop_assert!(!(decision.allowed() && lapsed.contains(&decision.record_id())), "{:?}", query);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_as_the_model_does_on_a_long_walk(steps in prop::collection::vec(step(), 400), elapsed: bool) {
        let mut pair = Pair::new(true, elapsed);
        for step in &steps {
            pair.step(step);
        }
        pair.survey();
    }
}
