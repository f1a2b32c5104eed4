"""The snippets of the seed documents, run as written (seed-acceptance, rows S0 and S4); the notebook is in `test_jupyter`.

Only what a snippet leaves to its reader is supplied, and before it; lines that elide with ``...`` are left out.
"""

from __future__ import annotations

import contextlib
import io
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from aumos_governance import GovernanceAction, GovernanceConfig, GovernanceEngine, GovernanceOutcome, TrustLevel
from aumos_security import ToolRequest
from seed_documents import document, documents, kept_cells, kept_snippets, notebook_cells, python_snippets


def run(snippet: str, **supplied: Any) -> dict[str, Any]:
    """Runs a snippet after what is supplied to it; ``printed`` is among what it leaves behind."""
    lines = [line for line in snippet.splitlines() if "..." not in line]
    names = {"__name__": "__main__", **supplied}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile("\n".join(lines), "<seed>", "exec"), names)
    return {**names, "printed": printed.getvalue()}


@pytest.mark.skipif(documents() is None, reason="the seed documents are not at hand")
@pytest.mark.parametrize("number", ["000", "004"])
def test_the_copies_are_what_the_documents_say(number: str) -> None:
    directory = documents()
    assert directory is not None
    assert kept_snippets(number) == python_snippets(document(number, directory))


@pytest.mark.skipif(documents() is None, reason="the seed documents are not at hand")
def test_the_notebook_is_what_the_document_says() -> None:
    directory = documents()
    assert directory is not None
    assert kept_cells() == notebook_cells(document("002", directory))


def test_s0_3_the_quick_start() -> None:
    left = run(kept_snippets("000")[0])
    allowed, outcome, record_id = left["printed"].splitlines()
    assert (allowed, outcome) == ("True", "allow")
    assert str(uuid.UUID(record_id)) == record_id


def test_s0_3_and_s0_4_what_the_quick_start_decides() -> None:
    engines: list[Any] = []

    class Kept(GovernanceEngine):
        """Lets a test look at what the snippet keeps to itself."""

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            engines.append(super().__new__(cls, *args, **kwargs))
            return engines[-1]

    snippet = kept_snippets("000")[0].replace("    GovernanceEngine,\n", "")
    assert "import (" in snippet
    left = run(snippet, GovernanceEngine=Kept)
    [engine] = engines
    record_id = left["printed"].splitlines()[2]
    [record] = engine.audit.get(record_id)
    assert record.record_id == record_id
    assert record.outcome == GovernanceOutcome.ALLOW == "allow"
    action = GovernanceAction(
        agent_id="my-agent",
        required_trust_level=TrustLevel.L2_SUGGEST,
        budget_category="llm-calls",
        budget_amount=1.5,
        data_type="user_profile",
        purpose="personalisation",
        action_type="llm_completion",
    )
    again = run(kept_snippets("000")[1], engine=engine, action=action)["decision"]
    assert list(again.reasons) == [
        "Agent 'my-agent' has trust level Act (Approval Required) (3), which satisfies the required level Suggest (2).",
        "Category 'llm-calls': 1.5000 requested, 100.0000 available (0.0000 of 100.0000 spent).",
        "Consent granted for agent 'my-agent' to access 'user_profile' for purpose 'personalisation' (granted by 'admin@example.com').",
    ]


def test_s0_2_the_components() -> None:
    snippet = kept_snippets("000")[2]
    run(snippet, engine=GovernanceEngine(config=GovernanceConfig()))


def test_s0_7_to_s0_12_the_managers_one_after_the_other() -> None:
    _, _, _, trust, budget, consent, audit, _ = kept_snippets("000")
    left = run(trust, engine=GovernanceEngine(), TrustLevel=TrustLevel)
    assert left["result"].allowed is True
    left = run(budget, engine=left["engine"])
    assert (left["result"].allowed, left["result"].available) == (True, 47.5)
    left = run(consent, engine=left["engine"])
    assert left["result"].granted is True
    engine = left["engine"]
    assert run(audit, engine=engine)["printed"] == ""
    denied = engine.evaluate_sync(GovernanceAction("agent-id", required_trust_level=TrustLevel.L5_AUTONOMOUS))
    assert run(audit, engine=engine)["printed"] == f"{denied.audit_record_id} deny\n"


def test_s0_13_the_configuration() -> None:
    left = run(kept_snippets("000")[7], GovernanceEngine=GovernanceEngine)
    config = left["engine"].config
    assert (config.trust.default_level, config.trust.enable_decay, config.trust.decay_cliff_days) == (1, True, 90)
    assert (config.budget.allow_overdraft, config.budget.rollover_on_reset) == (False, False)
    assert (config.consent.default_deny, config.audit.max_records) == (True, 10_000)
    assert left["engine"].trust.get_level("anybody") == TrustLevel.L1_MONITOR


def bundle() -> dict[str, Any]:
    """The bundle's quick start, with the names that it leaves to its reader."""
    [snippet] = kept_snippets("004")
    answer = SimpleNamespace(tokens_used=42)
    return run(snippet, ToolRequest=ToolRequest, ToolResponse=SimpleNamespace, execute_tool_call=lambda request: answer)


def test_s4_1_to_s4_3_the_bundles_quick_start() -> None:
    left = bundle()
    stack, handle, request = left["stack"], left["handle_tool_call"], left["ToolRequest"]
    stack.trust.set_level("reader", TrustLevel.L2_SUGGEST)
    assert handle(request("reader", "s-1", "file-reader")).tokens_used == 42
    with pytest.raises(PermissionError, match="Trust gate denied: "):
        handle(request("stranger", "s-1", "file-reader"))
    for _ in range(99):
        handle(request("reader", "s-1", "file-reader"))
    with pytest.raises(RuntimeError, match="Budget limit reached for this session"):
        handle(request("reader", "s-1", "file-reader"))
    handle(request("reader", "s-2", "file-reader"))
