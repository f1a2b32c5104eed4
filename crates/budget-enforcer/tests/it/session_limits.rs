//! The template of sessions, set while running: it limits what is opened, lowers what is open, and raises nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;

use budget_enforcer::{
    Act, BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetJournal, Charge,
    Dimension, Event, Limits, ManualClock, MemoryJournal, Quantity, Revision, SessionId,
    StoreError,
};
use insta::assert_snapshot;

use crate::keeping::Keeping;
use crate::stage::{MINUTE, START, code, session, stage_with, used};

#[expect(clippy::unnecessary_wraps, reason = "a template, which may be none")]
fn calls(limit: u64) -> Option<Limits> {
    Some(Limits::NONE.calls(limit))
}

fn charge(id: &str, calls: u64) -> Charge {
    Charge::session(&session(id)).calls(calls)
}

fn open<J: BudgetJournal + Clone>(journal: &J, template: u64) -> (BudgetEnforcer, BudgetAdmin) {
    let builder = BudgetEnforcer::builder()
        .config(BudgetEnforcerConfig::per_session().calls(template))
        .clock(ManualClock::new(START));
    builder.journal(journal.clone()).build().unwrap()
}

/// Limit, spent and reserved of a session's calls.
fn figures(budget: &BudgetEnforcer, id: &SessionId) -> (Option<u64>, u64, u64) {
    let utilization = budget.utilization(id).unwrap();
    let usage = utilization.usage(Dimension::Calls);
    let limit = usage.limit.map(Quantity::units);
    let spent = usage.spent.units() + usage.overspent.units();
    (limit, spent, usage.reserved.units())
}

#[test]
fn it_limits_what_is_opened_and_lowers_what_is_open_and_raises_nothing() {
    let stage = stage_with(BudgetEnforcerConfig::per_session().calls(10));
    let budget = &stage.budget;
    budget.record(&charge("old", 4)).unwrap();
    let held = stage.reserve(&charge("old", 3));
    let limit = |id| figures(budget, &session(id)).0;
    stage.admin.set_session_limits(calls(8)).unwrap();
    assert_eq!(figures(budget, &session("old")), (Some(8), 4, 3));
    assert_eq!(code(budget.reserve(&charge("old", 2))), "exceeds_budget");
    assert_eq!(code(budget.reserve(&charge("new", 9))), "exceeds_budget");
    budget.record(&charge("new", 8)).unwrap();
    // Below what is spent and held: both stay, and nothing more is admitted.
    stage.admin.set_session_limits(calls(2)).unwrap();
    assert_eq!(figures(budget, &session("old")), (Some(2), 4, 3));
    assert_eq!(code(budget.reserve(&charge("old", 1))), "exceeds_budget");
    let settled = held.start(budget_enforcer::Floor::Hold).unwrap();
    assert!(
        settled.settle(used(3)).unwrap().overspent.is_none(),
        "it was held"
    );
    stage.admin.set_session_limits(calls(20)).unwrap();
    assert_eq!([limit("old"), limit("new")], [Some(2), Some(2)]);
    budget.record(&charge("newest", 20)).unwrap();
    assert_eq!(limit("newest"), Some(20));
    assert_eq!(budget.session_limits(), calls(20));
}

#[test]
fn a_dimension_that_it_limits_anew_is_limited_and_one_that_it_leaves_free_stays_limited() {
    let stage = stage_with(BudgetEnforcerConfig::per_session().calls(10));
    stage.budget.record(&charge("s", 4)).unwrap();
    let limits = Limits::NONE.tokens(50);
    stage.admin.set_session_limits(Some(limits)).unwrap();
    let utilization = stage.budget.utilization(&session("s")).unwrap();
    let limit = |dimension| utilization.usage(dimension).limit.map(Quantity::units);
    assert_eq!(limit(Dimension::Tokens), Some(50));
    assert_eq!(limit(Dimension::Calls), Some(10));
}

#[test]
fn without_one_no_session_is_opened_and_open_ones_go_on() {
    let stage = stage_with(BudgetEnforcerConfig::per_session().calls(10));
    let budget = &stage.budget;
    budget.record(&charge("old", 4)).unwrap();
    stage.admin.set_session_limits(None).unwrap();
    assert!(!budget.has_session_template());
    assert_eq!(code(budget.reserve(&charge("new", 1))), "no_budget");
    assert_eq!(budget.check_budget(&session("new")).code(), "no_budget");
    budget.record(&charge("old", 6)).unwrap();
    stage.admin.set_session_limits(calls(1)).unwrap();
    assert!(budget.has_session_template());
    assert_eq!(code(budget.reserve(&charge("new", 1))), "ok");
}

