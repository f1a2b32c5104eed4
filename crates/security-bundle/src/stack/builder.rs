//! Makes a stack, with parts of your own where it is in memory.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
#[cfg(all(unix, feature = "control"))]
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use arc_swap::ArcSwap;
use audit_trail::{AuditLog, Entry, Kind, Sink};
use budget_enforcer::{BudgetAdmin, BudgetEnforcer};
use consent::{ConsentGate, ConsentLedger};
use time::OffsetDateTime;
use trust_gate::{TrustAdmin, TrustGate};

use super::apply::{self, Applied};
use super::data_dir::{self, Opened};
use super::keeper::{Keeper, Source};
use super::opening::Opening;
use super::parts::{self, With};
use super::reload::Reloading;
use super::{CONFIGURATION, SecurityStack, StackAdmin, StackError, checks};
use crate::config::{ConfigError, SecurityStackConfig};
use crate::core::{Core, Epoch, WallClock};
use crate::journal::{Acts, KEY};
use crate::observer::{Observer, Observers};
use crate::recorder::{Recorder, Steady};
use crate::rules::{Rules, StackMark};

/// Makes a stack with parts of your own.
#[must_use = "a builder makes nothing before `build`"]
pub struct SecurityStackBuilder {
    config: SecurityStackConfig,
    clock: Option<WallClock>,
    audit: Option<AuditLog>,
    sink: Option<(Box<dyn Sink>, u64)>,
    recorder: Option<Arc<dyn Recorder>>,
    observers: Arc<Observers>,
    mark: StackMark,
    keeps_rules: bool,
    trust: Option<(TrustGate, TrustAdmin)>,
    consent: Option<(ConsentGate, ConsentLedger)>,
    budget: Option<(BudgetEnforcer, BudgetAdmin)>,
    /// The directory is only taken where this configuration is the one that was in force.
    takes_over: bool,
    #[cfg(test)]
    through: Option<Through>,
    #[cfg(test)]
    journal: Option<AuditLog>,
}

#[cfg(test)]
type Through = Box<dyn FnOnce(Arc<dyn Recorder>) -> Arc<dyn Recorder>>;

impl SecurityStackBuilder {
    pub(super) fn new(config: SecurityStackConfig) -> Self {
        Self {
            config,
            clock: None,
            audit: None,
            sink: None,
            recorder: None,
            observers: Arc::default(),
            mark: StackMark::default(),
            takes_over: false,
            keeps_rules: false,
            trust: None,
            consent: None,
            budget: None,
            #[cfg(test)]
            through: None,
            #[cfg(test)]
            journal: None,
        }
    }

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

