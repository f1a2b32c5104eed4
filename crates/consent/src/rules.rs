//! The rules by which one question is judged. They know no clock, no store and no lock.
//!
//! One grant permits a question if it covers all that is asked for, is in force, and nothing that is asked for was taken
//! away after it. *After* is by revision. So what a refusal or a withdrawal names is gone from every earlier grant, the
//! broader ones included, and nothing else is.

use std::sync::Arc;

use crate::decision::DenyReason;
use crate::event::NoticePublished;
use crate::explain::Finding;
use crate::extent::{covers, overlaps};
use crate::id::{DataType, Operation, Purpose, Revision};
use crate::mark::nanos;
use crate::record::{ConsentRecord, RecordKind};

/// A record made ready for comparing, agent and subject apart: by those it is filed.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    data_type: Option<DataType>,
    purpose: Option<Purpose>,
    operation: Option<Operation>,
    revision: Revision,
    from: Option<i64>,
    until: Option<i64>,
    /// A later version of its notice ended it.
    superseded: bool,
    record: Arc<ConsentRecord>,
}

/// What is asked for, agent and subject apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) data_type: &'a DataType,
    pub(crate) purpose: Option<&'a Purpose>,
    pub(crate) operation: Option<&'a Operation>,
}

/// The rules that can matter to one agent and subject. Every list is in the order of revisions.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View<'a> {
    pub(crate) grants: [&'a [Rule]; 2],
    pub(crate) takings: [&'a [Rule]; 4],
    /// Takings from single subjects, where the question is about everyone: they overlap it, and never cover a grant.
    pub(crate) bound: [&'a [Rule]; 2],
    /// Time bears on a grant.
    pub(crate) timed: bool,
}

/// What the rules say to one question.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict<'a> {
    Granted(&'a Rule),
    Denied {
        reason: DenyReason,
        by: Option<&'a Rule>,
        /// Something that is asked for was refused or withdrawn at some time: then no default may allow it.
        taken: bool,
        /// When the last of the grants ended that would permit had they not: time must never be read before it again.
        lapsed_at: Option<i64>,
    },
}

#[inline]
pub(crate) fn judge<'a>(view: &View<'a>, question: Question<'_>, now: i64) -> Verdict<'a> {
    let taken = newest_taking(&view.takings, None, question);
    let taken = newest_taking(&view.bound, taken, question);
    let since = taken.map_or(Revision::ZERO, |rule| rule.revision);
    let mut in_force: Option<&Rule> = None;
    for grants in view.grants {
        for grant in grants.iter().rev() {
            if grant.revision <= since {
                break;
            }
            let better = in_force.is_none_or(|best| grant.rank() > best.rank());
            if better && grant.covers(question) && grant.is_in_force(now) {
                in_force = Some(grant);
            }
        }
    }
    match in_force {
        Some(grant) => Verdict::Granted(grant),
        None => deny(view, question, now, taken),
    }
}

impl View<'_> {
    /// The revision after which a grant must lie to permit.
    pub(crate) fn taken_since(&self, question: Question<'_>) -> Revision {
        let taken = newest_taking(&self.takings, None, question);
        let taken = newest_taking(&self.bound, taken, question);
        taken.map_or(Revision::ZERO, |rule| rule.revision)
    }
}

/// The latest refusal or withdrawal of any part of what is asked for, if it is later than `latest`.
#[inline]
fn newest_taking<'a>(
    lists: &[&'a [Rule]],
    mut latest: Option<&'a Rule>,
    question: Question<'_>,
) -> Option<&'a Rule> {
    for takings in lists {
        for taking in takings.iter().rev() {
            if latest.is_some_and(|latest| taking.revision < latest.revision) {
                break;
            }
            if taking.overlaps(question) {
                latest = Some(taking);
                break;
            }
        }
    }
    latest
}

/// Finds the words for a denial: the first that applies of expired or not yet valid, given under a superseded notice, taken
/// away, given for other purposes.
fn deny<'a>(
    view: &View<'a>,
    question: Question<'_>,
    now: i64,
    taken: Option<&'a Rule>,
) -> Verdict<'a> {
    let since = taken.map_or(Revision::ZERO, |rule| rule.revision);
    let grants = view.grants.into_iter().flatten();
    let out_of_force = grants.filter(|grant| grant.revision > since && grant.covers(question));
    let standing = out_of_force.clone().filter(|grant| !grant.superseded);
    let ended = standing.clone().filter_map(|grant| grant.until);
    let lapsed_at = ended.filter(|until| *until <= now).max();
    let (reason, by) = if let Some(grant) = standing.max_by_key(|grant| grant.rank()) {
        let reason = match grant.from {
            Some(from) if now < from => DenyReason::NotYetValid,
            _ => DenyReason::Expired,
        };
        (reason, Some(grant))
    } else if let Some(grant) = out_of_force.max_by_key(|grant| grant.rank()) {
        (DenyReason::NoticeSuperseded, Some(grant))
    } else if let Some(taking) = taken {
        let reason = match taking.record.kind {
            RecordKind::Withdrawn => DenyReason::Withdrawn,
            RecordKind::Refused | RecordKind::Given => DenyReason::Refused,
        };
        (reason, Some(taking))
    } else if let Some(grant) = for_another_purpose(view, question, now) {
        let reason = match question.purpose {
            Some(_) => DenyReason::PurposeNotCovered,
            None => DenyReason::PurposeMissing,
        };
        (reason, Some(grant))
    } else {
        (DenyReason::NoRecord, None)
    };
    Verdict::Denied {
        reason,
        by,
        taken: taken.is_some(),
        lapsed_at,
    }
}

