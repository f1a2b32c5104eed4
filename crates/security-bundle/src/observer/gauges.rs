//! What can be read off a running stack at any time, for whoever scrapes it.

use std::sync::{Arc, Weak};

use budget_enforcer::Utilization;

use crate::core::Core;
use crate::gate::Gate;

/// Reads the figures of one stack. It keeps nothing alive: a stack that has gone away has none.
#[derive(Debug, Clone)]
pub struct Gauges(Weak<Core>);

/// The figures of a stack at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Readings {
    /// All named budgets, at one instant; none where the budget cannot be read.
    pub budgets: Vec<Utilization>,
    /// How many sessions there are.
    pub sessions: usize,
    /// How many entries the log has taken and not stored yet; `None` where the recorder does not say.
    pub audit_backlog: Option<u64>,
    /// How many entries the log did not take since the stack was made.
    pub losses: u64,
}

impl Gauges {
    pub(crate) fn of(core: &Arc<Core>) -> Self {
        Self(Arc::downgrade(core))
    }

    /// The figures as they are now; `None` once the stack and all its guards are gone. Locks all budgets for as long as it takes to
    /// copy them.
    #[must_use]
    pub fn read(&self) -> Option<Readings> {
        let core = self.0.upgrade()?;
        let summary = Gate::ask(|| core.budget.summary().ok());
        let summary = summary.said().cloned().flatten();
        let backlog = Gate::ask(|| core.recorder.backlog());
        Some(Readings {
            sessions: summary.as_ref().map_or(0, |summary| summary.sessions),
            budgets: summary.map(|summary| summary.budgets).unwrap_or_default(),
            audit_backlog: backlog.said().copied().flatten(),
            losses: core.losses.load(std::sync::atomic::Ordering::Relaxed),
        })
    }
}
