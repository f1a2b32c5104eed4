//! The slow obvious lines: what an agent's level is, said once more without any of the machinery.
//!
//! Times are whole minutes after noon; levels are numbers. The model keeps every record in a list and looks through it.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use trust_gate::{Decay, Elevation, OperatorId, Raise, ScopeMode, TrustGateConfig, TrustLevel};

use crate::fixture::{Fixture, NOON, agent, grant, ops, scope};

pub(crate) const AGENTS: [&str; 2] = ["a", "b"];
pub(crate) const SCOPES: [&str; 4] = ["", "x", "x/y", "z"];

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);
const DAY: i64 = 24 * 60;

/// Agent and scope, as places in the lists.
pub(crate) type Place = (usize, usize);

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Clock(i64),
    Assign(Place, Given),
    Revoke(Place),
    Clear(Place, bool),
    Cap(Place, u8),
    Quarantine(Place),
    LiftCap(Place),
    LiftQuarantine(Place),
    Elevate(Place, u8, i64),
    BreakGlass(Place, u8, i64),
    EndElevation(Place),
    CloseReview,
    Touch(Place),
    Configure(Rules),
    Accept,
    Restart,
    Read(Place),
}

#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) level: u8,
    pub(crate) age: i64,
    pub(crate) lasts: Option<i64>,
    pub(crate) shape: Shape,
}

#[derive(Debug, Clone)]
pub(crate) enum Shape {
    Flat,
    Cliff(i64, u8),
    Step(i64, i64, u8),
    Idle(i64, i64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) default: u8,
    pub(crate) max: u8,
    pub(crate) exact: bool,
}

pub(crate) fn level(number: u8) -> TrustLevel {
    TrustLevel::try_from(number).unwrap()
}

pub(crate) fn minutes(count: i64) -> std::time::Duration {
    MINUTE * u32::try_from(count).unwrap()
}

pub(crate) fn decay(shape: &Shape) -> Decay {
    match *shape {
        Shape::Flat => Decay::None,
        Shape::Cliff(ttl, to) => Decay::Cliff {
            ttl: minutes(ttl),
            to: level(to),
        },
        Shape::Step(every, grace, floor) => Decay::Step {
            every: minutes(every),
            grace: minutes(grace),
            floor: level(floor),
        },
        Shape::Idle(gradual, cliff) => Decay::Inactivity {
            gradual_days: gradual as u32,
            cliff_days: cliff as u32,
        },
    }
}

pub(crate) fn config(rules: Rules) -> TrustGateConfig {
    TrustGateConfig {
        default_level: level(rules.default).into(),
        max_level: level(rules.max).into(),
        scope_mode: if rules.exact {
            ScopeMode::Exact
        } else {
            ScopeMode::Hierarchical
        },
        ..TrustGateConfig::default()
    }
}

pub(crate) fn any_place() -> impl Strategy<Value = Place> {
    (0..AGENTS.len(), 0..SCOPES.len())
}

pub(crate) fn any_op() -> impl Strategy<Value = Op> {
    let shape = prop_oneof![
        Just(Shape::Flat),
        (1..3 * DAY, 0_u8..=5).prop_map(|(ttl, to)| Shape::Cliff(ttl, to)),
        (1..DAY, 0..DAY, 0_u8..=5)
            .prop_map(|(every, grace, floor)| Shape::Step(every, grace, floor)),
        (1_i64..4, 1_i64..4).prop_map(|(gradual, cliff)| Shape::Idle(gradual, cliff)),
    ];
    let given = (0_u8..=5, -5..2 * DAY, prop::option::of(1..4 * DAY), shape).prop_map(
        |(level, age, lasts, shape)| Given {
            level,
            age,
            lasts,
            shape,
        },
    );
    let rules = (0_u8..=5, 0_u8..=5, any::<bool>()).prop_map(|(one, other, exact)| Rules {
        default: one.min(other),
        max: one.max(other),
        exact,
    });
    prop_oneof![
        6 => (0..8 * DAY).prop_map(Op::Clock),
        6 => (any_place(), given).prop_map(|(place, given)| Op::Assign(place, given)),
        1 => any_place().prop_map(Op::Revoke),
        2 => (any_place(), any::<bool>()).prop_map(|(place, raise)| Op::Clear(place, raise)),
        2 => (any_place(), 0_u8..=5).prop_map(|(place, level)| Op::Cap(place, level)),
        1 => any_place().prop_map(Op::Quarantine),
        1 => any_place().prop_map(Op::LiftCap),
        1 => any_place().prop_map(Op::LiftQuarantine),
        3 => (any_place(), 0_u8..=5, 0..500_i64).prop_map(|(place, level, lasts)| Op::Elevate(place, level, lasts)),
        2 => (any_place(), 0_u8..=5, 0..70_i64).prop_map(|(place, level, lasts)| Op::BreakGlass(place, level, lasts)),
        1 => any_place().prop_map(Op::EndElevation),
        2 => Just(Op::CloseReview),
        3 => any_place().prop_map(Op::Touch),
        1 => rules.prop_map(Op::Configure),
        1 => Just(Op::Accept),
        2 => Just(Op::Restart),
        10 => any_place().prop_map(Op::Read),
    ]
}

