//! Clocks that are wrong: set back they re-open nothing, and a jump forward hands out nothing new.

use std::collections::BTreeMap;
use std::time::Duration;

use budget_enforcer::{
    BudgetEnforcer, BudgetError, BudgetId, Clock, Floor, ManualClock, OperatorId, Period, Schedule,
    Zone,
};
use proptest::prelude::*;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::stage::{DAY, HOUR, MINUTE, START, Stage, calls, charge, code, stage, used};

fn ops() -> OperatorId {
    "ops@example.com".parse().unwrap()
}

/// With a clock that knows how much time has passed.
fn steady() -> Stage {
    let clock = ManualClock::new(START);
    clock.set_elapsed(Some(Duration::from_secs(100)));
    let (budget, admin) = BudgetEnforcer::builder()
        .clock(clock.clone())
        .build()
        .unwrap();
    Stage {
        budget,
        admin,
        clock,
    }
}

#[test]
fn a_clock_set_back_reopens_nothing() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage.clock.set(START + DAY);
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    for back in [HOUR, DAY, 400 * DAY] {
        stage.clock.set(START + DAY - back);
        assert_eq!(
            code(stage.budget.reserve(&charge(&id, 1))),
            "exceeds_budget",
            "{back:?}"
        );
        assert_eq!(stage.calls(&id), [10, 0, 0, 0]);
    }
    assert_eq!(
        code(stage.budget.reserve_at(&charge(&id, 1), START)),
        "exceeds_budget"
    );
    assert!(!stage.budget.check_at(&charge(&id, 1), START).allowed());
}

#[test]
fn a_clock_set_back_revives_no_expired_hold() {
    let stage = stage();
    let id = stage.create(calls("a", 10));
    let hold = stage.reserve(&charge(&id, 4));
    stage.clock.set(START + HOUR);
    stage.reserve(&charge(&id, 1)).release().unwrap();
    stage.clock.set(START);
    assert!(matches!(
        hold.start(Floor::Hold),
        Err(BudgetError::Expired { .. })
    ));
    assert_eq!(stage.calls(&id), [0, 0, 0, 10]);
}

#[test]
fn a_jump_forward_opens_no_new_window() {
    let stage = steady();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage.clock.set(START + 3 * DAY);
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "exceeds_budget"
    );
    assert!(
        !stage
            .budget
            .check_at(&charge(&id, 1), START + 3 * DAY)
            .allowed()
    );
    stage
        .clock
        .set_elapsed(Some(Duration::from_secs(100) + 12 * HOUR));
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "ok",
        "twelve hours have really passed"
    );
}

#[test]
fn a_jump_forward_expires_no_hold() {
    let stage = steady();
    let id = stage.create(calls("a", 10));
    let hold = stage.reserve(&charge(&id, 4));
    stage.clock.set(START + 3 * DAY);
    assert_eq!(stage.calls(&id), [0, 0, 4, 6]);
    hold.start(Floor::Hold).unwrap().settle(used(4)).unwrap();
}

#[test]
fn an_operator_accepts_a_clock_by_name() {
    let stage = steady();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage.clock.set(START + 3 * DAY);
    let before = stage.admin.revision().unwrap();
    let revision = stage
        .admin
        .accept_clock(ops(), "the machine slept")
        .unwrap();
    assert!(revision > before);
    assert_eq!(code(stage.budget.reserve(&charge(&id, 1))), "ok");
    assert_eq!(stage.budget.now(), START + 3 * DAY);
}

