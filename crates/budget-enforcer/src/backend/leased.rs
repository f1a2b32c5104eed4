//! The node's side: a slice of a limit, spent without asking.
//!
//! There is one slice at a time, of a fixed size. It is asked for under one key until there is an answer, spent until it does not have what is
//! wanted or its time is over, and returned until that is answered. So whatever is lost on the way, no more than one slice is out.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::BudgetBackend;
use super::refusal::{BackendError, Refusal};
use super::slice::{Reading, Slice, State, Step, each_of, fits, is_nothing, left, unspent};
use super::wire::{LeaseRequest, LeaseReturn};
use crate::amounts::{Amounts, Dimension, Quantity};
use crate::charge::Envelope;
use crate::clock::Clock;
use crate::id::NodeId;
use crate::key::IdempotencyKey;

/// What a node leases. Nothing of it ever adapts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseTerms {
    /// The node.
    pub holder: NodeId,
    /// What is debited; at least one.
    pub envelopes: Vec<Envelope>,
    /// The size of a slice, and so the most that can be spent at once. A larger one asks less often, and keeps more from others.
    pub slice: Amounts,
    /// How long a slice lasts. Much shorter than the windows of the envelopes, for a slice belongs to the window in which it was granted.
    pub ttl: Duration,
    /// How long before that the node stops spending: more than its clock and the authority's can drift apart in one `ttl`.
    pub margin: Duration,
}

/// Spends slices of a limit that somebody else keeps. Share it between tasks behind an [`Arc`].
///
/// [`spend`](Self::spend) is synchronous and asks nobody; where it says [`LeasedError::NeedsRefill`], [`refill`](Self::refill) returns the slice
/// and takes another. Before the node goes, [`close`](Self::close) returns the rest. Dropped without that, or with its process
/// gone, its slice counts as spent in full once it expires.
///
/// The time of a slice is counted on the node's own clock from when it was first asked for, by
/// [`elapsed`](Clock::elapsed) time where the clock has it; without, by wall time, where a clock set back to before then ends the slice.
/// After [`ttl`](LeaseTerms::ttl) less [`margin`](LeaseTerms::margin) nothing more is spent from it.
pub struct LeasedBudget {
    backend: Arc<dyn BudgetBackend>,
    terms: LeaseTerms,
    clock: Box<dyn Clock>,
    state: Mutex<State>,
}

