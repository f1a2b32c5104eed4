//! How grants wear out, to the nanosecond.

use std::time::Duration;

use proptest::prelude::*;
use time::OffsetDateTime;
use trust_gate::{
    Assignment, AssignmentFilter, Decay, Event, Grant, TrustError, TrustGateConfig, TrustLevel,
};

use crate::fixture::{DAY, Fixture, HOUR, NOON, agent, grant, ops, scope};

use TrustLevel::{ActAndReport, ActWithApproval, Autonomous, Monitor, Observer, Suggest};

const NANO: Duration = Duration::from_nanos(1);

fn just_before(span: Duration) -> Duration {
    span.checked_sub(NANO).unwrap()
}

fn assignment(f: &Fixture, grant: Grant) -> Assignment {
    f.admin.assign(grant).unwrap();
    f.admin
        .assignments(&AssignmentFilter::default())
        .pop()
        .unwrap()
}

/// The levels as time passes to each of these ages of the grant.
fn levels_at(decay: Decay, ages: &[Duration]) -> Vec<u8> {
    let f = Fixture::new();
    f.admin
        .assign(grant("a", ActAndReport).decay(decay))
        .unwrap();
    ages.iter()
        .map(|age| {
            f.clock.set(NOON + *age);
            f.level("a", "").as_u8()
        })
        .collect()
}

#[test]
fn cliff_falls_exactly_at_its_time() {
    let ages = [Duration::ZERO, just_before(DAY), DAY, DAY * 9];
    assert_eq!(levels_at(Decay::cliff(DAY), &ages), [4, 4, 0, 0]);
    let to = |to| Decay::Cliff { ttl: DAY, to };
    assert_eq!(levels_at(to(Suggest), &ages), [4, 4, 2, 2]);
    assert_eq!(levels_at(to(Autonomous), &ages), [4; 4], "never above");
}

#[test]
fn step_falls_one_level_each_time_down_to_its_floor() {
    let ages = [
        just_before(DAY),
        DAY,
        just_before(DAY * 2),
        DAY * 2,
        DAY * 3,
        DAY * 900,
    ];
    assert_eq!(
        levels_at(Decay::step(DAY, Monitor), &ages),
        [4, 3, 3, 2, 1, 1]
    );
    let late = Decay::Step {
        every: DAY,
        grace: HOUR,
        floor: Observer,
    };
    assert_eq!(levels_at(late, &ages), [4, 4, 3, 3, 2, 0]);
    assert_eq!(
        levels_at(late, &[just_before(DAY + HOUR), DAY + HOUR]),
        [4, 3]
    );
}

#[test]
fn inactivity_takes_one_level_in_all() {
    let ages = [just_before(DAY * 30), DAY * 30, DAY * 90, DAY * 9_000];
    assert_eq!(levels_at(Decay::inactivity(), &ages), [4, 3, 3, 3]);
    let slow = Decay::Inactivity {
        gradual_days: 200,
        cliff_days: 90,
    };
    assert_eq!(levels_at(slow, &ages), [4, 4, 3, 3]);
}

#[test]
fn activity_puts_a_fall_off_but_never_undoes_it() {
    let f = Fixture::new();
    f.admin
        .assign(grant("a", ActAndReport).decay(Decay::inactivity()))
        .unwrap();
    let touch = || f.admin.touch(&agent("a"), &scope(""), &ops(), "seen");
    f.clock.advance(DAY * 29);
    touch().unwrap();
    f.clock.advance(DAY * 29);
    assert_eq!(f.level("a", ""), ActAndReport);
    f.clock.advance(DAY);
    assert_eq!(f.level("a", ""), ActWithApproval);
    assert!(matches!(touch(), Err(TrustError::NothingThere { .. })));
    assert_eq!(f.level("a", ""), ActWithApproval);
    f.admin
        .assign(grant("a", ActAndReport).decay(Decay::inactivity()))
        .unwrap();
    assert_eq!(f.level("a", ""), ActAndReport);
}

#[test]
fn activity_is_nothing_to_grants_that_do_not_ask() {
    let f = Fixture::new();
    f.admin
        .assign(grant("a", ActAndReport).decay(Decay::cliff(DAY)))
        .unwrap();
    assert!(f.admin.touch(&agent("a"), &scope(""), &ops(), "").is_err());
    assert!(f.admin.touch(&agent("b"), &scope(""), &ops(), "").is_err());
}

#[test]
fn a_grant_holds_before_its_end_and_not_at_it() {
    let f = Fixture::new();
    f.admin
        .assign(grant("a", ActAndReport).expires_at(NOON + HOUR))
        .unwrap();
    f.clock.set(NOON + HOUR - NANO);
    assert_eq!(f.level("a", ""), ActAndReport);
    f.clock.set(NOON + HOUR);
    assert_eq!(f.level("a", ""), Observer);
}

