//! The ledger tells what happened, in bounded memory; refunds give back at most what was settled.

use budget_enforcer::{
    Amounts, BudgetEnforcerConfig, BudgetError, Charge, Dimension, Limits, Period,
    TransactionFilter, TransactionKind,
};

use crate::stage::{DAY, HOUR, MINUTE, START, calls, charge, session, stage, stage_with, used};

fn all() -> TransactionFilter {
    TransactionFilter::default()
}

#[test]
fn every_change_is_a_row_with_the_balances_after_it() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    let running = stage.start(&charge(&id, 4));
    let reservation = running.id();
    let settled = running.settle(used(3)).unwrap();
    stage.reserve(&charge(&id, 2)).release().unwrap();
    let _expired = stage.reserve(&charge(&id, 1)).detach();
    stage.clock.advance(HOUR);
    stage.budget.record(&charge(&id, 5)).unwrap();
    stage.budget.refund(settled.transaction, used(1)).unwrap();
    stage
        .admin
        .update_limit(&id, Limits::NONE.calls(20))
        .unwrap();
    let rows = stage.budget.transactions(&all());
    assert_eq!(rows.dropped, 0);
    let told: Vec<_> = rows
        .rows
        .iter()
        .map(|row| {
            let balance = &row.balances[0];
            let amount = row.charge.lines().next().unwrap().1.calls.unwrap();
            (
                row.kind.name(),
                amount,
                balance.spent(Dimension::Calls).units(),
                balance.reserved(Dimension::Calls).units(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("reserve", 4, 0, 4),
            ("settle", 3, 3, 0),
            ("reserve", 2, 3, 2),
            ("release", 2, 3, 0),
            ("reserve", 1, 3, 1),
            ("expire", 1, 3, 0),
            ("record", 5, 8, 0),
            ("refund", 1, 7, 0),
            ("adjust", 20, 7, 0),
        ]
    );
    assert_eq!(rows.rows[1].reservation, Some(reservation));
    assert_eq!(
        (rows.rows[1].id, rows.rows[7].refund_of),
        (settled.transaction, Some(settled.transaction))
    );
    assert_eq!(
        rows.rows[5].at,
        START + 5 * MINUTE,
        "when it was due, not when it was noticed"
    );
    assert_eq!(settled.at(), START);
}

#[test]
fn filters_narrow_what_is_shown() {
    let stage = stage();
    let org = stage.create(calls("org", 100));
    let team = stage.create(calls("team", 100).parent(org.clone()));
    let other = stage.create(calls("other", 100));
    for n in 0..3 {
        stage.budget.record(&charge(&team, 1)).unwrap();
        stage.budget.record(&charge(&other, 1)).unwrap();
        stage.start(&charge(&org, 1)).settle(used(n)).unwrap();
        stage.clock.advance(MINUTE);
    }
    let count = |filter: &TransactionFilter| stage.budget.transactions(filter).rows.len();
    assert_eq!(count(&all()), 12);
    assert_eq!(
        count(&TransactionFilter {
            envelope: Some((&team).into()),
            ..all()
        }),
        3
    );
    assert_eq!(
        count(&TransactionFilter {
            envelope: Some((&org).into()),
            ..all()
        }),
        9,
        "with its descendants"
    );
    assert_eq!(
        count(&TransactionFilter {
            kind: Some(TransactionKind::Record),
            ..all()
        }),
        6
    );
    assert_eq!(
        count(&TransactionFilter {
            since: Some(START + MINUTE),
            ..all()
        }),
        8
    );
    assert_eq!(
        count(&TransactionFilter {
            until: Some(START + MINUTE),
            ..all()
        }),
        4
    );
    let newest = stage.budget.transactions(&TransactionFilter {
        newest: Some(2),
        ..all()
    });
    assert!(newest.rows.iter().all(|row| row.at == START + 2 * MINUTE) && newest.rows.len() == 2);
}

#[test]
fn memory_for_rows_is_bounded_and_says_what_it_dropped() {
    let stage = stage_with(BudgetEnforcerConfig {
        max_transactions: 32,
        ..Default::default()
    });
    let id = stage.create(calls("a", 1_000));
    let first = stage.budget.record(&charge(&id, 1)).unwrap();
    for _ in 0..9 {
        stage.budget.record(&charge(&id, 1)).unwrap();
    }
    let rows = stage.budget.transactions(&all());
    assert_eq!(rows.rows.len() as u64 + rows.dropped, 10);
    assert_eq!(rows.rows.len(), 2, "a sixteenth of them for one tree");
    let refund = stage.budget.refund(first.id, used(1));
    assert!(matches!(
        refund,
        Err(BudgetError::UnknownTransaction { .. })
    ));
    assert_eq!(stage.calls(&id)[0], 10);
}

#[test]
fn a_ledger_of_zero_rows_still_books() {
    let stage = stage_with(BudgetEnforcerConfig {
        max_transactions: 0,
        ..Default::default()
    });
    let id = stage.create(calls("a", 10));
    let row = stage.budget.record(&charge(&id, 1)).unwrap();
    assert_eq!(row.kind, TransactionKind::Record);
    assert_eq!(stage.budget.transactions(&all()).rows.len(), 0);
    assert_eq!(stage.calls(&id)[0], 1);
}

#[test]
fn refunds_give_back_at_most_what_was_settled() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let row = stage
        .start(&charge(&id, 6))
        .settle(used(5))
        .unwrap()
        .transaction;
    let refund = stage.budget.refund(row, used(2)).unwrap();
    assert_eq!(stage.calls(&id), [3, 0, 0, 7]);
    assert!(matches!(
        stage.budget.refund(row, used(4)),
        Err(BudgetError::RefundTooLarge { .. })
    ));
    assert!(matches!(
        stage.budget.refund(row, Amounts::NONE.tokens(1)),
        Err(BudgetError::RefundTooLarge { .. })
    ));
    stage.budget.refund(row, used(3)).unwrap();
    assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
    assert!(matches!(
        stage.budget.refund(row, used(1)),
        Err(BudgetError::RefundTooLarge { .. })
    ));
    let not_spending = stage.budget.refund(refund.id, used(1));
    assert!(matches!(
        not_spending,
        Err(BudgetError::NotRefundable { .. })
    ));
}