#[test]
fn accepting_a_clock_that_was_set_back_keeps_holds_and_reenters_no_window() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Daily));
    stage.clock.set(START + 10 * DAY);
    let hold = stage.reserve(&charge(&id, 4));
    stage.clock.set(START);
    stage
        .admin
        .accept_clock(ops(), "the year was wrong")
        .unwrap();
    assert_eq!(stage.calls(&id), [0, 0, 4, 6]);
    stage.clock.advance(5 * MINUTE - Duration::from_micros(1));
    assert_eq!(stage.calls(&id), [0, 0, 4, 6]);
    stage.clock.advance(Duration::from_micros(1));
    assert_eq!(
        stage.calls(&id),
        [0, 0, 0, 10],
        "it had five minutes left, and has them by the accepted clock"
    );
    stage.start(&charge(&id, 10)).settle(used(10)).unwrap();
    stage.clock.set(START + 9 * DAY);
    assert_eq!(
        code(stage.budget.reserve(&charge(&id, 1))),
        "exceeds_budget",
        "the window that was entered lasts"
    );
    stage.clock.set(START + 11 * DAY);
    assert_eq!(code(stage.budget.reserve(&charge(&id, 1))), "ok");
    drop(hold);
}

#[test]
fn clocks_at_the_end_of_time_are_survived() {
    let stage = stage();
    let id = stage.create(calls("a", 10).period(Period::Monthly));
    for wall in [
        time::Date::MAX.midnight().assume_utc(),
        time::Date::MIN.midnight().assume_utc(),
        START,
    ] {
        stage.clock.set(wall);
        drop(stage.budget.check(&charge(&id, 1)));
        drop(stage.budget.reserve(&charge(&id, 1)));
    }
}

const LIMIT: u64 = 10;
const MICROSECOND: Duration = Duration::from_micros(1);
const SECOND: Duration = Duration::from_secs(1);
const PERIODS: [&str; 9] = [
    "hourly",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "lifetime",
    "every 90m",
    "every 36h",
    "every 7d",
];
/// Two weeks later the clocks here go back across midnight, and a date comes twice.
const CREATED: OffsetDateTime = datetime!(2009-10-18 12:34:56.789012 UTC);

fn zone() -> Zone {
    "America/St_Johns".parse().unwrap()
}

/// A budget of ten calls in each `period`.
fn budget_of(period: &str, elapsed: Option<Duration>) -> (Stage, BudgetId, Schedule) {
    let clock = ManualClock::new(CREATED);
    clock.set_elapsed(elapsed);
    let (budget, admin) = BudgetEnforcer::builder()
        .clock(clock.clone())
        .build()
        .unwrap();
    let stage = Stage {
        budget,
        admin,
        clock,
    };
    let period: Period = period.parse().unwrap();
    let id = stage.create(calls("a", LIMIT).period(period).zone(zone()));
    (stage, id, Schedule::new(period, zone(), CREATED))
}

/// Takes calls one by one until the first refusal, or until there have been far too many.
fn drain(stage: &Stage, id: &BudgetId) -> u64 {
    let admitted = (0..5 * LIMIT).map_while(|_| stage.budget.reserve(&charge(id, 1)).ok());
    let settled = admitted.map(|hold| hold.start(Floor::Hold).unwrap().settle(used(1)).unwrap());
    u64::try_from(settled.count()).unwrap()
}

#[test]
fn set_back_by_anything_every_period_goes_on_where_it_was() {
    for period in PERIODS {
        for elapsed in [None, Some(HOUR)] {
            let (stage, id, schedule) = budget_of(period, elapsed);
            assert_eq!(drain(&stage, &id), LIMIT);
            // On to the first instant of the next window, where there is one.
            let Some(end) = schedule.window(CREATED).end_at else {
                stage.clock.advance(400 * DAY);
                assert_eq!(drain(&stage, &id), 0, "{period}");
                continue;
            };
            stage.clock.advance((end - CREATED).unsigned_abs());
            assert_eq!(drain(&stage, &id), LIMIT, "{period}");
            for back in [MICROSECOND, SECOND, HOUR, DAY, 400 * DAY] {
                stage.clock.set(end - back);
                assert_eq!(drain(&stage, &id), 0, "{period}, back by {back:?}");
                assert_eq!(stage.calls(&id), [LIMIT, 0, 0, 0]);
                stage.clock.set(end);
                assert_eq!(drain(&stage, &id), 0, "{period}, and again");
            }
            let after = schedule.window(end).end_at.unwrap();
            stage.clock.advance((after - end).unsigned_abs());
            assert_eq!(drain(&stage, &id), LIMIT, "{period}: nothing is stuck");
        }
    }
}

