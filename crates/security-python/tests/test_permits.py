"""What is held is settled, given back, or abandoned: once, and exactly, whoever asks and however."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from aumos_governance import (
    ApprovalError,
    GovernanceAction,
    GovernanceDeniedError,
    GovernanceEngine,
    InvalidArgumentError,
    Permit,
    PermitEndedError,
)

CALL = GovernanceAction("a", 1, "calls", 1, budget_tokens=100)


def with_calls(limit: int = 50, data_dir: Path | None = None) -> GovernanceEngine:
    engine = GovernanceEngine(data_dir=data_dir)
    engine.trust.set_level("a", 4)
    engine.budget.create_budget("calls", limit, tokens=1_000_000)
    return engine


def figures(engine: GovernanceEngine) -> tuple[Any, Any]:
    used = engine.budget.get_utilization("calls")
    return used.spent_exact, used.reserved_exact


def endings(engine: GovernanceEngine) -> list[str | None]:
    return [record.event for record in engine.audit.query().records if record.kind == "outcome"]


def test_a_block_settles_what_it_says() -> None:
    engine = with_calls()
    with engine.authorize(CALL) as permit:
        assert figures(engine) == (0, 1) and not permit.is_ended
        assert (permit.held_cost, permit.held_cost_exact, permit.held_tokens) == (1.0, Decimal(1), 100)
        settled = permit.settle(cost="0.25", tokens=7)
        assert (settled.cost, settled.cost_exact, settled.tokens) == (0.25, Decimal("0.25"), 7)
        assert settled.record_id == permit.record_id == permit.decision.audit_record_id
    assert figures(engine) == (Decimal("0.25"), 0)
    assert engine.budget.get_utilization("calls").tokens_spent == 7
    assert endings(engine) == ["settled"]


def test_a_block_that_says_nothing_settles_what_is_held_and_one_that_raises_fails_with_it() -> None:
    engine = with_calls()
    with engine.authorize(CALL):
        pass
    with pytest.raises(ZeroDivisionError), engine.authorize(CALL):
        raise ZeroDivisionError("by hand")
    with engine.authorize(CALL) as permit:
        permit.cancel()
    assert figures(engine) == (2, 0)
    assert endings(engine) == ["settled", "failed", "cancelled"]
    failed = [record for record in engine.audit.query().records if record.event == "failed"]
    assert failed[0].reason == "ZeroDivisionError: by hand"


def test_an_exception_whose_text_cannot_be_written_fails_it_all_the_same() -> None:
    class Nasty(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    engine = with_calls()
    for error in (Nasty(), ValueError("\ud800"), ValueError("x" * 100_000), ValueError("a\0b")):
        with pytest.raises(type(error)), engine.authorize(CALL):
            raise error
    assert endings(engine) == ["failed"] * 4
    assert figures(engine) == (4, 0)


def test_a_floor_can_only_be_raised() -> None:
    engine = with_calls()
    engine.authorize_sync(CALL).settle(cost="0.1", at_least=True)
    assert figures(engine)[0] == 1
    engine.authorize_sync(CALL).settle(cost="2", at_least=True)
    assert figures(engine)[0] == 3
    engine.authorize_sync(CALL).fail("cut off", cost="0.5", at_least=True)
    assert figures(engine)[0] == 4
    engine.authorize_sync(CALL).fail("cut off", cost=0, tokens=0)
    assert figures(engine) == (4, 0)


def test_a_permit_ends_once() -> None:
    engine = with_calls()
    permit = engine.authorize_sync(CALL)
    permit.settle()
    for end in (permit.settle, permit.cancel, lambda: permit.fail("x"), lambda: asyncio.run(permit.settle_async())):
        with pytest.raises(PermitEndedError):
            end()
    assert permit.is_ended and figures(engine) == (1, 0)


def test_a_refused_argument_leaves_the_permit_as_it_was() -> None:
    permit = with_calls().authorize_sync(CALL)
    with pytest.raises(InvalidArgumentError):
        permit.settle(cost=-1)
    with pytest.raises(TypeError):
        permit.fail(3)  # type: ignore[arg-type]
    assert not permit.is_ended
    permit.settle()


def test_a_forgotten_permit_settles_its_whole_hold_as_abandoned() -> None:
    engine = with_calls()
    engine.authorize_sync(CALL)
    gc.collect()
    assert endings(engine) == ["abandoned"]
    assert figures(engine) == (1, 0)


def test_a_denial_raises_on_entering_and_holds_nothing() -> None:
    engine = with_calls(limit=0)
    with pytest.raises(GovernanceDeniedError) as caught, engine.authorize(CALL):
        raise AssertionError("the block must not run")
    assert caught.value.decision.code == "exceeds_budget"
    assert figures(engine) == (0, 0)


def test_awaited_it_is_the_same() -> None:
    engine = with_calls()

    async def run() -> None:
        async with engine.authorize(CALL) as permit:
            await permit.settle_async(cost="0.5")
        async with engine.authorize(CALL):
            pass
        with pytest.raises(KeyError):
            async with engine.authorize(CALL):
                raise KeyError("x")
        permit = await engine.authorize(CALL)
        assert isinstance(permit, Permit)
        await permit.cancel_async()
        with pytest.raises(GovernanceDeniedError):
            await engine.authorize(GovernanceAction("a", 5))

    asyncio.run(run())
    assert endings(engine) == ["settled", "settled", "failed", "cancelled"]
    assert figures(engine) == (Decimal("2.5"), 0)


@pytest.mark.parametrize("durable", [False, True])
def test_eight_threads_on_one_budget_are_exact(tmp_path: Path, durable: bool) -> None:
    limit, threads, tries = 200, 8, 50
    engine = with_calls(limit, tmp_path if durable else None)
    permitted, errors = [0] * threads, []

    def work(number: int) -> None:
        try:
            for _ in range(tries):
                try:
                    with engine.authorize(CALL) as permit:
                        permit.settle(cost=1)
                    permitted[number] += 1
                except GovernanceDeniedError as error:
                    assert error.decision.code == "exceeds_budget"
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not errors
    assert sum(permitted) == limit
    assert figures(engine) == (limit, 0)
    assert engine.audit.verify().ok
    engine.close()


@pytest.mark.parametrize("durable", [False, True])
def test_sixty_four_tasks_on_one_budget_are_exact(tmp_path: Path, durable: bool) -> None:
    limit, tasks, tries = 100, 64, 3
    engine = with_calls(limit, tmp_path if durable else None)

    async def work() -> int:
        permitted = 0
        for _ in range(tries):
            try:
                async with engine.authorize(CALL) as permit:
                    await asyncio.sleep(0)
                    await permit.settle_async(cost=1)
                permitted += 1
            except GovernanceDeniedError as error:
                assert error.decision.code == "exceeds_budget"
        return permitted

    async def run() -> list[int]:
        return await asyncio.gather(*(work() for _ in range(tasks)))

    # A hold that is open while others ask may refuse them; what is left is taken afterwards.
    permitted = sum(asyncio.run(run()))
    assert figures(engine) == (permitted, 0) and permitted <= limit
    while engine.evaluate_sync(CALL):
        engine.authorize_sync(CALL).settle(cost=1)
    assert figures(engine) == (limit, 0)
    assert engine.audit.verify().ok
    engine.close()


def test_a_cancelled_task_holds_nothing(tmp_path: Path) -> None:
    engine = with_calls(data_dir=tmp_path)

    async def run() -> None:
        tasks = [asyncio.ensure_future(engine.authorize(CALL)._begin()) for _ in range(20)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
    gc.collect()
    spent, reserved = figures(engine)
    # A permit that was out before its task was cancelled is abandoned, and one that was not is given back.
    assert reserved == 0 and spent == endings(engine).count("abandoned")
    engine.close()


TOOLS = {
    "trust": {
        "default_level": 3,
        "tools": [{"tool": "pay", "required_level": "L3", "effect": "write", "approval": "always"}],
    }
}


def test_what_needs_approval_waits_for_an_operator() -> None:
    engine = GovernanceEngine(TOOLS)
    engine.trust.set_level("a", 3)
    pay = GovernanceAction("a", tool="pay", args={"to": "ada", "usd": 10})
    with pytest.raises(GovernanceDeniedError) as caught:
        engine.authorize_sync(pay)
    decision = caught.value.decision
    assert decision.code == "needs_approval" and decision.approval_id is not None
    (waiting,) = engine.approvals.list()
    assert (waiting.id, waiting.tool, waiting.state) == (decision.approval_id, "pay", "pending")
    engine.approvals.approve(waiting.id, by="ops@example.com", reason="known")
    other = GovernanceAction("a", tool="pay", args={"to": "eve", "usd": 10})
    with pytest.raises(GovernanceDeniedError):
        engine.authorize_sync(other)
    with engine.authorize(pay) as permit:
        assert "approval_used" in permit.decision.obligations
    with pytest.raises(GovernanceDeniedError):
        engine.authorize_sync(pay)
    used = engine.approvals.get(waiting.id)
    assert used and used.state == "consumed"
    with pytest.raises(ApprovalError):
        engine.approvals.deny(waiting.id, by="ops@example.com")
    assert engine.approvals.get(10**6) is None


@pytest.mark.parametrize("answer", ["approve", "deny"])
def test_waiting_for_approval_ends_with_the_answer(answer: str) -> None:
    engine = GovernanceEngine(TOOLS)
    engine.trust.set_level("a", 3)
    pay = GovernanceAction("a", tool="pay")

    async def operator() -> None:
        while not (waiting := engine.approvals.list()):
            await asyncio.sleep(0)
        getattr(engine.approvals, answer)(waiting[0].id, by="ops@example.com")

    async def run() -> str:
        asking = asyncio.ensure_future(engine.authorize(pay, wait_for_approval=True)._begin())
        await operator()
        try:
            await (await asking).settle_async()
        except GovernanceDeniedError as denied:
            return denied.decision.code
        return "permitted"

    assert asyncio.run(run()) == {"approve": "permitted", "deny": "approval_denied"}[answer]

    def from_a_thread() -> None:
        while not (waiting := engine.approvals.list()):
            pass
        engine.approvals.approve(waiting[0].id, by="ops@example.com")

    thread = threading.Thread(target=from_a_thread)
    thread.start()
    with engine.authorize(GovernanceAction("a", tool="pay", args=[answer]), wait_for_approval=True) as permit:
        assert permit.decision.allowed
    thread.join()


def test_the_interpreter_ends_while_somebody_is_being_woken() -> None:
    ending = f"""
import time
from aumos_governance import GovernanceAction, GovernanceEngine
engine = GovernanceEngine({TOOLS!r})
engine.trust.set_level("a", 3)
waiting = engine._authorize(GovernanceAction("a", tool="pay"), True)
assert waiting.poll(lambda: [time.sleep(0.0001) for _ in range(3000)]) is None
engine.approvals.approve(engine.approvals.list()[0].id, by="ops@example.com")
time.sleep(0.1)
"""
    done = subprocess.run([sys.executable, "-c", ending], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
