//! Ending a hold by its name: once, by whoever comes first, and told apart from a hold that never was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use budget_enforcer::{
    Act, Amounts, BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetJournal,
    Dimension, Event, Floor, ManualClock, MemoryJournal, ReservationId, Revision, StoreError,
    Transaction, TransactionKind,
};

use crate::stage::{HOUR, MINUTE, START, budget, calls, charge, used};

fn open<J: BudgetJournal + Clone>(
    journal: &J,
    clock: &ManualClock,
    rows: usize,
) -> (BudgetEnforcer, BudgetAdmin) {
    let config = BudgetEnforcerConfig {
        max_transactions: rows,
        lanes: crate::LANES,
        ..BudgetEnforcerConfig::default()
    };
    let builder = BudgetEnforcer::builder()
        .config(config)
        .clock(clock.clone());
    builder.journal(journal.clone()).build().unwrap()
}

/// A hold of four calls whose process dies once its call left.
fn orphan(enforcer: &BudgetEnforcer) -> ReservationId {
    let path = enforcer.resolve(&charge(&budget("a"), 4)).unwrap();
    let running = enforcer.reserve_path_and_start(&path, Floor::Hold).unwrap();
    let id = running.id();
    std::mem::forget(running);
    id
}

/// Spent and reserved.
fn figures(enforcer: &BudgetEnforcer) -> (u64, u64) {
    let utilization = enforcer.utilization(&budget("a")).unwrap();
    let usage = utilization.usage(Dimension::Calls);
    (usage.spent.units(), usage.reserved.units())
}

fn how<T: std::fmt::Debug>(result: Result<T, BudgetError>) -> Option<Box<Transaction>> {
    match result {
        Err(BudgetError::AlreadyEnded { how, .. }) => how,
        other => panic!("{other:?}"),
    }
}

type End = fn(&BudgetEnforcer, ReservationId) -> Result<(), BudgetError>;

/// How a hold of four is ended: the row that tells of it, and what is spent then.
const ENDS: [(End, TransactionKind, u64); 4] = [
    (
        |budget, id| budget.settle_id(id, used(3)).map(drop),
        TransactionKind::Settle,
        3,
    ),
    (
        |budget, id| budget.settle_at_least_id(id, used(3)).map(drop),
        TransactionKind::Settle,
        4,
    ),
    (BudgetEnforcer::cancel_id, TransactionKind::Release, 0),
    (BudgetEnforcer::release_id, TransactionKind::Release, 0),
];

#[test]
fn a_hold_of_a_process_that_died_is_ended_once_and_stays_so() {
    for (end, kind, spent) in ENDS {
        let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
        let (enforcer, admin) = open(&journal, &clock, 1000);
        admin.create_budget(calls("a", 10)).unwrap();
        let id = orphan(&enforcer);
        drop((enforcer, admin));

        let (enforcer, admin) = open(&journal, &clock, 1000);
        assert_eq!(figures(&enforcer), (0, 4));
        end(&enforcer, id).unwrap();
        assert_eq!(figures(&enforcer), (spent, 0), "{kind}");
        // Whatever is asked of it again, here and after the next start.
        let (later, _later_admin) = open(&journal, &clock, 1000);
        let stored = journal.events().unwrap().len();
        for enforcer in [&enforcer, &later] {
            for (again, ..) in ENDS {
                let row = how(again(enforcer, id)).unwrap();
                assert_eq!((row.kind, row.reservation), (kind, Some(id)));
            }
            assert_eq!(figures(enforcer), (spent, 0), "{kind}");
            let never = "r-0-5".parse().unwrap();
            assert!(matches!(
                end(enforcer, never),
                Err(BudgetError::UnknownReservation { .. })
            ));
        }
        assert_eq!(journal.events().unwrap().len(), stored);
        drop(admin);
    }
}

#[test]
fn that_a_hold_has_ended_is_known_after_its_row_has_left_the_ledger() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock, 0);
    admin.create_budget(calls("a", 10)).unwrap();
    let id = orphan(&enforcer);
    enforcer.settle_id(id, used(3)).unwrap();
    let (later, _later_admin) = open(&journal, &clock, 0);
    for enforcer in [enforcer, later] {
        assert_eq!(how(enforcer.settle_id(id, used(3))), None);
        assert_eq!(how(enforcer.cancel_id(id)), None);
    }
}

#[test]
fn cancelling_takes_back_what_expiry_has_spent() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock, 1000);
    admin.create_budget(calls("a", 10)).unwrap();
    let started = orphan(&enforcer);
    let held = enforcer.reserve(&charge(&budget("a"), 2)).unwrap().detach();
    clock.advance(6 * MINUTE);
    assert_eq!(figures(&enforcer), (4, 0));
    enforcer.cancel_id(started).unwrap();
    enforcer.cancel_id(held).unwrap();
    assert_eq!(figures(&enforcer), (0, 0));
    // The one had come back by itself, and that is how it ended.
    assert_eq!(
        how(enforcer.cancel_id(held)).unwrap().kind,
        TransactionKind::Expire
    );
    assert_eq!(
        how(enforcer.cancel_id(started)).unwrap().kind,
        TransactionKind::Release
    );
    let (later, _admin) = open(&journal, &clock, 1000);
    assert_eq!(figures(&later), (0, 0));
    drop(admin);
}

