//! Another configuration for a running stack: checked whole, refused where it would raise somebody's trust silently, put in force
//! at once, and recorded (design: security-bundle, Configuration).

use std::sync::{Arc, Mutex, PoisonError};

use audit_trail::{Entry, Kind, Policy};
use serde_json::json;
use trust_gate::{OperatorId, TrustLevel};

use super::apply::{self, Applied};
use super::standing::{self, Raised};
use super::take_back::take_back;
use super::{SecurityStack, StackError, checks, opening};
use crate::config::{ConfigDiff, ConfigError, SecurityStackConfig};
use crate::journal::Acts;
use crate::recorder::RecordError;
use crate::rules::Rules;

/// What a reload may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever reloads chooses one of the two"
)]
pub enum Raises {
    /// Nobody's trust may be raised.
    Refuse,
    /// The operator has seen what would be raised, and wants it.
    Confirmed,
}

/// A configuration that is in force now.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reloaded {
    /// What is different from before.
    pub diff: ConfigDiff,
    /// The digest of the rules before, as decisions carried it.
    pub old_policy: String,
    /// The digest of the rules now.
    pub new_policy: String,
}

/// Why the configuration from before is still in force.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The new one does not hold.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It would raise somebody's trust, and nobody has confirmed that. What it would change is in here.
    #[error("it would raise {} and nobody has confirmed that; look at the differences, and confirm them if they are meant", told(.0))]
    WouldRaise(Box<ConfigDiff>),
    /// An assignment that is new or altered in it would raise a level that stands lower now, since an operator has lowered it; nobody
    /// has confirmed that.
    #[error(
        "it would raise `{agent}` in `{scope}` from {from} to {to}, where an operator has lowered it since, and nobody has confirmed that"
    )]
    WouldRaiseNow {
        /// Whom.
        agent: String,
        /// Where.
        scope: String,
        /// The level that is in force.
        from: TrustLevel,
        /// The level of the assignment.
        to: TrustLevel,
    },
    /// A grant of consent that is written otherwise in it would be given anew, and what it gave does not stand now; nobody has
    /// confirmed that.
    #[error(
        "it would give consent for the data `{data_type}` anew, which does not stand now, and nobody has confirmed that"
    )]
    WouldGiveAnew {
        /// For which data.
        data_type: String,
    },
    /// The stack was [opened for an operator](SecurityStack::open_for_operator), under the rules that the log holds.
    #[error(
        "the stack was opened for an operator's acts and goes by the rules that its log holds; start it with the configuration instead"
    )]
    ForOperator,
    /// It changes something that a running stack cannot change.
    #[error("`{0}` cannot be changed while the stack runs; restart it")]
    Fixed(&'static str),
    /// It could not be recorded, and nothing was changed.
    #[error("the change could not be recorded, so it was not made: {0}")]
    Unrecorded(String),
    /// A part of it could not be put in force. What takes something away is in force; decisions go by the old rules for the rest.
    #[error("a part of it could not be put in force: {0}; mend that and reload again")]
    Partial(String),
}

fn told(diff: &ConfigDiff) -> String {
    let mut raised = diff.raises().map(|change| change.subject.clone());
    let first: Vec<String> = raised.by_ref().take(3).collect();
    let more = raised.count();
    let first = first.join(", ");
    if more > 0 {
        format!("{first} and {more} more")
    } else {
        first
    }
}

/// What a reload needs besides the components.
#[derive(Debug)]
pub(super) struct Reloading {
    acts: Acts,
    applied: Applied,
    /// Whether the rules that the log holds stay, whatever a configuration says.
    keeps_rules: bool,
    /// One at a time.
    one: Mutex<()>,
}

impl Reloading {
    pub(super) fn new(acts: Acts, applied: Applied, keeps_rules: bool) -> Self {
        Self {
            acts,
            applied,
            keeps_rules,
            one: Mutex::default(),
        }
    }

    /// Says which configuration is in force from now on.
    pub(super) fn activate(
        &self,
        entry: Entry<'_>,
        text: &[u8],
        besides: Option<&serde_json::Value>,
    ) -> Result<(), RecordError> {
        self.applied.activate(&self.acts, entry, text, besides)
    }

    fn record(&self, entry: Entry<'_>, besides: &serde_json::Value) -> Result<(), RecordError> {
        let recorded = self.acts.note(entry, besides)?;
        self.acts.stored(&recorded)
    }
}

