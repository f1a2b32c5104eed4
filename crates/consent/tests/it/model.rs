//! The gate and the ledger against a model: slow obvious lines over the list of all records.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use consent::{
    AsOf, ConsentConfig, ConsentGate, ConsentLedger, ConsentQuery, Extent, Grant, ManualClock,
    MemoryStore, Revision,
};
use proptest::prelude::*;
use proptest::sample::select;
use time::OffsetDateTime;

use crate::support::{START, id};

// ---- the model ----

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named {
    agent: Option<&'static str>,
    data: Option<&'static str>,
    purpose: Option<&'static str>,
    subject: Option<&'static str>,
    operation: Option<&'static str>,
}

#[derive(Debug, Clone)]
struct Line {
    revision: u64,
    kind: &'static str,
    named: Named,
    from: Option<i64>,
    until: Option<i64>,
}

fn within(wide: &str, narrow: &str) -> bool {
    let (wide, narrow): (Vec<_>, Vec<_>) = (wide.split('.').collect(), narrow.split('.').collect());
    narrow.len() >= wide.len() && narrow[..wide.len()] == wide[..]
}

fn covers_one(wide: Option<&str>, narrow: Option<&str>) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (_, None) => false,
        (Some(wide), Some(narrow)) => within(wide, narrow),
    }
}

impl Named {
    fn parts(&self) -> [Option<&'static str>; 5] {
        [
            self.agent,
            self.data,
            self.purpose,
            self.subject,
            self.operation,
        ]
    }

    fn covers(&self, other: &Self) -> bool {
        self.parts()
            .into_iter()
            .zip(other.parts())
            .all(|(wide, narrow)| covers_one(wide, narrow))
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.parts()
            .into_iter()
            .zip(other.parts())
            .all(|(one, two)| covers_one(one, two) || covers_one(two, one))
    }
}

/// The code and the revision of the deciding record.
fn judge(
    lines: &[Line],
    asked: &Named,
    now: i64,
    default_deny: bool,
) -> (&'static str, Option<u64>) {
    let in_force = |line: &Line| {
        line.from.is_none_or(|from| from <= now) && line.until.is_none_or(|until| now < until)
    };
    let exactness = |line: &&Line| {
        (
            line.named
                .purpose
                .map_or(0, |purpose| purpose.split('.').count()),
            line.revision,
        )
    };
    let taken = lines
        .iter()
        .rev()
        .find(|line| line.kind != "given" && line.named.overlaps(asked));
    let since = taken.map_or(0, |line| line.revision);
    let covering: Vec<&Line> = lines
        .iter()
        .filter(|line| line.kind == "given" && line.revision > since && line.named.covers(asked))
        .collect();
    if let Some(line) = covering
        .iter()
        .copied()
        .filter(|line| in_force(line))
        .max_by_key(exactness)
    {
        return ("consent_granted", Some(line.revision));
    }
    if !default_deny && taken.is_none() {
        return ("permissive_mode", None);
    }
    if let Some(line) = covering.iter().copied().max_by_key(exactness) {
        let early = line.from.is_some_and(|from| now < from);
        return (
            if early { "not_yet_valid" } else { "expired" },
            Some(line.revision),
        );
    }
    if let Some(line) = taken {
        return (line.kind, Some(line.revision));
    }
    let for_another = lines.iter().filter(|line| {
        let any_purpose = Named {
            purpose: None,
            ..line.named
        };
        let instead = Named {
            purpose: line.named.purpose,
            ..*asked
        };
        let withdrawn = |later: &Line| {
            later.kind != "given" && later.revision > line.revision && later.named.covers(&instead)
        };
        line.kind == "given"
            && any_purpose.covers(asked)
            && in_force(line)
            && !lines.iter().any(withdrawn)
    });
    if let Some(line) = for_another.max_by_key(|line| line.revision) {
        let code = if asked.purpose.is_none() {
            "purpose_missing"
        } else {
            "purpose_not_covered"
        };
        return (code, Some(line.revision));
    }
    ("no_record", None)
}

/// The latest end, by now, of the consents that would permit had they not ended.
fn last_lapse(lines: &[Line], asked: &Named, now: i64) -> i64 {
    let taken = |line: &&Line| line.kind != "given" && line.named.overlaps(asked);
    let since = lines
        .iter()
        .filter(taken)
        .map(|line| line.revision)
        .max()
        .unwrap_or(0);
    let covering = lines
        .iter()
        .filter(|line| line.kind == "given" && line.revision > since);
    let ends = covering
        .filter(|line| line.named.covers(asked))
        .filter_map(|line| line.until);
    ends.filter(|until| *until <= now).max().unwrap_or(i64::MIN)
}

