//! Which idempotency keys have been used, for what, and what the answer was.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::decision::BudgetDecision;
use crate::error::BudgetError;
use crate::event::Request;
use crate::hold::ReservationId;
use crate::journal::Revision;
use crate::key::IdempotencyKey;
use crate::moment::Moment;
use crate::path::Path;
use crate::row::Row;

/// How far ahead another machine's clock may be.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// Keys sort by the time at which they were made, so that the oldest are the first to go, and all that could be among
/// those that went can be told by their age.
#[derive(Debug)]
pub(crate) struct Claims {
    by_key: BTreeMap<IdempotencyKey, Claim>,
    /// The newest key that was dropped: none up to it is new for certain.
    pub(crate) floor: Option<IdempotencyKey>,
    window: Duration,
    most: usize,
    /// The latest time at which a key was remembered: a clock set back makes no key young again.
    pub(crate) mark: Moment,
}

#[derive(Debug)]
struct Claim {
    request: Request,
    answer: Answer,
    /// Of the event that tells of it: whoever gets the answer waits until that is stored.
    revision: Revision,
}

/// What a request came to.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Reserved {
        id: ReservationId,
        path: Path,
        at: Moment,
        due: Moment,
    },
    Booked(Row),
    Refused(BudgetDecision),
}

impl Answer {
    /// When it was done, by the time of the trees that it was done in. A refusal was done in none.
    pub(crate) fn at(&self) -> Option<Moment> {
        match self {
            Self::Reserved { at, .. } => Some(*at),
            Self::Booked(row) => Some(row.at),
            Self::Refused(_) => None,
        }
    }
}

impl Claims {
    pub(crate) const fn new(window: Duration, most: usize) -> Self {
        Self {
            by_key: BTreeMap::new(),
            floor: None,
            window,
            most,
            mark: Moment::DAWN,
        }
    }

    /// The first answer to this key. `None`: the key is new.
    pub(crate) fn answer(
        &self,
        key: IdempotencyKey,
        request: &Request,
        now: Moment,
    ) -> Result<Option<(Answer, Revision)>, BudgetError> {
        let now = self.mark.max(now);
        if self.floor.is_some_and(|floor| key <= floor) || key.made_at() < now.minus(self.window) {
            return Err(BudgetError::KeyTooOld);
        }
        if key.made_at() > now.plus(AHEAD) {
            return Err(BudgetError::KeyTooNew);
        }
        let Some(claim) = self.by_key.get(&key) else {
            return Ok(None);
        };
        match claim.request.difference(request) {
            None => Ok(Some((claim.answer.clone(), claim.revision))),
            Some(field) => Err(BudgetError::KeyConflict { field }),
        }
    }

    /// Remembers the answer. Keys that have become too old are forgotten, and the oldest where there are too many.
    pub(crate) fn remember(
        &mut self,
        key: IdempotencyKey,
        request: Request,
        answer: Answer,
        revision: Revision,
        now: Moment,
    ) {
        self.put(key, request, answer, revision);
        self.mark = self.mark.max(now);
        let oldest = self.mark.minus(self.window);
        while let Some(first) = self.by_key.first_entry() {
            if first.key().made_at() >= oldest && self.by_key.len() <= self.most {
                break;
            }
            if let Some((dropped, _)) = self.by_key.pop_first() {
                self.floor = self.floor.max(Some(dropped));
            }
        }
    }

    /// Remembers an answer as it was remembered before.
    pub(crate) fn put(
        &mut self,
        key: IdempotencyKey,
        request: Request,
        answer: Answer,
        revision: Revision,
    ) {
        let claim = Claim {
            request,
            answer,
            revision,
        };
        self.by_key.insert(key, claim);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (IdempotencyKey, &Request, &Answer)> {
        let claims = self.by_key.iter();
        claims.map(|(key, claim)| (*key, &claim.request, &claim.answer))
    }
}
