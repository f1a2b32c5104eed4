//! How much: static budgets, in money, tokens and calls.

use std::sync::Arc;

use pyo3::prelude::*;
use security_bundle::budget_enforcer::{
    BudgetAdmin, BudgetError, BudgetId, CallOptions, Charge, Limits, OperatorId, Period, Zone,
};
use security_bundle::{Amounts, BudgetSpec, SecurityStack, Usd};

use crate::amounts::{Money, amounts};
use crate::answer::{BudgetCheckResult, Transaction};
use crate::argument::{Count, OPERATOR, Text};
use crate::failure::Failure;
use crate::reservation::Reservation;
use crate::seat::Seat;
use crate::usage::BudgetUtilization;

/// Keeps static budgets. No limit changes by itself.
#[pyclass(module = "aumos_governance", frozen)]
#[derive(Debug)]
pub(crate) struct BudgetManager(pub(crate) Arc<Seat>);

pub(crate) fn budget_id(named: Text<'_>) -> Result<BudgetId, Failure> {
    Ok(named.0.parse::<BudgetId>()?)
}

fn operator(named: Option<Text<'_>>) -> Result<OperatorId, Failure> {
    Ok(named
        .map_or(OPERATOR, |text| text.0)
        .parse::<OperatorId>()?)
}

fn limits(cost: Option<Money>, tokens: Option<Count>, calls: Option<Count>) -> Limits {
    let mut limits = Limits::NONE;
    limits.cost = cost.map(|cost| cost.0);
    limits.tokens = tokens.map(|tokens| tokens.0);
    limits.calls = calls.map(|calls| calls.0);
    limits
}

fn nothing(cost: Option<Money>, tokens: Option<Count>, calls: Option<Count>) -> bool {
    cost.is_none() && tokens.is_none() && calls.is_none()
}

const NO_AMOUNT: &str = "no amount was named; name an amount of money, tokens or calls";

impl BudgetManager {
    fn administer<T: Send>(
        &self,
        py: Python<'_>,
        by: Option<Text<'_>>,
        act: impl FnOnce(&BudgetAdmin) -> Result<T, BudgetError> + Send,
    ) -> Result<T, Failure> {
        let by = operator(by)?;
        self.0.act(py, |stack: &SecurityStack| {
            Ok(act(&stack.admin().budget().acting_as(by))?)
        })
    }
}

