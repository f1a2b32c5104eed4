"""Three agents: levels by scope, one budget that they share, and who may use which data for what.

    python examples/multi_agent.py
"""

from __future__ import annotations

import asyncio

from aumos_governance import GovernanceAction, GovernanceConfig, GovernanceDeniedError, GovernanceEngine, TrustLevel
from aumos_governance.config import TrustConfig

AGENTS = ("planner", "researcher", "mailer")


def engine() -> GovernanceEngine:
    engine = GovernanceEngine(GovernanceConfig(trust=TrustConfig(default_level=0)))

    # Scoped trust: what an agent may do here, it may not do there.
    engine.trust.set_level("planner", TrustLevel.L4_ACT_REPORT)
    engine.trust.set_level("researcher", TrustLevel.L2_SUGGEST)
    engine.trust.set_level("researcher", TrustLevel.L4_ACT_REPORT, scope="web/search")
    engine.trust.set_level("mailer", TrustLevel.L3_ACT_APPROVE, scope="mail")

    # One budget for all of them.
    engine.budget.create_budget("project", limit=1.0, period="lifetime")

    # The consent matrix.
    for agent, data, purpose in [
        ("researcher", "notes", "research"),
        ("mailer", "email", "notifications"),
        ("planner", "notes", None),
    ]:
        engine.consent.record_consent(agent, data, purpose, granted_by="ada")
    return engine


def print_levels(engine: GovernanceEngine) -> None:
    for agent in AGENTS:
        levels = [f"{scope or 'anywhere'} L{int(engine.trust.get_level(agent, scope=scope))}" for scope in ("", "web/search", "mail")]
        print(f"{agent}: {', '.join(levels)}")


def print_consents(engine: GovernanceEngine) -> None:
    for data, purpose in [("notes", "research"), ("notes", "planning"), ("email", "notifications")]:
        may = [agent for agent in AGENTS if engine.consent.check_consent(agent, data, purpose).granted]
        print(f"{data} for {purpose}: {', '.join(may) or 'nobody'}")


async def share(engine: GovernanceEngine) -> None:
    """Ten tasks want 0.15 USD each of the one dollar: six get it, however they come."""

    async def search(number: int) -> bool:
        action = GovernanceAction(
            "researcher",
            required_trust_level=TrustLevel.L3_ACT_APPROVE,
            scope="web/search",
            budget_category="project",
            budget_amount="0.15",
            resource=f"query {number}",
        )
        try:
            async with engine.authorize(action):
                await asyncio.sleep(0)
                return True
        except GovernanceDeniedError:
            return False

    ran = await asyncio.gather(*(search(number) for number in range(10)))
    used = engine.budget.get_utilization("project")
    print(f"{sum(ran)} of {len(ran)} ran; {used.spent_exact} of {used.limit_exact} USD spent")


def main() -> None:
    governance = engine()
    print_levels(governance)
    print_consents(governance)
    asyncio.run(share(governance))


if __name__ == "__main__":
    main()