/// The model's clock, in seconds: the later of wall and elapsed time, never back, until accepted.
#[derive(Debug, Clone, Copy)]
struct Time {
    wall: i64,
    elapsed: Option<i64>,
    anchor: Option<i64>,
    mark: i64,
}

impl Time {
    fn read(&mut self) -> i64 {
        let by_elapsed = self
            .anchor
            .zip(self.elapsed)
            .map_or(i64::MIN, |(anchor, elapsed)| anchor + elapsed);
        self.mark = self.mark.max(self.wall).max(by_elapsed);
        self.mark
    }

    fn start_at(&mut self, mark: i64) {
        self.mark = mark;
        self.anchor = self.elapsed.map(|elapsed| mark - elapsed);
    }
}

// ---- the steps ----

const AGENTS: [&str; 2] = ["bot", "bee"];
const DATA: [&str; 5] = [
    "user",
    "user.contact",
    "user.contact.email",
    "user.contacts",
    "orders",
];
const PURPOSES: [&str; 4] = [
    "support",
    "support.billing",
    "support.billing.eu",
    "marketing",
];
const SUBJECTS: [&str; 2] = ["ada", "bob"];
const OPERATIONS: [&str; 2] = ["read", "share"];

#[derive(Debug, Clone)]
enum Step {
    Give {
        named: Named,
        from: Option<i64>,
        lasts: Option<i64>,
    },
    Withdraw(Named),
    Refuse(Named),
    /// Time passes, for wall and elapsed time alike.
    Pass(i64),
    /// Wall time alone is set.
    Set(i64),
    AcceptClock,
    Reopen,
    Ask(Vec<Named>),
}

fn maybe(
    names: &'static [&'static str],
    of_ten: u32,
) -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![10 - of_ten => Just(None), of_ten => select(names).prop_map(Some)]
}

/// What a withdrawal may name: anything, and every part of it may be left out.
fn named() -> impl Strategy<Value = Named> {
    (
        maybe(&AGENTS, 9),
        maybe(&DATA, 9),
        maybe(&PURPOSES, 7),
        maybe(&SUBJECTS, 4),
        maybe(&OPERATIONS, 2),
    )
        .prop_map(|(agent, data, purpose, subject, operation)| Named {
            agent,
            data,
            purpose,
            subject,
            operation,
        })
}

/// What a grant or a query may name: always an agent and data.
fn asked() -> impl Strategy<Value = Named> {
    (named(), select(&AGENTS[..]), select(&DATA[..])).prop_map(|(named, agent, data)| Named {
        agent: Some(agent),
        data: Some(data),
        ..named
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (asked(), prop::option::weighted(0.2, -50..50i64), prop::option::weighted(0.4, 1..80i64))
            .prop_map(|(named, from, lasts)| Step::Give { named, from, lasts }),
        2 => named().prop_map(Step::Withdraw),
        1 => named().prop_map(Step::Refuse),
        2 => (1..60i64).prop_map(Step::Pass),
        2 => (-200..200i64).prop_map(Step::Set),
        1 => Just(Step::AcceptClock),
        1 => Just(Step::Reopen),
        4 => prop::collection::vec(asked(), 4).prop_map(Step::Ask),
    ]
}

// ---- both side by side ----

struct Pair {
    gate: ConsentGate,
    ledger: ConsentLedger,
    clock: ManualClock,
    store: MemoryStore,
    config: ConsentConfig,
    lines: Vec<Line>,
    /// Revision and time of every act, the clock's included.
    acts: Vec<(u64, i64)>,
    /// The latest end of a consent that a denial told of, since the clock was accepted.
    told: i64,
    time: Time,
}

fn instant(seconds: i64) -> OffsetDateTime {
    START + time::Duration::seconds(seconds)
}

fn extent(named: &Named) -> Extent {
    let mut extent = Extent::default();
    extent.agent = named.agent.map(id);
    extent.data_type = named.data.map(id);
    extent.purpose = named.purpose.map(id);
    extent.subject = named.subject.map(id);
    extent.operation = named.operation.map(id);
    extent
}

fn query(named: &Named) -> ConsentQuery {
    let mut query = ConsentQuery::new(id(named.agent.unwrap()), id(named.data.unwrap()));
    if let Some(purpose) = named.purpose {
        query = query.purpose(id(purpose));
    }
    if let Some(subject) = named.subject {
        query = query.subject(id(subject));
    }
    if let Some(operation) = named.operation {
        query = query.operation(id(operation));
    }
    query
}

fn grant(named: &Named, from: Option<i64>, until: Option<i64>) -> Grant {
    let (agent, data, by) = (
        id(named.agent.unwrap()),
        id(named.data.unwrap()),
        id("admin@example.com"),
    );
    let mut grant = match named.purpose {
        Some(purpose) => Grant::new(agent, data, id(purpose), by),
        None => Grant::blanket(agent, data, by),
    };
    if let Some(subject) = named.subject {
        grant = grant.subject(id(subject));
    }
    if let Some(operation) = named.operation {
        grant = grant.operation(id(operation));
    }
    if let Some(from) = from {
        grant = grant.valid_from(instant(from));
    }
    if let Some(until) = until {
        grant = grant.expires_at(instant(until));
    }
    grant
}

fn everything_askable() -> Vec<Named> {
    let option = |names: &'static [&'static str]| {
        std::iter::once(None).chain(names.iter().copied().map(Some))
    };
    let mut all = Vec::new();
    for agent in AGENTS {
        for data in DATA {
            for purpose in option(&PURPOSES) {
                for subject in option(&SUBJECTS) {
                    for operation in option(&OPERATIONS) {
                        all.push(Named {
                            agent: Some(agent),
                            data: Some(data),
                            purpose,
                            subject,
                            operation,
                        });
                    }
                }
            }
        }
    }
    all
}

