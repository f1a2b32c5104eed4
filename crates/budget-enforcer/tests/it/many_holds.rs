//! Many holds at once, renewed over and over: each runs out when it was last said to, and is written once.

use std::time::Duration;

use budget_enforcer::{Reservation, TransactionFilter, TransactionKind};
use time::OffsetDateTime;

use crate::stage::{START, Stage, calls, charge, stage};

const HOLDS: usize = 40;

/// A second passes, and somebody comes by.
fn pass(stage: &Stage, id: &budget_enforcer::BudgetId) {
    stage.clock.advance(Duration::from_secs(1));
    stage.reserve(&charge(id, 0)).release().unwrap();
}

#[test]
fn each_runs_out_when_it_was_last_said_to() {
    let stage = stage();
    let id = stage.create(calls("a", HOLDS as u64));
    let mut holds: Vec<Reservation> = (0..HOLDS).map(|_| stage.reserve(&charge(&id, 1))).collect();
    // Sooner and later than before, so often that the notes of when they are due are made anew.
    for round in 0..6_u64 {
        for (number, hold) in (0_u64..).zip(&mut holds) {
            let seconds = 1 + (number * 7 + round * 11) % 50;
            hold.renew(Duration::from_secs(10 + seconds)).unwrap();
        }
        pass(&stage, &id);
    }
    let mut due: Vec<OffsetDateTime> = holds.iter().map(Reservation::expires_at).collect();
    due.sort();
    let ids: Vec<_> = holds.into_iter().map(Reservation::detach).collect();
    let expiries = TransactionFilter {
        kind: Some(TransactionKind::Expire),
        ..TransactionFilter::default()
    };
    for second in 7..80 {
        pass(&stage, &id);
        let now = START + Duration::from_secs(second);
        let open = due.iter().filter(|due| **due > now).count();
        assert_eq!(stage.calls(&id)[2], open as u64, "{now}");
        let rows = stage.budget.transactions(&expiries).rows;
        assert_eq!(rows.len(), HOLDS - open, "{now}");
    }
    let mut written: Vec<_> = stage.budget.transactions(&expiries).rows;
    written.sort_by_key(|row| row.at);
    let at: Vec<_> = written.iter().map(|row| row.at).collect();
    assert_eq!(at, due);
    let mut names: Vec<_> = written.iter().filter_map(|row| row.reservation).collect();
    names.sort();
    assert_eq!(names, ids);
    stage.reserve(&charge(&id, HOLDS as u64)).release().unwrap();
}