#[pymethods]
impl BudgetManager {
    #[pyo3(signature = (
        category, limit=None, period=None, *, tokens=None, calls=None, parent=None, zone=None, allow_overdraft=None,
        rollover=None, by=None
    ))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments")]
    fn create_budget(
        &self,
        py: Python<'_>,
        category: Text<'_>,
        limit: Option<Money>,
        period: Option<Text<'_>>,
        tokens: Option<Count>,
        calls: Option<Count>,
        parent: Option<Text<'_>>,
        zone: Option<Text<'_>>,
        allow_overdraft: Option<bool>,
        rollover: Option<bool>,
        by: Option<Text<'_>>,
    ) -> PyResult<()> {
        let period: Period = period
            .map_or("monthly", |text| text.0)
            .parse()
            .map_err(Failure::Budget)?;
        let mut spec = BudgetSpec::new(budget_id(category)?).period(period);
        if let Some(limit) = limit {
            spec = spec.cost(limit.0);
        }
        if let Some(tokens) = tokens {
            spec = spec.tokens(tokens.0);
        }
        if let Some(calls) = calls {
            spec = spec.calls(calls.0);
        }
        if let Some(parent) = parent {
            spec = spec.parent(budget_id(parent)?);
        }
        if let Some(zone) = zone {
            let zone: Zone = zone.0.parse().map_err(Failure::Budget)?;
            spec = spec.zone(zone);
        }
        if let Some(overdraft) = allow_overdraft {
            spec = spec.overdraft(overdraft);
        }
        if let Some(rollover) = rollover {
            spec = spec.rollover(rollover);
        }
        self.administer(py, by, |admin| admin.create_budget(spec))?;
        Ok(())
    }

    /// Books what was spent; refused, and nothing changed, where it does not fit.
    #[pyo3(signature = (category, amount=None, description=None, *, tokens=None, calls=None))]
    fn record_spending(
        &self,
        py: Python<'_>,
        category: Text<'_>,
        amount: Option<Money>,
        description: Option<Text<'_>>,
        tokens: Option<Count>,
        calls: Option<Count>,
    ) -> PyResult<Transaction> {
        if nothing(amount, tokens, calls) {
            return Err(Failure::argument(NO_AMOUNT).into());
        }
        let booked = amounts(amount, tokens, calls);
        let charge = Charge::budget(&budget_id(category)?).amounts(booked);
        let options = description.map(|text| CallOptions::new().note(text.0));
        let row = self.0.act(py, |stack| {
            Ok(match options {
                Some(options) => stack.budget.record_with(&charge, &options)?,
                None => stack.budget.record(&charge)?,
            })
        });
        match row {
            Ok(row) => Ok(Transaction {
                category: category.0.to_owned(),
                booked,
                row,
            }),
            Err(Failure::Budget(BudgetError::Denied(denied))) => {
                let result = BudgetCheckResult(denied.decision().clone());
                let result = Bound::new(py, result)?.into_any();
                Err(Failure::from(denied).raise(py, &[("result", result)]))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Whether so much would fit. Books and records nothing.
    #[pyo3(signature = (category, amount=None, *, tokens=None, calls=None))]
    fn check_budget(
        &self,
        category: Text<'_>,
        amount: Option<Money>,
        tokens: Option<Count>,
        calls: Option<Count>,
    ) -> PyResult<BudgetCheckResult> {
        let mut asked = amounts(amount, tokens, calls);
        if asked == Amounts::NONE {
            asked.cost = Some(Usd::ZERO);
        }
        let charge = Charge::budget(&budget_id(category)?).amounts(asked);
        let decision = self.0.ask(|stack| Ok(stack.budget.check(&charge)))?;
        if decision.code() == "no_budget" {
            return Err(Failure::NoBudget(decision.reason().to_string()).into());
        }
        Ok(BudgetCheckResult(decision))
    }

    fn get_utilization(&self, category: Text<'_>) -> PyResult<BudgetUtilization> {
        let id = budget_id(category)?;
        let used = self.0.ask(|stack| Ok(stack.budget.utilization(&id)?))?;
        Ok(BudgetUtilization(used))
    }

    fn list_categories(&self) -> PyResult<Vec<String>> {
        let all = self.summary()?;
        Ok(all.iter().map(BudgetUtilization::name).collect())
    }

    fn summary(&self) -> PyResult<Vec<BudgetUtilization>> {
        let all = self.0.ask(|stack| Ok(stack.budget.summary()?))?;
        Ok(all.budgets.into_iter().map(BudgetUtilization).collect())
    }

    #[pyo3(signature = (category, limit=None, *, tokens=None, calls=None, by=None))]
    fn update_limit(
        &self,
        py: Python<'_>,
        category: Text<'_>,
        limit: Option<Money>,
        tokens: Option<Count>,
        calls: Option<Count>,
        by: Option<Text<'_>>,
    ) -> PyResult<()> {
        let id = budget_id(category)?;
        let limits = limits(limit, tokens, calls);
        self.administer(py, by, |admin| admin.update_limit(&id, limits))?;
        Ok(())
    }

    /// Refuses everything until it is resumed.
    #[pyo3(signature = (category, *, by=None))]
    fn suspend(&self, py: Python<'_>, category: Text<'_>, by: Option<Text<'_>>) -> PyResult<()> {
        let id = budget_id(category)?;
        self.administer(py, by, |admin| admin.suspend(&id))?;
        Ok(())
    }

    #[pyo3(signature = (category, *, by=None))]
    fn resume(&self, py: Python<'_>, category: Text<'_>, by: Option<Text<'_>>) -> PyResult<()> {
        let id = budget_id(category)?;
        self.administer(py, by, |admin| admin.resume(&id))?;
        Ok(())
    }

    /// Closes it for good; its name is not free again.
    #[pyo3(signature = (category, *, by=None))]
    fn close_budget(
        &self,
        py: Python<'_>,
        category: Text<'_>,
        by: Option<Text<'_>>,
    ) -> PyResult<()> {
        let id = budget_id(category)?;
        self.administer(py, by, |admin| admin.close(&id))?;
        Ok(())
    }

    /// Holds an amount until it is settled or released, or for `ttl` seconds.
    #[pyo3(signature = (category, amount=None, *, tokens=None, calls=None, ttl=None))]
    fn reserve(
        &self,
        py: Python<'_>,
        category: Text<'_>,
        amount: Option<Money>,
        tokens: Option<Count>,
        calls: Option<Count>,
        ttl: Option<Count>,
    ) -> PyResult<Reservation> {
        if nothing(amount, tokens, calls) {
            return Err(Failure::argument(NO_AMOUNT).into());
        }
        let held = amounts(amount, tokens, calls);
        let charge = Charge::budget(&budget_id(category)?).amounts(held);
        let mut options = CallOptions::new();
        if let Some(ttl) = ttl {
            options = options.ttl(std::time::Duration::from_secs(ttl.0));
        }
        let reserved = self.0.act(py, |stack| {
            Ok(stack.budget.reserve_with(&charge, &options)?)
        });
        match reserved {
            Ok(reservation) => Ok(Reservation::new(&self.0, category.0, held, reservation)),
            Err(Failure::Budget(BudgetError::Denied(denied))) => {
                let result = BudgetCheckResult(denied.decision().clone());
                let result = Bound::new(py, result)?.into_any();
                Err(Failure::from(denied).raise(py, &[("result", result)]))
            }
            Err(failure) => Err(failure.into()),
        }
    }
}
