//! Named budgets: what each limit of each window holds back, some limit of the new configuration must hold back too.

use std::collections::{BTreeMap, BTreeSet};

use budget_enforcer::{BudgetId, BudgetSpec, Limits, Period, Usd};

use super::{ConfigPart, Direction, Rows};
use crate::config::SecurityStackConfig;

pub(super) fn compare(old: &SecurityStackConfig, new: &SecurityStackConfig, rows: &mut Rows) {
    let (before, after) = (by_id(old), by_id(new));
    let ids: BTreeSet<&BudgetId> = before.keys().chain(after.keys()).copied().collect();
    for id in ids {
        let (was, is) = (before.get(id), after.get(id));
        if was == is {
            continue;
        }
        let direction = match (was.map(Vec::as_slice), is.map(Vec::as_slice)) {
            // An action that charges a budget which is not there is denied.
            (Some(_), None) => Direction::Tightens,
            (Some([was]), Some([is])) if is.holds_back(was) => Direction::Tightens,
            _ => Direction::Loosens,
        };
        let text = |budgets: Option<&Vec<Budget<'_>>>| {
            let texts: Vec<String> = budgets?.iter().map(Budget::text).collect();
            Some(texts.join("; then "))
        };
        rows.push(ConfigPart::Budget, id, direction, (text(was), text(is)));
    }
}

/// Usually one of each; a further one changes the first.
fn by_id(config: &SecurityStackConfig) -> BTreeMap<&BudgetId, Vec<Budget<'_>>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for spec in &config.budgets {
        let budget = Budget::new(spec, config);
        found.entry(&spec.id).or_default().push(budget);
    }
    found
}

/// A budget as it is where it does not say everything itself.
#[derive(Debug, PartialEq)]
struct Budget<'a> {
    spec: &'a BudgetSpec,
    hands_on: bool,
    overdraft: bool,
}

/// So much of one thing in each window of a period.
#[derive(Debug, Clone, Copy)]
struct Limit {
    period: Period,
    dimension: u8,
    most: u64,
}

impl<'a> Budget<'a> {
    fn new(spec: &'a BudgetSpec, config: &SecurityStackConfig) -> Self {
        Self {
            spec,
            hands_on: spec.rollover.unwrap_or(config.budget.rollover_on_reset),
            overdraft: spec.overdraft.unwrap_or(config.budget.allow_overdraft),
        }
    }

    fn windows(&self) -> impl Iterator<Item = (Period, Limits)> {
        let main = (self.spec.period, self.spec.limits);
        let also = self
            .spec
            .also
            .iter()
            .map(|window| (window.period, window.limits));
        std::iter::once(main).chain(also)
    }

    fn limits(&self) -> impl Iterator<Item = Limit> {
        self.windows().flat_map(|(period, limits)| {
            units(limits)
                .into_iter()
                .zip(0..)
                .filter_map(move |(most, dimension)| {
                    Some(Limit {
                        period,
                        dimension,
                        most: most?,
                    })
                })
        })
    }

    /// Whether this denies all that the other denies.
    fn holds_back(&self, other: &Self) -> bool {
        let moves = self.spec.zone != other.spec.zone
            && other
                .windows()
                .any(|(period, _)| period != Period::Lifetime);
        let hands_on_more = self.hands_on && !other.hands_on;
        let let_off = other.spec.parent.is_some() && self.spec.parent != other.spec.parent;
        let overdraws_more = self.overdraft && !other.overdraft;
        !(moves || hands_on_more || let_off || overdraws_more)
            && other.limits().all(|limit| {
                self.limits().any(|own| {
                    own.dimension == limit.dimension
                        && own.most <= limit.most
                        && self.contains(own.period, limit.period)
                })
            })
    }

    /// Whether each window of the one period is made of windows of the other, and nothing more is handed on into it.
    fn contains(&self, wide: Period, narrow: Period) -> bool {
        use Period::{Daily, Hourly, Lifetime, Monthly, Weekly, Yearly};
        match (wide, narrow) {
            (Lifetime, _) => true,
            (wide, narrow) if wide == narrow => true,
            _ if self.hands_on => false,
            // Elsewhere a day may begin in the midst of an hour.
            (Daily | Weekly | Monthly | Yearly, Hourly) => self.spec.zone.name() == "UTC",
            (Weekly | Monthly | Yearly, Daily) | (Yearly, Monthly) => true,
            _ => false,
        }
    }

    fn text(&self) -> String {
        let windows: Vec<String> = self
            .windows()
            .map(|(period, limits)| format!("{} {period}", limit_text(limits)))
            .collect();
        let mut text = windows.join(" and ");
        if self.spec.zone.name() != "UTC" {
            text = format!("{text} ({})", self.spec.zone.name());
        }
        if let Some(parent) = &self.spec.parent {
            text = format!("{text} within {parent}");
        }
        if self.hands_on {
            text.push_str(", hands on what is left");
        }
        if self.overdraft {
            text.push_str(", may be overdrawn");
        }
        text
    }
}

/// In whole units; money in its smallest.
pub(super) fn units(limits: Limits) -> [Option<u64>; 3] {
    let cost = limits.cost.map(Usd::nanos);
    [limits.tokens, limits.calls, cost]
}

pub(super) fn limit_text(limits: Limits) -> String {
    let parts: Vec<String> = [
        limits.tokens.map(|tokens| format!("{tokens} tokens")),
        limits.calls.map(|calls| format!("{calls} calls")),
        limits.cost.map(|cost| format!("{} USD", cost.exact())),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        return "nothing".to_owned();
    }
    parts.join(", ")
}
