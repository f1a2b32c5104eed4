//! What a call has used, from the provider's words, and what is to be booked when it ends, however it ends.

use std::fmt;

use security_bundle::Usage;
use security_bundle::budget_enforcer::{Amounts, TokenUsage};
use serde_json::Value;

use crate::end::End;
use crate::observed::{Mark, Observed};
use crate::plan::{self, Plan};
use crate::refusal::Refusal;

/// The count of one call, for those who bring a permit and an HTTP client of their own: tell it whatever the provider says, and at the
/// end do with the permit what its [`Booking`] says. It holds nothing and asks nobody. Its `Debug` leaves the request out.
///
/// ```
/// # use security_llm::{Booking, End, Endpoint, Ending, Mark, Plan, Tally, Terms, Wishes};
/// # use security_llm::security_bundle::budget_enforcer::PriceTable;
/// # use serde_json::json;
/// # fn example(prices: PriceTable) -> Result<(), security_llm::LlmError> {
/// let terms = Terms::anthropic(prices);
/// let request = json!({ "model": "claude-x", "max_tokens": 100, "messages": [{ "role": "user", "content": "Hello" }] });
/// let plan = Plan::new(Endpoint::Messages, request, &terms, &Wishes::default())?;
/// let held = *plan.hold(); // … under a permit that holds as much
/// let sent = plan.request_within(&held, false)?;
/// # let answer = json!({ "usage": { "input_tokens": 10, "output_tokens": 20 } });
/// let Booking { ending, used, .. } = Tally::new(plan, held).answered(&answer);
/// assert_eq!((ending, used.tokens), (Ending::Settle, Some(30)));
/// # Ok(())
/// # }
/// # let table = json!({ "models": [{ "provider": "anthropic", "model": "claude-x", "input": "3", "output": "15" }] });
/// # example(serde_json::from_value(table).unwrap()).unwrap();
/// ```
pub struct Tally {
    plan: Plan,
    held: Amounts,
    observed: Observed,
}

/// What is to be booked for a call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a call that nobody books stays at what was held"]
pub struct Booking {
    /// How the permit ends.
    pub ending: Ending,
    /// What was used; a dimension that is `None` settles at what was held.
    pub used: Usage,
    /// What the provider reports to have used in all, where it does.
    pub reported: Option<TokenUsage>,
}

/// How the permit of a call ends.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever ends a permit has to know every way"
)]
pub enum Ending {
    /// The call did what it should: settle.
    Settle,
    /// It failed, for this reason in the log's words: fail at what was used.
    Fail(String),
    /// It failed, and `used` is the least: fail at what was held, or at `used` where that is more.
    FailAtLeast(String),
}

impl Booking {
    /// What an error of the provider's costs where it reports no usage: nothing but the call, or what is held.
    pub fn refused(status: u16, body: &Value) -> Self {
        let refusal = Refusal::read(body);
        Self {
            ending: Ending::Fail(refusal.reason(status)),
            used: refusal.used(status),
            reported: None,
        }
    }
}

impl Tally {
    /// Begins to count the call that `plan` foresaw and of which `held` is held.
    #[must_use]
    pub fn new(plan: Plan, held: Amounts) -> Self {
        Self {
            observed: Observed::new(plan.endpoint),
            plan,
            held,
        }
    }

    /// Takes an event of a stream.
    pub fn event(&mut self, data: &Value) -> Mark {
        self.observed.event(data)
    }

    /// The stream said that it is done, without an event of its own (`[DONE]`).
    pub fn done(&mut self) {
        self.observed.done();
    }

    /// What the provider reported to have used in all: `None` until it has.
    #[must_use]
    pub fn total(&self) -> Option<TokenUsage> {
        self.observed.total()
    }

    /// Whether the call has used more than is held, and may go on doing so: cut the stream, with [`End::HoldUsedUp`].
    #[must_use]
    pub fn is_used_up(&self) -> bool {
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

    /// A whole answer came.
    pub fn answered(mut self, body: &Value) -> Booking {
        self.observed.answer(body);
        self.end(End::Complete)
    }

    /// The provider answered with an error.
    pub fn refused(mut self, status: u16, body: &Value) -> Booking {
        self.observed.answer(body);
        let booking = Booking::refused(status, body);
        match self.total() {
            Some(usage) => Booking {
                used: self.amounts(&usage),
                reported: Some(usage),
                ..booking
            },
            None => booking,
        }
    }

    /// The call is over. What the provider reported in all is what was used; where it did not, what the crate's documentation says.
    pub fn end(self, end: End) -> Booking {
        let failed = || end.code().to_owned();
        let reported = self.total();
        let (ending, used) = match (end, &reported) {
            (End::Complete, Some(usage)) => (Ending::Settle, self.amounts(usage)),
            (End::Complete, None) => (Ending::Settle, Amounts::NONE),
            (_, Some(usage)) => (Ending::Fail(failed()), self.amounts(usage)),
            (_, None) if self.plan.is_visible && self.observed.has_begun() => {
                (Ending::Fail(failed()), self.seen())
            }
            (_, None) => (Ending::FailAtLeast(failed()), self.at_least()),
        };
        Booking {
            ending,
            used,
            reported,
        }
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

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally")
            .field("model", &self.plan.model)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}
