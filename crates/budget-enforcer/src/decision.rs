//! What was decided, by which envelope, on which figures: a value, with its text rendered only where it is shown.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::amounts::{Dimension, Limits, Quantity};
use crate::charge::Envelope;
use crate::counter::Counter;
use crate::moment::Moment;

/// Whether a charge fits, and the figures of the envelope and dimension that decided.
///
/// Where it is allowed, the figures are those of the first envelope named, in the first dimension that it limits. `reserved` is what open holds
/// have taken, so what [`available`](Self::available) shows is already less by it.
#[must_use = "a decision that nobody looks at lets everything pass"]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetDecision {
    code: Code,
    envelope: Option<Envelope>,
    figures: Option<Figures>,
    ends: Option<Moment>,
    retry: Retry,
}

/// When the same charge may be worth another try.
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever schedules retries must see a new sort of waiting"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// It fits now.
    Now,
    /// Not before the first of the holds in the way ends, at this time at the latest.
    AfterHoldsExpire(#[serde(with = "time::serde::rfc3339")] OffsetDateTime),
    /// Not before the next window, which begins at this time.
    AfterReset(#[serde(with = "time::serde::rfc3339")] OffsetDateTime),
    /// Not until an operator changes something.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    WithinBudget,
    ExceedsBudget,
    NoBudget,
    Suspended,
    Closed,
    SessionLimit,
    AmountMissing,
    TooManyEnvelopes,
    Unavailable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Figures {
    dimension: Dimension,
    limit: Option<u64>,
    spent: u64,
    overspent: u64,
    reserved: u64,
    available: u64,
    /// `None`: the question was whether anything is left.
    requested: Option<u64>,
}

impl BudgetDecision {
    /// Whether the charge fits.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.code == Code::WithinBudget
    }

    /// One of `within_budget`, `exceeds_budget`, `no_budget`, `suspended`, `closed`, `session_limit`, `amount_missing`,
    /// `too_many_envelopes`, `unavailable`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.code {
            Code::WithinBudget => "within_budget",
            Code::ExceedsBudget => "exceeds_budget",
            Code::NoBudget => "no_budget",
            Code::Suspended => "suspended",
            Code::Closed => "closed",
            Code::SessionLimit => "session_limit",
            Code::AmountMissing => "amount_missing",
            Code::TooManyEnvelopes => "too_many_envelopes",
            Code::Unavailable => "unavailable",
        }
    }

    /// Why, in a sentence for people.
    #[must_use]
    pub fn reason(&self) -> impl fmt::Display + '_ {
        Reason(self)
    }

    /// The envelope that decided.
    #[must_use]
    pub fn envelope(&self) -> Option<&Envelope> {
        self.envelope.as_ref()
    }

    /// The dimension that decided.
    #[must_use]
    pub fn dimension(&self) -> Option<Dimension> {
        self.figures.map(|figures| figures.dimension)
    }

    /// The limit of one window; `None`: unlimited, or no figures decided.
    #[must_use]
    pub fn limit(&self) -> Option<Quantity> {
        self.quantity(|figures| figures.limit)
    }

    /// What was spent in this window within what may be used.
    #[must_use]
    pub fn spent(&self) -> Option<Quantity> {
        self.quantity(|figures| Some(figures.spent))
    }

    /// What was spent in this window beyond that.
    #[must_use]
    pub fn overspent(&self) -> Option<Quantity> {
        self.quantity(|figures| Some(figures.overspent))
    }

    /// What open holds have taken.
    #[must_use]
    pub fn reserved(&self) -> Option<Quantity> {
        self.quantity(|figures| Some(figures.reserved))
    }

    /// What is left; `None` where there is no limit.
    #[must_use]
    pub fn available(&self) -> Option<Quantity> {
        self.quantity(|figures| figures.limit.and(Some(figures.available)))
    }

    /// What was asked for.
    #[must_use]
    pub fn requested(&self) -> Option<Quantity> {
        self.quantity(|figures| figures.requested)
    }

    /// When the next window begins; `None`: never, or no envelope decided.
    #[must_use]
    pub fn resets_at(&self) -> Option<OffsetDateTime> {
        self.ends.and_then(Moment::to_end)
    }

    /// When to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// The decision as a `Result`, for `?`.
    ///
    /// # Errors
    /// [`BudgetDenied`] where it is not allowed.
    pub fn require(self) -> Result<(), BudgetDenied> {
        if self.allowed() {
            Ok(())
        } else {
            Err(BudgetDenied::from(self))
        }
    }

    pub(crate) const fn bare(code: Code, envelope: Option<Envelope>) -> Self {
        let retry = if matches!(code, Code::WithinBudget) {
            Retry::Now
        } else {
            Retry::Never
        };
        Self {
            code,
            envelope,
            figures: None,
            ends: None,
            retry,
        }
    }

    pub(crate) fn on_figures(
        code: Code,
        envelope: Envelope,
        figures: Figures,
        ends: Moment,
        retry: Retry,
    ) -> Self {
        Self {
            code,
            envelope: Some(envelope),
            figures: Some(figures),
            ends: Some(ends),
            retry,
        }
    }

    fn quantity(&self, units: impl Fn(&Figures) -> Option<u64>) -> Option<Quantity> {
        let figures = self.figures.as_ref()?;
        Some(figures.dimension.quantity(units(figures)?))
    }
}

