"""Not run: read by the type checkers. What a program says to the engine, and what it may rely on being told."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from aumos_governance import (
    AuditFilter,
    GovernanceAction,
    GovernanceConfig,
    GovernanceDecision,
    GovernanceDeniedError,
    GovernanceEngine,
    GovernanceOutcome,
    Permit,
    TrustLevel,
)
from aumos_governance.config import AuditConfig, BudgetConfig, ConsentConfig, TrustConfig
from aumos_security import AuditRecord, BudgetEnforcerConfig, SecurityStackConfig, TrustGateConfig, create_security_stack


async def governed() -> Permit:
    engine = GovernanceEngine(
        config=GovernanceConfig(
            trust=TrustConfig(default_level=1, enable_decay=True, decay_cliff_days=90),
            budget=BudgetConfig(allow_overdraft=False, rollover_on_reset=False),
            consent=ConsentConfig(default_deny=True),
            audit=AuditConfig(max_records=10_000),
        )
    )
    engine.trust.set_level("my-agent", TrustLevel.L3_ACT_APPROVE)
    engine.budget.create_budget("llm-calls", limit=100.0, period="monthly")
    action = GovernanceAction(
        agent_id="my-agent", required_trust_level=2, budget_category="llm-calls", budget_amount=Decimal("1.5")
    )
    decision: GovernanceDecision = await engine.evaluate(action)
    outcome: GovernanceOutcome = decision.outcome
    reasons: tuple[str, ...] = decision.reasons
    record_id: str | None = decision.audit_record_id
    at: datetime = decision.timestamp
    print(outcome, reasons, record_id, at)
    available: float | int | None = engine.budget.check_budget("llm-calls", 10.0).available
    print(available)
    for record in engine.audit.query(AuditFilter(agent_id="my-agent", outcome=GovernanceOutcome.DENY)).records:
        print(record.record_id, record.decision)
    try:
        async with engine.authorize(action) as permit:
            await permit.settle_async(cost="0.2")
        with engine.authorize(action) as permit:
            cost: float | None = permit.settle(cost=0.2, tokens=12).cost
            print(cost)
    except GovernanceDeniedError as denied:
        code: str = denied.decision.code
        print(code)
    return await engine.authorize(action)


def bundle() -> None:
    stack = create_security_stack(
        SecurityStackConfig(
            trust_gate=TrustGateConfig(required_level="verified", tool_name="file-reader"),
            budget=BudgetEnforcerConfig(token_limit=10_000, call_limit=100),
            audit_namespace="my-agent.production",
        )
    )
    stack.audit.log(AuditRecord(event="trust-denied", reason="why", session_id="s-1"))
    allowed: bool = stack.budget.check_budget("s-1").allowed
    print(allowed)