/// Why nothing was spent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeasedError {
    /// There is no slice, its time is over, or it has less left.
    #[error("the slice does not have it: refill, and try again")]
    NeedsRefill,
    /// More than a whole slice: no refill can help.
    #[error(
        "{requested} {dimension} is more than a slice of {slice}: lease larger slices, or reserve it at the authority"
    )]
    TooLarge {
        /// In which dimension.
        dimension: Dimension,
        /// What was asked for.
        requested: Quantity,
        /// What a slice has.
        slice: Quantity,
    },
    /// It was closed.
    #[error("the leased budget is closed")]
    Closed,
    /// The terms make no sense.
    #[error("`{field}` is not acceptable: {why}")]
    InvalidTerms {
        /// Which.
        field: &'static str,
        /// What it must be.
        why: &'static str,
    },
    /// The authority refused, or cannot be reached.
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl LeasedBudget {
    /// A node's budget, with nothing leased yet. Asks nobody.
    ///
    /// # Errors
    /// [`LeasedError::InvalidTerms`]: no envelope, a slice of nothing, or a margin that leaves no time.
    pub fn new(
        backend: Arc<dyn BudgetBackend>,
        terms: LeaseTerms,
        clock: impl Clock,
    ) -> Result<Self, LeasedError> {
        let invalid = |field, why| Err(LeasedError::InvalidTerms { field, why });
        if terms.envelopes.is_empty() {
            return invalid("envelopes", "at least one must be named");
        }
        if is_nothing(&terms.slice) {
            return invalid("slice", "it must be more than nothing");
        }
        if terms.margin >= terms.ttl {
            return invalid("margin", "it must be shorter than the time to live");
        }
        Ok(Self {
            backend,
            terms,
            clock: Box::new(clock),
            state: Mutex::new(State {
                slice: Slice::None,
                is_closed: false,
            }),
        })
    }

    /// Spends `amounts` from the slice: in every dimension, or nothing. Waits for nobody but another `spend`.
    ///
    /// # Errors
    /// [`LeasedError::NeedsRefill`], [`LeasedError::TooLarge`], [`LeasedError::Closed`]: nothing was spent.
    pub fn spend(&self, amounts: &Amounts) -> Result<(), LeasedError> {
        self.check_size(amounts)?;
        self.locked(|state| {
            if state.is_closed {
                return Err(LeasedError::Closed);
            }
            if is_nothing(amounts) {
                return Ok(());
            }
            match &mut state.slice {
                Slice::Open {
                    lease,
                    spent,
                    since,
                } if self.is_live(*since) && fits(lease, spent, amounts) => {
                    *spent = spent.saturating_add(amounts);
                    Ok(())
                }
                _ => Err(LeasedError::NeedsRefill),
            }
        })
    }

    /// [`spend`](Self::spend), with one refill where that is needed.
    ///
    /// # Errors
    /// As for [`refill`](Self::refill); [`LeasedError::NeedsRefill`] where others were faster.
    pub async fn spend_or_refill(&self, amounts: &Amounts) -> Result<(), LeasedError> {
        match self.spend(amounts) {
            Err(LeasedError::NeedsRefill) => {}
            done => return done,
        }
        self.refill(amounts).await?;
        self.spend(amounts)
    }

    /// Sees to it that the slice has `amounts`. Where it has not, returns it and takes one that has: of the whole size where the
    /// authority has so much, of less where it has not. Spends nothing: another task may be faster to spend it.
    ///
    /// May be called by many tasks at once and again after any error; a future that is dropped half-way loses nothing.
    ///
    /// # Errors
    /// [`LeasedError::Backend`]: refused, for example because the limit does not have it, or unavailable. [`LeasedError::TooLarge`],
    /// [`LeasedError::Closed`].
    pub async fn refill(&self, amounts: &Amounts) -> Result<(), LeasedError> {
        self.check_size(amounts)?;
        if is_nothing(amounts) {
            return Ok(());
        }
        let mut own = None;
        loop {
            match self.locked(|state| self.next_for(state, amounts, &mut own))? {
                Step::Nothing => return Ok(()),
                Step::Return(lease) => self.return_lease(&lease).await?,
                Step::Ask(request) => match self.ask(&request).await {
                    // What another task asked for may be more than this one needs.
                    Err(BackendError::Refused(Refusal::Denied(_))) if own != Some(request.key) => {}
                    asked => asked?,
                },
            }
        }
    }

    /// Spends nothing more, and returns what is left. Closing again goes on where the last one failed.
    ///
    /// # Errors
    /// [`LeasedError::Backend`]: where the authority is unavailable, close again; until then, and if it refused, the slice counts as spent
    /// in full once it expires.
    pub async fn close(&self) -> Result<(), LeasedError> {
        loop {
            let step = self.locked(|state| {
                state.is_closed = true;
                state.next()
            });
            match step {
                Step::Nothing => return Ok(()),
                Step::Return(lease) => self.return_lease(&lease).await?,
                Step::Ask(request) => match self.ask(&request).await {
                    Err(BackendError::Refused(_)) => {}
                    asked => asked?,
                },
            }
        }
    }

    /// What can be spent now without asking, in the dimensions of a slice.
    #[must_use]
    pub fn left(&self) -> Amounts {
        self.locked(|state| match &state.slice {
            Slice::Open {
                lease,
                spent,
                since,
            } if !state.is_closed && self.is_live(*since) => left(lease, spent),
            _ => each_of(&self.terms.slice, |_, _| 0),
        })
    }

    /// `own` is the key of the request that this task made, if it has.
    fn next_for(
        &self,
        state: &mut State,
        amounts: &Amounts,
        own: &mut Option<IdempotencyKey>,
    ) -> Result<Step, LeasedError> {
        if state.is_closed {
            return Err(LeasedError::Closed);
        }
        if let Slice::Open {
            lease,
            spent,
            since,
        } = &state.slice
            && self.is_live(*since)
            && fits(lease, spent, amounts)
        {
            return Ok(Step::Nothing);
        }
        // One request a call: where others have spent what it brought, or it came too late, the caller decides what to do.
        if own.is_some() {
            return Ok(Step::Nothing);
        }
        let step = state.next();
        if !matches!(step, Step::Nothing) {
            return Ok(step);
        }
        let since = self.reading();
        let request = LeaseRequest {
            holder: self.terms.holder.clone(),
            envelopes: self.terms.envelopes.clone(),
            wanted: self.terms.slice,
            at_least: *amounts,
            ttl: self.terms.ttl,
            key: IdempotencyKey::at(self.clock.now()),
        };
        *own = Some(request.key);
        state.slice = Slice::Asked {
            request: request.clone(),
            since,
        };
        Ok(Step::Ask(request))
    }

    async fn ask(&self, request: &LeaseRequest) -> Result<(), BackendError> {
        let answer = self.backend.grant_lease(request).await;
        self.locked(|state| {
            // Another task may have had the same answer before, and the slice may be spent and returned by now.
            let since = match &state.slice {
                Slice::Asked {
                    request: asked,
                    since,
                } if asked.key == request.key => *since,
                _ => return,
            };
            state.slice = match &answer {
                Ok(lease) => Slice::Open {
                    lease: *lease,
                    spent: Amounts::NONE,
                    since,
                },
                Err(BackendError::Refused(Refusal::LeaseExpired(lease))) => {
                    Slice::Owed(unspent(lease, &Amounts::NONE))
                }
                Err(BackendError::Refused(_)) => Slice::None,
                Err(BackendError::Unavailable(_)) => return,
            };
        });
        match answer {
            Ok(_) | Err(BackendError::Refused(Refusal::LeaseExpired(_))) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn return_lease(&self, lease: &LeaseReturn) -> Result<(), BackendError> {
        let answer = self.backend.return_lease(lease).await;
        if matches!(answer, Err(BackendError::Unavailable(_))) {
            return answer.map(|_| ());
        }
        self.locked(|state| {
            if matches!(&state.slice, Slice::Owed(owed) if owed == lease) {
                state.slice = Slice::None;
            }
        });
        match answer {
            // Forgotten: then it was booked in full when it expired.
            Ok(_) | Err(BackendError::Refused(Refusal::Unknown { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn check_size(&self, amounts: &Amounts) -> Result<(), LeasedError> {
        for dimension in Dimension::ALL {
            let requested = amounts.units(dimension).unwrap_or(0);
            let slice = self.terms.slice.units(dimension).unwrap_or(0);
            if requested > slice {
                return Err(LeasedError::TooLarge {
                    dimension,
                    requested: dimension.quantity(requested),
                    slice: dimension.quantity(slice),
                });
            }
        }
        Ok(())
    }

    fn reading(&self) -> Reading {
        self.clock
            .elapsed()
            .map_or_else(|| Reading::Wall(self.clock.now().into()), Reading::Elapsed)
    }

    /// Whether a slice that was asked for at `since` may still be spent. Not where the clock cannot tell.
    fn is_live(&self, since: Reading) -> bool {
        let passed = match (self.reading(), since) {
            (Reading::Elapsed(now), Reading::Elapsed(since)) => now.checked_sub(since),
            (Reading::Wall(now), Reading::Wall(since)) => (now >= since).then(|| now.since(since)),
            (Reading::Elapsed(_), Reading::Wall(_)) | (Reading::Wall(_), Reading::Elapsed(_)) => {
                None
            }
        };
        let term = self.terms.ttl.saturating_sub(self.terms.margin);
        passed.is_some_and(|passed| passed < term)
    }

    fn locked<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        // What runs in here either changes one field or, having looked, none: even a poisoned lock guards a whole state.
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for LeasedBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeasedBudget")
            .field("terms", &self.terms)
            .field("left", &self.left())
            .finish_non_exhaustive()
    }
}