#[test]
fn a_lapsed_grant_leaves_no_more_than_default_floor_and_itself() {
    let f = Fixture::with(TrustGateConfig {
        default_level: Suggest.into(),
        ..TrustGateConfig::default()
    });
    let lapsed = |name: &str, level, decay| {
        f.admin
            .assign(
                grant(name, level)
                    .assigned_at(NOON - DAY)
                    .decay(decay)
                    .expires_at(NOON),
            )
            .unwrap();
        f.level(name, "")
    };
    assert_eq!(lapsed("high", Autonomous, Decay::None), Suggest);
    assert_eq!(lapsed("low", Monitor, Decay::None), Monitor);
    let year = DAY * 365;
    assert_eq!(lapsed("cliff", Autonomous, Decay::cliff(year)), Observer);
    assert_eq!(
        lapsed("step", Autonomous, Decay::step(year, Monitor)),
        Monitor
    );
    assert_eq!(
        lapsed("step-high", Autonomous, Decay::step(year, ActWithApproval)),
        Suggest
    );
    assert_eq!(lapsed("idle", Suggest, Decay::inactivity()), Monitor);
}

#[test]
fn a_lapsed_grant_does_not_give_way_to_a_wider_one() {
    let f = Fixture::new();
    f.grant("a", "", Autonomous);
    f.admin
        .assign(
            grant("a", Suggest)
                .scope(scope("s"))
                .expires_at(NOON + HOUR),
        )
        .unwrap();
    f.clock.advance(HOUR);
    assert_eq!(f.level("a", "s"), Observer);
}

#[test]
fn a_later_configuration_does_not_reach_grants_made_before() {
    let f = Fixture::new();
    f.admin
        .assign(grant("a", ActAndReport).decay(Decay::step(DAY, Monitor)))
        .unwrap();
    let before = f.admin.assignments(&AssignmentFilter::default());
    f.admin
        .configure(
            TrustGateConfig {
                default_level: Suggest.into(),
                ..TrustGateConfig::default()
            },
            &ops(),
            "",
        )
        .unwrap();
    assert_eq!(f.admin.assignments(&AssignmentFilter::default()), before);
    f.clock.advance(DAY);
    assert_eq!(f.level("a", ""), ActWithApproval);
}

#[test]
fn next_change_is_when_the_effective_level_next_drops() {
    let f = Fixture::new();
    let next = || {
        f.gate
            .next_change(&agent("a"), &scope("s"))
            .map(|change| (change.at - NOON, change.to))
    };
    assert_eq!(next(), None, "nobody");
    f.admin
        .assign(
            grant("a", Autonomous)
                .decay(Decay::step(DAY, Suggest))
                .expires_at(NOON + DAY * 10),
        )
        .unwrap();
    assert_eq!(next(), Some((time::Duration::days(1), ActAndReport)));
    f.clock.advance(DAY);
    assert_eq!(next(), Some((time::Duration::days(2), ActWithApproval)));
    f.admin
        .cap(&agent("a"), &scope("s"), ActWithApproval, &ops(), "")
        .unwrap();
    assert_eq!(
        next(),
        Some((time::Duration::days(3), Suggest)),
        "what the cap hides is no change"
    );
    f.clock.advance(DAY * 3);
    assert_eq!(next(), Some((time::Duration::days(10), Observer)));
    f.clock.advance(DAY * 6);
    assert_eq!(next(), None);
}