#[test]
fn four_hundred_days_forward_and_back_hand_out_nothing_where_time_is_known() {
    for period in PERIODS {
        let (stage, id, schedule) = budget_of(period, Some(HOUR));
        assert_eq!(drain(&stage, &id), LIMIT);
        stage.clock.set(CREATED + 400 * DAY);
        assert_eq!(drain(&stage, &id), 0, "{period}");
        stage.clock.set(CREATED);
        assert_eq!(drain(&stage, &id), 0, "{period}");
        if let Some(end) = schedule.window(CREATED).end_at {
            stage.clock.advance((end - CREATED).unsigned_abs());
            assert_eq!(drain(&stage, &id), LIMIT, "{period}: nothing is stuck");
        }
    }
}

#[test]
fn four_hundred_days_forward_and_back_hand_out_one_window_where_time_is_not_known() {
    for period in PERIODS.into_iter().filter(|period| *period != "lifetime") {
        let (stage, id, schedule) = budget_of(period, None);
        assert_eq!(drain(&stage, &id), LIMIT);
        let there = CREATED + 400 * DAY;
        stage.clock.set(there);
        assert!(stage.budget.check(&charge(&id, 1)).allowed());
        stage.clock.set(CREATED);
        assert_eq!(drain(&stage, &id), 0, "{period}: looking enters nothing");
        stage.clock.set(there);
        assert_eq!(drain(&stage, &id), LIMIT, "{period}");
        stage.clock.set(CREATED);
        assert_eq!(drain(&stage, &id), 0, "{period}");
        stage.clock.set(there);
        assert_eq!(drain(&stage, &id), 0, "{period}: once, and not again");
        stage.clock.set(schedule.window(there).end_at.unwrap());
        assert_eq!(drain(&stage, &id), LIMIT, "{period}: nothing is stuck");
    }
}

#[test]
fn a_hold_that_ends_after_the_clock_was_set_back_makes_room_in_its_own_window_alone() {
    for period in PERIODS.into_iter().filter(|period| *period != "lifetime") {
        for is_released in [true, false] {
            let (stage, id, schedule) = budget_of(period, Some(HOUR));
            let end = schedule.window(CREATED).end_at.unwrap();
            stage.clock.advance((end - SECOND - CREATED).unsigned_abs());
            let hold = stage.reserve(&charge(&id, 4));
            assert_eq!(drain(&stage, &id), LIMIT - 4);
            stage.clock.advance(SECOND);
            let other = stage.start(&charge(&id, 3));
            assert_eq!(drain(&stage, &id), LIMIT - 3, "{period}: starts clean");
            stage.clock.set(end - SECOND);
            if is_released {
                hold.release().unwrap();
            } else {
                let running = hold.start(Floor::Hold).unwrap();
                running.settle(used(1)).unwrap();
            }
            assert_eq!(drain(&stage, &id), 0, "{period}");
            stage.clock.set(end);
            assert_eq!(drain(&stage, &id), 0, "{period}");
            assert_eq!(stage.calls(&id), [LIMIT - 3, 0, 3, 0]);
            other.settle(used(3)).unwrap();
        }
    }
}

