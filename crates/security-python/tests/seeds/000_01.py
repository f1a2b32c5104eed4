import asyncio
from aumos_governance import (
    GovernanceEngine,
    GovernanceAction,
    GovernanceConfig,
    TrustLevel,
)

async def main():
    engine = GovernanceEngine()

    # Assign trust levels manually — no automatic promotion.
    engine.trust.set_level("my-agent", TrustLevel.L3_ACT_APPROVE)

    # Create a static budget envelope.
    engine.budget.create_budget("llm-calls", limit=100.0, period="monthly")

    # Record explicit consent.
    engine.consent.record_consent(
        agent_id="my-agent",
        data_type="user_profile",
        purpose="personalisation",
        granted_by="admin@example.com",
    )

    # Evaluate an action through the full pipeline.
    decision = await engine.evaluate(GovernanceAction(
        agent_id="my-agent",
        required_trust_level=TrustLevel.L2_SUGGEST,
        budget_category="llm-calls",
        budget_amount=1.5,
        data_type="user_profile",
        purpose="personalisation",
        action_type="llm_completion",
    ))

    print(decision.allowed)          # True
    print(decision.outcome)          # allow
    print(decision.audit_record_id)  # uuid

asyncio.run(main())
