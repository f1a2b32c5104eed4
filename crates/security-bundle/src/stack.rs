//! The stack: the four components, wired, and the two ways into them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use audit_trail::{AuditLog, Sink};
use budget_enforcer::{Amounts, BudgetAdmin, BudgetEnforcer, BudgetSpec, Limits};
use consent::{ConsentGate, ConsentLedger};
use time::OffsetDateTime;
use trust_gate::{TrustAdmin, TrustGate};

use crate::config::{ConfigError, MethodRule, SecurityStackConfig};
use crate::core::{Core, WallClock};
use crate::guard::Guard;
use crate::journal::{Acts, Audited, BudgetActs};
use crate::recorder::Recorder;
use crate::rules::Rules;

/// The name under which the configuration's own acts stand in the log.
pub const CONFIGURATION: &str = "configuration";

/// Makes a stack from a configuration, in memory, on the system's clock.
///
/// Every assignment, budget and grant of the configuration is applied once and stands in the audit log. Blocks on reading the
/// signing key's file, where one is named.
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
    guard: Guard,
    admin: StackAdmin,
    config: SecurityStackConfig,
}

impl SecurityStack {
    /// For a stack with a clock, a log or parts of your own.
    pub fn builder(config: SecurityStackConfig) -> SecurityStackBuilder {
        SecurityStackBuilder {
            config,
            clock: None,
            audit: None,
            sink: None,
            recorder: None,
            trust: None,
            consent: None,
            budget: None,
        }
    }

    /// What agent-side code gets: decisions only.
    #[must_use]
    pub fn guard(&self) -> Guard {
        self.guard.clone()
    }

    /// The operator's side. Every act of it is an audit entry.
    #[must_use]
    pub fn admin(&self) -> &StackAdmin {
        &self.admin
    }

    /// The configuration that the stack was made from.
    #[must_use]
    pub fn config(&self) -> &SecurityStackConfig {
        &self.config
    }

    /// [`Guard::evaluate`].
    pub fn evaluate(
        &self,
        action: &crate::Action,
    ) -> impl Future<Output = crate::Decision> + Send + use<> {
        self.guard.evaluate(action)
    }

    /// [`Guard::evaluate_sync`].
    pub fn evaluate_sync(&self, action: &crate::Action) -> crate::Decision {
        self.guard.evaluate_sync(action)
    }

    /// [`Guard::authorize`].
    ///
    /// # Errors
    /// [`Denied`](crate::Denied), whatever the reason.
    pub fn authorize(
        &self,
        action: &crate::Action,
    ) -> impl Future<Output = Result<crate::Permit, crate::Denied>> + Send + use<> {
        self.guard.authorize(action)
    }