/// A grant of which something would be left for this question, had it named the grant's purpose.
fn for_another_purpose<'a>(view: &View<'a>, question: Question<'_>, now: i64) -> Option<&'a Rule> {
    let is_left = |grant: &Rule| {
        let instead = Question {
            purpose: grant.purpose.as_ref(),
            ..question
        };
        let mut takings = view.takings.into_iter().flatten();
        !takings.any(|taking| taking.revision > grant.revision && taking.covers(instead))
    };
    let grants = view.grants.into_iter().flatten();
    grants
        .filter(|grant| {
            grant.covers_but_for_purpose(question) && grant.is_in_force(now) && is_left(grant)
        })
        .max_by_key(|grant| grant.revision)
}

impl Rule {
    pub(crate) fn new(record: &Arc<ConsentRecord>) -> Self {
        Self {
            data_type: record.extent.data_type.clone(),
            purpose: record.extent.purpose.clone(),
            operation: record.extent.operation.clone(),
            revision: record.revision,
            from: record.valid_from.map(nanos),
            until: record.expires_at.map(nanos),
            superseded: false,
            record: Arc::clone(record),
        }
    }

    pub(crate) fn record(&self) -> &Arc<ConsentRecord> {
        &self.record
    }

    /// Whether it begins or ends at some time.
    pub(crate) fn is_timed(&self) -> bool {
        self.from.is_some() || self.until.is_some()
    }

    /// Notes it if this publication ended the grant.
    pub(crate) fn supersede(&mut self, published: &NoticePublished) {
        self.superseded |= published.supersedes(&self.record);
    }

    /// Valid from its first instant to its last, the end excluded, unless its notice was superseded.
    #[inline]
    fn is_in_force(&self, now: i64) -> bool {
        !self.superseded
            && self.from.is_none_or(|from| from <= now)
            && self.until.is_none_or(|until| now < until)
    }

    /// The most exact purpose decides, then the latest. All purposes that cover one question lie on one path, so the
    /// longer is the more exact; a blanket grant comes last.
    #[inline]
    fn rank(&self) -> (usize, Revision) {
        (
            self.purpose
                .as_ref()
                .map_or(0, |purpose| purpose.as_str().len()),
            self.revision,
        )
    }

    #[inline]
    fn covers(&self, question: Question<'_>) -> bool {
        self.covers_but_for_purpose(question)
            && covers(self.purpose.as_ref(), question.purpose, Purpose::covers)
    }

    /// What this rule says to a question of which something was taken away at `since`.
    pub(crate) fn finding(&self, question: Question<'_>, since: Revision, now: i64) -> Finding {
        if self.record.kind != RecordKind::Given {
            if self.overlaps(question) {
                Finding::TakesAway
            } else {
                Finding::DoesNotCover
            }
        } else if !self.covers_but_for_purpose(question) {
            Finding::DoesNotCover
        } else if !self.covers(question) {
            Finding::OtherPurpose
        } else if self.revision <= since {
            Finding::TakenAway
        } else if self.superseded {
            Finding::Superseded
        } else if self.is_in_force(now) {
            Finding::Permits
        } else if self.from.is_some_and(|from| now < from) {
            Finding::NotYetValid
        } else {
            Finding::Expired
        }
    }

    /// When it begins and when it ends.
    pub(crate) fn turns(&self) -> impl Iterator<Item = i64> + use<> {
        self.from.into_iter().chain(self.until)
    }

    #[inline]
    pub(crate) fn covers_but_for_purpose(&self, question: Question<'_>) -> bool {
        covers(
            self.data_type.as_ref(),
            Some(question.data_type),
            DataType::covers,
        ) && covers(self.operation.as_ref(), question.operation, Operation::eq)
    }

    #[inline]
    fn overlaps(&self, question: Question<'_>) -> bool {
        overlaps(
            self.data_type.as_ref(),
            Some(question.data_type),
            DataType::covers,
        ) && overlaps(self.purpose.as_ref(), question.purpose, Purpose::covers)
            && overlaps(self.operation.as_ref(), question.operation, Operation::eq)
    }

    /// Whether all that `other` names is named here too, agent and subject apart.
    pub(crate) fn covers_rule(&self, other: &Self) -> bool {
        covers(
            self.data_type.as_ref(),
            other.data_type.as_ref(),
            DataType::covers,
        ) && covers(
            self.purpose.as_ref(),
            other.purpose.as_ref(),
            Purpose::covers,
        ) && covers(
            self.operation.as_ref(),
            other.operation.as_ref(),
            Operation::eq,
        )
    }

    /// Whether this new grant will be in force whenever `earlier`, of the very same extent, is.
    pub(crate) fn outlasts(&self, earlier: &Self) -> bool {
        let (notice, theirs) = (&self.record.notice, &earlier.record.notice);
        let can_end_alone = notice.as_ref().is_some_and(|notice| notice.id().is_some());
        if can_end_alone && notice != theirs && !earlier.superseded {
            return false;
        }
        let same = self.covers_rule(earlier) && earlier.covers_rule(self);
        let begins = self
            .from
            .is_none_or(|from| earlier.from.is_some_and(|earlier| from <= earlier));
        let ends = self
            .until
            .is_none_or(|until| earlier.until.is_some_and(|earlier| until >= earlier));
        same && begins && ends
    }
}
