//! How a gate comes to be: rules, a clock and a store go in, two handles come out.

use std::fmt;
use std::sync::Arc;

use crate::admin::TrustAdmin;
use crate::clock::{Clock, SystemClock, Timepiece};
use crate::config::TrustGateConfig;
use crate::error::TrustError;
use crate::gate::TrustGate;
use crate::ledger::Ledger;
use crate::memory::MemoryStore;
use crate::name::OperatorId;
use crate::store::TrustStore;

/// Builds a gate. Without anything said: the rules that the store has or the default ones, the system's clock, a store in memory.
#[must_use = "a builder does nothing until `build` is called"]
pub struct TrustGateBuilder {
    config: Option<TrustGateConfig>,
    configured_by: Option<OperatorId>,
    clock: Timepiece,
    store: Box<dyn TrustStore>,
}

impl TrustGateBuilder {
    /// Sets the rules. Without this a store that has rules keeps them, and a new one begins with the default ones.
    pub fn config(mut self, config: TrustGateConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Says who answers for the rules; the history names them. `configuration` unless said otherwise.
    pub fn configured_by(mut self, operator: OperatorId) -> Self {
        self.configured_by = Some(operator);
        self
    }

    /// Sets the clock.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Timepiece::new(clock);
        self
    }

    /// Sets the store.
    pub fn store(mut self, store: impl TrustStore) -> Self {
        self.store = Box::new(store);
        self
    }

    /// Replays the store and opens the gate: one handle that enforces, one that administers.
    ///
    /// If rules were given that are not those that the store last saw, setting them is an act with its own event.
    ///
    /// # Errors
    /// [`TrustError::InvalidConfig`], [`TrustError::UnknownTier`] for rules that make no sense;
    /// [`TrustError::Store`], [`TrustError::Corrupt`] if the store cannot be replayed or written.
    pub fn build(self) -> Result<(TrustGate, TrustAdmin), TrustError> {
        let by = match self.configured_by {
            Some(operator) => operator,
            None => "configuration".parse()?,
        };
        let ledger = Arc::new(Ledger::open(self.clock, self.store, self.config, &by)?);
        Ok((TrustGate(Arc::clone(&ledger)), TrustAdmin(ledger)))
    }
}

impl Default for TrustGateBuilder {
    fn default() -> Self {
        Self {
            config: None,
            configured_by: None,
            clock: Timepiece::new(SystemClock::new()),
            store: Box::new(MemoryStore::default()),
        }
    }
}

impl fmt::Debug for TrustGateBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustGateBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
