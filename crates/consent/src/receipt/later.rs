//! What later acts did to a consent, as far as its receipt tells of them.

use time::OffsetDateTime;

use crate::id::{Authority, GrantorId, RecordId};
use crate::notice::Notice;
use crate::proof::{Change, Link, Proof};
use crate::record::{ConsentRecord, RecordKind};
use crate::state::{Fate, RecordState};

/// What later acts did to a consent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Later {
    pub(super) taken: Option<Taken>,
    pub(super) superseded: Option<Superseded>,
}

/// The refusal or withdrawal that took the whole of a consent, or else the latest that took a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) record_id: RecordId,
    pub(super) kind: RecordKind,
    pub(super) by: Option<GrantorId>,
    pub(super) authority: Option<Authority>,
    pub(super) at: OffsetDateTime,
    pub(super) whole: bool,
}

/// The first later version of its notice that ended a consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Superseded {
    pub(super) notice: Notice,
    pub(super) at: OffsetDateTime,
}

impl Later {
    pub(super) fn of(proof: &Proof) -> Self {
        // Nothing is taken after the whole was, so the last link is the one that counts.
        let taken = proof.chain.iter().rev().find_map(taken);
        let superseded = proof.chain.iter().find_map(superseded);
        Self { taken, superseded }
    }

    /// What the record had come to at an instant, by the ledger's own rule.
    pub(super) fn state(&self, record: &ConsentRecord, at: OffsetDateTime) -> RecordState {
        let taken = self.taken.as_ref();
        match record.kind {
            RecordKind::Refused => RecordState::Refused,
            RecordKind::Withdrawn => RecordState::Withdrawn,
            RecordKind::Given => {
                let whole = taken.filter(|taken| taken.whole).map(|taken| taken.kind);
                Fate::told(taken.is_some(), self.superseded.is_some(), whole).at(record, at)
            }
        }
    }
}

fn taken(link: &Link) -> Option<Taken> {
    let Change::Taken { by, wholly, .. } = &link.change else {
        return None;
    };
    Some(Taken {
        record_id: by.record_id,
        kind: by.kind,
        by: by.by.clone(),
        authority: by.authority.clone(),
        at: by.at,
        whole: *wholly,
    })
}

fn superseded(link: &Link) -> Option<Superseded> {
    let Change::Superseded { by } = &link.change else {
        return None;
    };
    Some(Superseded {
        notice: Notice::new(by.version.clone(), by.sha256).named(by.notice.clone()),
        at: by.at,
    })
}
