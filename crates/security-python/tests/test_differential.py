"""The same operations through Python and through Rust: the same decisions, and the same log but for ids and times.

``AUMOS_REPLAY`` names the program built from ``examples/replay.rs``, ``AUMOS_SEQUENCES`` how many sequences are tried and
``AUMOS_SEED`` where they begin.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aumos_governance import (
    ConsentNotFoundError,
    GovernanceAction,
    GovernanceConfig,
    GovernanceDecision,
    GovernanceDeniedError,
    GovernanceEngine,
    GovernanceError,
)

SEQUENCES = int(os.environ.get("AUMOS_SEQUENCES", "400"))
SEED = int(os.environ.get("AUMOS_SEED", "1"))

AGENTS = ["ada", "bot-1", "bot-2", "", "x y"]
BUDGETS = ["llm", "tools", "nowhere"]
DATA = ["profile", "email"]
PURPOSES = [None, "support", "marketing"]
SCOPES = [None, "billing", "billing.invoices", "bad scope!"]
MONEY = ["0", "0.000000001", "0.5", "1.5", "10", "99.999999999", "1000"]
CONFIGURATIONS: list[dict[str, Any]] = [
    {},
    {"trust": {"default_level": 0}},
    {"budget": {"allow_overdraft": True}},
    {"consent": {"default_deny": False}},
    {"mode": "shadow"},
    {"trust": {"tools": [{"tool": "read_*", "required_level": "L1", "effect": "read_public"}]}},
    {"budget": {"tools": [{"tool": "*", "budget": "llm", "cost_usd": "0.25"}], "budgets": [{"id": "llm", "cost_usd": "5", "period": "daily"}]}},
]


def operation(chance: random.Random) -> dict[str, Any]:
    agent = chance.choice(AGENTS[:3] * 6 + AGENTS[3:])
    kind = chance.choice(
        ["set_level", "set_level", "remove", "create_budget", "create_budget", "record_spending", "check_budget"]
        + ["record_consent", "record_consent", "revoke_consent", "log_event"]
        + ["evaluate"] * 6
        + ["authorize"] * 6
    )
    op: dict[str, Any] = {"op": kind, "agent": agent}
    if kind in ("set_level", "remove"):
        op |= {"level": chance.randrange(6), "scope": chance.choice(SCOPES)}
    elif kind == "create_budget":
        op |= {
            "budget": chance.choice(BUDGETS[:2]),
            "limit": chance.choice(MONEY),
            "tokens": chance.choice([0, 10, 1000]),
            "period": chance.choice(["daily", "monthly", "lifetime", "fortnightly"]),
        }
    elif kind in ("record_spending", "check_budget"):
        op |= {"budget": chance.choice(BUDGETS), "amount": chance.choice(MONEY), "tokens": chance.choice([None, 0, 5, 10_000])}
    elif kind in ("record_consent", "revoke_consent"):
        op |= {"data": chance.choice(DATA), "purpose": chance.choice(PURPOSES), "by": chance.choice(["ada@example.com", agent])}
    elif kind == "log_event":
        op |= {"event": chance.choice(["started", "ended", "", "a\tb"])}
    else:
        op |= {"type": chance.choice(["llm", "mail"]), "level": chance.choice([None, *range(6)]), "scope": chance.choice(SCOPES)}
        if chance.random() < 0.6:
            op |= {"budget": chance.choice(BUDGETS), "amount": chance.choice(MONEY), "tokens": chance.choice([None, 5])}
        if chance.random() < 0.4:
            op |= {"data": chance.choice(DATA), "purpose": chance.choice(PURPOSES)}
        if chance.random() < 0.2:
            op |= {"tool": chance.choice(["read_file", "erase"])}
        op |= {"end": chance.choice(["settle", "fail", "cancel"]), "actual": chance.choice([None, *MONEY])}
    return op


def through_python(engine: GovernanceEngine, op: dict[str, Any]) -> Any:
    def told(decision: GovernanceDecision) -> Any:
        return [decision.allowed, str(decision.outcome), decision.code, list(decision.reasons)]

    kind, agent = op["op"], op["agent"]
    if kind == "set_level":
        engine.trust.set_level(agent, op["level"], scope=op["scope"])
    elif kind == "remove":
        engine.trust.remove(agent, scope=op["scope"])
    elif kind == "create_budget":
        engine.budget.create_budget(op["budget"], op["limit"], op["period"], tokens=op["tokens"])
    elif kind == "record_spending":
        engine.budget.record_spending(op["budget"], op["amount"], tokens=op["tokens"])
    elif kind == "check_budget":
        checked = engine.budget.check_budget(op["budget"], op["amount"], tokens=op["tokens"])
        return [checked.allowed, checked.code, checked.reason]
    elif kind == "record_consent":
        engine.consent.record_consent(agent, op["data"], op["purpose"], op["by"])
    elif kind == "revoke_consent":
        try:
            return engine.consent.revoke_consent(agent, op["data"], op["purpose"])
        except ConsentNotFoundError:
            return 0
    elif kind == "log_event":
        engine.audit.log(op["event"], agent_id=agent)
    else:
        action = GovernanceAction(
            agent,
            op["level"],
            op.get("budget"),
            op.get("amount"),
            op.get("data"),
            op.get("purpose"),
            op["type"],
            scope=op["scope"],
            tool=op.get("tool"),
            budget_tokens=op.get("tokens"),
        )
        if kind == "evaluate":
            return told(engine.evaluate_sync(action))
        try:
            permit = engine.authorize_sync(action)
        except GovernanceDeniedError as denied:
            return told(denied.decision)
        if op["end"] == "settle":
            permit.settle(cost=op["actual"])
        elif op["end"] == "fail":
            permit.fail("broken", cost=op["actual"])
        else:
            permit.cancel()
        return told(permit.decision)
    return {}


def timeless(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "then", text)


def entries(log: str) -> list[str]:
    """The log's entries with ids numbered as they appear and times left out; what each log signs with its own key is left out too."""
    lines = [line for line in log.splitlines() if '"kind"' in line]
    seen: dict[str, str] = {}
    uuids = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
    times = re.compile(r'"(ts|[a-z_]*at)":("[^"]*"|\d+)')
    keys = re.compile(r"\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+")
    blanked = []
    for line in lines:
        line = uuids.sub(lambda found: seen.setdefault(found.group(), f"id-{len(seen)}"), line)
        blanked.append(timeless(keys.sub("+key", times.sub(r'"\1":0', line))))
    return blanked


