//! A stack whose every gate can be made to allow, deny or fail, and a recorder that can be made to fail in each way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use async_trait::async_trait;
use security_bundle::audit_trail::{AuditLog, AuditReader, Entry, Filter, Kind, Record};
use security_bundle::budget_enforcer::{
    BudgetEnforcer, BudgetId, BudgetJournal, Dimension, Event, Revision, StoreError,
};
use security_bundle::consent::ConsentGate;
use security_bundle::trust_gate::{TrustGate, TrustLevel};
use security_bundle::{
    Action, Amounts, BudgetSpec, RecordError, Recorded, Recorder, SecurityStack,
    SecurityStackBuilder, SecurityStackConfig, Usd, consent, trust_gate,
};
use time::OffsetDateTime;
use time::macros::datetime;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);

/// What one gate answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Allow,
    Deny,
    Fail,
}

pub(crate) const ANSWERS: [Answer; 3] = [Answer::Allow, Answer::Deny, Answer::Fail];

/// How a recorder fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fault {
    None,
    /// Refuses the entry.
    Refuses,
    /// Takes the entry and says that it did not.
    LiesAboutFailure,
    /// Takes the entry; storing it fails.
    StoresNot,
    /// Panics.
    Panics,
}

pub(crate) const FAULTS: [Fault; 5] = [
    Fault::None,
    Fault::Refuses,
    Fault::LiesAboutFailure,
    Fault::StoresNot,
    Fault::Panics,
];

#[derive(Clone)]
pub(crate) struct Faulty {
    pub(crate) log: AuditLog,
    fault: Arc<AtomicU8>,
}

impl Faulty {
    pub(crate) fn new() -> Self {
        let log = AuditLog::builder().clock(|| NOW).build().unwrap();
        Self {
            log,
            fault: Arc::default(),
        }
    }

    pub(crate) fn set(&self, fault: Fault) {
        self.fault.store(fault as u8, Ordering::SeqCst);
    }

    fn fault(&self) -> Fault {
        FAULTS[usize::from(self.fault.load(Ordering::SeqCst))]
    }
}

#[async_trait]
impl Recorder for Faulty {
    fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
        let fault = self.fault();
        match fault {
            Fault::Refuses => return Err(RecordError("refused".into())),
            Fault::Panics => panic!("a recorder that panics"),
            _ => {}
        }
        let recorded = self.log.record(entry)?;
        match fault {
            Fault::LiesAboutFailure => Err(RecordError("failed, it says".into())),
            // One that works waits too, so that waiting is tested.
            _ => Ok(Recorded {
                stored: false,
                ..recorded
            }),
        }
    }

    async fn acknowledged(&self, entry: &Recorded) -> Result<(), RecordError> {
        tokio::task::yield_now().await;
        self.wait(entry)
    }

    fn wait(&self, _: &Recorded) -> Result<(), RecordError> {
        match self.fault() {
            Fault::StoresNot => Err(RecordError("could not store".into())),
            _ => Ok(()),
        }
    }

    fn backlog(&self) -> Option<u64> {
        Some(BACKLOG)
    }
}

/// What the recorder says that it has not stored.
pub(crate) const BACKLOG: u64 = 7;

/// A stack with one agent, one budget and one consent, and switches on everything.
pub(crate) struct Bench {
    pub(crate) stack: SecurityStack,
    pub(crate) recorder: Faulty,
    trust_fails: Arc<AtomicBool>,
    budget_fails: Arc<AtomicBool>,
}

pub(crate) const AGENT: &str = "desk-assistant";
pub(crate) const BUDGET: &str = "llm-calls";

pub(crate) fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

pub(crate) fn cost(text: &str) -> Amounts {
    Amounts::default().cost(usd(text))
}

fn breakable(switch: &Arc<AtomicBool>) -> impl Fn() -> OffsetDateTime + Send + Sync + use<> {
    let switch = Arc::clone(switch);
    move || {
        assert!(!switch.load(Ordering::SeqCst), "a clock that panics");
        NOW
    }
}

/// A journal that cannot store while the switch is on.
struct BreakableJournal(Arc<AtomicBool>);

