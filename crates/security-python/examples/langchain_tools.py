"""A LangChain tool under a permit: the model that calls it is told why it may not.

    python examples/langchain_tools.py
"""

from __future__ import annotations

from aumos_governance import GovernanceEngine, TrustLevel
from aumos_governance.integrations.langchain import governed_tool
from langchain_core.tools import tool


@tool
def search(query: str) -> str:
    """Searches the web."""
    return f"about {query}"


def main() -> None:
    engine = GovernanceEngine()
    engine.trust.set_level("researcher", TrustLevel.L2_SUGGEST, assigned_by="ops@example.com")
    engine.budget.create_budget("tools", limit=0.08, period="daily")
    governed = governed_tool(
        search, engine, agent_id="researcher", required_trust_level=2, budget_category="tools", budget_amount="0.05"
    )
    for number, query in enumerate(["trust", "budgets"], start=1):
        # As a model asks for it, and as it is answered.
        answer = governed.invoke({"type": "tool_call", "id": str(number), "name": "search", "args": {"query": query}})
        print(f"{answer.status}: {answer.content}")


if __name__ == "__main__":
    main()
