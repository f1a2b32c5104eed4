//! A gate on a journal that says what it is told to, and everything that can be asked of it and done to it.

use std::num::NonZeroU8;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use super::reread;
use crate::{
    AgentId, ApprovalFilter, ApprovalRule, Arguments, AssignmentFilter, ClockMark, Effect,
    Elevation, Event, Grant, HistoryFilter, LevelRef, ManualClock, OperatorId, OperatorKey, Raise,
    ReportOptions, Revision, Scope, StoreError, ToolPolicy, ToolRequest, TrustAdmin, TrustError,
    TrustGate, TrustGateConfig, TrustLevel, TrustStore,
};

pub(super) const START: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
const DAY: Duration = Duration::from_secs(86_400);

/// A journal in memory that sees whether events are read as they are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    events: Vec<Event>,
    mark: Option<ClockMark>,
}

impl Journal {
    /// What has the number zero is left out: no replay hands it over.
    pub(super) fn of(mut events: Vec<Event>) -> Self {
        events.retain(|event| event.revision > Revision::ZERO);
        Self(Arc::new(Mutex::new(Kept { events, mark: None })))
    }

    pub(super) fn events(&self) -> Vec<Event> {
        self.with(|kept| kept.events.clone())
    }

    fn with<T>(&self, f: impl FnOnce(&mut Kept) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TrustStore for Journal {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        for event in events {
            assert_eq!(reread(event).as_ref(), Some(event), "it cannot be read");
        }
        self.with(|kept| {
            let last = kept.events.last().map(|event| event.revision);
            assert_eq!(last.unwrap_or_default(), expected, "a gap in the journal");
            kept.events.extend_from_slice(events);
        });
        Ok(())
    }

    fn replay(
        &self,
        after: Revision,
        visit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let events = self.events().into_iter();
        events
            .filter(|event| event.revision > after)
            .try_for_each(visit)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        assert_eq!(reread(&mark), Some(mark), "the mark cannot be read");
        self.with(|kept| kept.mark = kept.mark.max(Some(mark)));
        Ok(())
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        Ok(self.with(|kept| kept.mark))
    }
}

pub(super) struct Stage {
    pub(super) gate: TrustGate,
    pub(super) admin: TrustAdmin,
    pub(super) clock: ManualClock,
    pub(super) journal: Journal,
}

/// Who acts.
struct Cast {
    ops: OperatorId,
    second: OperatorId,
    agents: Vec<AgentId>,
    scopes: Vec<Scope>,
}

impl Stage {
    pub(super) fn open(config: TrustGateConfig, journal: Journal) -> Result<Self, TrustError> {
        Self::open_at(config, journal, ManualClock::new(START))
    }

    fn open_at(
        config: TrustGateConfig,
        journal: Journal,
        clock: ManualClock,
    ) -> Result<Self, TrustError> {
        let builder = TrustGate::builder().config(config).clock(clock.clone());
        let (gate, admin) = builder.store(journal.clone()).build()?;
        Ok(Self {
            gate,
            admin,
            clock,
            journal,
        })
    }

    /// Asks and does everything now and later: whatever state this is, each is answered or an error, and another gate finds the same state.
    pub(super) fn probe(&self) {
        self.survives();
        for (nth, span) in [Duration::ZERO, DAY, DAY.saturating_mul(4_000_000)]
            .into_iter()
            .enumerate()
        {
            self.clock.advance(span);
            let Ok(cast) = self.cast() else {
                return;
            };
            self.ask(&cast);
            // Somebody else, somewhere else each time: everything everywhere would take a second.
            if let Some((agent, scope)) = pairs(&cast).nth(nth.saturating_mul(4)) {
                drop(self.act(&cast, agent, scope));
            }
            self.survives();
        }
    }

    /// A gate that is opened on the same journal at the same time is in the same state.
    pub(super) fn survives(&self) {
        let again = Self::open_at(
            self.admin.config(),
            self.journal.clone(),
            self.clock.clone(),
        );
        let again = match again {
            Ok(again) => again,
            Err(error) => return assert_eq!(Some(error.to_string()), None, "it does not open"),
        };
        assert_eq!(self.state(), again.state(), "a restart changes something");
    }

    /// What another gate on the same journal must find.
    fn state(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let levels: Vec<_> = self
            .admin
            .agents()
            .into_iter()
            .take(8)
            .flat_map(|agent| {
                let scopes = self.admin.scopes().into_iter().take(8);
                let levels = scopes.map(|scope| self.gate.level(&agent, &scope).effective);
                levels.collect::<Vec<_>>()
            })
            .collect();
        let everything = ApprovalFilter {
            all: true,
            ..ApprovalFilter::default()
        };
        (
            levels,
            self.admin.approvals().list(&everything),
            self.admin.assignments(&AssignmentFilter::default()),
            self.admin.keys(),
            self.admin.open_review(),
            self.admin.config(),
        )
    }

