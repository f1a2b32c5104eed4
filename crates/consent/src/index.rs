//! The ledger's present state, filed so that a question finds its few rules at once.
//!
//! Rules are filed under agent and subject, in shards that share what did not change: an act copies one shard of
//! pointers and one file of rules, never the whole. Rules that can no longer matter are dropped here; the ledger keeps them.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::event::{Event, NoticePublished};
use crate::id::{AgentId, Revision, SubjectId};
use crate::record::{ConsentRecord, RecordKind};
use crate::rules::{Rule, View};

const SHARDS: usize = 64;

/// All rules in force or to come, at one revision.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) revision: Revision,
    shards: Box<[Arc<Shard>]>,
    /// What was taken from every agent.
    everyone: Arc<File>,
}

/// Files by the hash of their key; more than one where hashes collide.
type Shard = HashMap<u64, Arc<Vec<Slot>>, BuildHasherDefault<Hashed>>;

/// A file and its key. `None` is *every*.
#[derive(Debug, Clone)]
struct Slot {
    agent: Option<AgentId>,
    subject: Option<SubjectId>,
    file: File,
}

#[derive(Debug, Clone, Default)]
struct File {
    grants: Vec<Rule>,
    takings: Vec<Rule>,
    /// Takings from single subjects, besides in the subjects' own files, in the file that is about everyone.
    bound: Vec<Rule>,
    /// Single subjects have files of their own.
    has_subjects: bool,
    /// Time bears on a grant.
    timed: bool,
}

const NO_FILE: &File = &File {
    grants: Vec::new(),
    takings: Vec::new(),
    bound: Vec::new(),
    has_subjects: false,
    timed: false,
};

impl Index {
    pub(crate) fn new() -> Self {
        Self {
            revision: Revision::ZERO,
            shards: std::iter::repeat_with(Arc::default).take(SHARDS).collect(),
            everyone: Arc::default(),
        }
    }

    /// Takes one more act into account.
    pub(crate) fn fold(&mut self, event: &Event) {
        self.revision = event.revision();
        match event {
            Event::Recorded(record) => self.add(record),
            Event::NoticePublished(published) => self.supersede(published),
            Event::ClockAccepted(_) => {}
        }
    }

    /// Marks what a publication ended. It looks at every rule, for publishing is rare and checks are not.
    fn supersede(&mut self, published: &NoticePublished) {
        for shard in &mut self.shards {
            if !shard.values().any(|slots| any_ended(slots, published)) {
                continue;
            }
            let slots = Arc::make_mut(shard).values_mut();
            for slots in slots.filter(|slots| any_ended(slots, published)) {
                for slot in Arc::make_mut(slots) {
                    for grant in &mut slot.file.grants {
                        grant.supersede(published);
                    }
                }
            }
        }
    }

    /// Every agent that has a consent which could matter, in the order of their names.
    pub(crate) fn agents(&self) -> BTreeSet<&AgentId> {
        let slots = self.shards.iter().flat_map(|shard| shard.values());
        slots
            .flat_map(|slots| slots.iter())
            .filter(|slot| !slot.file.grants.is_empty())
            .filter_map(|slot| slot.agent.as_ref())
            .collect()
    }

    fn add(&mut self, record: &Arc<ConsentRecord>) {
        let agent = record.extent.agent.as_ref();
        let rule = Rule::new(record);
        let given = record.kind == RecordKind::Given;
        if let Some(subject) = record.extent.subject.as_ref() {
            let whole = self.file_mut(agent, None);
            whole.has_subjects = true;
            if !given {
                file_taking(&mut whole.bound, rule.clone());
            }
            self.file_mut(agent, Some(subject)).add(rule, given);
        } else {
            self.file_mut(agent, None).add(rule, given);
        }
    }

