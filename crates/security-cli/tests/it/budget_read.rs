//! What a service left behind, as `list`, `show`, `ledger` and `report` tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use budget_enforcer::durable::DurableJournal;
use budget_enforcer::{
    Amounts, BudgetEnforcer, BudgetEnforcerConfig, BudgetSpec, CallOptions, Charge, Dimension,
    Floor, Limits, ManualClock, Period, TransactionFilter, Usd,
};
use insta::assert_snapshot;
use serde_json::Value;
use time::macros::datetime;

use crate::budget_stage::{Desk, START, id, session};

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// A service's day and night: a team under an organisation, and a session. The clock starts two hours before February.
fn desk() -> Desk {
    let desk = Desk::new();
    let service = desk.service();
    let budget = &service.enforcer;
    service.create(
        BudgetSpec::new(id("org"))
            .cost(usd("100"))
            .period(Period::Monthly),
    );
    let also = Limits::NONE.cost(usd("30"));
    service.create(
        BudgetSpec::new(id("team"))
            .parent(id("org"))
            .cost(usd("10"))
            .period(Period::Daily)
            .also(Period::Lifetime, also),
    );
    let team = || Charge::budget(&id("team"));
    // Settled with less than it held, and refunded in part.
    let both = team()
        .cost(usd("2"))
        .and(Charge::session(&session("s-1")).tokens(500).calls(1));
    let running = budget.reserve(&both).unwrap().start(Floor::Hold).unwrap();
    let settled = running
        .settle(Amounts::NONE.tokens(420).calls(1).cost(usd("1.5")))
        .unwrap();
    // Taken in January, settled beyond its hold in February.
    let late = budget
        .reserve_with(
            &team().cost(usd("3")),
            &CallOptions::new()
                .ttl(Duration::from_secs(36_000))
                .note("over night"),
        )
        .unwrap();
    let late = late.start(Floor::Hold).unwrap();
    // Never started: given back. Started and forgotten: spent.
    let _given_back = budget.reserve(&team().cost(usd("0.25"))).unwrap().detach();
    let _spent = budget
        .reserve(&team().cost(usd("0.5")))
        .unwrap()
        .start(Floor::Hold)
        .unwrap()
        .detach();
    budget
        .reserve(&team().cost(usd("0.125")))
        .unwrap()
        .release()
        .unwrap();
    service.wait(3);
    late.settle(Amounts::NONE.cost(usd("3.25"))).unwrap();
    budget
        .refund(settled.transaction, Amounts::NONE.cost(usd("0.5")))
        .unwrap();
    budget.record(&team().cost(usd("0.0000025"))).unwrap();
    service
        .admin
        .update_limit(&id("team"), Limits::NONE.cost(usd("12")))
        .unwrap();
    // Nothing happens after this one: its expiry is not booked.
    let _unbooked = budget
        .reserve(&team().cost(usd("1")))
        .unwrap()
        .start(Floor::Hold)
        .unwrap()
        .detach();
    budget.record_spending(&session("s-1"), 700).unwrap();
    desk
}