    fn cast(&self) -> Result<Cast, TrustError> {
        let mut agents: Vec<_> = self.admin.agents().into_iter().take(2).collect();
        agents.push("probe".parse()?);
        let mut scopes: Vec<_> = self.admin.scopes().into_iter().take(2).collect();
        scopes.push(Scope::root());
        Ok(Cast {
            ops: "ops@example.com".parse()?,
            second: "second@example.com".parse()?,
            agents,
            scopes,
        })
    }

    fn ask(&self, cast: &Cast) {
        for (agent, scope) in pairs(cast) {
            let level = self.gate.level(agent, scope);
            let fall = self.gate.next_change(agent, scope);
            assert!(fall.is_none_or(|fall| fall.to < level.effective), "a rise");
            let judged = self.gate.check_level(agent, scope, TrustLevel::Observer);
            assert_eq!(judged.effective(), level.effective);
            if let Ok(tool) = "probe".parse() {
                let request = ToolRequest::new(agent.clone(), tool).scope(scope.clone());
                let decision = self.gate.check(&request);
                let explained = self.gate.explain(&request);
                assert!(serde_json::to_vec(&explained).is_ok());
                assert!(
                    !explained.to_string().is_empty() && !decision.reason().to_string().is_empty()
                );
            }
        }
        let report = self.admin.report(&ReportOptions::default()).ok();
        assert!(report.is_some_and(|report| {
            serde_json::to_vec(&report).is_ok() && !report.to_markdown().is_empty()
        }));
        let history = self.admin.history(&HistoryFilter::default());
        assert_eq!(history.ok(), Some(self.journal.events()));
    }

    /// One of everything. What is refused is refused; what is accepted the journal looks at.
    fn act(&self, cast: &Cast, agent: &AgentId, scope: &Scope) -> Result<(), TrustError> {
        let (admin, ops) = (&self.admin, &cast.ops);
        let why = "probe";
        let raise = Elevation::new(
            agent.clone(),
            TrustLevel::ActWithApproval,
            Duration::from_secs(60),
            ops.clone(),
            why,
        )
        .scope(scope.clone());
        drop(admin.elevate(&raise));
        drop(admin.break_glass(&raise, &cast.second));
        drop(admin.end_elevation(agent, scope, ops, why));
        if let Some(open) = admin.open_review() {
            drop(admin.close_review(open.revision, &cast.second, why));
        }
        drop(admin.touch(agent, scope, ops, why));
        drop(admin.clear(agent, scope, ops, why, Raise::Allow));
        let level = LevelRef::Level(TrustLevel::ActWithApproval);
        let grant = Grant::new(agent.clone(), level, ops.clone()).scope(scope.clone());
        drop(admin.assign(grant));
        let request = ToolRequest::new(agent.clone(), "probe".parse()?).scope(scope.clone());
        drop(self.gate.approvals().ask(&request, &Arguments::none()));
        for approval in admin.approvals().list(&ApprovalFilter::default()) {
            drop(admin.approvals().approve(approval.id, ops, why));
            drop(admin.approvals().approve(approval.id, &cast.second, why));
        }
        drop(self.gate.approvals().consume(&request, &Arguments::none()));
        for approval in admin.approvals().list(&ApprovalFilter::default()) {
            drop(admin.approvals().deny(approval.id, ops, why));
        }
        drop(admin.cap(agent, scope, TrustLevel::Suggest, ops, why));
        drop(admin.quarantine(agent, scope, ops, why));
        assert_eq!(
            self.gate.level(agent, scope).effective,
            TrustLevel::Observer,
            "an agent that was stopped goes on"
        );
        drop(admin.lift_quarantine(agent, scope, ops, why));
        drop(admin.lift_cap(agent, scope, ops, why));
        drop(admin.trust_key(ops, OperatorKey::from_bytes([9; 32]), ops, why));
        if let Some(key) = admin.keys().last() {
            drop(admin.revoke_key(key.id, ops, why));
        }
        drop(admin.accept_clock(ops, why));
        drop(admin.revoke(agent, scope, ops, why));
        drop(admin.configure(admin.config(), ops, why));
        admin.flush()
    }
}

fn pairs(cast: &Cast) -> impl Iterator<Item = (&AgentId, &Scope)> {
    let agents = cast.agents.iter();
    agents.flat_map(|agent| cast.scopes.iter().map(move |scope| (agent, scope)))
}

/// Rules under which everything can be asked for.
pub(super) fn everything() -> Result<TrustGateConfig, TrustError> {
    let asked = ToolPolicy::new("*".parse()?, TrustLevel::Monitor, Effect::Write)
        .approval(ApprovalRule::Always)
        .approvers(NonZeroU8::MIN.saturating_add(1));
    Ok(TrustGateConfig {
        name: Some("gate".parse()?),
        tools: vec![asked],
        ..TrustGateConfig::default()
    })
}