struct Held {
    place: Place,
    /// `None`: a tombstone.
    given: Option<Given>,
    from: i64,
    active: i64,
}

struct Model {
    rules: Rules,
    wall: i64,
    /// The latest time that anybody looked at.
    read: i64,
    held: Vec<Held>,
    caps: Vec<(Place, u8)>,
    quarantines: Vec<Place>,
    raised: Vec<Raised>,
    /// Which elevation is to be looked into.
    review: Option<usize>,
    /// How many elevations there ever were.
    elevations: usize,
}

#[derive(Debug, Clone, Copy)]
struct Raised {
    number: usize,
    place: Place,
    level: u8,
    until: i64,
}

impl Model {
    fn new(rules: Rules) -> Self {
        Self {
            rules,
            wall: 0,
            read: 0,
            held: vec![],
            caps: vec![],
            quarantines: vec![],
            raised: vec![],
            review: None,
            elevations: 0,
        }
    }

    fn is_raised(&self, now: i64, which: impl Fn(&Raised) -> bool) -> bool {
        self.raised
            .iter()
            .any(|raised| which(raised) && now < raised.until)
    }

    /// Both kinds, but for the review.
    fn elevate(&mut self, place: Place, level: u8, lasts: i64, now: i64) -> bool {
        if lasts == 0 || self.is_raised(now, |raised| raised.place == place) {
            return false;
        }
        let (before, others) = (self.level(place, now), self.raised.clone());
        self.raised.retain(|raised| raised.place != place);
        self.raised.push(Raised {
            number: self.elevations,
            place,
            level,
            until: now + lasts,
        });
        if self.level(place, now) <= before {
            self.raised = others;
            return false;
        }
        self.elevations += 1;
        true
    }

    fn now(&mut self) -> i64 {
        self.read = self.read.max(self.wall);
        self.read
    }

    fn is_within(inner: usize, outer: usize) -> bool {
        let (inner, outer) = (SCOPES[inner], SCOPES[outer]);
        outer.is_empty() || inner == outer || inner.starts_with(&format!("{outer}/"))
    }

    fn level_of_held(&self, held: &Held, now: i64) -> u8 {
        let Some(given) = &held.given else { return 0 };
        let floor = match given.shape {
            Shape::Flat => given.level,
            Shape::Cliff(_, to) => given.level.min(to),
            Shape::Step(_, _, floor) => floor,
            Shape::Idle(..) => given.level.saturating_sub(1),
        };
        if given.lasts.is_some_and(|lasts| now >= held.from + lasts) {
            return self.rules.default.min(floor);
        }
        let elapsed = (now - held.from).max(0);
        match given.shape {
            Shape::Cliff(ttl, to) if elapsed >= ttl => given.level.min(to),
            Shape::Step(every, grace, floor) => {
                let lost = (elapsed - grace).max(0) / every;
                i64::from(floor).max(i64::from(given.level) - lost) as u8
            }
            Shape::Idle(gradual, cliff) if now - held.active >= gradual.min(cliff) * DAY => floor,
            _ => given.level,
        }
    }

    fn level(&self, place: Place, now: i64) -> u8 {
        self.level_with(place, now, true)
    }

    /// With what an elevation gives, or but for it.
    fn level_with(&self, (agent, scope): Place, now: i64, elevated: bool) -> u8 {
        let counts = |at: usize| {
            if self.rules.exact {
                at == scope || at == 0
            } else {
                Self::is_within(scope, at)
            }
        };
        let base = self
            .held
            .iter()
            .filter(|held| held.place.0 == agent && counts(held.place.1))
            .max_by_key(|held| SCOPES[held.place.1].len())
            .map_or(self.rules.default, |held| self.level_of_held(held, now));
        let covers = |place: &Place| place.0 == agent && Self::is_within(scope, place.1);
        let caps = self
            .caps
            .iter()
            .filter(|(place, _)| covers(place))
            .map(|(_, cap)| *cap);
        let stopped = self
            .quarantines
            .iter()
            .filter(|place| covers(place))
            .map(|_| 0);
        let raised = self
            .raised
            .iter()
            .filter(|_| elevated)
            .find(|raised| raised.place == (agent, scope) && now < raised.until)
            .map_or(base, |raised| base.max(raised.level));
        caps.chain(stopped)
            .fold(raised.min(self.rules.max), u8::min)
    }

