//! Ends holds by their names, for whoever has no guard of theirs: it was detached, or its process died.
//!
//! An end may have been asked for before by somebody who never got the answer. So a second one is told apart from the end of a hold that
//! never was.

use crate::amounts::Amounts;
use crate::enforcer::BudgetEnforcer;
use crate::engine::Engine;
use crate::error::BudgetError;
use crate::hold::ReservationId;
use crate::ticket::{self, Acknowledged};
use crate::transaction::{Settlement, TransactionFilter, TransactionKind};

impl BudgetEnforcer {
    /// Settles a detached reservation by its id, started or not; see [`Running::settle`](crate::Running::settle). One that expired is
    /// settled late for as long as it is remembered.
    ///
    /// # Errors
    /// [`BudgetError::AlreadyEnded`], with how; nothing was changed. [`BudgetError::UnknownReservation`]. [`BudgetError::NotStored`]: booked, but only
    /// in memory, now or before.
    ///
    /// # Examples
    /// ```
    /// # use budget_enforcer::{Amounts, BudgetEnforcer, BudgetError, BudgetId, BudgetSpec, Charge, TransactionKind};
    /// # let (budget, admin) = BudgetEnforcer::builder().build()?;
    /// let id: BudgetId = "searches".parse()?;
    /// admin.create_budget(BudgetSpec::new(id.clone()).calls(10))?;
    /// let hold = budget.reserve(&Charge::budget(&id).calls(3))?.detach();
    /// let settled = budget.settle_id(hold, Amounts::NONE.calls(2))?;
    /// let Err(BudgetError::AlreadyEnded { how: Some(row), .. }) = budget.settle_id(hold, Amounts::NONE.calls(2)) else {
    ///     panic!("it is settled once")
    /// };
    /// assert_eq!((row.kind, row.id), (TransactionKind::Settle, settled.transaction));
    /// # Ok::<(), BudgetError>(())
    /// ```
    pub fn settle_id(&self, id: ReservationId, actual: Amounts) -> Result<Settlement, BudgetError> {
        self.settle_named(id, actual, false)
    }

    /// [`settle_id`](Self::settle_id) where `actual` comes from somebody who would gain by a small number: of what was held and what is
    /// reported, the larger is booked, for each envelope by itself.
    ///
    /// # Errors
    /// As for [`settle_id`](Self::settle_id).
    pub fn settle_at_least_id(
        &self,
        id: ReservationId,
        actual: Amounts,
    ) -> Result<Settlement, BudgetError> {
        self.settle_named(id, actual, true)
    }

    /// Gives a detached reservation back by its id, started or not.
    ///
    /// # Errors
    /// [`BudgetError::AlreadyEnded`], [`BudgetError::UnknownReservation`]; [`BudgetError::Expired`] where it had come back by itself already;
    /// [`BudgetError::Store`]: it is held until it expires.
    pub fn release_id(&self, id: ReservationId) -> Result<(), BudgetError> {
        let release = |path: &_| ticket::release(path, id, true, Acknowledged::WhenStored);
        let path = self.engine.reservation(id);
        path.and_then(|path| release(&path))
            .map_err(|error| self.engine.ended(error))
    }

    /// The call of a reservation was never sent: gives it back, even where its start was noted or where it has expired meanwhile.
    ///
    /// # Errors
    /// [`BudgetError::AlreadyEnded`], [`BudgetError::UnknownReservation`]; [`BudgetError::Store`]: it is held until it expires.
    pub fn cancel_id(&self, id: ReservationId) -> Result<(), BudgetError> {
        match self.release_id(id) {
            Err(BudgetError::Expired { .. }) => Ok(()),
            cancelled => cancelled,
        }
    }

    fn settle_named(
        &self,
        id: ReservationId,
        actual: Amounts,
        at_least_hold: bool,
    ) -> Result<Settlement, BudgetError> {
        let settle =
            |path: &_| ticket::settle(path, id, actual, at_least_hold, Acknowledged::WhenStored);
        let path = self.engine.reservation(id);
        path.and_then(|path| settle(&path))
            .map_err(|error| self.engine.ended(error))
    }
}

impl Engine {
    /// What `error` really is: a reservation that is not there has ended, or never was.
    fn ended(&self, error: BudgetError) -> BudgetError {
        let BudgetError::UnknownReservation { id } = error else {
            return error;
        };
        let filter = TransactionFilter {
            reservation: Some(id),
            ..TransactionFilter::default()
        };
        let rows = self.core.books.ledger.list(&filter).rows;
        let how = rows.into_iter().rev().find(|row| {
            use TransactionKind::{Expire, Release, Settle};
            matches!(row.kind, Settle | Release | Expire)
        });
        match self.was_taken(id) {
            Err(error) => return error,
            Ok(false) if how.is_none() => return BudgetError::UnknownReservation { id },
            Ok(_) => {}
        }
        // Whoever hears of an end takes it for acknowledged.
        match self.core.writer.sync_all() {
            Ok(()) => BudgetError::AlreadyEnded {
                id,
                how: how.map(Box::new),
            },
            Err(error) => BudgetError::NotStored(error),
        }
    }

    /// Whether a tree has given out that name: without lanes, which take names beforehand, all below its next one.
    fn was_taken(&self, id: ReservationId) -> Result<bool, BudgetError> {
        let Some(tree) = self.tree(id)? else {
            return Ok(false);
        };
        let state = tree.lock()?;
        let is_below = tree.home.lanes.is_none() && id.serial() < state.next_hold;
        // One that is still there has expired so long ago that it cannot be settled any more.
        Ok(is_below || state.hold(id).is_some())
    }
}