#[test]
fn the_ledger_tells_everything_the_oldest_first() {
    let desk = desk();
    assert_snapshot!(desk.done("ledger", &[]), @r#"
    2024-01-31T22:00:00Z         create        -           org: monthly cost 100.00  by ops@example.com
    2024-01-31T22:00:00Z         create        -           team: daily cost 10.00; lifetime cost 30.00  by ops@example.com
    2024-01-31T22:00:00Z         reserve       t-0-0       team: cost 2.00; session:s-1: tokens 500, calls 1  r-0-0
    2024-01-31T22:00:00Z         settle        t-0-1       team: tokens 420, calls 1, cost 1.50; session:s-1: tokens 420, calls 1, cost 1.50  r-0-0
    2024-01-31T22:00:00Z         reserve       t-0-2       team: cost 3.00  r-0-1  "over night"
    2024-01-31T22:00:00Z         reserve       t-0-3       team: cost 0.25  r-0-2
    2024-01-31T22:00:00Z         reserve       t-0-4       team: cost 0.50  r-0-3
    2024-01-31T22:00:00Z         reserve       t-0-5       team: cost 0.125  r-0-4
    2024-01-31T22:00:00Z         release       t-0-6       team: cost 0.125  r-0-4
    2024-01-31T22:05:00Z         expire        t-0-7       team: cost 0.25  given back  r-0-2
    2024-01-31T22:05:00Z         expire        t-0-8       team: cost 0.50  spent  r-0-3
    2024-02-01T01:00:00Z         settle        t-0-9       team: cost 3.25  r-0-1
    2024-02-01T01:00:00Z         refund        t-0-a       team: cost 0.50; session:s-1: cost 0.50  of t-0-1
    2024-02-01T01:00:00Z         record        t-0-b       team: cost 0.0000025
    2024-02-01T01:00:00Z         adjust        t-0-c       team: daily cost 12.00  by ops@example.com
    2024-02-01T01:00:00Z         reserve       t-0-d       team: cost 1.00  r-0-5
    2024-02-01T01:00:00Z         record        t-1-0       session:s-1: tokens 700, calls 1  overspent tokens 120
    2024-02-01T01:05:00Z         expire        -           team: cost 1.00  spent  r-0-5
    "#);
}

#[test]
fn a_list_counts_what_was_spent_beyond_the_limit() {
    assert_snapshot!(desk().done("list", &["--sessions"]), @r"
    BUDGET       STATE   PERIOD    OF       LIMIT      SPENT  RESERVED   AVAILABLE  USED
    org          active  monthly   cost    100.00       0.00      0.00      100.00    0%
      team       active  daily     cost     12.00       0.00      0.00       12.00    0%
                         lifetime  cost     30.00  5.7500025      0.00  24.2499975   19%
    session:s-1  active  lifetime  tokens    1000       1120         0           0  112%
                                   calls       10          2         0           8   20%
    ");
}

#[test]
fn the_ledger_is_selected_from() {
    let desk = desk();
    let count = |more: &[&str]| desk.lines("ledger", more).len();
    let all = desk.lines("ledger", &[]);
    assert_eq!(desk.done("ledger", &[]).lines().count(), all.len());
    assert_eq!(count(&["--kind", "reserve"]), 6);
    assert_eq!(count(&["--kind", "reserve", "--kind", "release"]), 7);
    assert_eq!(
        desk.lines("ledger", &["--newest", "2"]),
        all[all.len() - 2..]
    );
    assert_eq!(count(&["--newest", "0"]), 0);
    assert_eq!(count(&["--envelope", "session:s-1"]), 4);
    // The team's are the organisation's, too, which has its own creation besides.
    assert_eq!(
        count(&["--envelope", "org"]),
        count(&["--envelope", "team"]) + 1
    );
    let midnight = "2024-02-01T00:00:00Z";
    assert_eq!(
        count(&["--since", midnight]) + count(&["--until", midnight]),
        all.len()
    );
    assert!(count(&["--since", midnight]) > 0 && count(&["--until", midnight]) > 0);
    let at = "2024-02-01T01:00:00Z";
    assert!(
        desk.lines("ledger", &["--since", at])
            .iter()
            .any(|entry| entry["at"] == at),
        "since is included"
    );
    assert!(
        desk.lines("ledger", &["--until", at])
            .iter()
            .all(|entry| entry["at"] != at),
        "until is not"
    );
    let of = all
        .iter()
        .find(|entry| entry["note"] == "over night")
        .unwrap()["reservation"]
        .as_str()
        .unwrap();
    let kinds: Vec<_> = desk
        .lines("ledger", &["--reservation", of])
        .iter()
        .map(|entry| entry["kind"].clone())
        .collect();
    assert_eq!(kinds, ["reserve", "settle"]);
}

#[test]
fn the_ledger_tells_what_a_service_has_forgotten() {
    let desk = Desk::new();
    let journal = DurableJournal::options().snapshot_every(10);
    let config = BudgetEnforcerConfig {
        max_transactions: 16,
        ..BudgetEnforcerConfig::default()
    };
    let (budget, admin) = BudgetEnforcer::builder()
        .config(config)
        .journal(journal.open(desk.dir()).unwrap())
        .build()
        .unwrap();
    admin
        .create_budget(BudgetSpec::new(id("a")).calls(100))
        .unwrap();
    for _ in 0..60 {
        budget.record(&Charge::budget(&id("a")).calls(1)).unwrap();
    }
    assert!(budget.transactions(&TransactionFilter::default()).dropped > 50);
    drop((budget, admin));
    desk.act("suspend", &["a"]);
    assert_eq!(desk.lines("ledger", &["--kind", "record"]).len(), 60);
    assert_eq!(desk.lines("report", &[])[0]["calls"]["recorded"], 60);
    assert_eq!(
        desk.lines("list", &[])[0]["windows"][0]["calls"]["spent"],
        60
    );
}

#[test]
fn the_report_counts_a_hold_where_it_was_taken() {
    let desk = desk();
    assert_snapshot!(desk.done("report", &["--sessions"]), @r"
    BUDGET       PERIOD    SINCE                 OF      RESERVED  SETTLED   RECORDED  RELEASED  EXPIRED  EXPIRED SPENT  REFUNDED      SPENT  OVERSPENT
    session:s-1  lifetime  -                     tokens       500      420        700         0        0              0         0       1120        120
    session:s-1  lifetime  -                     calls          1        1          1         0        0              0         0          2          0
    session:s-1  lifetime  -                     cost        0.00     1.50       0.00      0.00     0.00           0.00      0.50       1.00       0.00
    org          monthly   2024-01-01T00:00:00Z  tokens         0      420          0         0        0              0         0        420          0
    org          monthly   2024-01-01T00:00:00Z  calls          0        1          0         0        0              0         0          1          0
    org          monthly   2024-01-01T00:00:00Z  cost       5.875     4.75       0.00     0.125     0.25           0.50      0.50       4.75       0.00
    org          monthly   2024-02-01T00:00:00Z  cost        1.00     0.00  0.0000025      0.00     0.00           1.00      0.00  1.0000025       0.00
    team         daily     2024-01-31T00:00:00Z  tokens         0      420          0         0        0              0         0        420          0
    team         daily     2024-01-31T00:00:00Z  calls          0        1          0         0        0              0         0          1          0
    team         daily     2024-01-31T00:00:00Z  cost       5.875     4.75       0.00     0.125     0.25           0.50      0.50       4.75       0.00
    team         daily     2024-02-01T00:00:00Z  cost        1.00     0.00  0.0000025      0.00     0.00           1.00      0.00  1.0000025       0.00
    team         lifetime  -                     tokens         0      420          0         0        0              0         0        420          0
    team         lifetime  -                     calls          0        1          0         0        0              0         0          1          0
    team         lifetime  -                     cost       6.875     4.75  0.0000025     0.125     0.25           1.50      0.50  5.7500025       0.00
    ");
    assert_snapshot!(desk.done("report", &["--csv", "--envelope", "org", "--until", "2024-02-01T00:00:00Z"]).replace('\r', ""), @r"
    envelope,period,window_start,window_end,dimension,reserved,settled,recorded,released,expired,expired_spent,refunded,spent,overspent
    org,monthly,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z,tokens,0,420,0,0,0,0,0,420,0
    org,monthly,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z,calls,0,1,0,0,0,0,0,1,0
    org,monthly,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z,cost,5.875,4.75,0.00,0.125,0.25,0.50,0.50,4.75,0.00
    team,daily,2024-01-31T00:00:00Z,2024-02-01T00:00:00Z,tokens,0,420,0,0,0,0,0,420,0
    team,daily,2024-01-31T00:00:00Z,2024-02-01T00:00:00Z,calls,0,1,0,0,0,0,0,1,0
    team,daily,2024-01-31T00:00:00Z,2024-02-01T00:00:00Z,cost,5.875,4.75,0.00,0.125,0.25,0.50,0.50,4.75,0.00
    team,lifetime,,,tokens,0,420,0,0,0,0,0,420,0
    team,lifetime,,,calls,0,1,0,0,0,0,0,1,0
    team,lifetime,,,cost,6.875,4.75,0.0000025,0.125,0.25,1.50,0.50,5.7500025,0.00
    ");
    let february = desk.lines(
        "report",
        &["--since", "2024-02-01T00:00:00Z", "--envelope", "org"],
    );
    assert_eq!(february[0]["window_start"], "2024-02-01T00:00:00Z");
    assert_eq!(february[0]["cost"]["recorded"], "0.0000025");
}

#[test]
fn what_has_no_end_is_reported_as_it_is_shown() {
    let desk = desk();
    for (more, name) in [
        (&["--envelope", "team"][..], "team"),
        (&["--envelope", "session:s-1"], "session:s-1"),
    ] {
        let reported = desk.lines("report", more);
        let reported = reported
            .iter()
            .find(|section| section["period"] == "lifetime")
            .unwrap();
        let shown = desk.budget("show", &[name, "--json"]).json();
        let shown = shown["windows"]
            .as_array()
            .unwrap()
            .iter()
            .find(|window| window["period"] == "lifetime")
            .unwrap()
            .clone();
        for dimension in Dimension::ALL {
            let (reported, shown) = (&reported[dimension.name()], &shown[dimension.name()]);
            assert_eq!(
                units(&reported["spent"]),
                units(&shown["spent"]) + units(&shown["overspent"]),
                "{name}: {dimension}"
            );
            assert_eq!(
                units(&reported["overspent"]),
                units(&shown["overspent"]),
                "{name}: {dimension}"
            );
        }
    }
}

/// Nano-dollars of money.
fn units(value: &Value) -> u64 {
    match value {
        Value::String(text) => usd(text).nanos(),
        value => value.as_u64().unwrap_or(0),
    }
}

#[test]
fn a_refund_covers_what_was_overspent() {
    let desk = Desk::new();
    let service = desk.service();
    let spent = service
        .enforcer
        .record_spending(&session("s-1"), 1200)
        .unwrap();
    let amounts = Amounts::NONE.tokens(150);
    service.enforcer.refund(spent.id, amounts).unwrap();
    drop(service);
    let sums = &desk.lines("report", &["--sessions"])[0]["tokens"];
    assert_eq!(
        (&sums["recorded"], &sums["refunded"]),
        (&1200.into(), &150.into())
    );
    assert_eq!(
        (&sums["spent"], &sums["overspent"]),
        (&1050.into(), &50.into())
    );
}

/// The service waits longer for late settlements than the command's own configuration does.
#[test]
fn a_late_settlement_stands_for_what_the_expiry_spent() {
    let desk = Desk::new();
    let clock = ManualClock::new(START);
    let config = BudgetEnforcerConfig {
        late_settle_window: Duration::from_secs(10 * 3600),
        ..BudgetEnforcerConfig::default()
    };
    // After the holds were taken.
    let journal = DurableJournal::options().snapshot_every(7);
    let (budget, admin) = BudgetEnforcer::builder()
        .config(config)
        .clock(clock.clone())
        .journal(journal.open(desk.dir()).unwrap())
        .build()
        .unwrap();
    admin
        .create_budget(BudgetSpec::new(id("a")).calls(100))
        .unwrap();
    let hold = |calls| {
        let hold = budget.reserve(&Charge::budget(&id("a")).calls(calls));
        hold.unwrap().start(Floor::Hold).unwrap().detach()
    };
    let (settled, released, forgotten) = (hold(10), hold(20), hold(40));
    for _ in 0..2 {
        clock.advance(Duration::from_secs(2 * 3600));
        // So that what expired is noticed, and what is forgotten by then.
        budget.record(&Charge::budget(&id("a")).calls(1)).unwrap();
    }
    let late = budget.settle_id(settled, Amounts::NONE.calls(7)).unwrap();
    assert!(late.late);
    budget.release_id(released).unwrap();
    assert_ne!(forgotten, settled);
    drop((budget, admin));
    desk.act("suspend", &["a"]);
    let sums = &desk.lines("report", &[])[0]["calls"];
    assert_eq!(
        (&sums["settled"], &sums["expired_spent"]),
        (&7.into(), &40.into())
    );
    assert_eq!(sums["spent"], 49);
    assert_eq!(
        desk.lines("list", &[])[0]["windows"][0]["calls"]["spent"],
        49
    );
    let said = desk.done("ledger", &["--kind", "settle", "--kind", "release"]);
    assert_eq!(said.matches("  late  ").count(), 2, "{said}");
}

#[test]
fn open_reservations_are_shown_and_expired_ones_are_not() {
    let desk = Desk::new();
    let service = desk.service();
    service.create(BudgetSpec::new(id("org")).calls(10));
    service.create(BudgetSpec::new(id("team")).parent(id("org")).calls(10));
    service.create(BudgetSpec::new(id("other")).calls(10));
    let take = |name: &str, years: u64| {
        let ttl = Duration::from_secs(years * 365 * 86_400);
        service
            .enforcer
            .reserve_with(
                &Charge::budget(&id(name)).calls(2),
                &CallOptions::new().ttl(ttl),
            )
            .unwrap()
    };
    let started = take("team", 90).start(Floor::Hold).unwrap().detach();
    let waits = take("org", 90).detach();
    assert_ne!(started, waits);
    let _other = take("other", 90).detach();
    // This one has run out by now.
    let _expired = take("team", 1).detach();
    drop(service);
    assert_snapshot!(desk.done("show", &["org"]), @r"
    org  active
    created    2024-01-31T22:00:00Z by ops@example.com
    zone       UTC
    rollover   no
    overdraft  no

    lifetime
    OF     LIMIT  ROLLED OVER  DEBT  SPENT  OVERSPENT  RESERVED  AVAILABLE  USED
    calls     10            0     0      0          0         4          6    0%

    RESERVATION  TAKEN                 EXPIRES               CALL      HOLDS
    r-0-0        2024-01-31T22:00:00Z  2114-01-09T22:00:00Z  has left  team: calls 2
    r-0-1        2024-01-31T22:00:00Z  2114-01-09T22:00:00Z  waits     org: calls 2
    ");
    let team = desk.budget("show", &["team", "--json"]).json();
    assert_eq!(team["holds"].as_array().unwrap().len(), 1);
    assert_eq!(team["holds"][0]["started"], true);
    assert_eq!(team["windows"][0]["calls"]["reserved"], 2);
    assert_eq!(
        desk.budget("show", &["org", "--json"]).json()["windows"][0]["calls"]["reserved"],
        4
    );
}

#[test]
fn a_hold_keeps_its_time_when_the_clock_is_set_back() {
    let desk = Desk::new();
    let service = desk.service();
    service.create(BudgetSpec::new(id("a")).calls(10));
    service.clock.set(START + Duration::from_secs(100 * 86_400));
    let options = CallOptions::new().ttl(Duration::from_secs(36_500 * 86_400));
    let hold = service
        .enforcer
        .reserve_with(&Charge::budget(&id("a")).calls(1), &options);
    let taken = hold.unwrap().detach();
    service.clock.set(START);
    let by = "ops@example.com".parse().unwrap();
    service.admin.accept_clock(by, "it was wrong").unwrap();
    drop(service);
    let shown = desk.budget("show", &["a", "--json"]).json();
    assert_eq!(shown["holds"][0]["reservation"], taken.to_string());
    assert_eq!(shown["holds"][0]["expires_at"], "2124-01-07T22:00:00Z");
    let accepted = desk.done("ledger", &["--kind", "accept-clock"]);
    assert_snapshot!(accepted, @r#"
    2024-01-31T22:00:00Z         accept-clock  -           by ops@example.com  "it was wrong"
    "#);
}

#[test]
fn a_session_is_shown_suspended_and_closed_like_a_budget() {
    let desk = desk();
    assert_snapshot!(desk.done("show", &["session:s-1"]), @r"
    session:s-1  active
    opened     2024-01-31T22:00:00Z

    lifetime
    OF          LIMIT  ROLLED OVER  DEBT  SPENT  OVERSPENT  RESERVED  AVAILABLE  USED
    tokens       1000            0     0   1000        120         0          0  112%
    calls          10            0     0      2          0         0          8   20%
    cost    unlimited         0.00  0.00   1.00       0.00      0.00  unlimited     -
    ");
    desk.act("suspend", &["session:s-1"]);
    let listed = desk.lines("list", &["--sessions"]);
    assert_eq!(listed[2]["envelope"]["session"], "s-1");
    assert_eq!(listed[2]["state"], "suspended");
    desk.act("close", &["session:s-1", "--yes"]);
    let session_of = |desk: &Desk| {
        desk.service()
            .enforcer
            .reserve(&Charge::session(&session("s-1")).calls(1))
    };
    assert!(session_of(&desk).is_err());
}

#[test]
fn what_the_command_does_is_in_force_for_the_service() {
    let desk = desk();
    let ask = || {
        desk.service().enforcer.check_at(
            &Charge::budget(&id("team")).cost(usd("11")),
            datetime!(2024-03-01 12:00 UTC),
        )
    };
    assert!(ask().allowed());
    desk.act("update", &["team", "--limit-cost", "10.999999999"]);
    assert!(!ask().allowed());
    desk.act("update", &["team", "--limit-cost", "11"]);
    assert!(ask().allowed());
    desk.act("suspend", &["org"]);
    assert!(!ask().allowed());
}

/// Days of holds and records, each ended on the day that it began: the report has the figures that the service showed in the end of each.
#[test]
fn each_day_is_reported_as_it_was() {
    let desk = Desk::new();
    let service = desk.service();
    let period = Period::Daily;
    service.create(
        BudgetSpec::new(id("org"))
            .calls(40)
            .period(period)
            .zone("America/New_York".parse().unwrap()),
    );
    service.create(
        BudgetSpec::new(id("team"))
            .parent(id("org"))
            .calls(30)
            .overdraft(true)
            .period(period)
            .also(Period::Hourly, Limits::NONE.calls(25)),
    );
    let mut seen: BTreeMap<(String, String, String), (u64, u64)> = BTreeMap::new();
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut roll = |below: u64| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        noise % below
    };
    for _ in 0..120 {
        let charge =
            Charge::budget(&id(if roll(3) == 0 { "org" } else { "team" })).calls(1 + roll(9));
        match roll(4) {
            0 => drop(service.enforcer.record(&charge)),
            1 => drop(service.enforcer.reserve(&charge)),
            _ => {
                if let Ok(hold) = service.enforcer.reserve(&charge) {
                    let actual = Amounts::NONE.calls(roll(12));
                    hold.start(Floor::Hold).unwrap().settle(actual).unwrap();
                }
            }
        }
        for name in ["org", "team"] {
            let usage = service.enforcer.utilization(&id(name)).unwrap();
            for window in usage.windows() {
                let start = window
                    .window
                    .start_at
                    .format(&time::format_description::well_known::Rfc3339)
                    .unwrap();
                let calls = window.usage(Dimension::Calls);
                let figures = (
                    calls.spent.units() + calls.overspent.units(),
                    calls.overspent.units(),
                );
                seen.insert((name.to_owned(), window.period.to_string(), start), figures);
            }
        }
        service.clock.advance(Duration::from_secs(60 * roll(90)));
    }
    assert!(START < service.enforcer.now());
    drop(service);
    seen.retain(|_, figures| *figures != (0, 0));
    let reported = desk.lines("report", &[]).into_iter().map(|section| {
        let text = |key: &str| section[key].as_str().unwrap().to_owned();
        let key = (
            section["envelope"]["budget"].as_str().unwrap().to_owned(),
            text("period"),
            text("window_start"),
        );
        (
            key,
            (
                units(&section["calls"]["spent"]),
                units(&section["calls"]["overspent"]),
            ),
        )
    });
    let reported: BTreeMap<_, _> = reported.filter(|(_, figures)| *figures != (0, 0)).collect();
    assert!(
        seen.len() > 20 && seen.values().any(|(_, over)| *over > 0),
        "{seen:?}"
    );
    assert_eq!(reported, seen);
}
