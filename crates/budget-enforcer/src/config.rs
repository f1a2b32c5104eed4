//! What an enforcer is built with.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::amounts::Limits;
use crate::error::BudgetError;
use crate::period::text;
use crate::usd::Usd;

/// The session template and the bounds of an enforcer. The default has no sessions: every session is `no_budget`.
///
/// ```
/// # use budget_enforcer::BudgetEnforcerConfig;
/// let config = BudgetEnforcerConfig::per_session().tokens(10_000).calls(100);
/// assert_eq!(config.session.and_then(|limits| limits.cost), None); // unlimited
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a plain struct that callers fill, with a default for the rest"
)]
pub struct BudgetEnforcerConfig {
    /// The limits of every session; at least one dimension. `None`: there are no sessions. Counts until an operator
    /// [sets a template](crate::BudgetAdmin::set_session_limits) in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Limits>,
    /// Whether budgets let `record` go beyond their limit, where they do not say themselves. Default: no.
    pub allow_overdraft: bool,
    /// Whether budgets hand on what a window leaves, where they do not say themselves. Default: no.
    pub rollover_on_reset: bool,
    /// The most sessions, closed ones included; beyond it a new one is refused. Default: 100 000.
    pub max_sessions: usize,
    /// How long a reservation lasts where its caller does not say. Default: 5 minutes.
    #[serde(with = "text")]
    pub default_ttl: Duration,
    /// The longest that a reservation can be asked for, or renewed by. Default: 1 day.
    #[serde(with = "text")]
    pub max_ttl: Duration,
    /// How long an expired reservation that no guard holds can still be settled late. Default: 1 hour.
    #[serde(with = "text")]
    pub late_settle_window: Duration,
    /// About how many ledger rows are kept; the oldest go first, by trees in sixteen shards. Default: 65 536.
    pub max_transactions: usize,
    /// Whether threads may spend slices of a tree of budgets without waiting for each other. Default: once they have waited often.
    pub lanes: Lanes,
    /// How long idempotency keys are remembered. Default: 24 hours.
    #[serde(with = "text")]
    pub idempotency_window: Duration,
    /// The most keys remembered; beyond it the oldest go, and none as old as those is accepted any more. Default: 65 536.
    pub max_idempotency_keys: usize,
}

/// Whether the trees of named budgets are cut into slices that threads spend without waiting for each other.
///
/// What is admitted is the same: slices are taken back before anybody is refused, and before anybody sees figures. What differs: ledger
/// rows of what a lane did show no balances of such a tree, for the lane does not know them. With a journal that keeps spending there are no
/// lanes: its order is the order of all.
#[expect(clippy::exhaustive_enums, reason = "a plain choice that callers make")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lanes {
    /// Trees stay whole.
    Never,
    /// Trees for which threads have often waited are sliced, into twice as many lanes as there are processors.
    #[default]
    WhenContended,
    /// All trees are, into so many lanes, at most 64.
    Always(NonZeroUsize),
}

impl Default for BudgetEnforcerConfig {
    fn default() -> Self {
        Self {
            session: None,
            allow_overdraft: false,
            rollover_on_reset: false,
            max_sessions: 100_000,
            default_ttl: Duration::from_secs(5 * 60),
            max_ttl: Duration::from_secs(24 * 60 * 60),
            late_settle_window: Duration::from_secs(60 * 60),
            max_transactions: 65_536,
            lanes: Lanes::WhenContended,
            idempotency_window: Duration::from_secs(24 * 60 * 60),
            max_idempotency_keys: 65_536,
        }
    }
}

impl BudgetEnforcerConfig {
    /// With sessions, whose limits follow: at least one of tokens, calls and cost.
    #[must_use]
    pub fn per_session() -> Self {
        Self {
            session: Some(Limits::NONE),
            ..Self::default()
        }
    }

    /// Limits the tokens of each session.
    #[must_use]
    pub fn tokens(mut self, limit: u64) -> Self {
        self.template().tokens = Some(limit);
        self
    }

    /// Limits the calls of each session.
    #[must_use]
    pub fn calls(mut self, limit: u64) -> Self {
        self.template().calls = Some(limit);
        self
    }

    /// Limits the money of each session.
    #[must_use]
    pub fn cost(mut self, limit: Usd) -> Self {
        self.template().cost = Some(limit);
        self
    }

    fn template(&mut self) -> &mut Limits {
        self.session.get_or_insert(Limits::NONE)
    }

    pub(crate) fn validate(&self) -> Result<(), BudgetError> {
        if self.session.is_some_and(|limits| limits.is_none()) {
            return Err(BudgetError::NoLimit {
                what: "the session template".to_owned(),
            });
        }
        let longest = Duration::from_secs(100 * 366 * 24 * 60 * 60);
        let lengths = [
            ("default_ttl", self.default_ttl),
            ("max_ttl", self.max_ttl),
            ("late_settle_window", self.late_settle_window),
            ("idempotency_window", self.idempotency_window),
        ];
        for (field, length) in lengths {
            if length < Duration::from_micros(1) || length > longest {
                return Err(BudgetError::InvalidConfig {
                    field,
                    why: "it must be longer than zero and at most 100 years",
                });
            }
        }
        if self.default_ttl > self.max_ttl {
            return Err(BudgetError::InvalidConfig {
                field: "default_ttl",
                why: "it must not be longer than `max_ttl`",
            });
        }
        if self.max_idempotency_keys == 0 {
            let why = "at least one key must be remembered, else a repeated request would be taken as new";
            return Err(BudgetError::InvalidConfig {
                field: "max_idempotency_keys",
                why,
            });
        }
        Ok(())
    }
}
