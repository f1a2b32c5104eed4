//! Construction: the one place that hands out the administering handle.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use crate::admin::BudgetAdmin;
use crate::alert::{Alert, Alerts, Threshold};
use crate::clock::{Clock, SystemClock};
use crate::config::BudgetEnforcerConfig;
use crate::enforcer::BudgetEnforcer;
use crate::engine::Engine;
use crate::error::BudgetError;
use crate::journal::BudgetJournal;
use crate::replay;

/// Builds an enforcer and its administering handle.
#[must_use = "a builder builds nothing until `build`"]
pub struct Builder {
    config: BudgetEnforcerConfig,
    clock: Box<dyn Clock>,
    journal: Option<Box<dyn BudgetJournal>>,
    alerts: Option<Alerts>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            config: BudgetEnforcerConfig::default(),
            clock: Box::new(SystemClock),
            journal: None,
            alerts: None,
        }
    }

    /// The session template and the bounds. The default has no sessions.
    pub fn config(mut self, config: BudgetEnforcerConfig) -> Self {
        self.config = config;
        self
    }

    /// The clock. The default is the operating system's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// The journal that events go to, and that the state is restored from. The default is none: state is in memory alone.
    pub fn journal(mut self, journal: impl BudgetJournal) -> Self {
        self.journal = Some(Box::new(journal));
        self
    }

    /// Says on `channel` when an envelope has used a part of a limit, once in each window for each of `thresholds`, at most 32. Booking never waits
    /// for the channel: what finds it full is counted ([`alerts_lost`](BudgetEnforcer::alerts_lost)). Alerts inform, and change nothing.
    ///
    /// ```
    /// # use budget_enforcer::{BudgetEnforcer, BudgetId, BudgetSpec, Charge, Threshold};
    /// let (sender, alerts) = std::sync::mpsc::sync_channel(100);
    /// let thresholds = [Threshold::percent(50)?, Threshold::percent(90)?];
    /// let (budget, admin) = BudgetEnforcer::builder().alerts(thresholds, sender).build()?;
    /// let id: BudgetId = "searches".parse()?;
    /// admin.create_budget(BudgetSpec::new(id.clone()).calls(10))?;
    /// budget.record(&Charge::budget(&id).calls(6))?;
    /// assert_eq!(alerts.try_recv()?.to_string(), "Category 'searches': 6 of 10 calls spent (0.5), lifetime");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn alerts(
        mut self,
        thresholds: impl IntoIterator<Item = Threshold>,
        channel: SyncSender<Alert>,
    ) -> Self {
        self.alerts = Some(Alerts::new(thresholds, channel));
        self
    }

    /// Builds both handles, after replaying the journal.
    ///
    /// # Errors
    /// [`BudgetError::NoLimit`] for a session template without a limit; [`BudgetError::InvalidConfig`];
    /// [`BudgetError::Store`] where the journal cannot be read, [`BudgetError::Replay`] where it does not fit together.
    pub fn build(self) -> Result<(BudgetEnforcer, BudgetAdmin), BudgetError> {
        self.config.validate()?;
        let engine = Engine::new(self.config, self.clock, self.journal, self.alerts);
        replay::replay(&engine)?;
        if let Some(alerts) = &engine.core.books.alerts {
            alerts.go_live();
        }
        let engine = Arc::new(engine);
        Ok((
            BudgetEnforcer::over(Arc::clone(&engine)),
            BudgetAdmin::over(engine),
        ))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