#[test]
fn malformed_grants_are_refused_and_change_nothing() {
    let f = Fixture::new();
    let revision = f.gate.revision();
    let zero = Duration::ZERO;
    let bad = [
        grant("a", Suggest).assigned_at(NOON + NANO),
        grant("a", Suggest).expires_at(NOON),
        grant("a", Suggest)
            .assigned_at(NOON - DAY)
            .expires_at(NOON - DAY),
        grant("a", Suggest).decay(Decay::cliff(zero)),
        grant("a", Suggest).decay(Decay::step(zero, Observer)),
        grant("a", Suggest).decay(Decay::step(DAY, ActWithApproval)),
        grant("a", Suggest).decay(Decay::Inactivity {
            gradual_days: 0,
            cliff_days: 90,
        }),
        Grant::new(agent("a"), trust_gate::Tier("unheard-of"), ops()),
        grant("a", Suggest).reason("a\nb"),
        grant("a", Suggest).reason("x".repeat(4097)),
    ];
    let refusals: String = bad
        .into_iter()
        .map(|grant| f.admin.assign(grant).unwrap_err().to_string() + "\n")
        .collect();
    insta::assert_snapshot!(refusals, @r##"
    the grant is dated 2026-11-22 12:00:00.000000001 +00:00:00, later than the gate's time 2026-11-22 12:00:00.0 +00:00:00; grants cannot begin in the future
    the grant ends at 2026-11-22 12:00:00.0 +00:00:00, not after 2026-11-22 12:00:00.0 +00:00:00 when it begins; choose a later end
    the grant ends at 2026-11-21 12:00:00.0 +00:00:00, not after 2026-11-21 12:00:00.0 +00:00:00 when it begins; choose a later end
    invalid decay: `ttl` is zero; give it a length
    invalid decay: `every` is zero; give it a length
    invalid decay: `floor` is above the assigned level; lower it
    invalid decay: the days are zero; give at least one
    `unheard-of` is neither a trust level nor a tier; the tiers are `privileged`, `public`, `verified`
    the reason contains a control character; write at most 4096 bytes without control characters
    the reason is longer than 4096 bytes; write at most 4096 bytes without control characters
    "##);
    assert_eq!(f.gate.revision(), revision);
    assert_eq!(f.level("a", ""), Observer);
}

#[test]
fn a_grant_may_be_dated_in_the_past_and_decays_from_there() {
    let f = Fixture::new();
    let event: Event = f
        .admin
        .assign(
            grant("a", ActAndReport)
                .assigned_at(NOON - DAY * 2)
                .decay(Decay::step(DAY, Observer)),
        )
        .unwrap();
    assert_eq!(event.after, Some(Suggest));
    assert_eq!(f.level("a", ""), Suggest);
}

#[test]
fn times_at_the_ends_of_the_calendar_saturate() {
    let f = Fixture::new();
    let first = time::Date::MIN.midnight().assume_utc();
    let last = time::Date::MAX.midnight().assume_utc();
    f.admin
        .assign(
            grant("a", ActAndReport)
                .assigned_at(first)
                .expires_at(last)
                .decay(Decay::cliff(Duration::MAX)),
        )
        .unwrap();
    assert_eq!(f.level("a", ""), ActAndReport);
    f.admin
        .assign(grant("a", ActAndReport).decay(Decay::step(Duration::MAX, Observer)))
        .unwrap();
    f.clock.set(first);
    assert_eq!(f.level("a", ""), ActAndReport);
    f.clock.set(last);
    let _ = f.level("a", "");
}

/// The formulas of the design page, in seconds.
fn by_the_book(level: u8, decay: Decay, age: i64, lasts: Option<i64>, default: u8) -> u8 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap();
    let elapsed = age.max(0);
    if lasts.is_some_and(|lasts| age >= lasts) {
        let floor = match decay {
            Decay::Cliff { to, .. } => to.as_u8(),
            Decay::Step { floor, .. } => floor.as_u8(),
            Decay::Inactivity { .. } => level.saturating_sub(1),
            _ => level,
        };
        return default.min(floor).min(level);
    }
    match decay {
        Decay::Cliff { ttl, to } if elapsed >= seconds(ttl) => level.min(to.as_u8()),
        Decay::Step {
            every,
            grace,
            floor,
        } => {
            let steps = (elapsed - seconds(grace)).max(0) / seconds(every);
            i64::from(floor.as_u8()).max(i64::from(level) - steps) as u8
        }
        Decay::Inactivity {
            gradual_days,
            cliff_days,
        } if elapsed >= i64::from(gradual_days.min(cliff_days)) * 86_400 => level.saturating_sub(1),
        _ => level,
    }
}

fn any_level() -> impl Strategy<Value = TrustLevel> {
    (0_u8..=5).prop_map(|level| TrustLevel::try_from(level).unwrap())
}

fn any_decay() -> impl Strategy<Value = Decay> {
    let span = (1_u64..200_000).prop_map(Duration::from_secs);
    let grace = (0_u64..200_000).prop_map(Duration::from_secs);
    prop_oneof![
        Just(Decay::None),
        (span.clone(), any_level()).prop_map(|(ttl, to)| Decay::Cliff { ttl, to }),
        (span, grace, any_level()).prop_map(|(every, grace, floor)| Decay::Step {
            every,
            grace,
            floor
        }),
        (1_u32..4, 1_u32..4).prop_map(|(gradual_days, cliff_days)| Decay::Inactivity {
            gradual_days,
            cliff_days
        }),
    ]
}

proptest! {
    #[test]
    fn the_level_is_the_formula_and_only_falls(
        level in any_level(),
        default in any_level(),
        decay in any_decay(),
        lasts in prop::option::of(1_i64..800_000),
        mut ages in prop::collection::vec(-100_000_i64..1_000_000, 1..8),
    ) {
        prop_assume!(!matches!(decay, Decay::Step { floor, .. } if floor > level));
        let f = Fixture::new();
        let mut made = grant("a", level).decay(decay);
        made.expires_at = lasts.map(|lasts| NOON + time::Duration::seconds(lasts));
        let assignment = assignment(&f, made);
        ages.sort_unstable();
        let mut last = level;
        for age in ages {
            let at: OffsetDateTime = NOON + time::Duration::seconds(age);
            let now = assignment.level_at(at, default);
            prop_assert_eq!(now.as_u8(), by_the_book(level.as_u8(), decay, age, lasts, default.as_u8()), "age {}", age);
            prop_assert!(now <= last);
            last = now;
        }
    }
}