impl SecurityStack {
    /// Puts another configuration in force, in the name of an operator. Decisions are made by all of the old one or by all of the
    /// new one: what was decided by the old one and has not started is denied with the code `rules_changed`.
    ///
    /// Assignments, budgets and grants that are new in it are applied; those that are gone from it are taken back where nobody has changed
    /// them since: a level is cleared or revoked, a consent withdrawn, a budget stays as it is. Sessions that are open get the new
    /// limits where those are lower. Blocks until all of it is stored.
    ///
    /// # Errors
    /// The configuration from before stays in force, but see [`ReloadError::Partial`].
    pub fn reload(
        &self,
        mut config: SecurityStackConfig,
        by: &OperatorId,
        reason: &str,
        raises: Raises,
    ) -> Result<Reloaded, ReloadError> {
        if self.reloading.keeps_rules {
            return Err(ReloadError::ForOperator);
        }
        let one = &self.reloading.one;
        let _alone = one.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.config();
        config.audit.max_records = config.audit.max_records.or(before.audit.max_records);
        unchangeable(&before, &config)?;
        config.try_out()?;
        let diff = SecurityStackConfig::diff(&before, &config)?;
        if raises == Raises::Refuse && diff.raises().next().is_some() {
            return Err(ReloadError::WouldRaise(Box::new(diff)));
        }
        if raises == Raises::Refuse {
            self.refuse_raises(&before, &config)?;
        }
        let core = self.core();
        let has_template = config.budget.session.is_some();
        let old = core.rules.load_full();
        let rules = Rules::new(&config, old.stack_mark(), has_template)?;
        let (old_policy, new_policy) = (old.policy.to_string(), rules.policy.to_string());
        // What somebody has set about to do, and further below what has come of it.
        let entry = Entry::admin(Kind::PolicyChange, by)
            .named("reload")
            .reason_lossy(reason);
        let text = crate::policy::shared_text(&config)?;
        let loosens = opening::loosened(&diff);
        let besides = json!({ "reload": {
            "old": old_policy,
            "new": new_policy,
            "loosens": opening::named(&loosens),
            "loosens_in_all": loosens.len(),
        }});
        self.reloading
            .record(entry, &besides)
            .map_err(|error| ReloadError::Unrecorded(error.to_string()))?;
        core.epoch
            .change(|| -> Result<(), StackError> {
                self.put_in_force(&before, &config, by, reason)?;
                let entry = Entry::admin(Kind::PolicyChange, by)
                    .named("configuration_activated")
                    .policy(Policy {
                        digest: new_policy.clone().into(),
                        version: None,
                    });
                let activated = self.reloading.activate(entry, &text, None);
                activated.map_err(|error| ConfigError::at("", error))?;
                core.rules.store(Arc::new(rules));
                Ok(())
            })
            .map_err(|error| ReloadError::Partial(error.to_string()))?;
        self.config.store(Arc::new(config));
        Ok(Reloaded {
            diff,
            old_policy,
            new_policy,
        })
    }

    /// Looks at the levels that stand, which files know nothing of.
    fn refuse_raises(
        &self,
        before: &SecurityStackConfig,
        config: &SecurityStackConfig,
    ) -> Result<(), ReloadError> {
        let fresh = config.assignments.iter();
        let fresh = fresh.filter(|grant| !before.assignments.contains(grant));
        let raised = standing::raised(&self.trust_gate, &config.trust_gate.tiers, fresh)?;
        if let Some(Raised { grant, from, to }) = raised.into_iter().next() {
            return Err(ReloadError::WouldRaiseNow {
                agent: grant.agent.to_string(),
                scope: grant.scope.to_string(),
                from,
                to,
            });
        }
        let fresh = config.grants.iter();
        for grant in fresh.filter(|grant| !before.grants.contains(grant)) {
            let extent = grant.extent();
            let was_given = before.grants.iter().any(|old| old.extent() == extent);
            if was_given && !standing::consents_to(&self.consent, extent) {
                return Err(ReloadError::WouldGiveAnew {
                    data_type: extent
                        .data_type
                        .as_ref()
                        .map(ToString::to_string)
                        .unwrap_or_default(),
                });
            }
        }
        Ok(())
    }

    fn put_in_force(
        &self,
        before: &SecurityStackConfig,
        config: &SecurityStackConfig,
        by: &OperatorId,
        reason: &str,
    ) -> Result<(), StackError> {
        let admin = self.admin();
        let Reloading { acts, applied, .. } = &self.reloading;
        // All but the rules of this crate, by which decisions go.
        take_back(before, config, admin, by, reason)?;
        let trust = config.trust_in_force()?;
        if trust != admin.trust().config() {
            let configured = admin.trust().configure(trust, by, reason);
            configured.map_err(|error| ConfigError::at("trust", error))?;
        }
        if self.budget.session_limits() != config.budget.session {
            let set = admin.budget().set_session_limits(config.budget.session);
            set.map_err(|error| ConfigError::at("budget.session", error))?;
        }
        apply::apply(config, Some(before), admin, acts, applied)?;
        checks::budget_rules(config, admin.budget())
    }
}

/// What stands in the directory, in other processes or in the components for good.
fn unchangeable(
    before: &SecurityStackConfig,
    config: &SecurityStackConfig,
) -> Result<(), ReloadError> {
    let fixed = [
        ("data_dir", before.data_dir != config.data_dir),
        ("audit.key", before.audit.key != config.audit.key),
        (
            "audit.namespace",
            before.audit_namespace != config.audit_namespace,
        ),
        (
            "audit.max_records",
            before.audit.max_records != config.audit.max_records,
        ),
        ("consent.default_deny", before.consent != config.consent),
        ("budget", {
            let without_sessions = |config: &SecurityStackConfig| {
                let mut budget = config.budget.clone();
                budget.session = None;
                budget
            };
            without_sessions(before) != without_sessions(config)
        }),
        ("budget.budgets", {
            config.budgets.iter().any(|new| {
                let old = before.budgets.iter().find(|old| old.id == new.id);
                old.is_some_and(|old| {
                    let mut same_limits = old.clone();
                    same_limits.limits = new.limits;
                    same_limits != *new
                })
            })
        }),
    ];
    match fixed.into_iter().find(|(_, changed)| *changed) {
        Some((key, _)) => Err(ReloadError::Fixed(key)),
        None => Ok(()),
    }
}