#[test]
fn one_that_expired_too_long_ago_to_be_settled_has_ended() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock, 1000);
    admin.create_budget(calls("a", 10)).unwrap();
    let id = orphan(&enforcer);
    // Its tree has not noticed that yet, and then it has.
    let (enforcer, _admin) = open(&journal, &clock, 1000);
    clock.advance(2 * HOUR);
    assert_eq!(how(enforcer.settle_id(id, used(1))), None);
    enforcer.record(&charge(&budget("a"), 1)).unwrap();
    let row = how(enforcer.settle_id(id, used(1))).unwrap();
    assert_eq!((row.kind, row.hold_spent), (TransactionKind::Expire, true));
    assert_eq!(figures(&enforcer), (5, 0));
}

#[test]
fn cancelling_a_running_call_is_one_event() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock, 1000);
    admin.create_budget(calls("a", 10)).unwrap();
    let path = enforcer.resolve(&charge(&budget("a"), 4)).unwrap();
    for wait in [MINUTE, 10 * MINUTE] {
        let running = enforcer.reserve_path_and_start(&path, Floor::Hold).unwrap();
        let id = running.id();
        clock.advance(wait);
        let before = journal.events().unwrap().len();
        running.cancel().unwrap();
        let acts: Vec<_> = journal.events().unwrap().split_off(before);
        let acts: Vec<_> = acts.into_iter().map(|event| event.act).collect();
        assert_eq!(acts, [Act::Released { reservation: id }]);
        let (later, _admin) = open(&journal, &clock, 1000);
        for enforcer in [&enforcer, &later] {
            assert_eq!(figures(enforcer), (0, 0));
            assert_eq!(
                how(enforcer.cancel_id(id)).unwrap().kind,
                TransactionKind::Release
            );
        }
    }
}

/// A journal that can be told to take nothing, or to store nothing.
#[derive(Clone, Default)]
struct Failing {
    events: MemoryJournal,
    takes_nothing: Arc<AtomicBool>,
    stores_nothing: Arc<AtomicBool>,
}

fn result(fails: &AtomicBool) -> Result<(), StoreError> {
    if fails.load(Ordering::Relaxed) {
        return Err(StoreError::failed("disk full"));
    }
    Ok(())
}

impl BudgetJournal for Failing {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        result(&self.takes_nothing)?;
        self.events.append(expected, events)
    }
    fn sync(&self, _: Revision) -> Result<(), StoreError> {
        result(&self.stores_nothing)
    }
    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.events.replay(from, each)
    }
}

#[test]
fn an_end_that_is_not_stored_is_not_told_of_as_one() {
    for is_taken in [true, false] {
        let (journal, clock) = (Failing::default(), ManualClock::new(START));
        let (enforcer, admin) = open(&journal, &clock, 1000);
        admin.create_budget(calls("a", 10)).unwrap();
        let id = orphan(&enforcer);
        let fails = if is_taken {
            &journal.stores_nothing
        } else {
            &journal.takes_nothing
        };
        fails.store(true, Ordering::Relaxed);
        let first = enforcer.settle_id(id, used(3));
        assert!(matches!(first, Err(BudgetError::NotStored(_))), "{first:?}");
        let second = enforcer.settle_id(id, used(3));
        assert!(
            matches!(second, Err(BudgetError::NotStored(_))),
            "{second:?}"
        );
        fails.store(false, Ordering::Relaxed);
        let third = enforcer.settle_id(id, used(3));
        if is_taken {
            assert_eq!(how(third).unwrap().kind, TransactionKind::Settle);
        } else {
            // The journal will never hear of it.
            assert!(matches!(third, Err(BudgetError::NotStored(_))), "{third:?}");
            assert!(matches!(admin.snapshot(), Err(BudgetError::NotStored(_))));
        }
    }
}

#[test]
fn who_takes_over_sees_every_hold_that_is_open() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock, 1000);
    admin.create_budget(calls("a", 10)).unwrap();
    admin.create_budget(calls("b", 10)).unwrap();
    let started = orphan(&enforcer);
    let ended = orphan(&enforcer);
    enforcer.settle_id(ended, used(4)).unwrap();
    clock.advance(MINUTE);
    let both = charge(&budget("b"), 1).and(charge(&budget("a"), 1));
    let held = enforcer.reserve(&both).unwrap().detach();
    let (_enforcer, admin) = open(&journal, &clock, 1000);
    let seen: Vec<_> = admin
        .open_holds_all()
        .unwrap()
        .into_iter()
        .map(|hold| (hold.id, hold.charge, hold.expires_at, hold.started))
        .collect();
    let expected = [
        (started, charge(&budget("a"), 4), START + 5 * MINUTE, true),
        (held, both, START + 6 * MINUTE, false),
    ];
    assert_eq!(seen, expected);
    clock.advance(HOUR);
    assert_eq!(admin.open_holds_all().unwrap(), []);
}

#[test]
fn a_snapshot_on_demand_is_the_state_of_now() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let (enforcer, admin) = open(&journal, &clock, 1000);
    admin.create_budget(calls("a", 10)).unwrap();
    let id = orphan(&enforcer);
    let snapshot = admin.snapshot().unwrap();
    assert_eq!(snapshot.revision(), admin.revision().unwrap());
    let (_enforcer, admin) = open(&journal, &clock, 1000);
    assert_eq!(
        admin.snapshot().unwrap(),
        snapshot,
        "replay comes to the same"
    );
    admin.enforcer().settle_id(id, Amounts::NONE).unwrap();
    assert_ne!(admin.snapshot().unwrap(), snapshot);
}