impl Figures {
    pub(crate) fn of(
        counter: &Counter,
        limits: &Limits,
        dimension: Dimension,
        requested: Option<u64>,
    ) -> Self {
        let limit = limits.units(dimension);
        Self {
            dimension,
            limit,
            spent: counter.spent,
            overspent: counter.overspent,
            reserved: counter.reserved,
            available: counter.available(limit),
            requested,
        }
    }
}

struct Reason<'a>(&'a BudgetDecision);

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = self.0;
        if let (Some(envelope), Some(figures)) = (&decision.envelope, &decision.figures) {
            return figures.tell(f, envelope, decision.allowed());
        }
        match &decision.envelope {
            Some(envelope) => write!(f, "{envelope} ")?,
            None => f.write_str("The charge ")?,
        }
        f.write_str(match decision.code {
            Code::WithinBudget | Code::ExceedsBudget => {
                "is limited in no dimension that was asked for."
            }
            Code::NoBudget => "has no budget.",
            Code::Suspended => "is suspended.",
            Code::Closed => "is closed.",
            Code::SessionLimit => "cannot be opened: there are as many sessions as are allowed.",
            Code::AmountMissing => "was named without an amount in a dimension that it limits.",
            Code::TooManyEnvelopes => "names more than 64 envelopes.",
            Code::Unavailable => "cannot be judged now.",
        })
    }
}

impl Figures {
    fn tell(&self, f: &mut fmt::Formatter<'_>, envelope: &Envelope, allowed: bool) -> fmt::Result {
        let show = |units| self.dimension.quantity(units);
        let unit = match self.dimension {
            Dimension::Tokens => " tokens",
            Dimension::Calls => " calls",
            Dimension::Cost => "",
        };
        write!(f, "{envelope}: ")?;
        match self.requested {
            Some(requested) if allowed => write!(f, "{}{unit} requested, ", show(requested))?,
            Some(requested) => write!(f, "{}{unit} requested but only ", show(requested))?,
            None => {}
        }
        let spent = show(self.spent.saturating_add(self.overspent));
        let Some(limit) = self.limit else {
            return write!(f, "no limit ({spent} spent).");
        };
        let unit = if self.requested.is_none() { unit } else { "" };
        let verb = if allowed { "available" } else { "remains" };
        write!(
            f,
            "{}{unit} {verb} ({spent} of {} spent).",
            show(self.available),
            show(limit)
        )
    }
}

/// A refusal as an error: the decision, and what made judging impossible where that was the reason.
#[derive(Debug, Clone)]
pub struct BudgetDenied {
    decision: Box<BudgetDecision>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl BudgetDenied {
    /// The decision.
    pub fn decision(&self) -> &BudgetDecision {
        &self.decision
    }

    /// The decision's code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.decision.code()
    }

    pub(crate) fn into_decision(self) -> BudgetDecision {
        *self.decision
    }

    /// Nobody could judge: a poisoned lock, or a journal that does not answer.
    pub(crate) fn unavailable(source: impl Error + Send + Sync + 'static) -> Self {
        let decision = Box::new(BudgetDecision::bare(Code::Unavailable, None));
        Self {
            decision,
            source: Some(Arc::new(source)),
        }
    }

    /// Whether this was judged, and would be judged so again: an outage is not.
    pub(crate) fn is_verdict(&self) -> bool {
        self.source.is_none()
    }
}

impl From<BudgetDecision> for BudgetDenied {
    fn from(decision: BudgetDecision) -> Self {
        Self {
            decision: Box::new(decision),
            source: None,
        }
    }
}

impl From<crate::error::Poisoned> for BudgetDenied {
    fn from(poisoned: crate::error::Poisoned) -> Self {
        Self::unavailable(poisoned)
    }
}

impl fmt::Display for BudgetDenied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Reason(&self.decision).fmt(f)
    }
}

impl Error for BudgetDenied {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
