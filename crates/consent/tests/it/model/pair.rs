//! A ledger and the model, taking every step side by side.

use std::sync::Arc;
use std::time::Duration;

use consent::{
    AuthorityClaim, ConsentConfig, ConsentGate, ConsentLedger, ConsentQuery, ConsentRecord, Extent,
    Grant, ManualClock, MemoryStore, NotEntitled, Notice, NoticePublication, Renewal,
};
use time::OffsetDateTime;

use super::reference::{Line, Named, Published, Time, current, judge, last_lapse, state};
use super::steps::{AGENTS, CENTURY, DATA, OPERATIONS, PURPOSES, SECOND, SUBJECTS, Step};
use crate::support::{START, id};

pub(super) struct Pair {
    pub(super) gate: ConsentGate,
    pub(super) ledger: ConsentLedger,
    pub(super) clock: ManualClock,
    pub(super) store: MemoryStore,
    pub(super) config: ConsentConfig,
    pub(super) lines: Vec<Line>,
    pub(super) published: Vec<Published>,
    /// Revision and time of every act, the clock's included.
    pub(super) acts: Vec<(u64, i64)>,
    /// The latest end of a consent that a denial told of, since the clock was accepted.
    pub(super) told: i64,
    pub(super) time: Time,
}

pub(super) fn instant(nanos: i64) -> OffsetDateTime {
    START + time::Duration::nanoseconds(nanos)
}

pub(super) fn notice(version: u8) -> Notice {
    Notice::new(id(&format!("v{version}")), [version; 32].into()).named(id("privacy"))
}

/// Guardians may act for Ada, and for no one else.
pub(super) fn open(
    config: ConsentConfig,
    clock: &ManualClock,
    store: &MemoryStore,
) -> (ConsentGate, ConsentLedger) {
    let builder = ConsentGate::builder()
        .config(config)
        .clock(clock.clone())
        .store(store.clone());
    let check = |claim: &AuthorityClaim<'_>| match claim.subject.as_str() {
        "ada" => Ok(()),
        _ => Err(NotEntitled::because("not in the register")),
    };
    builder.authority_check(check).build().unwrap()
}

pub(super) fn extent(named: &Named) -> Extent {
    let mut extent = Extent::default();
    extent.agent = named.agent.map(id);
    extent.data_type = named.data.map(id);
    extent.purpose = named.purpose.map(id);
    extent.subject = named.subject.map(id);
    extent.operation = named.operation.map(id);
    extent
}

