//! The permit of a call on its way, and what to book when it ends, however it ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use security_bundle::budget_enforcer::{Amounts, TokenUsage};
use security_bundle::{Permit, SettleError, Settled, Usage};
use serde_json::Value;

use crate::answer::End;
use crate::observed::{Mark, Observed};
use crate::plan::{self, Plan};

/// Waits for the log to acknowledge an end that is booked already.
pub(crate) type Settling = Pin<Box<dyn Future<Output = Result<Settled, SettleError>> + Send>>;

/// A call on its way. Dropped, it settles at what was held, for that is what its permit does.
pub(crate) struct Meter {
    permit: Permit,
    plan: Plan,
    held: Amounts,
    observed: Observed,
}

/// A call that is over: booked and recorded, but for the log's acknowledgement.
pub(crate) struct Ended {
    pub(crate) usage: Option<TokenUsage>,
    pub(crate) settling: Settling,
}

impl Meter {
    pub(crate) fn new(permit: Permit, plan: Plan) -> Self {
        Self {
            held: plan::held(permit.action()).unwrap_or_default(),
            observed: Observed::new(plan.endpoint),
            permit,
            plan,
        }
    }

    /// What the provider reported in all.
    pub(crate) fn total(&self) -> Option<TokenUsage> {
        self.observed.total()
    }

    pub(crate) fn event(&mut self, data: &Value) -> Mark {
        self.observed.event(data)
    }

    pub(crate) fn done(&mut self) {
        self.observed.done();
    }

    /// Whether the call has used more than is held, and may go on doing so.
    pub(crate) fn is_used_up(&self) -> bool {
        if self.total().is_some() {
            return false;
        }
        let reported = self.observed.so_far().is_some_and(|usage| {
            self.plan
                .price
                .amounts(&usage)
                .map_or(true, |used| plan::exceeds(&used, &self.held))
        });
        reported || self.observed.output_at_least() > self.plan.output_within(&self.held)
    }

    /// The request never left.
    pub(crate) fn cancel(self) -> Ended {
        Ended {
            usage: None,
            settling: Box::pin(self.permit.cancel()),
        }
    }

    /// A whole answer came.
    pub(crate) fn answered(mut self, body: &Value) -> Ended {
        self.observed.answer(body);
        self.end(End::Complete)
    }

    /// The provider refused. Where it reports a usage, that was used; else `used`.
    pub(crate) fn refused(mut self, why: String, body: &Value, used: Usage) -> Ended {
        self.observed.answer(body);
        let usage = self.total();
        let used = match usage {
            Some(usage) => self.amounts(&usage),
            None => used,
        };
        Ended {
            usage,
            settling: Box::pin(self.permit.fail(why, used)),
        }
    }

    /// The call is over. Books what the provider reported in all; where it did not, what the crate's documentation says.
    pub(crate) fn end(self, end: End) -> Ended {
        let usage = self.total();
        let settling: Settling = match (end, &usage) {
            (End::Complete, Some(usage)) => {
                let used = self.amounts(usage);
                Box::pin(self.permit.settle(used))
            }
            (End::Complete, None) => Box::pin(self.permit.settle(Amounts::NONE)),
            (_, Some(usage)) => {
                let used = self.amounts(usage);
                Box::pin(self.permit.fail(end.code(), used))
            }
            (_, None) if self.plan.is_visible && self.observed.has_begun() => {
                let seen = self.seen();
                Box::pin(self.permit.fail(end.code(), seen))
            }
            (_, None) => {
                let least = self.at_least();
                Box::pin(self.permit.fail_at_least(end.code(), least))
            }
        };
        Ended { usage, settling }
    }

    /// What tokens take from a budget. What cannot be counted is not known, and settles at what was held.
    fn amounts(&self, usage: &TokenUsage) -> Usage {
        self.plan.price.amounts(usage).unwrap_or(Amounts::NONE)
    }

    /// What a call has certainly used.
    fn at_least(&self) -> Usage {
        let mut usage = self.observed.so_far().unwrap_or(TokenUsage::NONE);
        usage.output = usage.output.max(
            self.observed
                .output_at_least()
                .saturating_sub(usage.reasoning),
        );
        self.amounts(&usage)
    }

    /// What a call whose output can all be seen has used at most: no more than was held, unless it certainly did.
    fn seen(&self) -> Usage {
        let least = self.at_least();
        let mut usage = self.observed.so_far().unwrap_or(self.plan.input);
        usage.output = usage.output.max(
            self.observed
                .visible_at_most()
                .saturating_sub(usage.reasoning),
        );
        let most = self.amounts(&usage);
        Amounts {
            tokens: between(least.tokens, most.tokens, self.held.tokens),
            cost: between(least.cost, most.cost, self.held.cost),
            calls: None,
        }
    }
}

/// `most` bounded by what was `held`, and at least `least`; not known where `most` is not.
fn between<T: Ord>(least: Option<T>, most: Option<T>, held: Option<T>) -> Option<T> {
    let most = most?;
    let bounded = match held {
        Some(held) => most.min(held),
        None => most,
    };
    Some(match least {
        Some(least) => bounded.max(least),
        None => bounded,
    })
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter")
            .field("model", &self.plan.model)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}
