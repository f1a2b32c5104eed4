//! What operators and callers write as JSON: configuration, budgets, charges.

use std::time::Duration;

use super::history::{START, probe};
use super::read;
use crate::{
    BudgetAdmin, BudgetEnforcer, BudgetEnforcerConfig, BudgetError, BudgetId, BudgetSpec, Charge,
    Envelope, ManualClock,
};

pub(super) const CONFIG: &[&str] = &[
    r#"{"session":{"tokens":1000,"calls":10,"cost":"1.50"},"allow_overdraft":true,"rollover_on_reset":true,"max_sessions":2,"default_ttl":"90s","late_settle_window":"2h","max_transactions":3,"lanes":"never","idempotency_window":"7d","max_idempotency_keys":5}"#,
    r#"{"session":{"calls":10},"lanes":{"always":64}}"#,
];
pub(super) const SPEC: &[&str] = &[
    r#"{"id":"b","limits":{"calls":10,"tokens":7,"cost":"1.50"},"period":"daily","zone":"Europe/Berlin","parent":"a","rollover":true,"overdraft":true,"also":[{"period":"monthly","limits":{"calls":100}},{"period":"every 36h","limits":{"tokens":18446744073709551615}}]}"#,
    r#"{"id":"b","limits":{"cost":"0.000000001"}}"#,
];
pub(super) const CHARGE: &[&str] = &[
    r#"[{"envelope":{"budget":"a"},"amounts":{"calls":4,"cost":"0.01"}},{"envelope":{"session":"s"},"amounts":{"tokens":5}},{"envelope":{"budget":"a"},"amounts":{"calls":1}}]"#,
];

/// Configuration, and what an enforcer does that is built with it.
pub fn config(bytes: &[u8]) {
    if let Some(config) = read::<BudgetEnforcerConfig>(bytes)
        && let Ok(stage) = Stage::of(config)
    {
        stage.probe();
    }
}

/// Budgets, and what comes of creating one.
pub fn spec(bytes: &[u8]) {
    if let Some(spec) = read::<BudgetSpec>(bytes)
        && let Ok(stage) = Stage::of(BudgetEnforcerConfig::per_session().calls(10))
    {
        let id = spec.id.clone();
        if stage.admin.create_budget(spec).is_ok() {
            let known = stage.budget.utilization(&id);
            assert!(known.is_ok(), "a budget that was created is there");
        }
        stage.probe();
    }
}

/// Charges, and what comes of charging one.
pub fn charge(bytes: &[u8]) {
    let Some(charge) = read::<Charge>(bytes) else {
        return;
    };
    let envelopes: Vec<&Envelope> = charge.lines().map(|(envelope, _)| envelope).collect();
    let is_first = |(at, envelope): (usize, &&Envelope)| {
        envelopes.iter().position(|other| other == envelope) == Some(at)
    };
    assert!(
        envelopes.iter().enumerate().all(is_first),
        "an envelope stands twice"
    );
    let Ok(stage) = Stage::of(BudgetEnforcerConfig::per_session().tokens(1000).calls(10)) else {
        return;
    };
    let before = stage.budget.summary().ok();
    let allowed = stage.budget.check(&charge).allowed();
    match stage.budget.reserve(&charge) {
        Ok(reservation) => drop(reservation),
        Err(denied) => {
            assert!(!denied.to_string().is_empty());
            assert!(!allowed, "what is within the budget is denied: {denied}");
        }
    }
    assert_eq!(
        stage.budget.summary().ok().map(|summary| summary.budgets),
        before.map(|summary| summary.budgets),
        "a hold that was given back, or refused, changed something"
    );
    drop(stage.budget.record(&charge));
    stage.probe();
}

/// An enforcer with a budget `a`.
struct Stage {
    budget: BudgetEnforcer,
    admin: BudgetAdmin,
    clock: ManualClock,
}

impl Stage {
    fn of(config: BudgetEnforcerConfig) -> Result<Self, BudgetError> {
        let clock = ManualClock::new(START);
        let (budget, admin) = BudgetEnforcer::builder()
            .config(config)
            .clock(clock.clone())
            .build()?;
        let a: BudgetId = "a".parse()?;
        admin.create_budget(BudgetSpec::new(a).calls(10).cost("5".parse()?))?;
        clock.advance(Duration::from_secs(60));
        Ok(Self {
            budget,
            admin,
            clock,
        })
    }

    fn probe(&self) {
        probe(&self.budget, &self.admin, &self.clock);
    }
}