pub(super) fn query(named: &Named) -> ConsentQuery {
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

pub(super) fn grant(named: &Named, from: Option<i64>, until: Option<i64>) -> Grant {
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

pub(super) fn everything_askable() -> Vec<Named> {
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
    pub(super) fn new(default_deny: bool, elapsed: bool) -> Self {
        let (clock, store) = (ManualClock::new(START), MemoryStore::default());
        clock.set_elapsed(elapsed.then_some(Duration::from_secs(1000)));
        let mut config = ConsentConfig::default();
        config.default_deny = default_deny;
        let mut time = Time {
            wall: 0,
            elapsed: elapsed.then_some(1000 * SECOND),
            anchor: None,
            mark: 0,
            latest: 0,
        };
        time.start_at(0);
        let (gate, ledger) = open(config, &clock, &store);
        Self {
            gate,
            ledger,
            clock,
            store,
            config,
            lines: Vec::new(),
            published: Vec::new(),
            acts: Vec::new(),
            told: i64::MIN,
            time,
        }
    }

    pub(super) fn act(&mut self, at: i64) -> u64 {
        let revision = self.acts.len() as u64 + 1;
        self.acts.push((revision, at));
        revision
    }

    pub(super) fn line(&mut self, at: i64, kind: &'static str, named: Named) -> &mut Line {
        let revision = self.act(at);
        self.lines.push(Line {
            revision,
            kind,
            named,
            from: None,
            until: None,
            version: None,
            renews: None,
            authority: false,
        });
        self.lines.last_mut().unwrap()
    }

    pub(super) fn is_current(&self, version: Option<u8>) -> bool {
        version
            .zip(current(&self.published))
            .is_none_or(|(version, current)| current.contains(&version))
    }

    /// The revisions of the consents to any part of this of which something is left.
    pub(super) fn standing(&self, named: &Named, at: i64) -> Vec<u64> {
        let lines = self
            .lines
            .iter()
            .filter(|line| line.kind == "given" && line.named.overlaps(named));
        let state = |line: &Line| state(&self.lines, &self.published, line, at);
        let standing =
            lines.filter(|line| matches!(state(line), "in_force" | "narrowed" | "not_yet_valid"));
        standing.map(|line| line.revision).collect()
    }

    pub(super) fn take(&mut self, named: &Named, how: &Step) {
        let mut named = *named;
        let guardian = matches!(how, Step::WithdrawOnBehalf(_));
        if guardian {
            named.subject = Some("ada");
        }
        let at = self.time.act();
        let given = |line: &Line| line.kind == "given" && line.named.overlaps(&named);
        let given_ever = self.lines.iter().any(given);
        let refuse = matches!(how, Step::Refuse(_));
        let kind = if given_ever && !refuse {
            "withdrawn"
        } else {
            "refused"
        };
        let matched = self.standing(&named, at);
        let extent = extent(&named);
        let withdrawal = if refuse {
            self.ledger.refuse(extent, None)
        } else if guardian {
            let (ada, by) = (id("ada"), id("anyone"));
            self.ledger
                .withdraw_on_behalf_of(ada, id("parental"), extent, by)
        } else {
            self.ledger.withdraw(extent, None)
        };
        let withdrawal = withdrawal.unwrap();
        let line = self.line(at, kind, named);
        line.authority = guardian;
        let record = withdrawal.record();
        assert_eq!(record.revision().as_u64(), line.revision);
        assert_eq!(record.at(), instant(at));
        assert_eq!(record.kind().code(), kind);
        assert_eq!(record.authority().is_some(), guardian);
        assert_eq!(revisions(withdrawal.matched()), matched);
    }

    pub(super) fn give(
        &mut self,
        named: &Named,
        from: Option<i64>,
        lasts: Option<i64>,
        version: Option<u8>,
        guardian: bool,
    ) {
        let guardian = guardian && named.subject.is_some();
        let may = (!guardian || named.subject == Some("ada")) && self.is_current(version);
        // A refused grant is stamped too, once its guardian was let through.
        let at = if guardian && named.subject != Some("ada") {
            self.time.peek()
        } else {
            self.time.act()
        };
        let from = from.map(|from| at + from * SECOND);
        let until = lasts.map(|lasts| from.unwrap_or(at) + lasts * SECOND);
        let mut grant = grant(named, from, until);
        if let Some(version) = version {
            grant = grant.notice(notice(version));
        }
        if let Some(subject) = named.subject.filter(|_| guardian) {
            grant = grant.on_behalf_of(id(subject), id("parental"));
        }
        let given = self.ledger.record(grant);
        assert_eq!(given.is_ok(), may, "{given:?}");
        let Ok(record) = given else { return };
        let line = self.line(at, "given", *named);
        (line.from, line.until, line.version, line.authority) = (from, until, version, guardian);
        assert_eq!(
            (record.revision().as_u64(), record.at()),
            (line.revision, instant(at))
        );
    }

    pub(super) fn renew(&mut self, back: usize, lasts: Option<i64>, version: Option<u8>) {
        let Some(line) = self.lines.iter().rev().nth(back).cloned() else {
            return;
        };
        let record = self.record(line.revision);
        let taken = self.lines.iter().any(|later| {
            later.kind != "given"
                && later.revision > line.revision
                && later.named.overlaps(&line.named)
        });
        let renewable = line.kind == "given" && !taken;
        let at = if renewable {
            self.time.act()
        } else {
            self.time.peek()
        };
        let until = lasts.map(|lasts| line.until.unwrap_or(at).max(at) + (lasts - 20) * SECOND);
        let under = version.or(line.version);
        let end = |until: Option<i64>| until.unwrap_or(i64::MAX);
        let worth = end(until) > end(line.until)
            || (end(until) == end(line.until) && under != line.version);
        let from = line.from.filter(|from| *from > at);
        let window = until.is_none_or(|until| from.is_none_or(|from| from < until));
        let may = renewable && worth && window && self.is_current(under);
        let mut renewal = Renewal::new(record.record_id(), id("admin@example.com"));
        if let Some(until) = until {
            renewal = renewal.expires_at(instant(until));
        }
        if let Some(version) = version {
            renewal = renewal.notice(notice(version));
        }
        let renewed = self.ledger.renew(renewal);
        assert_eq!(renewed.is_ok(), may, "{renewed:?} of {line:?}");
        let Ok(renewed) = renewed else { return };
        assert_eq!(renewed.renews(), Some(record.record_id()));
        assert_eq!(renewed.extent(), record.extent());
        let new = self.line(at, "given", line.named);
        (new.from, new.until, new.version, new.renews) = (from, until, under, Some(line.revision));
    }

    pub(super) fn publish(&mut self, version: u8, requires_renewal: bool) {
        let at = self.time.act();
        let everything = Named::default();
        let before = self.standing(&everything, at);
        let mut publication = NoticePublication::new(
            id("privacy"),
            id(&format!("v{version}")),
            [version; 32].into(),
        );
        if !requires_renewal {
            publication = publication.earlier_consents_stay_good();
        }
        let publication = self
            .ledger
            .publish_notice(publication, id("ops@example.com"), "a new text")
            .unwrap();
        let revision = self.act(at);
        self.published.push(Published {
            revision,
            version,
            requires_renewal,
        });
        let after = self.standing(&everything, at);
        let superseded: Vec<u64> = before
            .into_iter()
            .filter(|line| !after.contains(line))
            .collect();
        assert_eq!(revisions(publication.superseded()), superseded);
        assert_eq!(publication.event().revision.as_u64(), revision);
    }

    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Give {
                named,
                from,
                lasts,
                version,
                guardian,
            } => {
                self.give(named, *from, *lasts, *version, *guardian);
            }
            Step::Renew {
                back,
                lasts,
                version,
            } => self.renew(*back, *lasts, *version),
            Step::Publish {
                version,
                requires_renewal,
            } => self.publish(*version, *requires_renewal),
            Step::Withdraw(named) | Step::WithdrawOnBehalf(named) | Step::Refuse(named) => {
                self.take(named, step);
            }
            Step::Pass(nanos) => {
                self.clock
                    .advance(Duration::from_nanos(nanos.unsigned_abs()));
                self.time.wall += nanos;
                self.time.elapsed = self.time.elapsed.map(|elapsed| elapsed + nanos);
            }
            Step::Set(nanos) => {
                // One century fits into what the gate's clock can tell, two do not.
                if *nanos < CENTURY || self.time.wall < CENTURY {
                    self.time.wall += nanos;
                }
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
                let latest = self.time.latest.max(self.time.peek());
                (self.gate, self.ledger) = open(self.config, &self.clock, &self.store);
                // At least what was told of as lapsed must have been kept; at most all that was read.
                let earliest = self.told.max(self.time.wall);
                let reopened =
                    i64::try_from((self.gate.now() - START).whole_nanoseconds()).unwrap();
                assert!(
                    (earliest..=latest).contains(&reopened),
                    "{earliest} {reopened} {latest}"
                );
                self.time.start_at(reopened);
            }
            Step::Ask(questions) => {
                for asked in questions {
                    self.ask(asked);
                    self.ask_why(asked);
                }
            }
        }
    }

    pub(super) fn ask(&mut self, asked: &Named) {
        let now = self.time.read();
        let decision = self.gate.check(&query(asked));
        let expected = judge(
            &self.lines,
            &self.published,
            asked,
            now,
            self.config.default_deny,
        );
        if !decision.allowed() {
            let lapse = last_lapse(&self.lines, &self.published, asked, now);
            self.told = self.told.max(lapse);
            self.time.keep(lapse);
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
}

pub(super) fn revisions(records: &[Arc<ConsentRecord>]) -> Vec<u64> {
    records
        .iter()
        .map(|record| record.revision().as_u64())
        .collect()
}