    /// Somebody who sees what is decided, besides those given before.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        Arc::make_mut(&mut self.observers).add(observer);
        self
    }

    /// Whatever rules the log holds stay in force, and nothing of a configuration is applied.
    pub(super) fn keeping_rules(mut self) -> Self {
        self.keeps_rules = true;
        self
    }

    /// As part of a place at a data directory, whose guards and observers outlive an owner.
    #[cfg(all(unix, feature = "control"))]
    pub(crate) fn seated(
        mut self,
        mark: StackMark,
        observers: Arc<Observers>,
        takes_over: bool,
    ) -> Self {
        self.mark = mark;
        self.observers = observers;
        self.takes_over = takes_over;
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

    /// Puts something between a data directory's stack and its log, which may fail.
    #[cfg(test)]
    pub(crate) fn recording_through(
        mut self,
        through: impl FnOnce(Arc<dyn Recorder>) -> Arc<dyn Recorder> + 'static,
    ) -> Self {
        self.through = Some(Box::new(through));
        self
    }

    /// On a log in memory that is the journal all the same: like a data directory, with nothing beside the log.
    #[cfg(test)]
    pub(crate) fn journal(mut self, log: AuditLog) -> Self {
        self.journal = Some(log);
        self
    }

    /// The stack, with everything in the configuration applied.
    ///
    /// # Errors
    /// The first part of the configuration that does not hold; [`StackError::Owned`] where another process owns the data
    /// directory, and what else keeps it from being used. Nothing is in force then.
    pub fn build(self) -> Result<SecurityStack, StackError> {
        checks::methods(&self.config)?;
        #[cfg(test)]
        if let Some(log) = self.journal.clone() {
            return self.on_opened(Opened::of(log)?, None);
        }
        match self.config.data_dir.clone() {
            None => self.in_memory(),
            Some(directory) => self.on(&directory),
        }
    }

    fn in_memory(self) -> Result<SecurityStack, StackError> {
        let config = self.config;
        let clock = self.clock;
        let audit = match self.audit {
            Some(_) if self.sink.is_some() => {
                let problem = "a log of your own and a sink were both given; give the sink to the log when you make it";
                return Err(ConfigError::at("audit", problem).into());
            }
            Some(log) => log,
            None => parts::log_in_memory(&config, clock.clone(), self.sink)?,
        };
        let recorder = self
            .recorder
            .unwrap_or_else(|| Arc::new(audit.clone()) as Arc<dyn Recorder>);
        let recorder: Arc<dyn Recorder> = Arc::new(Steady(recorder));
        let acts = Acts::new(Arc::clone(&recorder));
        let with = With {
            config: &config,
            clock: clock.as_ref(),
            acts: &acts,
            is_journal: false,
            keeps_rules: false,
        };
        let (trust_gate, trust) = if let Some(own) = self.trust {
            own
        } else {
            let (gate, admin, _) = parts::trust(with, trust_gate::MemoryStore::default())?;
            (gate, admin)
        };
        let (consent, ledger) = if let Some(own) = self.consent {
            own
        } else {
            let (gate, ledger, _) = parts::consent(with, consent::MemoryStore::default())?;
            (gate, ledger)
        };
        let (budget, budget_admin) = match self.budget {
            Some(own) => own,
            None => parts::budget(with)?,
        };
        let admin = StackAdmin {
            trust,
            budget: budget_admin,
            consent: ledger,
        };
        let applied = Applied::new(false, BTreeSet::new(), None, None);
        apply::apply(&config, None, &admin, &acts, &applied)?;
        let wired = Wired {
            trust_gate,
            budget,
            consent,
            recorder,
            observers: self.observers,
            mark: self.mark,
            is_journal: false,
            keeps_rules: false,
            opening: None,
            clock,
        };
        let reloading = Reloading::new(acts, applied, false);
        wired.into_stack(config, &audit, admin, reloading, None)
    }

    /// On a data directory, which this process owns from now on.
    fn on(self, directory: &Path) -> Result<SecurityStack, StackError> {
        let own = self.audit.is_some()
            || self.sink.is_some()
            || self.recorder.is_some()
            || self.trust.is_some()
            || self.consent.is_some()
            || self.budget.is_some();
        if own {
            let problem = "a data directory's log is the journal of all its components; parts of your own are for stacks in memory";
            return Err(ConfigError::at("data_dir", problem).into());
        }
        self.config.check_log()?;
        let opened = data_dir::open(directory, &self.config, self.clock.clone())?;
        if self.takes_over {
            let digest = crate::policy::shared_digest(&self.config)?;
            let last = opened.restored.activated.as_ref();
            if last.is_some_and(|last| *last != digest) {
                let problem = "the configuration that was in force last is another one than this process was started with; start it again";
                return Err(StackError::data_dir(directory, problem));
            }
        }
        self.on_opened(opened, Some(directory))
    }

    /// On a log that is the journal. Snapshots are kept where there is a directory for them.
    fn on_opened(
        self,
        opened: Opened,
        directory: Option<&Path>,
    ) -> Result<SecurityStack, StackError> {
        let Opened {
            audit,
            key,
            restored,
            budget: snapshot,
            from,
            folder,
        } = opened;
        let config = self.config;
        let clock = self.clock;
        let recorder: Arc<dyn Recorder> = Arc::new(audit.clone());
        #[cfg(test)]
        let recorder = match self.through {
            Some(through) => through(recorder),
            None => recorder,
        };
        let recorder: Arc<dyn Recorder> = Arc::new(Steady(recorder));
        let acts = Acts::new(Arc::clone(&recorder));
        let with = With {
            config: &config,
            clock: clock.as_ref(),
            acts: &acts,
            is_journal: true,
            keeps_rules: self.keeps_rules,
        };
        let (trust_gate, trust, trust_book) = parts::trust(with, restored.trust)?;
        let (consent, ledger, consent_book) = parts::consent(with, restored.consent)?;
        let (budget, budget_admin) = parts::budget_on_log(with, audit.reader(), from, snapshot)?;
        let admin = StackAdmin {
            trust,
            budget: budget_admin,
            consent: ledger,
        };
        let folder = directory.map(|_| &*folder);
        let before = restored.activated.as_deref();
        let opening = if self.keeps_rules {
            None
        } else {
            Opening::of(&config, before, folder)?
        };
        let mut wired = Wired {
            trust_gate,
            budget,
            consent,
            recorder,
            observers: self.observers,
            mark: self.mark,
            is_journal: true,
            keeps_rules: self.keeps_rules,
            opening,
            clock,
        };
        let applied = Applied::new(true, restored.applied, restored.activated, folder);
        if self.keeps_rules {
            // Nor does it make snapshots: what they may forget is for the configuration to say.
            let reloading = Reloading::new(acts, applied, true);
            return wired.into_stack(config, &audit, admin, reloading, None);
        }
        // What a reload or an earlier configuration said of sessions stands in the log.
        let budget = &wired.budget;
        if budget.session_limits() != config.budget.session {
            admin
                .budget
                .set_session_limits(config.budget.session)
                .map_err(|error| ConfigError::at("budget.session", error))?;
        }
        if let Some(opening) = &mut wired.opening {
            opening.look_at(&config, &wired.trust_gate, &wired.consent, &applied)?;
        }
        apply::apply(&config, None, &admin, &acts, &applied)?;
        let source = Source {
            audit: audit.clone(),
            key,
            folder: folder.map(Path::to_owned).unwrap_or_default(),
            trust: trust_book,
            consent: consent_book,
            budget: admin.budget.clone(),
            applied: applied.clone(),
        };
        let keeper = directory.map(|directory| {
            Keeper::start(source, from)
                .map_err(StackError::io(directory, "no thread can be started"))
        });
        let keeper = keeper.transpose()?;
        let reloading = Reloading::new(acts, applied, false);
        wired.into_stack(config, &audit, admin, reloading, keeper)
    }
}

