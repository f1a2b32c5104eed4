"""Each example runs by itself, and prints what it says that it prints."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from seed_documents import CRATE

EXAMPLES = CRATE / "examples"

PRINTS = {
    "basic_governance": """\
at first: deny (trust_too_low)
with a level: deny (no_budget)
with a budget: deny (no_record)
with consent: allow (allowed)
spent 1.25 of 4.00 USD
without consent: withdrawn
4 denials in a log that verifies
""",
    "multi_agent": """\
planner: anywhere L4, web/search L4, mail L4
researcher: anywhere L2, web/search L4, mail L2
mailer: anywhere L0, web/search L0, mail L3
notes for research: planner, researcher
notes for planning: planner
email for notifications: mailer
6 of 10 ran; 0.90 of 1.00 USD spent
""",
    "openai_client": """\
the provider is asked for at most 483 tokens
Hello!
denied: exceeds_budget
chat_completion True 5.25e-05
chat_completion False None
""",
    "anthropic_client": """\
Hello!
message settled 12 0.00012
0.00012 USD spent
""",
    "governed_functions": """\
['about trust']
['about budgets']
denied: exceeds_budget
to ada: done
denied: no_record
""",
    "langchain_tools": """\
success: about trust
error: Denied: Agent 'researcher' has trust level Suggest (2), which satisfies the required level Suggest (2). \
Category 'tools': 0.0500 requested but only 0.0300 remains (0.0500 of 0.0800 spent).
""",
}

#: These are run by tests of their own.
OTHERS = {"fastapi_middleware"}


@pytest.mark.parametrize("name", sorted(PRINTS))
def test_an_example_prints_what_it_says(name: str) -> None:
    ran = subprocess.run([sys.executable, "-W", "error::ResourceWarning", str(EXAMPLES / f"{name}.py")], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == PRINTS[name]


def test_no_example_is_forgotten() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(PRINTS) | OTHERS


def test_the_fastapi_example(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi.testclient import TestClient

    monkeypatch.syspath_prepend(str(EXAMPLES))
    import fastapi_middleware  # type: ignore[import-not-found]

    client = TestClient(fastapi_middleware.app)

    def ask(method: str, path: str, token: str | None = None) -> tuple[int, Any]:
        response = client.request(method, path, headers={} if token is None else {"authorization": f"Bearer {token}"})
        return response.status_code, response.json()

    assert ask("GET", "/notes", "reader-token") == (200, ["buy milk"])
    status, problem = ask("GET", "/notes")
    assert (status, problem["code"]) == (401, "unauthenticated")
    status, problem = ask("POST", "/summaries", "reader-token")
    assert (status, problem["code"]) == (403, "trust_too_low")
    status, summary = ask("POST", "/summaries", "writer-token")
    assert (status, summary["summary"]) == (200, "milk")
    assert ask("POST", "/summaries", "writer-token")[0] == 200
    status, problem = ask("POST", "/summaries", "writer-token")
    # Two took 0.015 each, of 0.05: a third that may take 0.02 still fits, and then no more.
    assert status == 200
    status, problem = ask("POST", "/summaries", "writer-token")
    assert (status, problem["code"]) == (429, "exceeds_budget")
    assert "record_id" in problem


