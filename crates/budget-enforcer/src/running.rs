//! A hold whose call has left.

use std::time::Duration;

use crate::amounts::Amounts;
use crate::error::BudgetError;
use crate::hold::ReservationId;
use crate::price::ModelPrice;
use crate::reservation::Floor;
use crate::ticket::{Acknowledged, Ticket};
use crate::transaction::Settlement;
use crate::usage::TokenUsage;

/// A call on its way, and the hold that pays for it. [`settle`](Self::settle) it with what it really used.
///
/// Dropping it settles what is known: what was consumed so far or its [`Floor`], whichever is more, and in dimensions of which
/// nothing is known the whole hold. Otherwise whoever aborts before the first token would ride free.
///
/// ```compile_fail,E0382
/// # use budget_enforcer::{Amounts, BudgetError, Running};
/// fn twice(running: Running) -> Result<(), BudgetError> {
///     running.settle(Amounts::NONE)?;
///     running.settle(Amounts::NONE)?;
///     Ok(())
/// }
/// ```
#[must_use = "dropping a running call settles the whole hold, or what is known of it"]
#[derive(Debug)]
pub struct Running {
    ticket: Option<Ticket>,
    id: ReservationId,
    held: Amounts,
    floor: Amounts,
    consumed: Amounts,
}

impl Running {
    #[inline]
    pub(crate) fn new(ticket: Ticket, held: Amounts, floor: Floor) -> Self {
        let id = ticket.id;
        let floor = match floor {
            Floor::Hold => Amounts::NONE,
            Floor::Known(amounts) => amounts,
        };
        Self {
            ticket: Some(ticket),
            id,
            held,
            floor,
            consumed: Amounts::NONE,
        }
    }

    /// The reservation's name.
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.id
    }

    /// Whether its time is up, as far as the clock can be believed: it has settled at its hold, or will with the next call that looks.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.ticket.as_ref().is_none_or(Ticket::is_over)
    }

    /// Books what the call really used, in every envelope of the charge. A dimension that is absent is unknown and settles at what
    /// was held; zero is not unknown. What is above the hold is taken from what is available, and the rest is overspent: it blocks
    /// further admission and is carried as debt into the next window. After the hold expired only the difference is booked, as late.
    ///
    /// # Errors
    /// [`BudgetError::NotStored`]: booked, but only in memory. [`BudgetError::UnknownReservation`]: it was ended by its id.
    #[inline]
    pub fn settle(mut self, actual: Amounts) -> Result<Settlement, BudgetError> {
        self.take()?.settle(actual, false, Acknowledged::WhenStored)
    }

    /// [`settle`](Self::settle) where `actual` comes from somebody who would gain by a small number: of what was held and what is
    /// reported, the larger is booked, for each envelope by itself.
    ///
    /// # Errors
    /// As for [`settle`](Self::settle).
    pub fn settle_at_least(mut self, actual: Amounts) -> Result<Settlement, BudgetError> {
        self.take()?.settle(actual, true, Acknowledged::WhenStored)
    }

    /// Makes the hold larger by `more` in every envelope of the charge, in all of them or not at all, in the windows in which it was taken.
    ///
    /// # Errors
    /// [`BudgetError::Denied`] where an envelope does not have it; [`BudgetError::Expired`]; [`BudgetError::Store`]. The hold is as it was.
    pub fn draw(&mut self, more: Amounts) -> Result<(), BudgetError> {
        let id = self.id;
        let ticket = self
            .ticket
            .as_ref()
            .ok_or_else(|| BudgetError::UnknownReservation { id })?;
        self.held = ticket.draw(more)?;
        Ok(())
    }

    /// Counts what a stream has used so far, without a lock, and returns what is left of the hold in the dimensions that it holds (of several
    /// envelopes, the least). Where nothing is left, [`draw`](Self::draw) before going on.
    pub fn consume(&mut self, delta: Amounts) -> Amounts {
        self.consumed = self.consumed.saturating_add(&delta);
        self.left()
    }

    /// The provider's own `max_tokens` for a request with this input, so that the request cannot cost more than what is left of the hold: without
    /// that bound a hold in money or tokens is a guess. One output token more would exceed the hold (of several envelopes, the
    /// least), or what the model can give; zero where nothing fits. `input` is of the request about to be sent; what was consumed before is off.
    #[must_use]
    pub fn max_output_tokens(&self, price: &ModelPrice, input: &TokenUsage) -> u64 {
        price.max_output_tokens(input, &self.left())
    }

    /// Makes the hold last for `ttl` from now.
    ///
    /// # Errors
    /// [`BudgetError::InvalidTtl`] for zero, and beyond the configured `max_ttl`; [`BudgetError::Expired`]: it has settled at its hold; [`BudgetError::Store`].
    pub fn renew(&mut self, ttl: Duration) -> Result<(), BudgetError> {
        let id = self.id;
        self.ticket
            .as_mut()
            .ok_or_else(|| BudgetError::UnknownReservation { id })?
            .renew(ttl)
    }

    /// Lets go of the call, which can be settled by its id and settles at its hold when that expires.
    #[must_use = "without its id the call settles at its hold"]
    pub fn detach(mut self) -> ReservationId {
        if let Some(ticket) = self.ticket.take() {
            ticket.abandon(true);
        }
        self.id
    }

    /// The call was never sent: gives the hold back, even where it has expired meanwhile.
    ///
    /// # Errors
    /// [`BudgetError::UnknownReservation`]: it was ended by its id. [`BudgetError::Store`]: not given back, and settles at its hold when it expires.
    pub fn cancel(mut self) -> Result<(), BudgetError> {
        let ticket = self.take()?;
        let released = ticket.cancel();
        if released.is_err() {
            ticket.abandon(true);
        }
        released
    }

    /// What was held less what was consumed, in the dimensions that are held.
    fn left(&self) -> Amounts {
        Amounts::from_units(|dimension| {
            let used = self.consumed.units(dimension).unwrap_or(0);
            Some(self.held.units(dimension)?.saturating_sub(used))
        })
    }

    #[inline]
    fn take(&mut self) -> Result<Ticket, BudgetError> {
        self.ticket
            .take()
            .ok_or_else(|| BudgetError::UnknownReservation { id: self.id })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take()
            && ticket
                .settle(
                    self.floor.larger(&self.consumed),
                    false,
                    Acknowledged::ToNobody,
                )
                .is_err()
        {
            // Either it is booked and only not stored, or it was ended by its id, or it settles at its hold.
            ticket.abandon(true);
        }
    }
}
