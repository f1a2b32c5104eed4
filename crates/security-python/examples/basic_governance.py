"""One agent, one action, and each of the three checks that may stand in its way.

    python examples/basic_governance.py
"""

from __future__ import annotations

from aumos_governance import (
    AuditFilter,
    GovernanceAction,
    GovernanceDeniedError,
    GovernanceEngine,
    GovernanceOutcome,
    TrustLevel,
)

SUMMARISE = GovernanceAction(
    "summariser",
    required_trust_level=TrustLevel.L2_SUGGEST,
    budget_category="llm-calls",
    budget_amount=1.5,
    data_type="user_profile",
    purpose="personalisation",
    action_type="llm_completion",
)


def main() -> None:
    engine = GovernanceEngine()

    # Nobody has said anything yet: denied, and the first check that fails says why.
    tell(engine, "at first")
    engine.trust.set_level("summariser", TrustLevel.L3_ACT_APPROVE, assigned_by="ops@example.com")
    tell(engine, "with a level")
    engine.budget.create_budget("llm-calls", limit=4.0, period="monthly")
    tell(engine, "with a budget")
    engine.consent.record_consent("summariser", "user_profile", "personalisation", granted_by="ada")
    tell(engine, "with consent")

    # What runs, runs under a permit: the budget is held before, and what was really used is booked after.
    with engine.authorize(SUMMARISE) as permit:
        permit.settle(cost=1.25)
    used = engine.budget.get_utilization("llm-calls")
    print(f"spent {used.spent_exact} of {used.limit_exact} USD")

    engine.consent.revoke_consent("summariser", "user_profile", "personalisation")
    try:
        with engine.authorize(SUMMARISE):
            print("this does not run")
    except GovernanceDeniedError as denied:
        print(f"without consent: {denied.decision.code}")

    denials = engine.audit.query(AuditFilter(agent_id="summariser", outcome=GovernanceOutcome.DENY))
    print(f"{len(denials.records)} denials in a log that {'verifies' if engine.audit.verify().ok else 'does not verify'}")


def tell(engine: GovernanceEngine, when: str) -> None:
    decision = engine.evaluate_sync(SUMMARISE)
    print(f"{when}: {decision.outcome} ({decision.code})")


if __name__ == "__main__":
    main()
