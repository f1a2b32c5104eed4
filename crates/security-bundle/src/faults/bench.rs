//! A stack of which everything can be asked, on a log that can be made to fail, and what its log says in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use audit_trail::{AuditLog, AuditReader, Kind, Record};
use budget_enforcer::{Amounts, BudgetId, Dimension};
use tempfile::TempDir;
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use trust_gate::{AgentId, OperatorId, Scope, TrustLevel};

use super::{Faulty, Plan};
use crate::config::SecurityStackConfig;
use crate::{Action, SecurityStack, StackError};

pub(crate) const START: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

const CONFIG: &str = r#"
    [[trust.assignments]]
    agent = "bot"
    level = "L4"
    assigned_by = "ops@example.com"

    [[trust.tools]]
    tool = "read_*"
    required_level = "L1"
    effect = "read_public"

    [[trust.tools]]
    tool = "send_*"
    required_level = "L2"
    effect = "write"
    approval = "always"

    [budget.session]
    calls = 50

    [[budget.budgets]]
    id = "team"
    cost_usd = "10"
    period = "lifetime"

    [[budget.tools]]
    tool = "*"
    budget = "team"
    cost_usd = "1"

    [[consent.grants]]
    agent = "bot"
    data_type = "profile"
    purpose = "support"
    granted_by = "ada"

    [[consent.tools]]
    tool = "*"
    data_type = "profile"
    purpose = "support"
"#;

/// What the stack stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Its state is in memory, and the log only tells of it.
    Memory,
    /// The log, which is in memory, is its journal.
    Journal,
    /// A data directory.
    Directory,
}

pub(crate) struct Bench {
    ground: Ground,
    dir: Option<TempDir>,
    memory: AuditLog,
    pub(crate) plan: Arc<Plan>,
    seconds: Arc<AtomicI64>,
    stack: Option<SecurityStack>,
}

/// The state as far as it must come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) may_read: bool,
    pub(crate) has_consent: bool,
    /// Of the team's money, in nano-dollars.
    pub(crate) spent: u64,
    pub(crate) held: u64,
}

impl Bench {
    /// A stack that nobody has asked for anything yet.
    pub(crate) fn new(ground: Ground) -> Self {
        let mut bench = Self::closed(ground);
        bench.open().unwrap();
        bench
    }

    /// Where none was opened yet.
    pub(crate) fn closed(ground: Ground) -> Self {
        let seconds = Arc::<AtomicI64>::default();
        let clock = Arc::clone(&seconds);
        Self {
            ground,
            dir: (ground == Ground::Directory).then(|| tempfile::tempdir().unwrap()),
            memory: AuditLog::builder()
                .clock(move || now(&clock))
                .build()
                .unwrap(),
            plan: Arc::default(),
            seconds,
            stack: None,
        }
    }

    pub(crate) fn open(&mut self) -> Result<(), StackError> {
        drop(self.stack.take());
        let mut config = config();
        config.data_dir = self.dir.as_ref().map(|dir| dir.path().to_owned());
        let clock = Arc::clone(&self.seconds);
        let plan = Arc::clone(&self.plan);
        let builder = SecurityStack::builder(config).clock(move || now(&clock));
        let builder = match self.ground {
            Ground::Memory => builder.audit(self.memory.clone()).recorder(Faulty {
                log: Arc::new(self.memory.clone()),
                plan,
            }),
            Ground::Journal => builder
                .journal(self.memory.clone())
                .recording_through(|log| Arc::new(Faulty { log, plan })),
            Ground::Directory => builder.recording_through(|log| Arc::new(Faulty { log, plan })),
        };
        self.stack = Some(builder.build()?);
        Ok(())
    }

    /// As a crash leaves it, and opened again: whoever held these permits is gone.
    pub(crate) fn crash_holding(&mut self, permits: Vec<crate::Permit>) -> Result<(), StackError> {
        match self.dir.as_ref().map(|dir| copied(dir.path())) {
            None => {
                for permit in permits {
                    std::mem::forget(permit);
                }
            }
            Some(copy) => {
                drop(permits);
                self.close();
                self.dir = Some(copy);
            }
        }
        self.open()
    }

    pub(crate) fn set_back(&self, time: Duration) {
        self.pass(-time);
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.as_ref().unwrap().path()
    }

    pub(crate) fn close(&mut self) {
        drop(self.stack.take());
    }

