"""``governed_tool`` around tools of the real ``langchain-core``."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from aumos_governance import GovernanceAction, GovernanceEngine
from aumos_governance.integrations.decorator import current_permit
from aumos_governance.integrations.langchain import governed_tool
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool, Tool, ToolException, tool

AGENT = "researcher"


@pytest.fixture
def engine() -> GovernanceEngine:
    engine = GovernanceEngine()
    engine.trust.set_level(AGENT, 2)
    engine.budget.create_budget("tools", limit=1, period="daily")
    return engine


def spent(engine: GovernanceEngine) -> Decimal:
    used = engine.budget.get_utilization("tools")
    assert used.reserved == 0
    return used.spent_exact


def paid(inner: Any, engine: GovernanceEngine, cost: float = 0.25) -> Any:
    return governed_tool(inner, engine, agent_id=AGENT, required_trust_level=2, budget_category="tools", budget_amount=cost)


@tool
def add(one: int, two: int) -> int:
    """Adds."""
    return one + two


@tool
async def add_async(one: int, two: int) -> int:
    """Adds."""
    return one + two


class Shout(BaseTool):
    """A tool as people write their own."""

    name: str = "shout"
    description: str = "Shouts."
    mark: str = "!"

    def _run(self, text: str) -> str:
        return text.upper() + self.mark


def test_the_model_sees_the_same_tool(engine: GovernanceEngine) -> None:
    wrapped = paid(add, engine)
    assert isinstance(wrapped, StructuredTool)
    assert (wrapped.name, wrapped.description, wrapped.args) == (add.name, add.description, add.args)
    assert wrapped.args_schema is add.args_schema
    assert add.invoke({"one": 1, "two": 2}) == 3
    assert spent(engine) == 0, "the tool itself stays as it is"


def test_a_call_books_what_is_held(engine: GovernanceEngine) -> None:
    assert paid(add, engine).invoke({"one": 1, "two": 2}) == 3
    assert spent(engine) == Decimal("0.25")
    assert paid(Shout(mark="?"), engine).invoke({"text": "hi"}) == "HI?"
    assert paid(Tool("echo", lambda text: text, "Echoes."), engine).invoke("hi") == "hi"
    assert spent(engine) == Decimal("0.75")
    call = {"type": "tool_call", "id": "1", "name": "add", "args": {"one": 1, "two": 2}}
    answer = paid(add, engine).invoke(call)
    assert isinstance(answer, ToolMessage)
    assert (answer.content, answer.tool_call_id) == ("3", "1")


def test_an_asynchronous_call_is_judged_once(engine: GovernanceEngine) -> None:
    async def run() -> None:
        assert await paid(add_async, engine).ainvoke({"one": 1, "two": 2}) == 3
        assert spent(engine) == Decimal("0.25")
        # These have no coroutine: LangChain runs them in a thread.
        assert await paid(add, engine).ainvoke({"one": 1, "two": 2}) == 3
        assert spent(engine) == Decimal("0.5")
        assert await paid(Shout(), engine).ainvoke({"text": "hi"}) == "HI!"
        assert spent(engine) == Decimal("0.75")
        assert await paid(add, engine).arun({"one": 1, "two": 2}) == 3
        assert spent(engine) == Decimal("1")

    asyncio.run(run())


def test_a_denied_call_does_not_run_and_the_model_is_told_why(engine: GovernanceEngine) -> None:
    ran = []

    @tool
    def erase() -> None:
        """Erases."""
        ran.append(1)

    call = {"type": "tool_call", "id": "1", "name": "erase", "args": {}}
    answer = paid(erase, engine, cost=2).invoke(call)
    assert ran == []
    assert answer.status == "error"
    assert answer.content.startswith("Denied: ")
    assert "2.0000 requested but only 1.0000 remains" in answer.content
    engine.trust.set_level(AGENT, 1)
    assert "is below the required level" in asyncio.run(paid(erase, engine).ainvoke(call)).content
    assert spent(engine) == 0


def test_a_tool_with_an_error_handler_of_its_own_keeps_it(engine: GovernanceEngine) -> None:
    mine = add.model_copy()
    mine.handle_tool_error = lambda error: "mine"
    assert paid(mine, engine, cost=2).invoke({"one": 1, "two": 2}) == "mine"


def test_a_tool_that_raises_has_failed_at_what_is_held(engine: GovernanceEngine) -> None:
    @tool
    def broken() -> None:
        """Breaks."""
        raise KeyError("x")

    @tool
    def refuses() -> None:
        """Refuses."""
        raise ToolException("no")

    with pytest.raises(KeyError):
        paid(broken, engine).invoke({})
    assert paid(refuses, engine).invoke({}) == "no"
    assert spent(engine) == Decimal("0.5")


def test_what_it_really_cost_is_what_the_tool_says(engine: GovernanceEngine) -> None:
    @tool
    def cheap() -> str:
        """Costs less."""
        current_permit().settle(cost="0.01")
        return "done"

    assert paid(cheap, engine).invoke({}) == "done"
    assert spent(engine) == Decimal("0.01")


def test_the_action_can_be_made_from_the_arguments(engine: GovernanceEngine) -> None:
    engine.consent.record_consent(AGENT, "user_email", "notifications", granted_by="ada", subject="ada")

    @tool
    def send(user: str) -> str:
        """Sends."""
        return user

    wrapped = governed_tool(
        send, engine, lambda arguments: GovernanceAction(AGENT, data_type="user_email", purpose="notifications", subject=arguments["user"])
    )
    assert wrapped.invoke({"user": "ada"}) == "ada"
    assert wrapped.invoke({"user": "bob"}).startswith("Denied: ")


def test_bad_actions_are_told_where_the_tool_is_made(engine: GovernanceEngine) -> None:
    with pytest.raises(TypeError, match="either"):
        governed_tool(add, engine)
    with pytest.raises(TypeError, match="agent_id"):
        governed_tool(add, engine, required_trust_level=2)
