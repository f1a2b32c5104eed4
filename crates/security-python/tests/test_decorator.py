"""``@governed``: no permit, no call; and however the call ends, its permit has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
from aumos_governance import GovernanceAction, GovernanceDeniedError, GovernanceEngine, InvalidArgumentError
from aumos_governance.integrations.decorator import current_permit, governed

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


def paid(engine: GovernanceEngine, cost: float = 0.25, **more: Any) -> Any:
    return governed(engine, agent_id=AGENT, required_trust_level=2, budget_category="tools", budget_amount=cost, **more)


def test_a_call_books_what_is_held_and_keeps_the_function(engine: GovernanceEngine) -> None:
    @paid(engine)
    def add(one: int, two: int = 2) -> int:
        """Adds."""
        return one + two

    assert add(1) == 3
    assert (add.__name__, add.__doc__) == ("add", "Adds.")
    assert spent(engine) == Decimal("0.25")
    record = engine.audit.latest(1)[0]
    assert record.agent_id == AGENT
    assert "add" in (record.resource or "")


def test_a_denied_call_does_not_run(engine: GovernanceEngine) -> None:
    ran = []

    @paid(engine, cost=2)
    def run() -> None:
        ran.append(1)

    with pytest.raises(GovernanceDeniedError) as denied:
        run()
    assert denied.value.decision.code == "exceeds_budget"
    assert ran == []
    assert spent(engine) == 0


def test_a_coroutine_is_governed_while_it_runs(engine: GovernanceEngine) -> None:
    @paid(engine)
    async def run() -> str:
        await asyncio.sleep(0)
        current_permit().settle(cost="0.1")
        return "done"

    coroutine = run()
    assert spent(engine) == 0
    assert asyncio.run(coroutine) == "done"
    assert spent(engine) == Decimal("0.1")


def test_what_it_really_cost_is_what_the_function_says(engine: GovernanceEngine) -> None:
    @paid(engine)
    def run() -> None:
        current_permit().settle(cost=0.01)

    run()
    assert spent(engine) == Decimal("0.01")
    with pytest.raises(RuntimeError, match="no governed function"):
        current_permit()


@pytest.mark.parametrize("is_async", [False, True])
def test_a_call_that_raises_has_failed_at_what_is_held(engine: GovernanceEngine, is_async: bool) -> None:
    @paid(engine)
    def run() -> None:
        raise KeyError("x")

    @paid(engine)
    async def run_async() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        asyncio.run(run_async()) if is_async else run()
    assert spent(engine) == Decimal("0.25")


def test_the_action_can_be_made_from_the_arguments(engine: GovernanceEngine) -> None:
    engine.consent.record_consent(AGENT, "user_email", "notifications", granted_by="ada", subject="ada")

    @governed(engine, lambda user, text: GovernanceAction(AGENT, data_type="user_email", purpose="notifications", subject=user))
    def send(user: str, text: str) -> str:
        return f"{user}: {text}"

    assert send("ada", text="hi") == "ada: hi"
    with pytest.raises(GovernanceDeniedError):
        send("bob", "hi")


def test_nested_calls_have_a_permit_each(engine: GovernanceEngine) -> None:
    @paid(engine, cost=0.1)
    def inner() -> Any:
        return current_permit()

    @paid(engine, cost=0.2)
    def outer() -> bool:
        mine = current_permit()
        return inner() is not mine and current_permit() is mine

    assert outer()
    assert spent(engine) == Decimal("0.3")


def test_tasks_do_not_see_each_others_permits(engine: GovernanceEngine) -> None:
    engine.budget.create_budget("many", limit=64, period="daily")
    seen = set()

    @governed(engine, agent_id=AGENT, budget_category="many", budget_amount=1)
    async def run() -> None:
        before = current_permit()
        await asyncio.sleep(0)
        assert current_permit() is before
        seen.add(before.record_id)

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(run() for _ in range(80)), return_exceptions=True)

    results = asyncio.run(all_of_them())
    assert len(seen) == 64
    assert sum(isinstance(result, GovernanceDeniedError) for result in results) == 16


def test_generators_are_refused(engine: GovernanceEngine) -> None:
    def numbers() -> Iterator[int]:
        yield 1

    async def numbers_async() -> AsyncIterator[int]:
        yield 1

    for function in (numbers, numbers_async):
        with pytest.raises(TypeError, match="is a generator"):
            paid(engine)(function)


def test_a_function_that_returns_something_still_to_run_is_refused(engine: GovernanceEngine) -> None:
    async def later() -> None: ...

    @paid(engine)
    def run() -> Any:
        return later()

    with pytest.raises(TypeError, match="would run ungoverned"):
        run()
    assert spent(engine) == Decimal("0.25")


def test_bad_actions_are_told_where_the_function_is_made(engine: GovernanceEngine) -> None:
    with pytest.raises(TypeError, match="either"):
        governed(engine)
    with pytest.raises(TypeError, match="either"):
        governed(engine, GovernanceAction(AGENT), agent_id=AGENT)
    with pytest.raises(TypeError, match="agent_id is missing"):
        governed(engine, required_trust_level=1)(print)
    with pytest.raises((InvalidArgumentError, TypeError)):
        governed(engine, agent_id=AGENT, required_trust_level=9)(print)
    with pytest.raises(TypeError):
        governed(engine, "an action")  # type: ignore[arg-type]
