"""What the tests share: an engine as the quick start makes it."""

from __future__ import annotations

import pytest

from aumos_governance import GovernanceAction, GovernanceEngine, TrustLevel


@pytest.fixture
def engine() -> GovernanceEngine:
    made = GovernanceEngine()
    made.trust.set_level("my-agent", TrustLevel.L3_ACT_APPROVE)
    made.budget.create_budget("llm-calls", limit=100.0, period="monthly")
    made.consent.record_consent(
        agent_id="my-agent",
        data_type="user_profile",
        purpose="personalisation",
        granted_by="admin@example.com",
    )
    return made


@pytest.fixture
def action() -> GovernanceAction:
    return GovernanceAction(
        agent_id="my-agent",
        required_trust_level=TrustLevel.L2_SUGGEST,
        budget_category="llm-calls",
        budget_amount=1.5,
        data_type="user_profile",
        purpose="personalisation",
        action_type="llm_completion",
    )