/// The components and what they are asked by.
struct Wired {
    trust_gate: TrustGate,
    budget: BudgetEnforcer,
    consent: ConsentGate,
    recorder: Arc<dyn Recorder>,
    observers: Arc<Observers>,
    mark: StackMark,
    is_journal: bool,
    keeps_rules: bool,
    /// What another configuration than the last one loosens.
    opening: Option<Opening>,
    clock: Option<WallClock>,
}

impl Wired {
    fn into_stack(
        self,
        config: SecurityStackConfig,
        audit: &AuditLog,
        admin: StackAdmin,
        reloading: Reloading,
        keeper: Option<Keeper>,
    ) -> Result<SecurityStack, StackError> {
        checks::budget_rules(&config, &admin.budget)?;
        let has_template = self.budget.has_session_template();
        let rules = Rules::new(&config, self.mark, has_template)?;
        // Where the state is and by which rules it is used, said once.
        let opened = if self.is_journal {
            "stack_opened"
        } else {
            "stack_in_memory"
        };
        let policy = audit_trail::Policy {
            digest: rules.policy.to_string().into(),
            version: None,
        };
        let core = Arc::new(Core {
            rules: ArcSwap::from_pointee(rules),
            epoch: Epoch::default(),
            trust: self.trust_gate.clone(),
            budget: self.budget.clone(),
            consent: self.consent.clone(),
            recorder: self.recorder,
            is_journal: self.is_journal,
            clock: self.clock.unwrap_or_else(|| Arc::new(system_time)),
            losses: AtomicU64::new(0),
            #[cfg(all(unix, feature = "control"))]
            ended_orphans: Mutex::default(),
            observers: self.observers,
        });
        Observers::attached(&core);
        let entry = match &self.opening {
            Some(_) => Entry::admin(Kind::PolicyChange, CONFIGURATION).named(opened),
            None => Entry::event(opened),
        };
        let entry = entry.policy(policy);
        let said = if self.keeps_rules {
            // Nothing is decided by the rules of whoever keeps the log's.
            Ok(())
        } else if core.is_journal {
            let text = crate::policy::shared_text(&config)?;
            let told = self.opening.as_ref().map(Opening::told);
            reloading.activate(entry, &text, told.as_ref())
        } else {
            core.record(entry).map(drop)
        };
        match said {
            Err(error) if self.opening.as_ref().is_some_and(Opening::loosens) => {
                let problem =
                    format!("it would loosen what is in force, and that is not on record: {error}");
                return Err(ConfigError::at("", problem).into());
            }
            Err(_) => core.count_loss(),
            Ok(()) => {}
        }
        Ok(SecurityStack {
            since: self.trust_gate.now(),
            trust_gate: self.trust_gate,
            budget: self.budget,
            consent: self.consent,
            // What its holder writes must not come back as an act.
            audit: audit.reserving(KEY),
            core,
            admin,
            config: ArcSwap::from_pointee(config),
            reloading,
            _keeper: keeper,
        })
    }
}

fn system_time() -> OffsetDateTime {
    trust_gate::Clock::now(&trust_gate::SystemClock::new())
}

impl fmt::Debug for SecurityStackBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecurityStackBuilder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
