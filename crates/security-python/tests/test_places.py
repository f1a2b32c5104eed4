"""Where it runs: other event loops, other interpreters."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aumos_governance import GovernanceAction, GovernanceEngine


def test_answers_are_awaited_under_trio(tmp_path: Path) -> None:
    trio = pytest.importorskip("trio")
    engine = GovernanceEngine({"trust": {"default_level": 3}, "data_dir": str(tmp_path)})
    tools = GovernanceEngine(
        {"trust": {"tools": [{"tool": "pay", "required_level": "L3", "effect": "write", "approval": "always"}]}}
    )
    tools.trust.set_level("a", 3)
    told: list[object] = []

    async def ask() -> None:
        told.append((await engine.evaluate(GovernanceAction("a", 1))).allowed)

    async def wait() -> None:
        async with tools.authorize(GovernanceAction("a", tool="pay"), wait_for_approval=True) as permit:
            told.append(permit.decision.obligations)

    async def operate() -> None:
        while not (waiting := tools.approvals.list()):
            await trio.sleep(0)
        tools.approvals.approve(waiting[0].id, by="ops@example.com")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for each in [ask] * 20 + [wait, operate]:
                nursery.start_soon(each)

    trio.run(main)
    assert told.count(True) == 20 and ("approval_used",) in told
    engine.close()


def test_a_subinterpreter_is_refused() -> None:
    if sys.version_info >= (3, 13):
        interpreters = pytest.importorskip("_interpreters")
    else:
        interpreters = pytest.importorskip("_xxsubinterpreters")
    other = interpreters.create()
    code = f"import sys; sys.path[:] = {sys.path!r}\ntry:\n  import aumos_governance\nexcept ImportError:\n  pass\nelse:\n  raise SystemError"
    try:
        # Older interpreters raise here what the code raises; newer ones return it.
        assert interpreters.run_string(other, code) is None
    finally:
        interpreters.destroy(other)
