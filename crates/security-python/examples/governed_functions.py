"""Functions and coroutines that run only under a permit.

    python examples/governed_functions.py
"""

from __future__ import annotations

import asyncio

from aumos_governance import GovernanceAction, GovernanceDeniedError, GovernanceEngine, TrustLevel
from aumos_governance.integrations.decorator import current_permit, governed

engine = GovernanceEngine()
engine.trust.set_level("researcher", TrustLevel.L2_SUGGEST, assigned_by="ops@example.com")
engine.budget.create_budget("tools", limit=0.10, period="daily")
engine.consent.record_consent("researcher", "email", "notifications", granted_by="ada", subject="ada")


@governed(engine, agent_id="researcher", required_trust_level=2, budget_category="tools", budget_amount="0.05")
def search(query: str) -> list[str]:
    """Holds five cents, and says that it took four."""
    current_permit().settle(cost="0.04")
    return [f"about {query}"]


@governed(engine, lambda user, text: GovernanceAction("researcher", data_type="email", purpose="notifications", subject=user))
async def notify(user: str, text: str) -> str:
    """Needs the consent of the one who is written to."""
    await asyncio.sleep(0)
    return f"to {user}: {text}"


def main() -> None:
    print(search("trust"))
    print(search("budgets"))
    try:
        search("more")
    except GovernanceDeniedError as denied:
        print(f"denied: {denied.decision.code}")
    print(asyncio.run(notify("ada", "done")))
    try:
        asyncio.run(notify("somebody else", "done"))
    except GovernanceDeniedError as denied:
        print(f"denied: {denied.decision.code}")


if __name__ == "__main__":
    main()
