//! Gates over stores, and the histories that they make: whatever events there are, the suite takes them as they come.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::datetime;

use super::{StoreFixture, done, ensure, replayed};
use crate::event::{Event, Revision};
use crate::store::{ClockMark, StoreError, TrustStore};
use crate::{
    AgentId, ApprovalFilter, Arguments, Decay, Effect, Elevation, Grant, HistoryFilter,
    ManualClock, MemoryStore, OperatorId, Raise, Scope, ToolPolicy, ToolRequest, TrustAdmin,
    TrustGate, TrustGateConfig, TrustLevel,
};

pub(super) const START: OffsetDateTime = datetime!(2026-11-22 12:00 UTC);
pub(super) const HOUR: Duration = Duration::from_secs(3_600);

/// A gate and its admin, with the names that the checks use.
pub(super) struct Stage {
    pub(super) gate: TrustGate,
    pub(super) admin: TrustAdmin,
    pub(super) ops: OperatorId,
}

impl Stage {
    pub(super) fn over(store: impl TrustStore, clock: &ManualClock) -> Result<Self, String> {
        let pattern = |text: &str| done("pattern", text.parse());
        let config = TrustGateConfig {
            tools: vec![
                ToolPolicy::new(pattern("get_*")?, TrustLevel::Monitor, Effect::ReadPublic),
                ToolPolicy::new(pattern("send")?, TrustLevel::Suggest, Effect::Write),
            ],
            ..TrustGateConfig::default()
        };
        let builder = TrustGate::builder()
            .config(config)
            .clock(clock.clone())
            .store(store);
        let (gate, admin) = done("build", builder.build())?;
        Ok(Self {
            gate,
            admin,
            ops: done("operator", "ops@example.com".parse())?,
        })
    }

    pub(super) fn grant(&self, name: &str, level: TrustLevel) -> Result<Grant, String> {
        Ok(Grant::new(agent(name)?, level, self.ops.clone()))
    }

    pub(super) fn level(&self, name: &str) -> Result<TrustLevel, String> {
        Ok(self.gate.level(&agent(name)?, &Scope::root()).effective)
    }

    /// Does something of every kind.
    pub(super) fn work(&self, clock: &ManualClock) -> Result<(), String> {
        let (ops, admin) = (&self.ops, &self.admin);
        let (ada, bee, cee) = (agent("ada")?, agent("bee")?, agent("cee")?);
        let (root, eu) = (Scope::root(), scope("payments/eu")?);
        let why = "`\"quotes\"`, ünïcode, and \\ more";
        let grants = [
            self.grant("ada", TrustLevel::Autonomous)?.reason(why),
            self.grant("ada", TrustLevel::Suggest)?
                .scope(eu.clone())
                .expires_at(START.saturating_add(time::Duration::nanoseconds(7_200_000_000_001))),
            self.grant("bee", TrustLevel::ActWithApproval)?
                .decay(Decay::step(HOUR, TrustLevel::Monitor)),
            self.grant("cee", TrustLevel::ActAndReport)?
                .decay(Decay::inactivity()),
        ];
        for grant in grants {
            done("assign", admin.assign(grant))?;
            clock.advance(Duration::from_nanos(1));
        }
        done("touch", admin.touch(&cee, &root, ops, why))?;
        done(
            "cap",
            admin.cap(&ada, &root, TrustLevel::ActAndReport, ops, ""),
        )?;
        done("cap", admin.cap(&cee, &eu, TrustLevel::Monitor, ops, ""))?;
        done("lift", admin.lift_cap(&cee, &eu, ops, why))?;
        done("quarantine", admin.quarantine(&bee, &eu, ops, why))?;
        done("quarantine", admin.quarantine(&cee, &root, ops, why))?;
        done("lift", admin.lift_quarantine(&cee, &root, ops, why))?;
        done("revoke", admin.revoke(&ada, &eu, ops, why))?;
        done("clear", admin.clear(&ada, &eu, ops, why, Raise::Allow))?;
        done("revoke", admin.revoke(&ada, &scope("mail")?, ops, why))?;
        let tools = admin.config().tools;
        done("policies", admin.set_tool_policies(tools, ops, why))?;
        done("accept", admin.accept_clock(ops, why))?;
        self.elevate()?;
        self.approve()?;
        done(
            "assign",
            admin.assign(self.grant("dee", TrustLevel::Suggest)?),
        )?;
        Ok(())
    }

    /// Gives levels for a while, in every way.
    fn elevate(&self) -> Result<(), String> {
        let (ops, admin) = (&self.ops, &self.admin);
        let mail = scope("mail")?;
        let elevation = |name: &str, level| -> Result<_, String> {
            let elevation = Elevation::new(agent(name)?, level, HOUR, ops.clone(), "they are late");
            Ok(elevation.scope(mail.clone()))
        };
        for name in ["bee", "cee"] {
            let elevation = elevation(name, TrustLevel::Autonomous)?;
            done("elevate", admin.elevate(&elevation))?;
        }
        let ended = admin.end_elevation(&agent("bee")?, &mail, ops, "done");
        done("end", ended)?;
        let second: OperatorId = done("operator", "second@example.com".parse())?;
        let broken = elevation("nobody", TrustLevel::ActAndReport)?;
        done("break", admin.break_glass(&broken, &second)).map(drop)
    }

