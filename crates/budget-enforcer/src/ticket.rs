//! A hold as its guard knows it, and the steps that a hold goes through: both guards are thin shells around this.

use std::fmt;
use std::time::Duration;

use crate::amounts::Amounts;
use crate::core::Core;
use crate::decision::BudgetDenied;
use crate::error::BudgetError;
use crate::event::Act;
use crate::hold::{ReservationId, Stage};
use crate::moment::Moment;
use crate::options::check_ttl;
use crate::path::Path;
use crate::quick::{self, End};
use crate::transaction::Settlement;
use crate::writer::Meta;

/// When the end of a hold is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acknowledged {
    /// Once it is stored.
    WhenStored,
    /// Never: a guard was dropped, and nobody waits for it. Until it is stored, a crash leaves the hold open.
    ToNobody,
}

pub(crate) struct Ticket {
    pub(crate) path: Path,
    /// The lane of the thread that took it: where it is, unless its tree was needed whole since.
    pub(crate) lane: usize,
    pub(crate) id: ReservationId,
    /// When it was taken.
    pub(crate) at: Moment,
    pub(crate) due: Moment,
}

impl Ticket {
    /// Returns what is held, of several envelopes the least.
    pub(crate) fn start(&self) -> Result<Amounts, BudgetError> {
        let (id, core) = (self.id, self.core()?);
        if let Some(held) = self
            .quick(core)
            .and_then(|(lane, at)| quick::start(&core.books, &self.path, id, lane, at))
        {
            return Ok(held);
        }
        let (held, written) = core.with(&self.path, core.time.now(), |locked| {
            match locked.stage(id) {
                Some(Stage::Held) => {}
                Some(Stage::Lapsed { .. }) => return Err(BudgetError::Expired { id }),
                Some(Stage::Started) | None => return Err(BudgetError::UnknownReservation { id }),
            }
            let act = || Act::Started { reservation: id };
            let written = core.writer.write(locked.at(), Meta::default, act)?;
            Ok((locked.start(id), written))
        })??;
        core.writer.sync(written)?;
        Ok(held)
    }

    pub(crate) fn renew(&mut self, ttl: Duration) -> Result<(), BudgetError> {
        let (id, core) = (self.id, self.core()?);
        check_ttl(ttl, core.books.longest)?;
        let (due, written) = core.with(&self.path, core.time.now(), |locked| {
            match locked.stage(id) {
                Some(Stage::Held | Stage::Started) => {}
                Some(Stage::Lapsed { .. }) => return Err(BudgetError::Expired { id }),
                None => return Err(BudgetError::UnknownReservation { id }),
            }
            let due = locked.at().plus(ttl);
            let act = || Act::Renewed {
                reservation: id,
                expires_at: due.to_time(),
            };
            let written = core.writer.write(locked.at(), Meta::default, act)?;
            locked.renew(id, due);
            Ok((due, written))
        })??;
        core.writer.sync(written)?;
        self.due = due;
        Ok(())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.core().map_or(true, |core| core.time.now() >= self.due)
    }

    /// Returns what is held then, of several envelopes the least.
    pub(crate) fn draw(&self, more: Amounts) -> Result<Amounts, BudgetError> {
        let (id, core) = (self.id, self.core()?);
        let (held, written) = core.with(&self.path, core.time.now(), |locked| {
            match locked.stage(id) {
                Some(Stage::Held | Stage::Started) => {}
                Some(Stage::Lapsed { .. }) => return Err(BudgetError::Expired { id }),
                None => return Err(BudgetError::UnknownReservation { id }),
            }
            if let Some(refusal) = locked.draw_refusal(id, &more) {
                return Err(BudgetDenied::from(refusal).into());
            }
            let act = || Act::Drawn {
                reservation: id,
                more,
            };
            let written = core.writer.write(locked.at(), Meta::default, act)?;
            Ok((locked.draw(id, &more), written))
        })??;
        core.writer.sync(written)?;
        Ok(held)
    }

    pub(crate) fn settle(
        &self,
        actual: Amounts,
        at_least_hold: bool,
        acknowledged: Acknowledged,
    ) -> Result<Settlement, BudgetError> {
        let quick = self.core().ok().and_then(|core| {
            let (lane, at) = self.quick(core)?;
            let end = End::Settled {
                actual,
                at_least_hold,
            };
            quick::end(&core.books, &self.path, self.id, lane, at, &end)
        });
        match quick {
            Some((transaction, at)) => Ok(Settlement {
                transaction,
                at,
                overspent: Amounts::NONE,
                late: false,
            }),
            None => settle(&self.path, self.id, actual, at_least_hold, acknowledged),
        }
    }

