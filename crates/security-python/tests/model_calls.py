"""What the tests of the governed clients share: prices, an engine, and what is in its books."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from aumos_governance import GovernanceEngine, TrustLevel
from aumos_governance.integrations.openai_wrapper import PriceTable
from provider_server import Provider, start

AGENT = "desk-assistant"

PRICES = PriceTable.from_json(
    json.dumps(
        {
            "models": [
                {"provider": "openai", "model": "gpt-4o", "input": "2.50", "output": "10.00", "max_output_tokens": 16384},
                {"provider": "openai", "model": "text-embedding-3-small", "input": "0.02", "output": "0"},
                {"provider": "anthropic", "model": "claude-opus-4-6", "input": "5", "output": "25", "max_output_tokens": 32000},
            ]
        }
    )
)


@pytest.fixture
def provider() -> Iterator[Provider]:
    running, server = start()
    yield running
    server.shutdown()
    server.server_close()


def engine_for(category: str, limit: float = 1.0, level: int = TrustLevel.L2_SUGGEST) -> GovernanceEngine:
    engine = GovernanceEngine()
    engine.trust.set_level(AGENT, level)
    engine.budget.create_budget(category, limit=limit, period="monthly")
    return engine


def spent(engine: GovernanceEngine, category: str) -> Decimal:
    used = engine.budget.get_utilization(category)
    # Whatever has ended holds nothing.
    assert used.reserved == 0, used
    return used.spent_exact


def kinds(engine: GovernanceEngine, record_id: str | None) -> list[str]:
    """What the log says of one call, in order."""
    assert record_id is not None
    return [record.kind for record in engine.audit.get(record_id)]


def hello(**more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Hello"}], **more}
