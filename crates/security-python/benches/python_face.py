"""What a call costs from Python, the median and the fastest round: ``python benches/python_face.py``, with the wheel of a release build installed."""

from __future__ import annotations

import asyncio
import statistics
import sys
import threading
import time
from collections.abc import Callable

from aumos_governance import GovernanceAction, GovernanceConfig, GovernanceEngine, TrustLevel

ROUNDS = 101
CALLS = 1_000


def rounds_of(call: Callable[[], object]) -> list[float]:
    """Microseconds of one call: of each round its mean over calls."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter_ns()
        for _ in range(CALLS):
            call()
        rounds.append((time.perf_counter_ns() - begun) / CALLS / 1_000)
    return rounds


def shown(name: str, rounds: list[float]) -> None:
    print(f"{name:34} {statistics.median(rounds):8.2f} {min(rounds):8.2f}")


def engine() -> GovernanceEngine:
    made = GovernanceEngine(GovernanceConfig(audit={"max_records": 10_000}))  # type: ignore[arg-type]
    made.trust.set_level("my-agent", TrustLevel.L3_ACT_APPROVE)
    made.budget.create_budget("llm-calls", limit=1_000_000_000.0, period="monthly")
    made.consent.record_consent("my-agent", "user_profile", "personalisation", granted_by="admin@example.com")
    return made


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


def main() -> None:
    face = engine()
    judged = action()

    def permit() -> None:
        with face.authorize(judged) as held:
            held.settle(cost=0.001)

    async def awaited() -> list[float]:
        rounds = []
        for _ in range(ROUNDS):
            begun = time.perf_counter_ns()
            for _ in range(CALLS):
                await face.evaluate(judged)
            rounds.append((time.perf_counter_ns() - begun) / CALLS / 1_000)
        return rounds

    print(f"Python {sys.version.split()[0]}, microseconds: median, fastest round")
    for name, call in {
        "evaluate_sync": lambda: face.evaluate_sync(judged),
        "evaluate_sync, a new action each": lambda: face.evaluate_sync(action()),
        "check_budget": lambda: face.budget.check_budget("llm-calls", 10.0),
        "check_level": lambda: face.trust.check_level("my-agent", 2),
        "check_consent": lambda: face.consent.check_consent("my-agent", "user_profile", "personalisation"),
        "record_spending": lambda: face.budget.record_spending("llm-calls", 0.001),
        "authorize and settle": permit,
    }.items():
        shown(name, rounds_of(call))
    shown("await evaluate", asyncio.run(awaited()))

    threads = 4
    begun = time.perf_counter()
    workers = [
        threading.Thread(target=lambda: [face.evaluate_sync(judged) for _ in range(CALLS * 50)]) for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    took = time.perf_counter() - begun
    print(f"{'evaluate_sync, a second, 4 threads':34} {threads * CALLS * 50 / took:8.0f}")


if __name__ == "__main__":
    main()
