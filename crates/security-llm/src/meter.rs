//! The permit of a call on its way, ended by what its tally says.

use std::future::Future;
use std::pin::Pin;

use security_bundle::budget_enforcer::TokenUsage;
use security_bundle::{Permit, SettleError, Settled};
use serde_json::Value;

use crate::end::End;
use crate::observed::Mark;
use crate::plan::{self, Plan};
use crate::tally::{Booking, Ending, Tally};

/// Waits for the log to acknowledge an end that is booked already.
pub(crate) type Settling = Pin<Box<dyn Future<Output = Result<Settled, SettleError>> + Send>>;

/// A call on its way. Dropped, it settles at what was held, for that is what its permit does.
#[derive(Debug)]
pub(crate) struct Meter {
    permit: Permit,
    tally: Tally,
}

/// A call that is over: booked and recorded, but for the log's acknowledgement.
pub(crate) struct Ended {
    pub(crate) usage: Option<TokenUsage>,
    pub(crate) settling: Settling,
}

impl Meter {
    pub(crate) fn new(permit: Permit, plan: Plan) -> Self {
        let held = plan::held(permit.action()).unwrap_or_default();
        Self {
            permit,
            tally: Tally::new(plan, held),
        }
    }

    /// What the provider reported in all.
    pub(crate) fn total(&self) -> Option<TokenUsage> {
        self.tally.total()
    }

    pub(crate) fn event(&mut self, data: &Value) -> Mark {
        self.tally.event(data)
    }

    pub(crate) fn done(&mut self) {
        self.tally.done();
    }

    /// Whether the call has used more than is held, and may go on doing so.
    pub(crate) fn is_used_up(&self) -> bool {
        self.tally.is_used_up()
    }

    /// The request never left.
    pub(crate) fn cancel(self) -> Ended {
        Ended {
            usage: None,
            settling: Box::pin(self.permit.cancel()),
        }
    }

    /// A whole answer came.
    pub(crate) fn answered(self, body: &Value) -> Ended {
        let Self { permit, tally } = self;
        book(permit, tally.answered(body))
    }

    /// The provider refused.
    pub(crate) fn refused(self, status: u16, body: &Value) -> Ended {
        let Self { permit, tally } = self;
        book(permit, tally.refused(status, body))
    }

    /// The call is over.
    pub(crate) fn end(self, end: End) -> Ended {
        let Self { permit, tally } = self;
        book(permit, tally.end(end))
    }
}

fn book(permit: Permit, booking: Booking) -> Ended {
    let used = booking.used;
    Ended {
        usage: booking.reported,
        settling: match booking.ending {
            Ending::Settle => Box::pin(permit.settle(used)),
            Ending::Fail(why) => Box::pin(permit.fail(why, used)),
            Ending::FailAtLeast(why) => Box::pin(permit.fail_at_least(why, used)),
        },
    }
}
