//! The stack: the four components, wired, and the two ways into them.

mod apply;
mod builder;
mod checks;
mod data_dir;
mod error;
mod for_operator;
mod keeper;
pub(crate) mod opening;
mod parts;
mod reload;
pub(crate) mod snapshot;
mod standing;
mod take_back;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use audit_trail::AuditLog;
use budget_enforcer::{BudgetAdmin, BudgetEnforcer};
use consent::{ConsentGate, ConsentLedger};
use time::OffsetDateTime;
use trust_gate::{TrustAdmin, TrustGate};

pub use self::builder::SecurityStackBuilder;
pub(crate) use self::data_dir::{FOLDER, FRESH_KEY, KEY_FILE, is_data_dir};
pub use self::error::StackError;
pub use self::reload::{Raises, ReloadError, Reloaded};

use self::keeper::Keeper;
use self::reload::Reloading;
use crate::config::{ConfigError, SecurityStackConfig};
use crate::core::Core;
use crate::guard::Guard;

/// The name under which the configuration's own acts stand in the log.
pub const CONFIGURATION: &str = "configuration";

/// Makes a stack from a configuration, on the system's clock: in memory, or on the configuration's
/// [data directory](SecurityStackConfig::data_dir), from which its state comes back.
///
/// Every assignment, budget and grant of the configuration is applied once and stands in the audit log. Blocks on reading the
/// data directory, and the signing key's file where one is named.
///
/// # Errors
/// The first part of the configuration that does not hold. Nothing is in force then.
pub fn create_security_stack(config: SecurityStackConfig) -> Result<SecurityStack, StackError> {
    SecurityStack::builder(config).build()
}

/// The four components of the stack, and what wires them.
///
/// The owner keeps it: agent-side code gets a [`Guard`] from [`guard`](Self::guard).
#[derive(Debug)]
#[non_exhaustive]
pub struct SecurityStack {
    /// Who may act.
    pub trust_gate: TrustGate,
    /// How much.
    pub budget: BudgetEnforcer,
    /// On whose data, and for what.
    pub consent: ConsentGate,
    /// What happened, provably.
    pub audit: AuditLog,
    core: Arc<Core>,
    admin: StackAdmin,
    config: ArcSwap<SecurityStackConfig>,
    reloading: Reloading,
    /// Keeps snapshots for as long as the stack is there.
    _keeper: Option<Keeper>,
    /// When it was made, by its clock.
    pub(crate) since: OffsetDateTime,
}

impl SecurityStack {
    /// For a stack with a clock, a log or parts of your own.
    pub fn builder(config: SecurityStackConfig) -> SecurityStackBuilder {
        SecurityStackBuilder::new(config)
    }

    /// What agent-side code gets: decisions only.
    #[must_use]
    pub fn guard(&self) -> Guard {
        Guard::here(Arc::clone(&self.core))
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// The operator's side. Every act of it is an audit entry.
    #[must_use]
    pub fn admin(&self) -> &StackAdmin {
        &self.admin
    }

    /// The configuration that is in force.
    #[must_use]
    pub fn config(&self) -> Arc<SecurityStackConfig> {
        self.config.load_full()
    }

    /// [`Guard::evaluate`].
    pub fn evaluate(
        &self,
        action: &crate::Action,
    ) -> impl Future<Output = crate::Decision> + Send + use<> {
        self.guard().evaluate(action)
    }

    /// [`Guard::evaluate_sync`].
    pub fn evaluate_sync(&self, action: &crate::Action) -> crate::Decision {
        self.guard().evaluate_sync(action)
    }

    /// [`Guard::authorize`].
    ///
    /// # Errors
    /// [`Denied`](crate::Denied), whatever the reason.
    pub fn authorize(
        &self,
        action: &crate::Action,
    ) -> impl Future<Output = Result<crate::Permit, crate::Denied>> + Send + use<> {
        self.guard().authorize(action)
    }

    /// [`Guard::action`].
    pub fn action(&self, agent: impl AsRef<str>) -> crate::ActionBuilder {
        self.guard().action(agent)
    }
}

/// The operator's side of the stack. What it changes is recorded before it is in force; what it takes away is in force at once.
#[derive(Debug)]
pub struct StackAdmin {
    trust: TrustAdmin,
    budget: BudgetAdmin,
    consent: ConsentLedger,
}

impl StackAdmin {
    /// Levels, caps, quarantine and tool policies.
    #[must_use]
    pub fn trust(&self) -> &TrustAdmin {
        &self.trust
    }

    /// Budgets and their limits. Name yourself with [`BudgetAdmin::acting_as`].
    #[must_use]
    pub fn budget(&self) -> &BudgetAdmin {
        &self.budget
    }

    /// Consent given, refused and withdrawn.
    #[must_use]
    pub fn consent(&self) -> &ConsentLedger {
        &self.consent
    }
}

fn at(table: &str, index: usize, error: impl fmt::Display) -> StackError {
    ConfigError::at(format!("{table}[{index}]"), error).into()
}