    /// Gives back a hold whose call has not left.
    pub(crate) fn release(&self, acknowledged: Acknowledged) -> Result<(), BudgetError> {
        self.let_go(false, acknowledged)
    }

    /// Gives back a hold whose call has left as far as the engine knows, but was never sent.
    pub(crate) fn cancel(&self) -> Result<(), BudgetError> {
        self.let_go(true, Acknowledged::WhenStored)
    }

    fn let_go(
        &self,
        may_have_started: bool,
        acknowledged: Acknowledged,
    ) -> Result<(), BudgetError> {
        let quick = self.core().ok().and_then(|core| {
            let (lane, at) = self.quick(core)?;
            let end = End::Released { may_have_started };
            quick::end(&core.books, &self.path, self.id, lane, at, &end)
        });
        match quick {
            Some(_) => Ok(()),
            None => release(&self.path, self.id, may_have_started, acknowledged),
        }
    }

    /// Its lane, and a cheap reading of the time, where there may be a quick way: nothing has to be written down.
    #[inline]
    fn quick(&self, core: &Core) -> Option<(usize, Moment)> {
        (!core.writer.keeps_spending()).then(|| (self.lane, core.time.coarse()))
    }

    /// The guard lets go of the hold, which goes on until it is due.
    pub(crate) fn abandon(&self, started: bool) {
        if let Ok(core) = self.core() {
            // Behind a poisoned lock there is nothing left to tidy up.
            let _poisoned = core.with(&self.path, Moment::DAWN, |locked| {
                locked.abandon(self.id, started);
            });
        }
    }

    #[inline]
    fn core(&self) -> Result<&Core, BudgetError> {
        core(&self.path, self.id)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("id", &self.id)
            .field("envelopes", &self.path)
            .field("expires_at", &self.due.to_time())
            .finish_non_exhaustive()
    }
}

pub(crate) fn settle(
    path: &Path,
    id: ReservationId,
    actual: Amounts,
    at_least_hold: bool,
    acknowledged: Acknowledged,
) -> Result<Settlement, BudgetError> {
    let core = core(path, id)?;
    let (settlement, written) = core.with(path, core.time.now(), |locked| {
        let unknown = || BudgetError::UnknownReservation { id };
        locked.stage(id).ok_or_else(unknown)?;
        // What was spent is spent: it is booked even if it cannot be stored.
        let act = || Act::Settled {
            reservation: id,
            actual,
            at_least_hold,
        };
        let written = core.writer.write(locked.at(), Meta::default, act);
        if written.is_err() {
            core.writer.fall_behind();
        }
        let settled = locked.settle(id, &actual, at_least_hold);
        Ok::<_, BudgetError>((settled.ok_or_else(unknown)?, written))
    })??;
    let stored = if acknowledged == Acknowledged::WhenStored {
        written.and_then(|revision| core.writer.sync(revision))
    } else {
        written.map(|_| ())
    };
    stored.map_err(BudgetError::NotStored)?;
    Ok(settlement)
}

pub(crate) fn release(
    path: &Path,
    id: ReservationId,
    may_have_started: bool,
    acknowledged: Acknowledged,
) -> Result<(), BudgetError> {
    let core = core(path, id)?;
    let (is_too_late, written) = core.with(path, core.time.now(), |locked| {
        let is_too_late = match locked.stage(id) {
            Some(Stage::Held) => false,
            Some(Stage::Lapsed { started: false }) => true,
            Some(Stage::Started | Stage::Lapsed { started: true }) if may_have_started => false,
            Some(Stage::Started | Stage::Lapsed { started: true }) | None => {
                return Err(BudgetError::UnknownReservation { id });
            }
        };
        let act = || Act::Released { reservation: id };
        let written = core.writer.write(locked.at(), Meta::default, act)?;
        // Also where it is too late: then nobody will ask for it any more, whatever the clock does.
        locked.release(id);
        Ok((is_too_late, written))
    })??;
    if acknowledged == Acknowledged::WhenStored {
        core.writer.sync(written)?;
    }
    if is_too_late {
        Err(BudgetError::Expired { id })
    } else {
        Ok(())
    }
}

/// A path has at least one tree.
fn core(path: &Path, id: ReservationId) -> Result<&Core, BudgetError> {
    path.core()
        .ok_or_else(|| BudgetError::UnknownReservation { id })
}