#[test]
fn one_without_a_limit_is_refused_and_changes_nothing() {
    let journal = MemoryJournal::new();
    let (budget, admin) = open(&journal, 10);
    let set = admin.set_session_limits(Some(Limits::NONE));
    assert!(matches!(set, Err(BudgetError::NoLimit { .. })), "{set:?}");
    assert_eq!(budget.session_limits(), calls(10));
    assert_eq!(journal.events().unwrap(), []);
}

#[test]
fn lowering_says_which_thresholds_are_passed_by_it() {
    let (sender, alerts) = sync_channel(10);
    let (budget, admin) = BudgetEnforcer::builder()
        .config(BudgetEnforcerConfig::per_session().calls(100))
        .alerts(["0.5".parse().unwrap()], sender)
        .build()
        .unwrap();
    budget.record(&charge("s", 20)).unwrap();
    assert!(alerts.try_recv().is_err());
    admin.set_session_limits(calls(30)).unwrap();
    assert_snapshot!(alerts.try_recv().unwrap(), @"Session 's': 20 of 30 calls spent (0.5), lifetime");
}

#[test]
fn it_is_one_event_of_an_operator() {
    let journal = MemoryJournal::new();
    let (_budget, admin) = open(&journal, 10);
    let admin = admin.acting_as("ops@example.com".parse().unwrap());
    for limits in [calls(8), None] {
        let revision = admin.set_session_limits(limits).unwrap();
        assert_eq!(revision, admin.revision().unwrap());
    }
    let events = journal.events().unwrap();
    let lines: Vec<_> = events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap())
        .collect();
    assert_snapshot!(lines.join("\n"), @r#"
    {"revision":1,"at":"2026-11-22T12:00:00Z","by":"ops@example.com","act":{"session_template_set":{"limits":{"calls":8}}}}
    {"revision":2,"at":"2026-11-22T12:00:00Z","by":"ops@example.com","act":{"session_template_set":{}}}
    "#);
    for (line, event) in lines.iter().zip(&events) {
        assert_eq!(&serde_json::from_str::<Event>(line).unwrap(), event);
    }
}

#[test]
fn it_counts_after_a_restart_whatever_the_configuration_says() {
    for every in [None, Some(1), Some(3)] {
        let journal = Keeping::every(every);
        let (budget, admin) = open(&journal, 10);
        budget.record(&charge("old", 4)).unwrap();
        admin.set_session_limits(calls(8)).unwrap();
        budget.record(&charge("new", 8)).unwrap();
        drop((budget, admin));
        let (budget, admin) = open(&journal, 500);
        assert_eq!(budget.session_limits(), calls(8));
        assert_eq!(figures(&budget, &session("old")), (Some(8), 4, 0));
        assert_eq!(figures(&budget, &session("new")), (Some(8), 8, 0));
        assert_eq!(code(budget.reserve(&charge("newest", 9))), "exceeds_budget");
        admin.set_session_limits(None).unwrap();
        assert!(!open(&journal, 500).0.has_session_template());
    }
    // Never set, it is the configured one.
    let journal = Keeping::every(Some(1));
    open(&journal, 10).0.record(&charge("s", 4)).unwrap();
    let (budget, _admin) = open(&journal, 500);
    assert_eq!(budget.session_limits(), calls(500));
    assert_eq!(figures(&budget, &session("s")), (Some(10), 4, 0));
}

/// A journal that can be told to take nothing.
#[derive(Clone, Default)]
struct Failing(MemoryJournal, Arc<AtomicBool>);

impl BudgetJournal for Failing {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        if self.1.load(Ordering::Relaxed) {
            return Err(StoreError::failed("disk full"));
        }
        self.0.append(expected, events)
    }
    fn replay(
        &self,
        from: Revision,
        each: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(from, each)
    }
}