impl Pair {
    fn new(default_deny: bool, elapsed: bool) -> Self {
        let (clock, store) = (ManualClock::new(START), MemoryStore::default());
        clock.set_elapsed(elapsed.then_some(Duration::from_secs(1000)));
        let mut config = ConsentConfig::default();
        config.default_deny = default_deny;
        let mut time = Time {
            wall: 0,
            elapsed: elapsed.then_some(1000),
            anchor: None,
            mark: 0,
        };
        time.start_at(0);
        let (gate, ledger) = ConsentGate::builder()
            .config(config)
            .clock(clock.clone())
            .store(store.clone())
            .build()
            .unwrap();
        Self {
            gate,
            ledger,
            clock,
            store,
            config,
            lines: Vec::new(),
            acts: Vec::new(),
            told: i64::MIN,
            time,
        }
    }

    fn act(&mut self, at: i64) -> u64 {
        let revision = self.acts.len() as u64 + 1;
        self.acts.push((revision, at));
        revision
    }

    fn take(&mut self, named: &Named, refuse: bool) {
        let at = self.time.read();
        let given = |line: &Line| line.kind == "given" && line.named.overlaps(named);
        let given_ever = self.lines.iter().any(given);
        let kind = if given_ever && !refuse {
            "withdrawn"
        } else {
            "refused"
        };
        let matched: Vec<u64> = self
            .lines
            .iter()
            .filter(|line| given(line) && line.until.is_none_or(|until| at < until))
            .filter(|line| {
                let wholly = |later: &&Line| {
                    later.revision > line.revision && later.named.covers(&line.named)
                };
                !self
                    .lines
                    .iter()
                    .filter(|later| later.kind != "given")
                    .any(|later| wholly(&later))
            })
            .map(|line| line.revision)
            .collect();
        let extent = extent(named);
        let withdrawal = if refuse {
            self.ledger.refuse(extent, None)
        } else {
            self.ledger.withdraw(extent, None)
        };
        let withdrawal = withdrawal.unwrap();
        let revision = self.act(at);
        self.lines.push(Line {
            revision,
            kind,
            named: *named,
            from: None,
            until: None,
        });
        assert_eq!(withdrawal.record().revision().as_u64(), revision);
        assert_eq!(withdrawal.record().at(), instant(at));
        assert_eq!(
            format!("{:?}", withdrawal.record().kind()).to_lowercase(),
            kind
        );
        let theirs: Vec<u64> = withdrawal
            .matched()
            .iter()
            .map(|record| record.revision().as_u64())
            .collect();
        assert_eq!(theirs, matched);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Give { named, from, lasts } => {
                let at = self.time.read();
                let from = from.map(|from| at + from);
                let until = lasts.map(|lasts| from.unwrap_or(at) + lasts);
                let record = self.ledger.record(grant(named, from, until)).unwrap();
                let revision = self.act(at);
                assert_eq!(
                    (record.revision().as_u64(), record.at()),
                    (revision, instant(at))
                );
                self.lines.push(Line {
                    revision,
                    kind: "given",
                    named: *named,
                    from,
                    until,
                });
            }
            Step::Withdraw(named) => self.take(named, false),
            Step::Refuse(named) => self.take(named, true),
            Step::Pass(seconds) => {
                self.clock
                    .advance(Duration::from_secs(seconds.unsigned_abs()));
                self.time.wall += seconds;
                self.time.elapsed = self.time.elapsed.map(|elapsed| elapsed + seconds);
            }
            Step::Set(seconds) => {
                self.time.wall += seconds;
                self.clock.set(instant(self.time.wall));
            }
            Step::AcceptClock => {
                self.ledger
                    .accept_clock(id("ops@example.com"), "checked against a reference")
                    .unwrap();
                let wall = self.time.wall;
                self.act(wall);
                self.time.start_at(wall);
                self.told = i64::MIN;
            }
            Step::Reopen => {
                let builder = ConsentGate::builder().config(self.config);
                let builder = builder.clock(self.clock.clone()).store(self.store.clone());
                (self.gate, self.ledger) = builder.build().unwrap();
                // At least what was told of as lapsed must have been kept; at most all that was read.
                let (latest, earliest) = (self.time.read(), self.told.max(self.time.wall));
                let reopened = (self.gate.now() - START).whole_seconds();
                assert!(
                    (earliest..=latest).contains(&reopened),
                    "{earliest} {reopened} {latest}"
                );
                self.time.start_at(reopened);
            }
            Step::Ask(questions) => questions.iter().for_each(|asked| self.ask(asked)),
        }
    }

    fn ask(&mut self, asked: &Named) {
        let now = self.time.read();
        let decision = self.gate.check(&query(asked));
        let expected = judge(&self.lines, asked, now, self.config.default_deny);
        if !decision.allowed() {
            self.told = self.told.max(last_lapse(&self.lines, asked, now));
        }
        let record = decision.record().map(|record| record.revision().as_u64());
        assert_eq!((decision.code(), record), expected, "{asked:?} at {now}");
        assert_eq!(decision.at(), instant(now));
        assert_eq!(decision.revision().as_u64(), self.acts.len() as u64);
        assert_eq!(
            decision.allowed(),
            matches!(expected.0, "consent_granted" | "permissive_mode")
        );
    }

    fn look_back(&self, at: i64) {
        let view: AsOf = self.ledger.as_of(instant(at));
        let last = self
            .acts
            .iter()
            .rev()
            .find(|(_, made)| *made <= at)
            .map_or(0, |(revision, _)| *revision);
        let then: Vec<Line> = self
            .lines
            .iter()
            .filter(|line| line.revision <= last)
            .cloned()
            .collect();
        assert_eq!(view.revision().as_u64(), last);
        for asked in everything_askable().iter().step_by(7) {
            let decision = view.check(&query(asked));
            let record = decision.record().map(|record| record.revision().as_u64());
            let expected = judge(&then, asked, at, self.config.default_deny);
            assert_eq!((decision.code(), record), expected, "{asked:?} as of {at}");
        }
    }
}

