//! A hold that is taken and started in one step is like one that was started in a step of its own.

use budget_enforcer::{
    Amounts, BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetPath, Charge,
    Dimension, Floor, ManualClock, MemoryJournal, Running, TransactionFilter,
};

use crate::stage::{HOUR, START, budget, calls};

fn one_step(enforcer: &BudgetEnforcer, path: &BudgetPath) -> Result<Running, BudgetError> {
    enforcer.reserve_path_and_start(path, Floor::Known(Amounts::NONE.calls(1)))
}

fn two_steps(enforcer: &BudgetEnforcer, path: &BudgetPath) -> Result<Running, BudgetError> {
    let floor = Floor::Known(Amounts::NONE.calls(1));
    enforcer.reserve_path(path)?.start(floor)
}

fn open(journal: Option<&MemoryJournal>) -> (BudgetEnforcer, BudgetAdmin, BudgetPath, ManualClock) {
    let config = BudgetEnforcerConfig {
        lanes: crate::LANES,
        ..BudgetEnforcerConfig::default()
    };
    let clock = ManualClock::new(START);
    let builder = BudgetEnforcer::builder()
        .config(config)
        .clock(clock.clone());
    let builder = match journal {
        Some(journal) => builder.journal(journal.clone()),
        None => builder,
    };
    let (enforcer, admin) = builder.build().unwrap();
    admin.create_budget(calls("org", 10)).unwrap();
    let path = enforcer
        .resolve(&Charge::budget(&budget("org")).calls(4))
        .unwrap();
    (enforcer, admin, path, clock)
}

#[test]
fn one_step_does_what_two_do() {
    let ways = [one_step, two_steps].map(|take| {
        let journal = MemoryJournal::new();
        [None, Some(&journal)].map(|journal| {
            let (enforcer, _admin, path, clock) = open(journal);
            let settled = take(&enforcer, &path).unwrap();
            let dropped = take(&enforcer, &path).unwrap();
            let ids = (settled.id(), dropped.id());
            let third = take(&enforcer, &path);
            assert!(matches!(third, Err(BudgetError::Denied(_))), "{third:?}");
            settled.settle(Amounts::NONE.calls(3)).unwrap();
            // It had left: its floor is spent, and not given back.
            drop(dropped);
            // It has left, too: what nobody settles is spent once it expires.
            let _id = take(&enforcer, &path).unwrap().detach();
            clock.advance(HOUR);
            let utilization = enforcer.utilization(&budget("org")).unwrap();
            let usage = utilization.usage(Dimension::Calls);
            assert_eq!((usage.spent.units(), usage.reserved.units()), (8, 0));
            let rows = enforcer.transactions(&TransactionFilter::default()).rows;
            (ids, rows)
        })
    });
    assert_eq!(ways[0], ways[1]);
}
