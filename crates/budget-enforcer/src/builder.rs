//! Construction: the one place that hands out the administering handle.

use std::fmt;
use std::sync::Arc;

use crate::admin::BudgetAdmin;
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
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            config: BudgetEnforcerConfig::default(),
            clock: Box::new(SystemClock),
            journal: None,
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

    /// Builds both handles, after replaying the journal.
    ///
    /// # Errors
    /// [`BudgetError::NoLimit`] for a session template without a limit; [`BudgetError::InvalidConfig`];
    /// [`BudgetError::Store`] where the journal cannot be read, [`BudgetError::Replay`] where it does not fit together.
    pub fn build(self) -> Result<(BudgetEnforcer, BudgetAdmin), BudgetError> {
        self.config.validate()?;
        let engine = Engine::new(self.config, self.clock, self.journal);
        replay::replay(&engine)?;
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