impl BudgetJournal for BreakableJournal {
    fn append(&self, _: Revision, _: &[Event]) -> Result<(), StoreError> {
        if self.0.load(Ordering::SeqCst) {
            return Err(StoreError::failed("a journal that fails"));
        }
        Ok(())
    }

    fn replay(
        &self,
        _: Revision,
        _: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(SecurityStackConfig::default())
    }

    pub(crate) fn with(config: SecurityStackConfig) -> Self {
        Self::observed(config, |_, stack| stack)
    }

    /// A bench whose stack somebody observes; the configuration is the whole one that the stack is made from.
    pub(crate) fn observed(
        mut config: SecurityStackConfig,
        observe: impl FnOnce(&SecurityStackConfig, SecurityStackBuilder) -> SecurityStackBuilder,
    ) -> Self {
        let (trust_fails, budget_fails): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let recorder = Faulty::new();
        config
            .budgets
            .push(BudgetSpec::new(BUDGET.parse().unwrap()).cost(usd("100")));
        config.assignments.push(trust_gate::Grant::new(
            AGENT.parse().unwrap(),
            TrustLevel::ActWithApproval,
            "ops@example.com".parse().unwrap(),
        ));
        config.grants.push(consent::Grant::new(
            AGENT.parse().unwrap(),
            "user_profile".parse().unwrap(),
            "personalisation".parse().unwrap(),
            "admin@example.com".parse().unwrap(),
        ));
        let (gate, admin) = TrustGate::builder()
            .config(config.trust_gate.clone())
            .clock(|| NOW)
            .build()
            .unwrap();
        let (consent_gate, ledger) = ConsentGate::builder()
            .config(config.consent)
            .clock(|| NOW)
            .build()
            .unwrap();
        let (budget, budget_admin) = BudgetEnforcer::builder()
            .config(config.budget.clone())
            .clock(|| NOW)
            .journal(BreakableJournal(Arc::clone(&budget_fails)))
            .build()
            .unwrap();
        let stack = observe(&config, SecurityStack::builder(config.clone()))
            .clock(breakable(&trust_fails))
            .audit(recorder.log.clone())
            .recorder(recorder.clone())
            .trust_gate(gate, admin)
            .consent(consent_gate, ledger)
            .budget(budget, budget_admin)
            .build()
            .unwrap();
        Self {
            stack,
            recorder,
            trust_fails,
            budget_fails,
        }
    }

    pub(crate) fn log(&self) -> AuditReader {
        self.recorder.log.reader()
    }

    pub(crate) fn set_failing(&self, trust: Answer, budget: Answer) {
        let fails = |answer| answer == Answer::Fail;
        self.trust_fails.store(fails(trust), Ordering::SeqCst);
        self.budget_fails.store(fails(budget), Ordering::SeqCst);
    }

    /// An action that each gate answers as asked, once [`set_failing`](Self::set_failing) has said the same.
    pub(crate) fn action(&self, trust: Answer, budget: Answer, consent: Answer) -> Action {
        let level = match trust {
            Answer::Deny => TrustLevel::Autonomous,
            _ => TrustLevel::Suggest,
        };
        let amount = match budget {
            Answer::Deny => "100.01",
            _ => "1.5",
        };
        let purpose = match consent {
            Answer::Deny => "marketing",
            _ => "personalisation",
        };
        self.stack
            .action(AGENT)
            .required_level(level)
            .budget(BUDGET, cost(amount))
            .data("user_profile", purpose)
            .action_type("llm_completion")
            .build()
            .unwrap()
    }

    pub(crate) fn allowed(&self) -> Action {
        self.action(Answer::Allow, Answer::Allow, Answer::Allow)
    }

    /// What is spent and what is held of the budget, in nano-dollars.
    pub(crate) fn spent_and_held(&self) -> (u64, u64) {
        let budget: BudgetId = BUDGET.parse().unwrap();
        let used = self.stack.budget.utilization(&budget).unwrap();
        let usage = used.usage(Dimension::Cost);
        (
            nanos(&usage.spent.to_string()),
            nanos(&usage.reserved.to_string()),
        )
    }

    pub(crate) fn of_kind(&self, kind: Kind) -> Vec<Record> {
        self.log().query(&Filter::new().kind(kind)).unwrap().records
    }
}

fn nanos(text: &str) -> u64 {
    text.parse::<Usd>().unwrap().nanos()
}