    /// Leaves approvals in every state that one can be left in.
    fn approve(&self) -> Result<(), String> {
        let grant = self.grant("eve", TrustLevel::ActWithApproval)?;
        done("assign", self.admin.assign(grant))?;
        let (queue, desk, call) = (self.admin.approvals(), self.gate.approvals(), call()?);
        for number in 0..5_u8 {
            let arguments = arguments(number)?;
            let asked = done("request", desk.request(&call, &arguments))?.id;
            match number {
                1 => drop(done("approve", queue.approve(asked, &self.ops, "known"))?),
                2 => {
                    done("approve", queue.approve(asked, &self.ops, ""))?;
                    let used = done("consume", desk.consume(&call, &arguments))?;
                    ensure(used.allowed(), || "an approved call was denied".into())?;
                }
                3 => drop(done("deny", queue.deny(asked, &self.ops, "no"))?),
                4 => drop(done("cancel", desk.cancel(asked))?),
                _ => {}
            }
        }
        Ok(())
    }

    /// All that can be seen of it, line by line.
    pub(super) fn seen(&self) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        for name in ["ada", "bee", "cee", "dee", "eve", "nobody"] {
            for path in ["", "payments", "payments/eu", "mail"] {
                let (agent, scope) = (agent(name)?, scope(path)?);
                let level = self.gate.level(&agent, &scope);
                seen.push(format!("{name} {path:?} {level:?}"));
                for tool in ["get_time", "send", "unheard_of"] {
                    let request = ToolRequest::new(agent.clone(), done("tool", tool.parse())?)
                        .scope(scope.clone());
                    let decision = self.gate.check(&request);
                    let (code, reason) = (decision.code(), decision.reason());
                    seen.push(format!("{name} {path:?} {tool} {code} {reason}"));
                }
            }
        }
        let all = ApprovalFilter {
            all: true,
            ..ApprovalFilter::default()
        };
        let approvals = self.admin.approvals().list(&all);
        seen.extend(approvals.iter().map(|approval| format!("{approval:?}")));
        for event in done("history", self.admin.history(&HistoryFilter::default()))? {
            seen.push(format!("{event:?}"));
        }
        Ok(seen)
    }
}

pub(super) fn agent(name: &str) -> Result<AgentId, String> {
    done("agent", name.parse())
}

/// The call of an agent that needs an approval.
pub(super) fn call() -> Result<ToolRequest, String> {
    Ok(ToolRequest::new(
        agent("eve")?,
        done("tool", "send".parse())?,
    ))
}

pub(super) fn arguments(number: u8) -> Result<Arguments, String> {
    let text = format!(r#"{{"to":"ada","number":{number}}}"#);
    done("arguments", Arguments::of_json(&text))
}

pub(super) fn scope(path: &str) -> Result<Scope, String> {
    done("scope", path.parse())
}

/// As many events of a gate's history, which can be told apart, also from those of another `variant`.
pub(super) fn history(len: usize, variant: &str) -> Result<Vec<Event>, String> {
    let (memory, clock) = (MemoryStore::default(), ManualClock::new(START));
    let operator = done("operator", format!("{variant}@example.com").parse())?;
    let builder = TrustGate::builder()
        .configured_by(operator)
        .clock(clock.clone())
        .store(memory.clone());
    let (_, admin) = done("build", builder.build())?;
    let ops: OperatorId = done("operator", "ops@example.com".parse())?;
    let levels = [
        TrustLevel::Suggest,
        TrustLevel::Monitor,
        TrustLevel::Autonomous,
    ];
    for (number, level) in (1..len).zip(levels.into_iter().cycle()) {
        clock.advance(Duration::from_nanos(1));
        let reason = format!("{variant} {number}, with `\"quotes\"` and ünïcode");
        let grant = Grant::new(agent("ada")?, level, ops.clone()).reason(reason);
        done("assign", admin.assign(grant))?;
    }
    replayed(&memory, Revision::ZERO)
}

/// A store that the suite keeps a handle to while a gate has it.
#[derive(Clone)]
pub(super) struct Shared(Arc<Box<dyn TrustStore>>);

impl Shared {
    pub(super) fn open(fixture: &dyn StoreFixture) -> Self {
        Self(Arc::new(fixture.open()))
    }

    /// Ends it as the death of its process would, once nobody else has it.
    pub(super) fn crash(self, fixture: &dyn StoreFixture) -> Result<(), String> {
        let store = Arc::try_unwrap(self.0)
            .map_err(|_| "a gate that was dropped has kept its store".to_owned())?;
        fixture.crash(store);
        Ok(())
    }
}

impl TrustStore for Shared {
    fn append(&self, expected: Revision, events: &[Event]) -> Result<(), StoreError> {
        self.0.append(expected, events)
    }

    fn replay(
        &self,
        after: Revision,
        visit: &mut dyn FnMut(Event) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0.replay(after, visit)
    }

    fn keep_mark(&self, mark: ClockMark) -> Result<(), StoreError> {
        self.0.keep_mark(mark)
    }

    fn mark(&self) -> Result<Option<ClockMark>, StoreError> {
        self.0.mark()
    }
}