#[test]
fn expiries_are_not_refunded() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let _ = stage.reserve(&charge(&id, 4)).detach();
    let _ = stage.start(&charge(&id, 4)).detach();
    stage.clock.advance(HOUR / 2);
    stage.budget.record(&charge(&id, 1)).unwrap();
    let expiries = stage.budget.transactions(&TransactionFilter {
        kind: Some(TransactionKind::Expire),
        ..all()
    });
    assert_eq!(expiries.rows.iter().filter(|row| row.hold_spent).count(), 1);
    for row in expiries.rows {
        assert!(matches!(
            stage.budget.refund(row.id, used(4)),
            Err(BudgetError::NotRefundable { .. })
        ));
    }
    assert_eq!(stage.calls(&id), [5, 0, 0, 5]);
}

#[test]
fn a_refund_reaches_every_envelope_that_booked_the_dimension() {
    let stage = stage();
    let org = stage.create(calls("org", 10));
    let team = stage.create(calls("team", 10).parent(org.clone()));
    let s = session("s");
    let row = stage
        .budget
        .record(&charge(&team, 4).and(Charge::session(&s).tokens(100)))
        .unwrap();
    stage.budget.refund(row.id, used(1)).unwrap();
    assert_eq!((stage.calls(&org)[0], stage.calls(&team)[0]), (3, 3));
    assert_eq!(stage.usage(&s, Dimension::Calls).spent.units(), 0);
    stage
        .budget
        .refund(row.id, Amounts::NONE.tokens(40))
        .unwrap();
    assert_eq!(stage.usage(&s, Dimension::Tokens).spent.units(), 60);
}

#[test]
fn a_refund_of_what_was_overspent_frees_nothing_that_is_not_there() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let row = stage
        .start(&charge(&id, 10))
        .settle(used(14))
        .unwrap()
        .transaction;
    stage.budget.refund(row, used(3)).unwrap();
    assert_eq!(stage.calls(&id), [10, 1, 0, 0]);
    stage.budget.refund(row, used(3)).unwrap();
    assert_eq!(stage.calls(&id), [8, 0, 0, 2]);
}

#[test]
fn a_refund_for_a_window_that_is_over_pays_debt_and_no_more() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    let row = stage
        .start(&charge(&id, 10))
        .settle(used(14))
        .unwrap()
        .transaction;
    stage.clock.advance(DAY);
    assert_eq!(stage.calls(&id)[3], 6);
    stage.budget.refund(row, used(3)).unwrap();
    assert_eq!(stage.calls(&id)[3], 9);
    stage.budget.refund(row, used(11)).unwrap();
    assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
}

#[test]
fn a_hold_that_came_back_by_itself_is_not_given_back_again() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let hold = stage.reserve(&charge(&id, 4));
    stage.clock.advance(HOUR);
    drop(hold);
    let rows = stage.budget.transactions(&all()).rows;
    let kinds: Vec<_> = rows.iter().map(|row| row.kind.name()).collect();
    assert_eq!(kinds, ["reserve", "expire"]);
}