    /// [`Guard::action`].
    pub fn action(&self, agent: impl AsRef<str>) -> crate::ActionBuilder {
        self.guard.action(agent)
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

/// Makes a stack with parts of your own.
#[must_use = "a builder makes nothing before `build`"]
pub struct SecurityStackBuilder {
    config: SecurityStackConfig,
    clock: Option<WallClock>,
    audit: Option<AuditLog>,
    sink: Option<(Box<dyn Sink>, u64)>,
    recorder: Option<Arc<dyn Recorder>>,
    trust: Option<(TrustGate, TrustAdmin)>,
    consent: Option<(ConsentGate, ConsentLedger)>,
    budget: Option<(BudgetEnforcer, BudgetAdmin)>,
}

impl SecurityStackBuilder {
    /// One clock for all components. It is its own authority: there is nothing to hold it against.
    pub fn clock(mut self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// A log that you made, for example one that also writes a file. The configuration's namespace, bounds and key do not apply to it.
    pub fn audit(mut self, log: AuditLog) -> Self {
        self.audit = Some(log);
        self
    }

    /// Hands every entry of the stack's own log to a sink as well, before it is acknowledged, and a signed checkpoint after each
    /// `checkpoint_every` entries.
    pub fn audit_sink(mut self, sink: impl Sink + 'static, checkpoint_every: u64) -> Self {
        self.sink = Some((Box::new(sink), checkpoint_every));
        self
    }

    /// Where decisions and acts are recorded, if not in the stack's own log.
    pub fn recorder(mut self, recorder: impl Recorder) -> Self {
        self.recorder = Some(Arc::new(recorder));
        self
    }

    /// A trust gate that you made. Its acts are recorded only by its own store.
    pub fn trust_gate(mut self, gate: TrustGate, admin: TrustAdmin) -> Self {
        self.trust = Some((gate, admin));
        self
    }

    /// A consent gate that you made. Its acts are recorded only by its own store.
    pub fn consent(mut self, gate: ConsentGate, ledger: ConsentLedger) -> Self {
        self.consent = Some((gate, ledger));
        self
    }

    /// A budget enforcer that you made. Its acts are recorded only by its own journal.
    pub fn budget(mut self, enforcer: BudgetEnforcer, admin: BudgetAdmin) -> Self {
        self.budget = Some((enforcer, admin));
        self
    }

    /// The stack, with everything in the configuration applied.
    ///
    /// # Errors
    /// The first part of the configuration that does not hold.
    pub fn build(self) -> Result<SecurityStack, StackError> {
        let config = self.config;
        let audit = match self.audit {
            Some(_) if self.sink.is_some() => {
                let problem = "a log of your own and a sink were both given; give the sink to the log when you make it";
                return Err(ConfigError::at("audit", problem).into());
            }
            Some(log) => log,
            None => new_log(&config, self.clock.clone(), self.sink)?,
        };
        let recorder = self
            .recorder
            .unwrap_or_else(|| Arc::new(audit.clone()) as Arc<dyn Recorder>);
        let acts = Acts::new(Arc::clone(&recorder));
        let clock = self.clock;

        let (trust_gate, trust_admin) = match self.trust {
            Some(own) => own,
            None => new_trust(&config, clock.clone(), acts.clone())?,
        };
        for (index, grant) in config.assignments.iter().enumerate() {
            trust_admin
                .assign(grant.clone())
                .map_err(|error| at("trust.assignments", index, error))?;
        }
        let (consent, ledger) = match self.consent {
            Some(own) => own,
            None => new_consent(&config, clock.clone(), acts.clone())?,
        };
        for (index, grant) in config.grants.iter().enumerate() {
            ledger
                .record(grant.clone())
                .map_err(|error| at("consent.grants", index, error))?;
        }
        let (budget, budget_admin) = match self.budget {
            Some(own) => own,
            None => new_budget(&config, clock.clone(), acts)?,
        };
        create_budgets(&config, &budget_admin)?;
        check_budget_rules(&config, &budget_admin)?;

        check_methods(&config)?;

        let rules = Arc::new(Rules::new(&config, budget.has_session_template()));
        let core = Arc::new(Core {
            rules,
            trust: trust_gate.clone(),
            budget: budget.clone(),
            consent: consent.clone(),
            recorder,
            clock: clock.unwrap_or_else(|| Arc::new(system_time)),
            mandatory: config.mandatory,
            audit_required: config.audit.required,
            policy: crate::policy::digest(&config)?,
            losses: AtomicU64::new(0),
        });
        Ok(SecurityStack {
            trust_gate,
            budget,
            consent,
            audit,
            guard: Guard { core },
            admin: StackAdmin {
                trust: trust_admin,
                budget: budget_admin,
                consent: ledger,
            },
            config,
        })
    }
}

impl fmt::Debug for SecurityStackBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityStackBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Why there is no stack.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// A part of the configuration does not hold.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The audit log could not be made.
    #[error("the audit log cannot be made: {0}")]
    Audit(#[from] audit_trail::AuditError),
}

impl From<StackError> for ConfigError {
    fn from(error: StackError) -> Self {
        match error {
            StackError::Config(error) => error,
            StackError::Audit(error) => Self::at("audit", error),
        }
    }
}

fn at(table: &str, index: usize, error: impl fmt::Display) -> StackError {
    ConfigError::at(format!("{table}[{index}]"), error).into()
}

fn system_time() -> OffsetDateTime {
    trust_gate::Clock::now(&trust_gate::SystemClock::new())
}

fn new_log(
    config: &SecurityStackConfig,
    clock: Option<WallClock>,
    sink: Option<(Box<dyn Sink>, u64)>,
) -> Result<AuditLog, StackError> {
    let mut log = AuditLog::builder().namespace(config.audit_namespace.as_str());
    if let Some(clock) = clock {
        log = log.clock(move || clock());
    }
    if let Some((sink, every)) = sink {
        log = log.sink(sink).checkpoint_every(every);
    }
    if let Some(max) = config.audit.max_records {
        log = log.max_records(max);
    }
    if let Some(key) = config.audit.signing_key()? {
        log = log.signer(key);
    }
    Ok(log.build()?)
}

fn new_trust(
    config: &SecurityStackConfig,
    clock: Option<WallClock>,
    acts: Acts,
) -> Result<(TrustGate, TrustAdmin), ConfigError> {
    let mut builder = TrustGate::builder()
        .config(config.trust_gate.clone())
        .store(Audited::new(acts, trust_gate::MemoryStore::default()));
    if let Some(clock) = clock {
        builder = builder.clock(move || clock());
    }
    for (index, rule) in config.trust_gate.tools.iter().enumerate() {
        let level = config.trust_gate.tiers.resolve(&rule.required_level);
        level.map_err(|error| {
            ConfigError::at(format!("trust.tools[{index}].required_level"), error)
        })?;
    }
    builder
        .build()
        .map_err(|error| ConfigError::at("trust", error))
}

fn new_consent(
    config: &SecurityStackConfig,
    clock: Option<WallClock>,
    acts: Acts,
) -> Result<(ConsentGate, ConsentLedger), ConfigError> {
    let mut builder = ConsentGate::builder()
        .config(config.consent)
        .store(Audited::new(acts, consent::MemoryStore::default()));
    if let Some(clock) = clock {
        builder = builder.clock(move || clock());
    }
    builder
        .build()
        .map_err(|error| ConfigError::at("consent", error))
}

fn new_budget(
    config: &SecurityStackConfig,
    clock: Option<WallClock>,
    acts: Acts,
) -> Result<(BudgetEnforcer, BudgetAdmin), ConfigError> {
    let mut builder = BudgetEnforcer::builder()
        .config(config.budget.clone())
        .journal(BudgetActs(acts));
    if let Some(clock) = clock {
        builder = builder.clock(move || clock());
    }
    let (budget, admin) = builder
        .build()
        .map_err(|error| ConfigError::at("budget", error))?;
    let operator = CONFIGURATION
        .parse()
        .map_err(|error| ConfigError::at("budget", error))?;
    Ok((budget, admin.acting_as(operator)))
}

/// A child may stand before its parent in the file, so budgets are created in as many rounds as the tree is deep.
fn create_budgets(config: &SecurityStackConfig, admin: &BudgetAdmin) -> Result<(), StackError> {
    let mut waiting: Vec<(usize, &BudgetSpec)> = config.budgets.iter().enumerate().collect();
    while !waiting.is_empty() {
        let named: Vec<_> = waiting.iter().map(|(_, spec)| spec.id.clone()).collect();
        let (later, now): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(_, spec)| {
            spec.parent
                .as_ref()
                .is_some_and(|parent| named.contains(parent))
        });
        if now.is_empty() {
            let (index, spec) = later.first().copied().unzip();
            let id = spec.map(|spec| spec.id.to_string()).unwrap_or_default();
            return Err(at(
                "budget.budgets",
                index.unwrap_or_default(),
                format!("`{id}` is its own ancestor; break the circle of parents"),
            ));
        }
        for (index, spec) in now {
            admin
                .create_budget(spec.clone())
                .map_err(|error| at("budget.budgets", index, error))?;
        }
        waiting = later;
    }
    Ok(())
}

/// Whether a rule names something that a budget limits; it always charges a call.
fn touches(amounts: &Amounts, limits: &Limits) -> bool {
    limits.calls.is_some()
        || (limits.tokens.is_some() && amounts.tokens.is_some())
        || (limits.cost.is_some() && amounts.cost.is_some())
}

/// A method's level may be a tier, which has to exist.
fn check_methods(config: &SecurityStackConfig) -> Result<(), ConfigError> {
    for (pattern, rule) in &config.mcp.methods {
        const OWN: [&str; 4] = ["tools/", "logging/", "notifications/", "server/discover"];
        if OWN.iter().any(|own| pattern.starts_with(own))
            || ["initialize", "ping"].contains(&pattern.as_str())
        {
            let problem = format!("`{pattern}` is decided by the gate itself; remove it");
            return Err(ConfigError::at("mcp.methods", problem));
        }
        if let MethodRule::Level(level) = rule {
            config
                .trust_gate
                .tiers
                .resolve(level)
                .map_err(|error| ConfigError::at("mcp.methods", format!("`{pattern}`: {error}")))?;
        }
    }
    Ok(())
}

/// A rule that charges a budget which does not exist would deny every call of its tools: that is a mistake, told at the start.
fn check_budget_rules(config: &SecurityStackConfig, admin: &BudgetAdmin) -> Result<(), StackError> {
    let enforcer = admin.enforcer();
    for (index, rule) in config.budget_tools.iter().enumerate() {
        if let Some(spec) = config
            .budgets
            .iter()
            .find(|spec| Some(&spec.id) == rule.budget.as_ref())
            && !touches(&rule.amounts, &spec.limits)
        {
            return Err(at(
                "budget.tools",
                index,
                format!(
                    "it names no amount that `{}` limits, so that every call would be denied; add one",
                    spec.id
                ),
            ));
        }
        if let Some(id) = &rule.budget
            && enforcer.utilization(id).is_err()
        {
            return Err(at(
                "budget.tools",
                index,
                format!("there is no budget `{id}`; add it to budget.budgets"),
            ));
        }
        if rule.budget.is_none() && config.budget.session.is_none() {
            return Err(at(
                "budget.tools",
                index,
                "it names no budget and sessions have none; name a budget, or give budget.session limits",
            ));
        }
    }
    Ok(())
}
