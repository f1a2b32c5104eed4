//! Calls whose permit was held by a process that is gone, or given by one: taken up again, and ended once.

use audit_trail::{AuditLog, Kind, Record};
use budget_enforcer::{BudgetEnforcer, BudgetError, ReservationId, SessionId, Settlement};
use trust_gate::ToolName;
use uuid::Uuid;

use super::Core;
use crate::action::Action;
use crate::entries;
use crate::far::Ended;
use crate::journal::under_way::{self, Step};
use crate::permit::Spent;
use crate::recorder::Recorded;

/// What the log says of a record.
pub(crate) enum Known {
    /// Nothing: it was never asked for, or not stored.
    No,
    /// It was permitted, and has no outcome yet.
    Open {
        hold: Option<ReservationId>,
        intent: Box<Record>,
    },
    /// It was denied, or has its outcome.
    Over,
}

impl Known {
    /// What was on its way into the log when the question came must be in it: that is waited for before this.
    pub(crate) fn of(log: &AuditLog, record: Uuid) -> Result<Self, String> {
        let entries = log.get(record).map_err(|error| error.to_string())?;
        let intent = entries.iter().find(|entry| entry.kind() == Kind::Decision);
        let Some(intent) = intent else {
            return Ok(Self::No);
        };
        let is_over = entries.iter().any(|entry| entry.kind() == Kind::Outcome);
        if is_over || intent.outcome() == Some(audit_trail::Outcome::Deny) {
            return Ok(Self::Over);
        }
        let hold = hold_of(intent).map(str::parse).transpose();
        let hold = hold.map_err(|error: BudgetError| error.to_string())?;
        let intent = Box::new(intent.clone());
        Ok(Self::Open { hold, intent })
    }
}

/// Whether the intent permits this action, and holds what it needs.
pub(crate) fn permits(intent: &Record, action: &Action) -> bool {
    let described = &action.0.described;
    let session = described.session.as_ref().map(SessionId::as_str);
    let scope = (!described.scope.is_root()).then(|| described.scope.as_str());
    let named = intent.action().is_some_and(|named| {
        let tool = action.tool().map(ToolName::as_str);
        tool.is_none_or(|tool| tool == named.name)
            && named.action_type.as_deref() == described.action_type.as_deref()
            && named.args_digest.as_deref() == action.0.args.as_deref()
    });
    named
        && intent.agent() == Some(described.agent.as_str())
        && intent.session() == session
        && intent.scope() == scope
        && intent.resource() == described.resource.as_deref()
        && (hold_of(intent).is_some() || action.charge().is_none())
}

fn hold_of(intent: &Record) -> Option<&str> {
    intent.budget()?.hold.as_deref()
}

impl Core {
    /// Ends a call that nobody in this process holds a permit of, and gives what has to be waited for. Ending it again does nothing.
    pub(crate) fn end_orphan(
        &self,
        log: &AuditLog,
        record: Uuid,
        action: &Action,
        ending: Ended,
        spent: Spent,
        why: Option<&str>,
    ) -> Result<(Option<Settlement>, Option<Recorded>), String> {
        const NOTHING: (Option<Settlement>, Option<Recorded>) = (None, None);
        // One at a time: an outcome that is on its way into the log is not read there yet.
        let poisoned = |_| "an earlier panic left the list of ended calls unusable".to_owned();
        let mut ended = self.ended_orphans.lock().map_err(poisoned)?;
        if ended.contains(&record) {
            return Ok(NOTHING);
        }
        let hold = match Known::of(log, record)? {
            Known::Open { hold, .. } => hold,
            Known::Over => return Ok(NOTHING),
            Known::No if ending == Ended::Cancelled => return Ok(NOTHING),
            Known::No => return Err("the log has no permitted call of this id".to_owned()),
        };
        let mut settlement = None;
        let mut written = None;
        let mut told = spent;
        if let Some(hold) = hold {
            let step = Step::Outcome {
                record,
                ending: ending.as_str(),
                action: action.clone(),
                spent,
                why: why.map(str::to_owned),
            };
            let (booked, entry) = under_way::during(step, || spent.book_by_id(&self.budget, hold));
            written = entry;
            match booked {
                Ok(booked) => settlement = booked,
                // Its time was up: it has settled at its hold.
                Err(BudgetError::AlreadyEnded { .. } | BudgetError::Expired { .. }) => {
                    told = Spent::Nothing;
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        let entry = written.unwrap_or_else(|| {
            let mut entry = entries::outcome(record, ending.as_str(), action, told);
            if let Some(why) = why {
                entry = entry.reason_lossy(why);
            }
            self.record(entry)
        });
        let entry = entry.map_err(|error| {
            self.count_loss();
            error.to_string()
        })?;
        ended.insert(record);
        Ok((settlement, Some(entry)))
    }
}

impl Spent {
    /// Books it for a hold that nobody in this process holds on to.
    fn book_by_id(
        self,
        budget: &BudgetEnforcer,
        hold: ReservationId,
    ) -> Result<Option<Settlement>, BudgetError> {
        match self {
            Self::Nothing => budget.cancel_id(hold).map(|()| None),
            Self::Exactly(usage) => budget.settle_id(hold, usage).map(Some),
            Self::AtLeast(usage) => budget.settle_at_least_id(hold, usage).map(Some),
        }
    }
}