/// Every query with the queries that ask for a part of it.
static PARTS: LazyLock<Vec<(ConsentQuery, Vec<ConsentQuery>)>> = LazyLock::new(|| {
    let all = everything_askable();
    let parts = |wide: &Named| {
        all.iter()
            .filter(|part| wide.covers(part))
            .map(query)
            .collect()
    };
    all.iter().map(|wide| (query(wide), parts(wide))).collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_as_the_model_does(
        steps in prop::collection::vec(step(), 1..40),
        default_deny in prop::bool::weighted(0.8),
        elapsed: bool,
        past in prop::collection::vec(-20..400i64, 3),
    ) {
        let mut pair = Pair::new(default_deny, elapsed);
        for step in &steps {
            pair.step(step);
        }
        for asked in everything_askable() {
            pair.ask(&asked);
        }
        for at in past {
            pair.look_back(at);
        }
        prop_assert_eq!(pair.ledger.history(Revision::ZERO).len(), pair.acts.len());
    }

    #[test]
    fn naming_less_never_permits_more(steps in prop::collection::vec(step(), 1..40), default_deny: bool) {
        let mut pair = Pair::new(default_deny, false);
        for step in &steps {
            pair.step(step);
        }
        for (wide, parts) in &*PARTS {
            if pair.gate.check(wide).allowed() {
                for part in parts {
                    prop_assert!(pair.gate.check(part).allowed(), "{:?} is allowed, its part {:?} is not", wide, part);
                }
            }
        }
    }

    #[test]
    fn no_consent_that_was_told_of_as_lapsed_ever_permits_again(
        steps in prop::collection::vec(step(), 1..25),
        asked in prop::collection::vec(asked(), 20),
        walls in prop::collection::vec((-500..500i64, prop::bool::weighted(0.2)), 1..15),
    ) {
        let mut pair = Pair::new(true, false);
        for step in &steps {
            pair.step(step);
        }
        let queries: Vec<ConsentQuery> = asked.iter().map(query).collect();
        let mut lapsed = HashSet::new();
        for (wall, reopen) in walls {
            pair.clock.set(instant(wall));
            if reopen {
                let builder = ConsentGate::builder().clock(pair.clock.clone());
                (pair.gate, _) = builder.store(pair.store.clone()).build().unwrap();
            }
            for query in &queries {
                let decision = pair.gate.check(query);
                if decision.code() == "expired" {
                    lapsed.insert(decision.record_id());
                }
                prop_assert!(!(decision.allowed() && lapsed.contains(&decision.record_id())), "{:?}", query);
            }
        }
    }
}
