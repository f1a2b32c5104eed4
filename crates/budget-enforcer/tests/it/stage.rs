//! What the tests play on: an enforcer with a clock that a test can turn.

use std::time::Duration;

use budget_enforcer::{
    Amounts, BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetId, BudgetSpec, Charge,
    Dimension, Envelope, Floor, ManualClock, Quantity, Reservation, Running, SessionId, Usage, Usd,
};
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const START: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

pub(crate) struct Stage {
    pub(crate) budget: BudgetEnforcer,
    pub(crate) admin: BudgetAdmin,
    pub(crate) clock: ManualClock,
}

/// Sessions of 1000 tokens and 10 calls.
pub(crate) fn stage() -> Stage {
    stage_with(BudgetEnforcerConfig::per_session().tokens(1000).calls(10))
}

pub(crate) fn stage_with(mut config: BudgetEnforcerConfig) -> Stage {
    config.lanes = crate::LANES;
    let clock = ManualClock::new(START);
    let (budget, admin) = BudgetEnforcer::builder()
        .config(config)
        .clock(clock.clone())
        .build()
        .unwrap();
    Stage {
        budget,
        admin,
        clock,
    }
}

impl Stage {
    pub(crate) fn create(&self, spec: BudgetSpec) -> BudgetId {
        let id = spec.id.clone();
        self.admin.create_budget(spec).unwrap();
        id
    }

    pub(crate) fn reserve(&self, charge: &Charge) -> Reservation {
        self.budget.reserve(charge).unwrap()
    }

    pub(crate) fn start(&self, charge: &Charge) -> Running {
        self.reserve(charge).start(Floor::Hold).unwrap()
    }

    pub(crate) fn usage(&self, envelope: impl Into<Envelope>, dimension: Dimension) -> Usage {
        *self.budget.utilization(envelope).unwrap().usage(dimension)
    }

    /// Calls spent, overspent, reserved and available of a budget that limits calls.
    pub(crate) fn calls(&self, id: &BudgetId) -> [u64; 4] {
        let usage = self.usage(id, Dimension::Calls);
        [
            usage.spent,
            usage.overspent,
            usage.reserved,
            usage.available.unwrap(),
        ]
        .map(Quantity::units)
    }
}

pub(crate) fn session(id: &str) -> SessionId {
    id.parse().unwrap()
}

pub(crate) fn budget(id: &str) -> BudgetId {
    id.parse().unwrap()
}

/// A budget that limits calls for a lifetime.
pub(crate) fn calls(id: &str, limit: u64) -> BudgetSpec {
    BudgetSpec::new(budget(id)).calls(limit)
}

pub(crate) fn usd(amount: &str) -> Usd {
    amount.parse().unwrap()
}

/// A charge of `calls` to a budget.
pub(crate) fn charge(id: &BudgetId, calls: u64) -> Charge {
    Charge::budget(id).calls(calls)
}

pub(crate) fn used(calls: u64) -> Amounts {
    Amounts::NONE.calls(calls)
}

/// What a function of `Result` came to, as its error's code or name.
pub(crate) fn code<T>(result: Result<T, budget_enforcer::BudgetDenied>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(denied) => denied.code(),
    }
}