def test_python_and_rust_decide_and_record_the_same() -> None:
    replay = os.environ.get("AUMOS_REPLAY")
    if replay is None:
        pytest.skip("AUMOS_REPLAY names no program")
    chance = random.Random(SEED)
    print(f"AUMOS_SEED={SEED}")
    sequences = []
    for _ in range(SEQUENCES):
        config = GovernanceConfig.from_dict(chance.choice(CONFIGURATIONS))
        operations = [operation(chance) for _ in range(chance.randrange(4, 24))]
        sequences.append((config, operations))

    lines = []
    for config, operations in sequences:
        lines += [{"op": "new", "config": config.to_core()}, *operations, {"op": "log"}]
    told = subprocess.run(
        [str(Path(replay))], input="".join(json.dumps(line) + "\n" for line in lines), capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stderr
    answers = iter(told.stdout.splitlines())

    decided = {"allowed": 0, "denied": 0, "refused": 0}
    for config, operations in sequences:
        assert json.loads(next(answers)) == {}
        engine = GovernanceEngine(config)
        for number, op in enumerate(operations):
            try:
                here = through_python(engine, op)
            except GovernanceError as error:
                here = {"error": type(error).__name__}
            here = json.loads(timeless(json.dumps(here)))
            there = json.loads(timeless(next(answers)))
            shown = f"{config} {operations[: number + 1]}"
            if isinstance(here, dict) and "error" in here:
                # Of a budget that there is not Python raises what Rust decides.
                no_budget = here["error"] == "BudgetNotFoundError" and op["op"] == "check_budget" and there[1] == "no_budget"
                assert no_budget or "error" in there, f"{here} {there} {shown}"
                decided["refused"] += 1
            else:
                assert here == there, shown
                if isinstance(here, list):
                    decided["allowed" if here[0] else "denied"] += 1
        log = json.loads(next(answers))["log"]
        assert entries(engine.audit.export_ndjson().decode()) == entries(log), str(operations)
        assert entries(log)
    assert next(answers, None) is None
    # A test in which everything is refused would show little.
    assert min(decided.values()) > SEQUENCES / 4, decided
    print(decided)
