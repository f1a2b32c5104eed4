//! What a ledger tells beside the answers themselves, held against the model: explanations, lists, proofs, the past.

use std::sync::Arc;
use std::time::Duration;

use consent::{AsOf, Change, ConsentRecord, Event, Finding, Revision, Usage};

use super::pair::{Pair, everything_askable, instant, query, revisions};
use super::reference::{Line, Named, Published, judge, state};
use super::steps::{AGENTS, SECOND};
use crate::support::{START, id};

impl Pair {
    /// What a question of now will be answered to at some instant.
    fn answer(&self, asked: &Named, at: i64) -> (&'static str, Option<u64>) {
        let default_deny = self.config.default_deny;
        judge(&self.lines, &self.published, asked, at, default_deny)
    }

    /// The explanation says what the check says, and when the answer will be another.
    pub(super) fn ask_why(&mut self, asked: &Named) {
        let now = self.time.read();
        let explanation = self.gate.explain(&query(asked));
        let (code, record) = self.answer(asked, now);
        let decided = explanation.decision.record();
        assert_eq!(explanation.code, code, "{asked:?} at {now}");
        assert_eq!(decided.map(|record| record.revision().as_u64()), record);
        assert_eq!(explanation.record_id, decided.map(ConsentRecord::record_id));
        assert_eq!(explanation.allowed, explanation.decision.allowed());
        let rules = &explanation.data[0].rules;
        let deciding: Vec<u64> = rules
            .iter()
            .filter(|rule| rule.decides)
            .map(|rule| rule.revision.as_u64())
            .collect();
        if code != "permissive_mode" {
            assert_eq!(deciding, Vec::from_iter(record), "{explanation}");
        }
        let permits = rules.iter().any(|rule| rule.finding == Finding::Permits);
        assert_eq!(permits, code == "consent_granted", "{explanation}");

        let ends = self.lines.iter().flat_map(|line| [line.from, line.until]);
        let mut turns: Vec<i64> = ends.flatten().filter(|turn| *turn > now).collect();
        turns.sort_unstable();
        let next = turns.into_iter().find_map(|turn| {
            let then = self.answer(asked, turn).0;
            (then != code).then(|| (instant(turn), then))
        });
        let theirs = explanation.next_change.map(|next| (next.at, next.code));
        assert_eq!(theirs, next, "{asked:?} at {now}: {explanation}");
    }

    /// Every list and count agrees with what became of each line.
    pub(super) fn survey(&mut self) {
        let now = self.time.read();
        let state = |line: &Line| state(&self.lines, &self.published, line, now);
        let mut in_force = 0;
        let mut ending = Vec::new();
        let everything = Named::default();
        let standing = self.standing(&everything, now);
        for line in &self.lines {
            let record = self.record(line.revision);
            let proof = self.ledger.prove(record.record_id()).unwrap();
            assert_eq!(proof.record, record);
            assert_eq!(proof.state.code(), state(line), "{line:?}");
            assert_eq!(self.ledger.state_of(record.record_id()), Some(proof.state));
            let code = |kind: &str| {
                proof
                    .chain
                    .iter()
                    .filter(|link| json(&link.change).contains(kind))
                    .count()
            };
            assert_eq!(code("recorded"), 1);
            let touches = |later: &&Line| {
                later.kind != "given"
                    && later.revision > line.revision
                    && later.named.overlaps(&line.named)
            };
            if line.kind == "given" {
                let taken = self.lines.iter().any(|later| touches(&later));
                assert_eq!(code("\"taken\":{\"by\"") > 0, taken);
                let renewed = |later: &&Line| later.renews == Some(line.revision);
                assert_eq!(
                    code("\"renewed\""),
                    self.lines.iter().filter(renewed).count()
                );
                if state(line) == "superseded" {
                    assert!(code("\"superseded\"") > 0);
                }
                in_force += u64::from(state(line) == "in_force");
                let renewed = self.lines.iter().filter(renewed);
                let renewed = renewed
                    .filter(|later| standing.contains(&later.revision))
                    .count()
                    > 0;
                if let Some(end) = line.until.filter(|end| {
                    standing.contains(&line.revision) && *end <= now + 40 * SECOND && !renewed
                }) {
                    ending.push((end, line.revision));
                }
            } else {
                let before = &self.lines[..self
                    .lines
                    .iter()
                    .position(|l| l.revision == line.revision)
                    .unwrap()];
                let published: Vec<Published> = self
                    .published
                    .iter()
                    .filter(|p| p.revision < line.revision)
                    .copied()
                    .collect();
                let at = i64::try_from((record.at() - START).whole_nanoseconds()).unwrap();
                let took = before.iter().filter(|earlier| {
                    let state = super::reference::state(before, &published, earlier, at);
                    earlier.named.overlaps(&line.named)
                        && matches!(state, "in_force" | "narrowed" | "not_yet_valid")
                });
                assert_eq!(code("\"took_from\""), took.count());
            }
        }
        ending.sort_unstable();
        let ending: Vec<u64> = ending.into_iter().map(|(_, revision)| revision).collect();
        let theirs = self.ledger.expiring(Duration::from_secs(40));
        assert_eq!(revisions(&theirs), ending);
        let counts = self.ledger.counts();
        assert_eq!(
            counts.values().map(|counts| counts.in_force).sum::<u64>(),
            in_force
        );
        for asked in everything_askable().iter().step_by(11) {
            let mut usage = Usage::new(id(asked.data.unwrap()));
            if let Some(purpose) = asked.purpose {
                usage = usage.purpose(id(purpose));
            }
            if let Some(subject) = asked.subject {
                usage = usage.subject(id(subject));
            }
            if let Some(operation) = asked.operation {
                usage = usage.operation(id(operation));
            }
            let theirs = self.ledger.who_may(&usage);
            let theirs: Vec<&str> = theirs
                .iter()
                .map(|decision| decision.query().agent_id().as_str())
                .collect();
            let granted = |agent: &&str| {
                let asked = Named {
                    agent: AGENTS.into_iter().find(|a| a == agent),
                    ..*asked
                };
                self.answer(&asked, now).0 == "consent_granted"
            };
            let mut granted: Vec<&str> = AGENTS.into_iter().filter(granted).collect();
            granted.sort_unstable();
            assert_eq!(theirs, granted, "{usage:?}");
        }
    }

    pub(super) fn record(&self, revision: u64) -> Arc<ConsentRecord> {
        match &self.ledger.history(Revision::ZERO)[revision as usize - 1] {
            Event::Recorded(record) => Arc::clone(record),
            event => panic!("{event:?} is no record"),
        }
    }

    pub(super) fn look_back(&self, at: i64) {
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
        let published: Vec<Published> = self
            .published
            .iter()
            .filter(|published| published.revision <= last)
            .copied()
            .collect();
        assert_eq!(view.revision().as_u64(), last);
        for asked in everything_askable().iter().step_by(7) {
            let decision = view.check(&query(asked));
            let record = decision.record().map(|record| record.revision().as_u64());
            let expected = judge(&then, &published, asked, at, self.config.default_deny);
            assert_eq!((decision.code(), record), expected, "{asked:?} as of {at}");
        }
    }
}

fn json(change: &Change) -> String {
    serde_json::to_string(change).unwrap()
}
