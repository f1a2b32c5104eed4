//! What a row of the ledger tells besides amounts.

use budget_enforcer::{
    BudgetEnforcer, CallOptions, Dimension, Floor, ManualClock, TransactionFilter,
};

use crate::stage::{START, budget, calls, charge, stage, used};

#[test]
fn a_record_and_its_refund_carry_their_notes() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let note = |text: &str| CallOptions::new().note(text);
    let row = stage
        .budget
        .record_with(&charge(&id, 2), &note("why"))
        .unwrap();
    let back = stage.budget.refund_with(row.id, used(1), &note("why not"));
    assert_eq!(row.note.as_deref(), Some("why"));
    assert_eq!(back.unwrap().note.as_deref(), Some("why not"));
    let rows = stage
        .budget
        .transactions(&TransactionFilter::default())
        .rows;
    let notes: Vec<_> = rows.iter().map(|row| row.note.as_deref()).collect();
    assert_eq!(notes, [Some("why"), Some("why not")]);
}

/// The default cuts nothing before anybody waited, so every row shows what it left.
#[test]
fn rows_show_balances_for_as_long_as_nobody_had_to_wait() {
    let builder = BudgetEnforcer::builder().clock(ManualClock::new(START));
    let (enforcer, admin) = builder.build().unwrap();
    admin.create_budget(calls("a", 10)).unwrap();
    let hold = enforcer.reserve(&charge(&budget("a"), 4)).unwrap();
    let running = hold.start(Floor::Hold).unwrap();
    running.settle(used(3)).unwrap();
    let other = enforcer.reserve(&charge(&budget("a"), 5)).unwrap();
    other.release().unwrap();
    let rows = enforcer.transactions(&TransactionFilter::default()).rows;
    let shown: Vec<_> = rows
        .iter()
        .map(|row| {
            let after = &row.balances[0];
            let spent = after.spent(Dimension::Calls).units();
            (spent, after.reserved(Dimension::Calls).units())
        })
        .collect();
    assert_eq!(shown, [(0, 4), (3, 0), (3, 5), (3, 0)]);
}
