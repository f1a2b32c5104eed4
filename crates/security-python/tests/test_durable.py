"""A data directory: what was acknowledged is there again, and what is another process's is left alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from aumos_governance import (
    ForkedProcessError,
    GovernanceAction,
    GovernanceConfig,
    GovernanceEngine,
    StoreError,
    TrustLevel,
)


def test_state_comes_back(tmp_path: Path) -> None:
    with GovernanceEngine(data_dir=tmp_path) as engine:
        engine.trust.set_level("a", 4)
        engine.budget.create_budget("b", 10)
        engine.budget.record_spending("b", "2.5", description="x")
        engine.consent.record_consent("a", "d", None, "ada")
        engine.evaluate_sync(GovernanceAction("a", 1))
        checkpoint = engine.audit.checkpoint()
    with GovernanceEngine(GovernanceConfig(data_dir=str(tmp_path))) as again:
        assert again.trust.get_level("a") is TrustLevel.L4_ACT_REPORT
        assert again.budget.check_budget("b").available == 7.5
        assert again.consent.check_consent("a", "d", "p").granted
        assert again.audit.verify(checkpoint).ok


def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    with GovernanceEngine(data_dir=tmp_path), pytest.raises(StoreError):
        GovernanceEngine(data_dir=tmp_path)
    GovernanceEngine(data_dir=tmp_path).close()


def test_what_is_no_directory_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(StoreError):
        GovernanceEngine(data_dir=file)
    assert file.read_text() == "x"


KILLED = """
import os, signal, sys
from aumos_governance import GovernanceAction, GovernanceEngine
engine = GovernanceEngine(data_dir=sys.argv[1])
engine.trust.set_level("a", 4)
engine.budget.create_budget("b", 100)
for n in range(20):
    engine.budget.record_spending("b", 1)
permit = engine.authorize_sync(GovernanceAction("a", 1, "b", 3))
print("acknowledged", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("acknowledged\n", -signal.SIGKILL), done.stderr
    with GovernanceEngine(data_dir=tmp_path) as engine:
        used = engine.budget.get_utilization("b")
        assert (used.spent, used.reserved) == (20.0, 3.0)
        assert engine.trust.get_level("a") is TrustLevel.L4_ACT_REPORT
        assert engine.audit.verify().ok


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("durable", [False, True])
def test_a_forked_child_is_told_and_ends(tmp_path: Path, durable: bool) -> None:
    engine = GovernanceEngine(data_dir=tmp_path if durable else None)
    engine.trust.set_level("a", 4)
    engine.budget.create_budget("b", 10)
    permit = engine.authorize_sync(GovernanceAction("a", 1, "b", 3))
    reservation = engine.budget.reserve("b", 1)
    child = os.fork()
    if child == 0:
        failed = 0
        for call in (
            lambda: engine.evaluate_sync(GovernanceAction("a", 1)),
            lambda: engine.trust.set_level("a", 5),
            lambda: engine.budget.check_budget("b"),
            lambda: engine.audit.count(),
            permit.settle,
            reservation.release,
        ):
            try:
                call()
                failed += 1
            except ForkedProcessError:
                pass
        fresh = GovernanceEngine()
        failed += fresh.evaluate_sync(GovernanceAction("a", 1)).allowed is not True
        # What was the parent's is dropped here, and nothing waits for threads that are not there.
        engine.close()
        del engine, permit, reservation
        os._exit(failed)
    for _ in range(600):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        signal.sigtimedwait([], 0.1)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("the child hangs")
    assert os.waitstatus_to_exitcode(status) == 0
    permit.settle(cost=1)
    reservation.release()
    used = engine.budget.get_utilization("b")
    assert (used.spent, used.reserved) == (1.0, 0.0)
    engine.close()


def test_the_interpreter_ends_while_things_are_open(tmp_path: Path) -> None:
    left_open = """
import asyncio, sys
from aumos_governance import GovernanceAction, GovernanceEngine
engine = GovernanceEngine(data_dir=sys.argv[1])
engine.trust.set_level("a", 4)
permit = engine.authorize_sync(GovernanceAction("a", 1))
async def main():
    tasks = [asyncio.ensure_future(engine.evaluate(GovernanceAction("a", 1))) for _ in range(50)]
    await asyncio.sleep(0)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", left_open, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