    fn hold(&mut self, place: Place, given: Option<Given>, from: i64) {
        self.held.retain(|held| held.place != place);
        self.held.push(Held {
            place,
            given,
            from,
            active: from,
        });
    }

    /// Whether the operation is accepted, and what it then does.
    fn apply(&mut self, op: &Op) -> bool {
        if let Op::Clock(wall) = op {
            self.wall = *wall;
            return true;
        }
        let now = self.now();
        match op.clone() {
            Op::Assign(place, given) => {
                let too_high =
                    matches!(given.shape, Shape::Step(_, _, floor) if floor > given.level);
                if given.age < 0 || too_high {
                    return false;
                }
                let from = now - given.age;
                self.hold(place, Some(given), from);
            }
            Op::Revoke(place) => {
                self.hold(place, None, now);
                self.raised.retain(|raised| raised.place != place);
            }
            Op::Elevate(place, level, lasts) => {
                return lasts <= 480 && self.elevate(place, level, lasts, now);
            }
            Op::BreakGlass(place, level, lasts) => {
                let admitted = self.review.is_none() && level <= 4 && lasts <= 60;
                if !admitted || !self.elevate(place, level, lasts, now) {
                    return false;
                }
                self.review = Some(self.elevations - 1);
            }
            Op::EndElevation(place) => {
                let before = self.raised.len();
                self.raised.retain(|raised| raised.place != place);
                return self.raised.len() < before;
            }
            Op::CloseReview => {
                let Some(open) = self.review else {
                    return false;
                };
                if self.is_raised(now, |raised| raised.number == open) {
                    return false;
                }
                self.raised.retain(|raised| raised.number != open);
                self.review = None;
            }
            Op::Clear(place, raise) => {
                let levels = |model: &Self| {
                    [true, false].map(|elevated| model.level_with(place, now, elevated))
                };
                let before = levels(self);
                let Some(found) = self.held.iter().position(|held| held.place == place) else {
                    return false;
                };
                let held = self.held.remove(found);
                let raised = levels(self).iter().zip(&before).any(|(to, from)| to > from);
                if !raise && raised {
                    self.held.push(held);
                    return false;
                }
            }
            Op::Cap(place, cap) => {
                if self.caps.iter().any(|(at, old)| *at == place && *old < cap) {
                    return false;
                }
                self.caps.retain(|(at, _)| *at != place);
                self.caps.push((place, cap));
            }
            Op::Quarantine(place) => self.quarantines.push(place),
            Op::LiftCap(place) => {
                let before = self.caps.len();
                self.caps.retain(|(at, _)| *at != place);
                return self.caps.len() < before;
            }
            Op::LiftQuarantine(place) => {
                let before = self.quarantines.len();
                self.quarantines.retain(|at| *at != place);
                return self.quarantines.len() < before;
            }
            Op::Touch(place) => {
                let Some(held) = self.held.iter_mut().find(|held| held.place == place) else {
                    return false;
                };
                let Some(Given {
                    shape: Shape::Idle(gradual, cliff),
                    lasts,
                    ..
                }) = held.given
                else {
                    return false;
                };
                let idle = now - held.active >= gradual.min(cliff) * DAY;
                if idle || lasts.is_some_and(|lasts| now >= held.from + lasts) {
                    return false;
                }
                held.active = held.active.max(now);
            }
            Op::Configure(rules) => self.rules = rules,
            Op::Accept => self.read = self.wall,
            Op::Clock(_) | Op::Restart | Op::Read(_) => {}
        }
        true
    }
}

