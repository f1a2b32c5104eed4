//! By what the counts are told apart: few values, all from the configuration, however many agents, sessions and made-up tools there are.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use budget_enforcer::{BudgetId, Dimension, Envelope, Quantity, Usd, WindowUsage};
use trust_gate::ToolPattern;

use crate::action::Action;
use crate::config::SecurityStackConfig;
use crate::observer::units::in_units;
use crate::observer::{Gauges, Readings};

/// The names that may stand on a count.
#[derive(Debug)]
pub(super) struct Labels {
    tools: Vec<(ToolPattern, Arc<str>)>,
    other: Arc<str>,
    none: Arc<str>,
    budgets: HashSet<BudgetId>,
    /// The stack that was attached last.
    gauges: Mutex<Option<Gauges>>,
}

/// Seconds. A decision in memory takes about a microsecond, one that waits for a disk milliseconds.
pub(super) const DECISION_BUCKETS: [f64; 15] = [
    1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 5e-3, 2e-2, 0.1, 1.0, 10.0,
];
/// Seconds. From a file that is read to a model that thinks.
pub(super) const PERMIT_BUCKETS: [f64; 12] = [
    0.001, 0.005, 0.02, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 1800.0,
];

/// A figure of a budget: its name, what it is, and where it stands in a row.
pub(super) type Figure = (&'static str, &'static str, fn(&BudgetRow) -> Option<f64>);

pub(super) const OF_BUDGETS: [Figure; 4] = [
    ("limit", "What a budget allows in a window", |row| row.limit),
    ("remaining", "What is left of a budget", |row| row.remaining),
    ("used", "What was spent of a budget in its window", |row| {
        Some(row.used)
    }),
    (
        "reserved",
        "What open holds have taken of a budget",
        |row| Some(row.reserved),
    ),
];

/// What one window of one configured budget has in one dimension. Money in dollars.
#[derive(Debug, Clone)]
pub(super) struct BudgetRow {
    pub(super) budget: String,
    pub(super) dimension: &'static str,
    pub(super) period: String,
    pub(super) limit: Option<f64>,
    pub(super) remaining: Option<f64>,
    pub(super) used: f64,
    pub(super) reserved: f64,
}

impl Labels {
    pub(super) fn new(config: &SecurityStackConfig) -> Self {
        let tools = config.trust_gate.tools.iter();
        Self {
            tools: tools
                .map(|rule| (rule.tool.clone(), rule.tool.as_str().into()))
                .collect(),
            other: "other".into(),
            none: "none".into(),
            budgets: config.budgets.iter().map(|spec| spec.id.clone()).collect(),
            gauges: Mutex::default(),
        }
    }

    /// The first configured rule that names the tool, as it is written there; `other` where none does, `none` where there is no tool.
    pub(super) fn tool(&self, action: &Action) -> &Arc<str> {
        let Some(tool) = action.tool() else {
            return &self.none;
        };
        self.tools
            .iter()
            .find(|(pattern, _)| pattern.matches(tool))
            .map_or(&self.other, |(_, label)| label)
    }

    pub(super) fn attach(&self, gauges: Gauges) {
        *self.gauges.lock().unwrap_or_else(PoisonError::into_inner) = Some(gauges);
    }

    pub(super) fn read(&self) -> Option<Readings> {
        let gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        let gauges = gauges.clone()?;
        gauges.read()
    }

    /// The configured budgets, in the dimensions that they limit or that something was used of.
    pub(super) fn budgets(&self, readings: &Readings) -> Vec<BudgetRow> {
        let mut rows = Vec::new();
        for budget in &readings.budgets {
            let Envelope::Budget(id) = &budget.envelope else {
                continue;
            };
            if !self.budgets.contains(id) {
                continue;
            }
            for window in budget.windows() {
                let of_window = Dimension::ALL.into_iter().map(|d| row(id, window, d));
                rows.extend(of_window.flatten());
            }
        }
        rows
    }
}

fn row(id: &BudgetId, window: &WindowUsage, dimension: Dimension) -> Option<BudgetRow> {
    let usage = window.usage(dimension);
    let used = in_units(sum(usage.spent, usage.overspent));
    let reserved = in_units(usage.reserved);
    (usage.limit.is_some() || used > 0.0 || reserved > 0.0).then(|| BudgetRow {
        budget: id.to_string(),
        dimension: dimension.name(),
        period: window.period.to_string(),
        limit: usage.limit.map(in_units),
        remaining: usage.available.map(in_units),
        used,
        reserved,
    })
}

/// Of the same dimension, as the figures of one are.
fn sum(spent: Quantity, overspent: Quantity) -> Quantity {
    let more = overspent.units();
    match spent {
        Quantity::Tokens(units) => Quantity::Tokens(units.saturating_add(more)),
        Quantity::Calls(units) => Quantity::Calls(units.saturating_add(more)),
        Quantity::Cost(usd) => Quantity::Cost(Usd::from_nanos(usd.nanos().saturating_add(more))),
    }
}