#[test]
fn what_cannot_be_stored_is_in_force_as_far_as_it_narrows() {
    let journal = Failing::default();
    let (budget, admin) = open(&journal, 10);
    budget.record(&charge("s", 4)).unwrap();
    journal.1.store(true, Ordering::Relaxed);
    for wider in [calls(20), Some(Limits::NONE.calls(10)), None] {
        let set = admin.set_session_limits(wider);
        assert!(matches!(set, Err(BudgetError::Store(_))), "{set:?}");
        assert_eq!(budget.session_limits(), calls(10));
    }
    // Fewer calls, and more of something else: the lower of each.
    let set = admin.set_session_limits(Some(Limits::NONE.calls(5).tokens(7)));
    assert!(matches!(set, Err(BudgetError::NotStored(_))), "{set:?}");
    assert_eq!(
        budget.session_limits(),
        Some(Limits::NONE.calls(5).tokens(7))
    );
    assert_eq!(figures(&budget, &session("s")), (Some(5), 4, 0));
    let set = admin.set_session_limits(calls(9));
    assert!(matches!(set, Err(BudgetError::Store(_))), "{set:?}");
    assert_eq!(figures(&budget, &session("s")), (Some(5), 4, 0));
}

/// Sessions are spent on and opened by threads meanwhile.
fn race<J: BudgetJournal + Clone>(journal: &J) -> (BudgetEnforcer, Vec<SessionId>) {
    let (budget, admin) = open(journal, 1000);
    let ids: Vec<SessionId> = (0..64).map(|n| format!("s{n}").parse().unwrap()).collect();
    let done = AtomicUsize::new(0);
    let after = std::thread::scope(|scope| {
        for thread in 0..4 {
            let (budget, ids, done) = (&budget, &ids, &done);
            scope.spawn(move || {
                for round in 0..600 {
                    let id = &ids[(round * 7 + thread * 13) % ids.len()];
                    match budget.reserve(&Charge::session(id).calls(1)) {
                        Ok(held) => {
                            let running = held.start(budget_enforcer::Floor::Hold).unwrap();
                            running.settle(used(round as u64 % 4)).unwrap();
                        }
                        Err(denied) => assert_eq!(denied.code(), "exceeds_budget"),
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // In the middle of it: some sessions are open, and some are below the new limit.
        while done.load(Ordering::Relaxed) < 500 {
            std::thread::yield_now();
        }
        admin.set_session_limits(calls(9)).unwrap();
        let spent = |id| budget.utilization(id).map(|_| figures(&budget, id));
        ids.iter().map(spent).collect::<Vec<_>>()
    });
    for (id, after) in ids.iter().zip(after) {
        let (limit, spent, reserved) = figures(&budget, id);
        assert_eq!((limit, reserved), (Some(9), 0));
        // What was on its way may still come: a hold of one in each thread, of which three are used.
        let most = after.map_or(0, |(_, spent, _)| spent).max(9);
        assert!(spent <= most + 4 * 3, "{id}: {spent} after {most}");
    }
    (budget, ids)
}

#[test]
fn beside_callers_no_session_stays_above_it_and_replay_comes_to_the_same() {
    let journal = MemoryJournal::new();
    let (budget, ids) = race(&journal);
    let events = journal.events().unwrap();
    let set = |event: &Event| matches!(event.act, Act::SessionTemplateSet { .. });
    assert_eq!(events.into_iter().filter(set).count(), 1);
    let (again, _admin) = open(&journal, 1000);
    for id in &ids {
        let [here, there] = [&budget, &again].map(|budget| budget.utilization(id).unwrap());
        assert_eq!(here, there);
    }
}

#[test]
fn what_lapses_before_it_lapses_under_the_limits_of_then() {
    let (journal, clock) = (MemoryJournal::new(), ManualClock::new(START));
    let open = || {
        let builder = BudgetEnforcer::builder()
            .config(BudgetEnforcerConfig::per_session().calls(10))
            .clock(clock.clone());
        builder.journal(journal.clone()).build().unwrap()
    };
    let (budget, admin) = open();
    let path = budget.resolve(&charge("s", 6)).unwrap();
    let running = budget.reserve_path_and_start(&path, budget_enforcer::Floor::Hold);
    let _id = running.unwrap().detach();
    clock.advance(6 * MINUTE);
    admin.set_session_limits(calls(3)).unwrap();
    let (again, _admin) = open();
    for budget in [budget, again] {
        let utilization = budget.utilization(&session("s")).unwrap();
        let usage = utilization.usage(Dimension::Calls);
        assert_eq!((usage.spent.units(), usage.overspent.units()), (6, 0));
    }
}
