//! Alerts: once a window for each threshold, at the booking that passes it, and never anything but a word.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use budget_enforcer::{
    Amounts, BudgetEnforcer, BudgetEnforcerConfig, Floor, Limits, ManualClock, MemoryJournal,
    Period, Threshold,
};
use insta::assert_snapshot;

use crate::stage::{HOUR, START, Stage, budget, calls, charge, session, used};

fn heard(alerts: &Receiver<budget_enforcer::Alert>) -> String {
    let heard: Vec<_> = alerts.try_iter().map(|alert| alert.to_string()).collect();
    heard.join("\n")
}

fn listening(room: usize) -> (Stage, Receiver<budget_enforcer::Alert>) {
    let (sender, alerts) = sync_channel(room);
    let clock = ManualClock::new(START);
    let thresholds =
        [1000, 50, 75, 90, 100, 50].map(|percent| Threshold::percent(percent).unwrap());
    let mut config = BudgetEnforcerConfig::per_session().calls(4);
    config.lanes = crate::LANES;
    let (budget, admin) = BudgetEnforcer::builder()
        .config(config)
        .clock(clock.clone())
        .alerts(thresholds, sender)
        .build()
        .unwrap();
    (
        Stage {
            budget,
            admin,
            clock,
        },
        alerts,
    )
}

#[test]
fn each_threshold_is_told_once_a_window() {
    let (stage, alerts) = listening(100);
    let org = stage.create(calls("org", 20).period(Period::Daily));
    let id = stage.create(calls("a", 10).period(Period::Hourly).parent(org));
    let spend = |calls| {
        stage
            .start(&charge(&id, calls))
            .settle(used(calls))
            .unwrap()
    };
    spend(4);
    assert_snapshot!(heard(&alerts), @"");
    spend(1);
    assert_snapshot!(heard(&alerts), @"Category 'a': 5 of 10 calls spent (0.5), hourly");
    stage.budget.record(&charge(&id, 5)).unwrap();
    assert_snapshot!(heard(&alerts), @r"
    Category 'a': 10 of 10 calls spent (0.75), hourly
    Category 'a': 10 of 10 calls spent (0.9), hourly
    Category 'a': 10 of 10 calls spent (1.0), hourly
    Category 'org': 10 of 20 calls spent (0.5), daily
    ");
    stage.clock.advance(HOUR);
    spend(5);
    assert_snapshot!(heard(&alerts), @r"
    Category 'a': 5 of 10 calls spent (0.5), hourly
    Category 'org': 15 of 20 calls spent (0.75), daily
    ");
}

#[test]
fn every_booking_tells_whatever_it_is() {
    let (stage, alerts) = listening(100);
    let id = stage.create(calls("a", 10));
    // A hold tells nothing, until it runs out after it started.
    let detached = stage.start(&charge(&id, 5)).detach();
    assert_snapshot!(heard(&alerts), @"");
    stage.clock.advance(Duration::from_secs(301));
    stage.budget.record(&charge(&id, 1)).unwrap();
    assert_snapshot!(heard(&alerts), @"Category 'a': 5 of 10 calls spent (0.5), lifetime");
    stage.budget.settle_id(detached, used(2)).unwrap();
    // A lower limit passes thresholds by itself; a refund takes no word back, and none is told again.
    stage
        .admin
        .update_limit(&id, Limits::NONE.calls(4))
        .unwrap();
    assert_snapshot!(heard(&alerts), @"Category 'a': 3 of 4 calls spent (0.75), lifetime");
    stage.budget.record_spending(&session("s"), 0).unwrap();
    for _ in 0..3 {
        stage.budget.record_spending(&session("s"), 0).unwrap();
    }
    assert_snapshot!(heard(&alerts), @r"
    Session 's': 2 of 4 calls spent (0.5), lifetime
    Session 's': 3 of 4 calls spent (0.75), lifetime
    Session 's': 4 of 4 calls spent (0.9), lifetime
    Session 's': 4 of 4 calls spent (1.0), lifetime
    ");
    let over = stage.create(calls("b", 2));
    stage.start(&charge(&over, 1)).settle(used(30)).unwrap();
    assert!(heard(&alerts).ends_with("Category 'b': 30 of 2 calls spent (10.0), lifetime"));
}

#[test]
fn a_meter_and_many_threads_pass_no_threshold_unseen() {
    let (stage, alerts) = listening(100);
    let id = stage.create(calls("a", 4_000));
    let meter = stage.budget.meter(&charge(&id, 1)).unwrap();
    let path = stage.budget.resolve(&charge(&id, 1)).unwrap();
    thread::scope(|scope| {
        for number in 0..8 {
            let (stage, meter, path) = (&stage, &meter, &path);
            scope.spawn(move || {
                for _ in 0..1_000 {
                    if number % 2 == 0 {
                        meter.spend(1).ok();
                    } else if let Ok(hold) = stage.budget.reserve_path(path) {
                        hold.start(Floor::Hold)
                            .unwrap()
                            .settle(Amounts::NONE)
                            .unwrap();
                    }
                }
            });
        }
    });
    // At the very unit, whoever spent it.
    let told: Vec<_> = alerts.try_iter().map(|alert| alert.spent.units()).collect();
    assert_eq!(told, [2_000, 3_000, 3_600, 4_000]);
}

#[test]
fn nobody_waits_for_whoever_does_not_listen() {
    let (stage, alerts) = listening(2);
    let id = stage.create(calls("a", 4));
    stage.budget.record(&charge(&id, 4)).unwrap();
    assert_eq!(
        (alerts.try_iter().count(), stage.budget.alerts_lost()),
        (2, 2)
    );
    drop(alerts);
    let other = stage.create(calls("b", 1));
    stage.budget.record(&charge(&other, 1)).unwrap();
    assert_eq!(stage.budget.alerts_lost(), 6);
}

#[test]
fn a_restart_tells_nothing_again() {
    let journal = MemoryJournal::new();
    let open = || {
        let (sender, alerts) = sync_channel(10);
        let builder = BudgetEnforcer::builder().journal(journal.clone());
        let builder = builder.alerts([Threshold::percent(50).unwrap()], sender);
        (builder.build().unwrap(), alerts)
    };
    let ((enforcer, admin), alerts) = open();
    admin.create_budget(calls("a", 4)).unwrap();
    enforcer.record(&charge(&budget("a"), 3)).unwrap();
    assert_eq!(alerts.try_iter().count(), 1);
    let ((again, _admin), alerts) = open();
    again.record(&charge(&budget("a"), 1)).unwrap();
    assert_eq!(alerts.try_iter().count(), 0);
}

#[test]
fn thresholds_are_parts_of_a_limit() {
    for text in ["0.001", "0.5", "0.75", "1.0", "10.0"] {
        assert_eq!(text.parse::<Threshold>().unwrap().to_string(), text);
    }
    for text in [
        "", "0", "0.0", "10.001", "75", "-0.5", ".5", "0.", "0.0001", "5e-1", "0,5", "NaN",
    ] {
        assert!(text.parse::<Threshold>().is_err(), "{text}");
    }
    assert!(Threshold::percent(0).is_err() && Threshold::percent(1_001).is_err());
}