/// What a clock, an operator and a caller do.
#[derive(Debug, Clone)]
enum Move {
    /// Time passes, and the clock with it.
    Pass(Duration),
    /// The clock is set forward, and no time passes.
    Forward(Duration),
    Back(Duration),
    /// The clock is set to the start of its next window, or so many microseconds beside it.
    Boundary(i64),
    Accept,
    Check(u64),
    Spend(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let lengths = prop::sample::select(vec![
        MICROSECOND,
        SECOND,
        MINUTE,
        HOUR - MICROSECOND,
        HOUR,
        HOUR + MICROSECOND,
        DAY,
        9 * DAY,
        400 * DAY,
    ]);
    let one = prop_oneof![
        3 => lengths.clone().prop_map(Move::Pass),
        2 => lengths.clone().prop_map(Move::Forward),
        2 => lengths.prop_map(Move::Back),
        2 => (-1..=1_i64).prop_map(Move::Boundary),
        1 => Just(Move::Accept),
        2 => (1..=LIMIT + 1).prop_map(Move::Check),
        8 => (1..=LIMIT + 1).prop_map(Move::Spend),
    ];
    prop::collection::vec(one, 1..60)
}

/// One budget as the rules have it: which window counts, and what was spent there.
struct Model {
    schedule: Schedule,
    /// Wall time and elapsed time when the clock was last accepted.
    anchor: (OffsetDateTime, Option<Duration>),
    /// The latest time at which anything was spent.
    mark: OffsetDateTime,
    entered: OffsetDateTime,
    spent: u64,
}

impl Model {
    fn believed(&self, wall: OffsetDateTime, elapsed: Option<Duration>) -> OffsetDateTime {
        let (Some(now), (then, Some(before))) = (elapsed, self.anchor) else {
            return wall;
        };
        let passed = then + (now - before);
        if wall <= passed + HOUR { wall } else { passed }
    }

    /// What is left at `believed`, and in which window.
    fn left(&self, believed: OffsetDateTime) -> (u64, OffsetDateTime) {
        let start = self.schedule.window(believed.max(self.mark)).start_at;
        if start > self.entered {
            (LIMIT, start)
        } else {
            (LIMIT - self.spent, self.entered)
        }
    }

    fn spend(&mut self, calls: u64, believed: OffsetDateTime) -> bool {
        let (left, window) = self.left(believed);
        if calls > left {
            return false;
        }
        self.mark = self.mark.max(believed);
        self.entered = window;
        self.spent = LIMIT - left + calls;
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// However the clock walks: each window is entered once, hands out its limit at most, and refuses nothing that is left.
    #[test]
    fn no_walk_of_the_clock_spends_a_window_twice(
        period in prop::sample::select(PERIODS.to_vec()),
        is_steady in any::<bool>(),
        moves in moves(),
    ) {
        let start = is_steady.then_some(HOUR);
        let (stage, id, schedule) = budget_of(period, start);
        let mut model = Model {
            anchor: (CREATED, start),
            mark: CREATED,
            entered: schedule.window(CREATED).start_at,
            spent: 0,
            schedule,
        };
        let mut admitted: BTreeMap<OffsetDateTime, u64> = BTreeMap::new();
        for step in moves {
            let (wall, elapsed) = (stage.clock.now(), stage.clock.elapsed());
            let believed = model.believed(wall, elapsed);
            match step {
                Move::Pass(by) => stage.clock.advance(by),
                Move::Forward(by) => stage.clock.set(wall + by),
                Move::Back(by) => stage.clock.set(wall - by),
                Move::Boundary(beside) => if let Some(end) = model.schedule.window(wall).end_at {
                    stage.clock.set(end + time::Duration::microseconds(beside));
                },
                Move::Accept => {
                    stage.admin.accept_clock(ops(), "it is right").unwrap();
                    model.anchor = (wall, elapsed);
                    model.mark = wall;
                }
                Move::Check(calls) => {
                    let decision = stage.budget.check(&charge(&id, calls));
                    prop_assert_eq!(decision.allowed(), calls <= model.left(believed).0);
                }
                Move::Spend(calls) => {
                    let hold = stage.budget.reserve(&charge(&id, calls));
                    prop_assert_eq!(hold.is_ok(), model.spend(calls, believed));
                    let Ok(hold) = hold else { continue };
                    hold.start(Floor::Hold).unwrap().settle(used(calls)).unwrap();
                    let window = stage.budget.utilization(&id).unwrap().main.window.start_at;
                    let latest = admitted.last_key_value().map(|(window, _)| *window);
                    prop_assert!(latest.is_none_or(|latest| window >= latest), "{window} was left before");
                    let sum = admitted.entry(window).or_default();
                    *sum += calls;
                    prop_assert!(*sum <= LIMIT, "{} in the window of {}", sum, window);
                }
            }
        }
    }
}
