//! A budget as an operator describes it.

use serde::{Deserialize, Serialize};

use crate::amounts::Limits;
use crate::id::BudgetId;
use crate::period::Period;
use crate::usd::Usd;
use crate::window::Zone;

/// A named budget to create.
///
/// ```
/// # use budget_enforcer::{BudgetSpec, Period};
/// let spec = BudgetSpec::new("llm-calls".parse()?)
///     .cost("100.00".parse()?)
///     .period(Period::Monthly)
///     .zone("Europe/Berlin".parse()?)
///     .parent("team-a".parse()?);
/// # let _ = spec;
/// # Ok::<(), budget_enforcer::BudgetError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct BudgetSpec {
    /// Its name, unique for good.
    pub id: BudgetId,
    /// What one window allows; at least one dimension.
    pub limits: Limits,
    /// How often it starts again. The default: never.
    #[serde(default)]
    pub period: Period,
    /// The zone of daily, weekly, monthly and yearly periods. The default: UTC.
    #[serde(default)]
    pub zone: Zone,
    /// The budget that is charged along with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<BudgetId>,
    /// Whether what a window leaves goes into the next, up to one more limit. `None`: as configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollover: Option<bool>,
    /// Whether `record` may go beyond the limit, as debt. `None`: as configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdraft: Option<bool>,
    /// Further limits on the same spending: 50 USD a day, *and* 1000 a month.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<WindowSpec>,
}

/// A further window of a budget, with limits of its own, in the budget's zone and with its rollover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WindowSpec {
    /// How often it starts again; no two windows of a budget may have the same period.
    pub period: Period,
    /// What one window allows; at least one dimension.
    pub limits: Limits,
}

impl BudgetSpec {
    /// A budget for a lifetime, which still needs a limit.
    #[must_use]
    pub fn new(id: BudgetId) -> Self {
        Self {
            id,
            limits: Limits::NONE,
            period: Period::default(),
            zone: Zone::default(),
            parent: None,
            rollover: None,
            overdraft: None,
            also: Vec::new(),
        }
    }

    /// Limits the same spending in windows of another period, too.
    #[must_use]
    pub fn also(mut self, period: Period, limits: Limits) -> Self {
        self.also.push(WindowSpec { period, limits });
        self
    }

    /// Limits tokens.
    #[must_use]
    pub fn tokens(mut self, limit: u64) -> Self {
        self.limits.tokens = Some(limit);
        self
    }

    /// Limits calls.
    #[must_use]
    pub fn calls(mut self, limit: u64) -> Self {
        self.limits.calls = Some(limit);
        self
    }

    /// Limits money.
    #[must_use]
    pub fn cost(mut self, limit: Usd) -> Self {
        self.limits.cost = Some(limit);
        self
    }

    /// Sets how often it starts again.
    #[must_use]
    pub fn period(mut self, period: Period) -> Self {
        self.period = period;
        self
    }

    /// Sets the zone of its days, weeks, months and years.
    #[must_use]
    pub fn zone(mut self, zone: Zone) -> Self {
        self.zone = zone;
        self
    }

    /// Puts it under another budget, which must exist.
    #[must_use]
    pub fn parent(mut self, parent: BudgetId) -> Self {
        self.parent = Some(parent);
        self
    }

    /// Chooses whether what a window leaves goes into the next.
    #[must_use]
    pub fn rollover(mut self, rollover: bool) -> Self {
        self.rollover = Some(rollover);
        self
    }

    /// Chooses whether `record` may go beyond the limit.
    #[must_use]
    pub fn overdraft(mut self, overdraft: bool) -> Self {
        self.overdraft = Some(overdraft);
        self
    }
}