/// Does to the gate what the operation says; whether it was accepted.
pub(crate) fn perform(f: Fixture, op: &Op) -> (Fixture, bool) {
    let at = |(name, path): Place| (agent(AGENTS[name]), scope(SCOPES[path]));
    let by = ops();
    let accepted = match op.clone() {
        Op::Clock(wall) => {
            f.clock.set(NOON + minutes(wall));
            true
        }
        Op::Assign(place, given) => {
            let (agent, scope) = at(place);
            let start = f.gate.now() - time::Duration::minutes(given.age);
            let mut made = grant(agent.as_str(), level(given.level)).scope(scope);
            made.assigned_at = Some(start);
            made.expires_at = given.lasts.map(|lasts| start + minutes(lasts));
            f.admin.assign(made.decay(decay(&given.shape))).is_ok()
        }
        Op::Revoke(place) => {
            let (agent, scope) = at(place);
            f.admin.revoke(&agent, &scope, &by, "").is_ok()
        }
        Op::Clear(place, raise) => {
            let (agent, scope) = at(place);
            let raise = if raise { Raise::Allow } else { Raise::Refuse };
            f.admin.clear(&agent, &scope, &by, "", raise).is_ok()
        }
        Op::Cap(place, cap) => {
            let (agent, scope) = at(place);
            f.admin.cap(&agent, &scope, level(cap), &by, "").is_ok()
        }
        Op::Quarantine(place) => {
            let (agent, scope) = at(place);
            f.admin.quarantine(&agent, &scope, &by, "").is_ok()
        }
        Op::LiftCap(place) => {
            let (agent, scope) = at(place);
            f.admin.lift_cap(&agent, &scope, &by, "").is_ok()
        }
        Op::LiftQuarantine(place) => {
            let (agent, scope) = at(place);
            f.admin.lift_quarantine(&agent, &scope, &by, "").is_ok()
        }
        Op::Elevate(place, to, lasts) => {
            let (agent, scope) = at(place);
            let elevation =
                Elevation::new(agent, level(to), minutes(lasts), by, "why").scope(scope);
            f.admin.elevate(&elevation).is_ok()
        }
        Op::BreakGlass(place, to, lasts) => {
            let (agent, scope) = at(place);
            let elevation =
                Elevation::new(agent, level(to), minutes(lasts), by, "why").scope(scope);
            f.admin.break_glass(&elevation, &second()).is_ok()
        }
        Op::EndElevation(place) => {
            let (agent, scope) = at(place);
            f.admin.end_elevation(&agent, &scope, &by, "").is_ok()
        }
        Op::CloseReview => {
            let opened = f.admin.open_review().map(|open| open.revision);
            let opened = opened.unwrap_or_default();
            f.admin.close_review(opened, &second(), "fine").is_ok()
        }
        Op::Touch(place) => {
            let (agent, scope) = at(place);
            f.admin.touch(&agent, &scope, &by, "").is_ok()
        }
        Op::Configure(rules) => f.admin.configure(config(rules), &by, "").is_ok(),
        Op::Accept => f.admin.accept_clock(&by, "").is_ok(),
        Op::Restart => return (f.restart(), true),
        Op::Read(_) => true,
    };
    (f, accepted)
}

fn second() -> OperatorId {
    "second@example.com".parse().unwrap()
}

/// Takes both through the operations and compares them at each step.
fn walk(ops: impl IntoIterator<Item = Op>) -> Result<(), TestCaseError> {
    let rules = Rules {
        default: 0,
        max: 5,
        exact: false,
    };
    let mut f = Fixture::with(config(rules));
    let mut model = Model::new(rules);
    for op in ops {
        let revision = f.gate.revision();
        let expected = model.apply(&op);
        let accepted;
        (f, accepted) = perform(f, &op);
        prop_assert_eq!(accepted, expected, "{:?}", op);
        let acted = !matches!(op, Op::Clock(_) | Op::Restart | Op::Read(_)) && accepted;
        prop_assert_eq!(
            f.gate.revision() > revision,
            acted,
            "an event for each act and nothing else: {:?}",
            op
        );
        if let Op::Read(place) = op {
            let now = model.now();
            let (name, path) = (AGENTS[place.0], SCOPES[place.1]);
            prop_assert_eq!(
                f.level(name, path).as_u8(),
                model.level(place, now),
                "{} in `{}`",
                name,
                path
            );
            prop_assert_eq!(f.gate.now(), NOON + minutes(now));
            let change = f.gate.next_change(&agent(name), &scope(path));
            if let Some(change) = change {
                let at = (change.at - NOON).whole_minutes();
                prop_assert_eq!(
                    (model.level(place, at), model.level(place, at - 1)),
                    (change.to.as_u8(), model.level(place, now)),
                    "it changes then and not before: {} in `{}`",
                    name,
                    path
                );
            } else {
                prop_assert_eq!(
                    model.level(place, now + 10_000 * DAY),
                    model.level(place, now)
                );
            }
        }
    }
    let now = model.now();
    for (a, name) in AGENTS.iter().enumerate() {
        for (s, path) in SCOPES.iter().enumerate() {
            prop_assert_eq!(
                f.level(name, path).as_u8(),
                model.level((a, s), now),
                "{} in `{}`",
                name,
                path
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_gate_agrees_with_the_model(ops in prop::collection::vec(any_op(), 1..60)) {
        walk(ops)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_gate_agrees_with_the_model_on_long_walks(ops in prop::collection::vec(any_op(), 2_000)) {
        walk(ops)?;
    }
}

#[test]
#[ignore = "a million steps; the long walks above are a part of them"]
fn the_gate_agrees_with_the_model_for_a_million_steps() {
    let config = ProptestConfig {
        cases: 500,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(any_op(), 2_000), walk)
        .unwrap();
}
