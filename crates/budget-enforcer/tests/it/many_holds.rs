//! Many holds at once, renewed over and over: each runs out when it was last said to, and is written once.

use std::time::Duration;

use budget_enforcer::{
    BudgetEnforcer, Floor, ManualClock, Period, Reservation, TransactionFilter, TransactionKind,
};
use time::OffsetDateTime;

use crate::keeping::Keeping;
use crate::stage::{DAY, START, Stage, budget, calls, charge, stage, used};

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

#[test]
fn a_window_that_is_over_is_forgotten_with_its_last_hold() {
    let (journal, clock) = (Keeping::every(Some(1)), ManualClock::new(START));
    let builder = BudgetEnforcer::builder().clock(clock.clone());
    let (enforcer, admin) = builder.journal(journal.clone()).build().unwrap();
    admin
        .create_budget(calls("a", 10).period(Period::Daily))
        .unwrap();
    let one = charge(&budget("a"), 1);
    let is_kept = || journal.text().unwrap().contains(r#""earlier":[{"#);
    let mut started = [(); 2].map(|()| enforcer.reserve(&one).unwrap().start(Floor::Hold).unwrap());
    for running in &mut started {
        running.renew(DAY).unwrap();
    }
    clock.advance(DAY / 2);
    enforcer.record(&one).unwrap();
    let [first, second] = started;
    first.settle(used(1)).unwrap();
    assert!(is_kept(), "there is still a hold in it");
    second.settle(used(1)).unwrap();
    enforcer.record(&one).unwrap();
    assert!(!is_kept());
}