    /// The rules that can matter to a question of this agent about this subject.
    #[inline]
    pub(crate) fn view(&self, agent: &AgentId, subject: Option<&SubjectId>) -> View<'_> {
        let own = self.file(Some(agent), None);
        let Some(subject) = subject else {
            return View {
                grants: [&own.grants, &[]],
                takings: [&own.takings, &self.everyone.takings, &[], &[]],
                bound: [&own.bound, &self.everyone.bound],
                timed: own.timed,
            };
        };
        let about = |has_subjects, agent| {
            if has_subjects {
                self.file(agent, Some(subject))
            } else {
                NO_FILE
            }
        };
        let theirs = about(own.has_subjects, Some(agent));
        let anyones = about(self.everyone.has_subjects, None);
        View {
            grants: [&own.grants, &theirs.grants],
            takings: [
                &own.takings,
                &self.everyone.takings,
                &theirs.takings,
                &anyones.takings,
            ],
            bound: [&[], &[]],
            timed: own.timed || theirs.timed,
        }
    }

    fn file(&self, agent: Option<&AgentId>, subject: Option<&SubjectId>) -> &File {
        let hash = hash(agent, subject);
        let shard = self.shards.get(shard_of(hash));
        let slots = shard.and_then(|shard| shard.get(&hash));
        let slot = slots.and_then(|slots| slots.iter().find(|slot| slot.is_of(agent, subject)));
        slot.map_or(NO_FILE, |slot| &slot.file)
    }

    fn file_mut(&mut self, agent: Option<&AgentId>, subject: Option<&SubjectId>) -> &mut File {
        let hash = hash(agent, subject);
        let shard = match self.shards.get_mut(shard_of(hash)) {
            Some(shard) if agent.is_some() || subject.is_some() => Arc::make_mut(shard),
            _ => return Arc::make_mut(&mut self.everyone),
        };
        let slots = Arc::make_mut(shard.entry(hash).or_default());
        if !slots.iter().any(|slot| slot.is_of(agent, subject)) {
            let (agent, subject) = (agent.cloned(), subject.cloned());
            slots.push(Slot {
                agent,
                subject,
                file: File::default(),
            });
        }
        match slots.iter_mut().find(|slot| slot.is_of(agent, subject)) {
            Some(slot) => &mut slot.file,
            None => Arc::make_mut(&mut self.everyone), // never: it was pushed above
        }
    }
}

/// Takes the key for the hash that it is.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
}

/// The hash of a key. Agents and subjects are told apart even where they share a name.
fn hash(agent: Option<&AgentId>, subject: Option<&SubjectId>) -> u64 {
    let agent = agent.map_or(0, AgentId::hash_here);
    let subject = subject.map_or(0, SubjectId::hash_here);
    agent ^ subject.rotate_left(32)
}

fn shard_of(hash: u64) -> usize {
    // Not the lowest bits nor the highest: by those the map tells its entries apart.
    usize::try_from((hash >> 32) % 64).unwrap_or(0)
}

impl Slot {
    fn is_of(&self, agent: Option<&AgentId>, subject: Option<&SubjectId>) -> bool {
        self.agent.as_ref() == agent && self.subject.as_ref() == subject
    }
}

impl File {
    fn add(&mut self, rule: Rule, given: bool) {
        if given {
            self.grants.retain(|earlier| !rule.outlasts(earlier));
            self.grants.push(rule);
        } else {
            self.grants.retain(|earlier| !rule.covers_rule(earlier));
            file_taking(&mut self.takings, rule);
        }
        self.timed = self.grants.iter().any(Rule::is_timed);
    }
}

fn any_ended(slots: &[Slot], published: &NoticePublished) -> bool {
    let mut grants = slots.iter().flat_map(|slot| &slot.file.grants);
    grants.any(|grant| published.supersedes(grant.record()))
}

fn file_taking(takings: &mut Vec<Rule>, rule: Rule) {
    takings.retain(|earlier| !rule.covers_rule(earlier));
    takings.push(rule);
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use crate::extent::Extent;
    use crate::gate::ConsentGate;
    use crate::grant::Grant;

    #[test]
    fn a_view_is_timed_while_time_bears_on_a_grant_in_it() {
        let (gate, ledger) = ConsentGate::builder().build().unwrap();
        let timed = |subject: Option<&str>| {
            let subject = subject.map(|subject| subject.parse().unwrap());
            let published = gate.0.published.load();
            let agent = "bot".parse().unwrap();
            published.index.view(&agent, subject.as_ref()).timed
        };
        let grant = |data: &str| {
            let by = "ada".parse().unwrap();
            Grant::new(
                "bot".parse().unwrap(),
                data.parse().unwrap(),
                "support".parse().unwrap(),
                by,
            )
        };
        let end = OffsetDateTime::from_unix_timestamp(20_000_000_000).unwrap();
        ledger.record(grant("user")).unwrap();
        assert!(!timed(None));
        ledger
            .record(
                grant("orders")
                    .expires_at(end)
                    .subject("ada".parse().unwrap()),
            )
            .unwrap();
        assert_eq!(
            (timed(None), timed(Some("ada")), timed(Some("eve"))),
            (false, true, false)
        );
        ledger.record(grant("letters").valid_from(end)).unwrap();
        assert!(timed(None) && timed(Some("eve")));
        ledger
            .withdraw(Extent::of_agent("bot".parse().unwrap()), None)
            .unwrap();
        assert!(!timed(None));
    }
}
