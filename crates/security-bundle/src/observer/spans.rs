//! Spans around decisions and permits, for whatever subscriber the program has.

use tracing::field::Empty;
use tracing::{Span, error, info_span};
use trust_gate::TrustLevel;

use crate::action::Action;
use crate::decision::Decision;
use crate::observer::units::{in_units, reason};
use crate::observer::{Asked, DecisionSeen, EndSeen};
use crate::permit::Permit;

const TARGET: &str = "ai.governance";

/// One macro call for each name, for a span's name and fields are fixed where it is written.
macro_rules! decision_span {
    ($name:literal, $action:expr) => {
        info_span!(
            target: TARGET,
            $name,
            otel.kind = "internal",
            otel.status_code = Empty,
            ai.agent.id = $action.agent().as_str(),
            ai.governance.tool = $action.tool().map(trust_gate::ToolName::as_str),
            ai.governance.trust.level = Empty,
            ai.governance.trust.required = Empty,
            ai.governance.trust.decision = Empty,
            ai.governance.budget.limit = Empty,
            ai.governance.budget.remaining = Empty,
            ai.governance.budget.cost = Empty,
            ai.governance.budget.currency = Empty,
            ai.governance.budget.dimension = Empty,
            ai.governance.consent.status = Empty,
            ai.governance.consent.purpose = Empty,
            ai.governance.decision = Empty,
            ai.governance.decision.reason = Empty,
            ai.governance.audit.record_id = Empty,
        )
    };
}

impl Permit {
    /// The span `ai.governance.permit`, which lasts until the permit's end: run the tool in it, and the tool's own spans are below it.
    /// Disabled where no subscriber wants it.
    #[must_use]
    pub fn span(&self) -> &Span {
        self.watch.span()
    }
}

/// Opens the span of a question, below the caller's.
pub(super) fn question(asked: Asked, action: &Action) -> Span {
    match asked {
        Asked::Evaluate => decision_span!("ai.governance.evaluate", action),
        Asked::Authorize => decision_span!("ai.governance.authorize", action),
    }
}

/// Writes the answer onto the question's span. What comes back is the span of the permit, where there is one.
pub(super) fn answer(span: &Span, seen: &DecisionSeen<'_>) -> Span {
    if !span.is_disabled() {
        record(span, seen.decision);
    }
    if seen.asked != Asked::Authorize || !seen.decision.allowed() {
        return Span::none();
    }
    let permit = info_span!(
        target: TARGET,
        "ai.governance.permit",
        otel.kind = "internal",
        otel.status_code = Empty,
        ai.agent.id = seen.action.agent().as_str(),
        ai.governance.tool = seen.action.tool().map(trust_gate::ToolName::as_str),
        ai.governance.audit.record_id = seen.decision.record_id().map(tracing::field::display),
        ai.governance.ending = Empty,
    );
    permit.follows_from(span);
    permit
}

/// Writes how the permitted action ended. That the tool failed is an error of the permit's span, with why it failed left to the tool's own.
pub(super) fn end(span: &Span, seen: &EndSeen<'_>) {
    span.record("ai.governance.ending", seen.ending);
    if seen.ending == "failed" {
        span.record("otel.status_code", "ERROR");
    }
}

/// An audit entry that is nowhere else.
pub(super) fn lost() {
    error!(target: TARGET, "the audit log did not take an entry");
}

/// Codes and figures only: texts may hold what a tool was called with.
fn record(span: &Span, decision: &Decision) {
    if let Some(trust) = decision.trust() {
        // Signed, for that is the only whole number that OpenTelemetry has.
        let level = |level: TrustLevel| i64::from(level.as_u8());
        span.record("ai.governance.trust.level", level(trust.effective()));
        span.record("ai.governance.trust.required", trust.required().map(level));
        span.record("ai.governance.trust.decision", trust.code());
    }
    if let Some(budget) = decision.budget() {
        span.record("ai.governance.budget.limit", budget.limit().map(in_units));
        span.record(
            "ai.governance.budget.remaining",
            budget.available().map(in_units),
        );
        span.record(
            "ai.governance.budget.cost",
            budget.requested().map(in_units),
        );
        if let Some(dimension) = budget.dimension() {
            span.record("ai.governance.budget.dimension", dimension.name());
            if dimension == budget_enforcer::Dimension::Cost {
                span.record("ai.governance.budget.currency", "USD");
            }
        }
    }
    if let Some(consent) = decision.consent() {
        span.record("ai.governance.consent.status", consent.code());
        let purpose = consent.query().purpose_asked();
        span.record(
            "ai.governance.consent.purpose",
            purpose.map(consent::Purpose::as_str),
        );
    }
    span.record("ai.governance.decision", decision.outcome().as_str());
    span.record("ai.governance.decision.reason", reason(decision));
    span.record(
        "ai.governance.audit.record_id",
        decision.record_id().map(tracing::field::display),
    );
    // A denial is an answer. That a gate or the log is out of order is an error, though it is answered by a denial too.
    if matches!(decision.code(), "internal_error" | "audit_unavailable") {
        span.record("otel.status_code", "ERROR");
    }
}
