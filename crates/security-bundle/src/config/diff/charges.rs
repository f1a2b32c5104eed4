//! What calls charge: the sessions' budget, and the rules that say which tool uses how much of what.

use budget_enforcer::{Amounts, Limits, Usd};

use super::budgets::{limit_text, units};
use super::{ConfigPart, Direction, Rows, patterns};
use crate::config::{BudgetToolRule, SecurityStackConfig};

pub(super) fn compare(old: &SecurityStackConfig, new: &SecurityStackConfig, rows: &mut Rows) {
    session(old, new, rows);
    let (budget, next) = (&old.budget, &new.budget);
    let part = ConfigPart::Budget;
    rows.ordered(
        part,
        "budget.allow_overdraft",
        &budget.allow_overdraft,
        &next.allow_overdraft,
    );
    rows.ordered(
        part,
        "budget.rollover_on_reset",
        &budget.rollover_on_reset,
        &next.rollover_on_reset,
    );
    rows.ordered(
        part,
        "budget.max_sessions",
        &budget.max_sessions,
        &next.max_sessions,
    );
    rules(old, new, rows);
}

fn session(old: &SecurityStackConfig, new: &SecurityStackConfig, rows: &mut Rows) {
    let (was, is) = (old.budget.session, new.budget.session);
    if was == is {
        return;
    }
    let holds_back = match (was, is) {
        // Where every action must name a budget, those that had none were denied.
        (None, _) => !old.mandatory.budget,
        (Some(_), None) => false,
        (Some(was), Some(is)) => is_no_greater(is, was),
    };
    let direction = if holds_back {
        Direction::Tightens
    } else {
        Direction::Loosens
    };
    let sides = (was.map(limit_text), is.map(limit_text));
    rows.push(ConfigPart::Budget, "budget.session", direction, sides);
}

/// Whether what the second limits the first limits too, and to no more.
fn is_no_greater(limits: Limits, than: Limits) -> bool {
    units(limits)
        .into_iter()
        .zip(units(than))
        .all(|pair| match pair {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(limit), Some(than)) => limit <= than,
        })
}

/// Every rule that matches is charged: each old one must have one of its own in the new configuration that charges no less.
fn rules(old: &SecurityStackConfig, new: &SecurityStackConfig, rows: &mut Rows) {
    let mut added: Vec<&BudgetToolRule> = new.budget_tools.iter().collect();
    let mut gone: Vec<&BudgetToolRule> = Vec::new();
    for rule in &old.budget_tools {
        match added.iter().position(|other| *other == rule) {
            Some(same) => drop(added.remove(same)),
            None => gone.push(rule),
        }
    }
    // Where every action must charge something, a rule more is a way to do so.
    let is_a_way = old.mandatory.budget;
    for rule in gone {
        let heir = added.iter().position(|other| is_no_less(other, rule));
        let heir = heir.map(|heir| added.remove(heir));
        let opens = heir.is_none_or(|heir| is_a_way && heir.tool != rule.tool);
        push(rows, opens, Some(rule), heir);
    }
    for rule in added {
        push(rows, is_a_way, None, Some(rule));
    }
}

fn push(rows: &mut Rows, opens: bool, old: Option<&BudgetToolRule>, new: Option<&BudgetToolRule>) {
    let direction = if opens {
        Direction::Loosens
    } else {
        Direction::Tightens
    };
    let subject = new.or(old).map_or("", |rule| rule.tool.as_str());
    let sides = (old.map(text), new.map(text));
    rows.push(
        ConfigPart::Budget,
        format!("calls of {subject}"),
        direction,
        sides,
    );
}

fn is_no_less(rule: &BudgetToolRule, than: &BudgetToolRule) -> bool {
    rule.budget == than.budget
        && patterns::covers(rule.tool.as_str(), than.tool.as_str())
        && all_charged(rule)
            .into_iter()
            .zip(all_charged(than))
            .all(|(rule, than)| rule >= than)
}

/// What the session is charged, and what the named budget is. Naming nothing is less than naming 0, which is checked.
fn all_charged(rule: &BudgetToolRule) -> [Option<u64>; 4] {
    let Amounts {
        tokens,
        calls,
        cost,
    } = rule.amounts;
    let calls_of_budget = rule.budget.as_ref().map(|_| calls.unwrap_or(1));
    [tokens, calls, cost.map(Usd::nanos), calls_of_budget]
}

fn text(rule: &BudgetToolRule) -> String {
    let Amounts {
        tokens,
        calls,
        cost,
    } = rule.amounts;
    let calls = calls.or(rule.budget.as_ref().map(|_| 1));
    let amounts = limit_text(Limits {
        tokens,
        calls,
        cost,
    });
    match &rule.budget {
        Some(budget) => format!("{} charge {amounts} of {budget}", rule.tool),
        None => format!("{} charge {amounts} of the session", rule.tool),
    }
}
