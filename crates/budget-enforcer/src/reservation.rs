//! A hold whose call has not left yet.

use std::time::Duration;

use time::OffsetDateTime;

use crate::amounts::Amounts;
use crate::error::BudgetError;
use crate::hold::ReservationId;
use crate::moment::Moment;
use crate::running::Running;
use crate::ticket::{Acknowledged, Ticket};

/// A hold on every envelope of a charge. Dropping it gives the hold back; [`start`](Self::start) it when the call leaves.
///
/// It cannot be settled: what has not started cost nothing. That nothing ends twice is the compiler's business:
/// ```compile_fail,E0382
/// # use budget_enforcer::{BudgetError, Reservation, Floor};
/// fn twice(reservation: Reservation) -> Result<(), BudgetError> {
///     reservation.release()?;
///     reservation.start(Floor::Hold)?;
///     Ok(())
/// }
/// ```
#[must_use = "dropping a reservation gives the hold back at once"]
#[derive(Debug)]
pub struct Reservation {
    ticket: Option<Ticket>,
    id: ReservationId,
    due: Moment,
    is_repeat: bool,
}

/// What a started call has cost at least, should nobody say what it really did.
#[expect(
    clippy::exhaustive_enums,
    reason = "what is known before a call is either something or nothing"
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Floor {
    /// Nothing is known: the whole hold.
    #[default]
    Hold,
    /// What the input alone costs. Dimensions that are absent count with the whole hold.
    Known(Amounts),
}

impl Reservation {
    #[inline]
    pub(crate) fn new(ticket: Ticket, is_repeat: bool) -> Self {
        let (id, due) = (ticket.id, ticket.due);
        Self {
            ticket: Some(ticket),
            id,
            due,
            is_repeat,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> ReservationId {
        self.id
    }

    /// When it expires, as of taking it or of the last [`renew`](Self::renew).
    #[must_use]
    pub fn expires_at(&self) -> OffsetDateTime {
        self.due.to_time()
    }

    /// Whether it is the answer to a repeated request: the hold may be in other hands, or have ended. Dropping such a one gives nothing back.
    #[must_use]
    pub fn is_repeat(&self) -> bool {
        self.is_repeat
    }

    /// The call is leaving now: the last test of expiry. From here on the hold is spent unless someone says otherwise.
    ///
    /// # Errors
    /// [`BudgetError::Expired`]: the amounts were given back, and the call must not leave.
    /// [`BudgetError::UnknownReservation`]: it was started or ended by its id. [`BudgetError::Store`]: not started, and given back.
    #[inline]
    pub fn start(mut self, floor: Floor) -> Result<Running, BudgetError> {
        let ticket = self.take()?;
        match ticket.start() {
            Ok(held) => Ok(Running::new(ticket, held, floor)),
            Err(error) => {
                self.ticket = Some(ticket);
                Err(error)
            }
        }
    }

    /// Gives the hold back now, and says whether that worked.
    ///
    /// # Errors
    /// [`BudgetError::Expired`] or [`BudgetError::UnknownReservation`]: there was nothing left to give back.
    /// [`BudgetError::Store`]: it is held until it expires.
    pub fn release(mut self) -> Result<(), BudgetError> {
        let ticket = self.take()?;
        let released = ticket.release(Acknowledged::WhenStored);
        if released.is_err() && !self.is_repeat {
            ticket.abandon(false);
        }
        released
    }

    /// Makes it last for `ttl` from now.
    ///
    /// # Errors
    /// [`BudgetError::InvalidTtl`] for zero, and beyond the configured `max_ttl`; [`BudgetError::Expired`], [`BudgetError::UnknownReservation`], [`BudgetError::Store`]:
    /// it is as it was.
    pub fn renew(&mut self, ttl: Duration) -> Result<(), BudgetError> {
        let id = self.id;
        let ticket = self
            .ticket
            .as_mut()
            .ok_or_else(|| BudgetError::UnknownReservation { id })?;
        ticket.renew(ttl)?;
        self.due = ticket.due;
        Ok(())
    }

    /// Lets go of the hold, which lasts until it is settled or released by its id, or expires.
    #[must_use = "without its id the hold can only expire"]
    pub fn detach(mut self) -> ReservationId {
        if let Some(ticket) = self.ticket.take() {
            ticket.abandon(false);
        }
        self.id
    }

    /// The hold as its guard knows it.
    pub(crate) fn ticket(&self) -> Result<&Ticket, BudgetError> {
        self.ticket
            .as_ref()
            .ok_or_else(|| BudgetError::UnknownReservation { id: self.id })
    }

    #[inline]
    fn take(&mut self) -> Result<Ticket, BudgetError> {
        self.ticket
            .take()
            .ok_or_else(|| BudgetError::UnknownReservation { id: self.id })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            // Where it cannot be given back it expires.
            if !self.is_repeat && ticket.release(Acknowledged::ToNobody).is_err() {
                ticket.abandon(false);
            }
        }
    }
}