    pub(crate) fn stack(&self) -> &SecurityStack {
        self.stack.as_ref().unwrap()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.seconds
            .fetch_add(time.whole_seconds(), Ordering::SeqCst);
    }

    pub(crate) fn call(&self, tool: &str) -> Action {
        let action = self.stack().action("bot").session("s").tool(tool);
        action.args_json("{}").build().unwrap()
    }

    pub(crate) fn read(&self) -> Action {
        self.call("read_file")
    }

    pub(crate) fn log(&self) -> AuditReader {
        self.stack().audit.flush().unwrap();
        self.stack().audit.reader()
    }

    pub(crate) fn entries(&self) -> Entries {
        Entries::of(&self.log())
    }

    /// What is asked of the memory, and not of the log.
    pub(crate) fn state(&self) -> State {
        let stack = self.stack();
        let used = stack.budget.utilization(&team()).unwrap();
        let used = used.usage(Dimension::Cost);
        let query = consent::ConsentQuery::new("bot".parse().unwrap(), "profile".parse().unwrap());
        State {
            may_read: self.has_level(TrustLevel::Monitor),
            has_consent: stack
                .consent
                .check(&query.purpose("support".parse().unwrap()))
                .allowed(),
            spent: nanos(&used.spent.to_string()),
            held: nanos(&used.reserved.to_string()),
        }
    }

    pub(crate) fn has_level(&self, level: TrustLevel) -> bool {
        self.stack()
            .trust_gate
            .check_level(&agent(), &Scope::root(), level)
            .allowed()
    }
}

/// What stands in the log of decisions and outcomes.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    pub(crate) decisions: BTreeMap<uuid::Uuid, Vec<Record>>,
    pub(crate) outcomes: BTreeMap<uuid::Uuid, Vec<Record>>,
}

impl Entries {
    fn of(log: &AuditReader) -> Self {
        let mut entries = Self::default();
        let mut tail = log.tail(0);
        while let Some(record) = tail.next(std::time::Duration::ZERO).unwrap() {
            let list = match record.kind() {
                Kind::Decision => &mut entries.decisions,
                Kind::Outcome => &mut entries.outcomes,
                _ => continue,
            };
            list.entry(record.id()).or_default().push(record);
        }
        entries
    }

    /// Calls that were allowed and of whose end nothing is told.
    pub(crate) fn without_end(&self) -> BTreeSet<uuid::Uuid> {
        let allowed = |records: &[Record]| {
            records
                .iter()
                .any(|record| record.outcome() != Some(audit_trail::Outcome::Deny))
                && records
                    .iter()
                    .any(|record| record.budget().is_some_and(|budget| budget.hold.is_some()))
        };
        let ids = self
            .decisions
            .iter()
            .filter(|(id, records)| allowed(records) && !self.outcomes.contains_key(id));
        ids.map(|(id, _)| *id).collect()
    }
}

/// A directory as it stands, while a process has it open.
pub(crate) fn copied(directory: &Path) -> TempDir {
    fn copy(from: &Path, to: &Path) {
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                fs::create_dir(&target).unwrap();
                copy(&entry.path(), &target);
            } else if kind.is_file() {
                match fs::copy(entry.path(), target) {
                    // Written beside and renamed in the meantime: a crash now would not leave it either.
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    copied => drop(copied.unwrap()),
                }
            }
        }
    }
    let target = tempfile::tempdir().unwrap();
    copy(directory, target.path());
    target
}

fn config() -> SecurityStackConfig {
    static READ: OnceLock<SecurityStackConfig> = OnceLock::new();
    READ.get_or_init(|| SecurityStackConfig::from_toml_str(CONFIG).unwrap())
        .clone()
}

fn now(seconds: &AtomicI64) -> OffsetDateTime {
    START + Duration::seconds(seconds.load(Ordering::SeqCst))
}

pub(crate) fn agent() -> AgentId {
    "bot".parse().unwrap()
}

pub(crate) fn team() -> BudgetId {
    "team".parse().unwrap()
}

pub(crate) fn ops() -> OperatorId {
    "ops@example.com".parse().unwrap()
}

pub(crate) fn cost(text: &str) -> Amounts {
    Amounts::default().cost(text.parse().unwrap())
}

pub(crate) fn nanos(text: &str) -> u64 {
    text.parse::<budget_enforcer::Usd>().unwrap().nanos()
}
