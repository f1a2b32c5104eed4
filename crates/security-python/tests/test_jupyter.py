"""The notebook of the seed, executed by Jupyter, and each magic by itself (seed-acceptance, rows S2-1 to S2-9)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

import aumos_governance.jupyter_extension.session as session_module
import nbformat
import pytest
from aumos_governance import AuditFilter, GovernanceOutcome
from aumos_governance.jupyter_extension import get_engine, get_session
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbclient import NotebookClient
from provider_server import start
from seed_documents import NOTEBOOK, kept_cells

AGENT = "jupyter-user-01"
ACTIVE = "Trust Level: L2\nBudget: ${} spent / $10.00 limit (${} remaining)"


def executed(*more: str) -> Any:
    """The notebook, and more cells after it, executed in a kernel of its own."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in more]
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    return [told_by(cell) for cell in notebook.cells if cell.cell_type == "code"], notebook


def told_by(cell: Any) -> list[str]:
    """The outputs of a cell. What is printed in one go may come in pieces, as the kernel finds time to send it."""
    told = []
    for is_printed, group in itertools.groupby(cell.outputs, key=lambda output: output["output_type"] == "stream"):
        texts = [str(output["text"] if is_printed else output["data"]["text/plain"]) for output in group]
        told += ["".join(texts).strip()] if is_printed else [text.strip() for text in texts]
    return told


def test_s2_1_the_notebook_as_jupyter_runs_it() -> None:
    review = (
        "from aumos_governance.jupyter_extension import get_engine\n"
        f"decisions = [record for record in get_engine().audit.latest(100) if record.agent_id == {AGENT!r} and record.kind == 'decision']\n"
        "print(len(decisions), all(get_engine().audit.verify().ok for _ in '1'))"
    )
    outputs, notebook = executed("%governance_status", review)
    assert outputs == [
        [],
        [],
        ["Governance enabled: trust_level=L2, budget=$10.00"],
        [ACTIVE.format("0.00", "10.00")],
        ["Recorded: $0.05 for gpt-4o ($9.95 remaining)"],
        [
            ACTIVE.format("0.05", "9.95"),
            "Recorded: $0.03 for text-embedding-3-small ($9.92 remaining)\nRecorded: $0.12 for claude-opus-4-6 ($9.80 remaining)",
            ACTIVE.format("0.20", "9.80"),
        ],
        [ACTIVE.format("0.20", "9.80"), "Governance disabled. Session total: $0.20 / $10.00"],
        ["Governance: INACTIVE\nLast session total: $0.20 / $10.00"],
        ["3 True"],
    ]
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    tables = [output["data"]["text/html"] for output in shown if output["output_type"] == "display_data"]
    assert len(tables) == 5
    assert "<th" in tables[0]
    assert "$10.00" in tables[0]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with the extension, and a notebook of its own."""
    monkeypatch.setattr(session_module, "_session", None)
    InteractiveShell.clear_instance()
    running = InteractiveShell.instance()
    running.run_line_magic("load_ext", "aumos_governance.jupyter_extension")
    yield running
    InteractiveShell.clear_instance()


def tell(shell: InteractiveShell, source: str) -> str:
    """What a cell shows."""
    with capture_output() as captured:
        shell.run_cell(source)
    shown = [captured.stdout, *(output.data["text/plain"] for output in captured.outputs)]
    return "\n".join(part.strip() for part in shown if part.strip())


def enable(shell: InteractiveShell, level: int = 2, budget: str = "10.0") -> None:
    assert tell(shell, f"%governance --trust-level {level} --budget {budget}").startswith("Governance enabled: ")


def test_s2_6_more_than_the_budget_is_denied_and_changes_nothing(shell: InteractiveShell) -> None:
    enable(shell)
    tell(shell, "%governance_spend 0.20")
    assert tell(shell, "%governance_spend 100 --tool gpt-4o") == "DENIED: Would exceed budget ($100.20 > $10.00)"
    assert tell(shell, "%governance_status") == ACTIVE.format("0.20", "9.80")
    denied = get_engine().audit.query(AuditFilter(agent_id=AGENT, outcome=GovernanceOutcome.DENY)).records
    assert [record.resource for record in denied] == ["gpt-4o"]
    assert tell(shell, "%governance_spend 9.80") == "Recorded: $9.80 ($0.00 remaining)"
    assert tell(shell, "%governance_spend 0.000000001") == "DENIED: Would exceed budget ($10.000000001 > $10.00)"


def test_s2_7_every_decision_is_in_the_log_and_the_total_stays(shell: InteractiveShell) -> None:
    enable(shell)
    for source in ("%governance_spend 0.05", "%governance_spend 100", "%%governed --cost 0.15\n1", "%%governed --cost 1 --level 5\n1"):
        tell(shell, source)
    assert tell(shell, "%governance_disable") == "Governance disabled. Session total: $0.20 / $10.00"
    records = get_engine().audit.query(AuditFilter(agent_id=AGENT)).records
    assert [str(record.outcome) for record in records if record.kind == "decision"] == ["allow", "deny", "allow", "deny"]
    assert [record.event for record in records if record.kind == "event"] == ["governance_enabled", "governance_disabled"]
    assert tell(shell, "%governance_status") == "Governance: INACTIVE\nLast session total: $0.20 / $10.00"
    status = get_session().status()
    assert status is not None
    assert str(status.spent) == "0.20"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("%governance --trust-level 9 --budget 10.0", "Error: --trust-level must be between 0 and 5; got 9."),
        ("%governance --trust-level -1 --budget 10.0", "Error: --trust-level must be between 0 and 5; got -1."),
        ("%governance --trust-level 2 --budget -1", "Error: --budget must be >= 0; got -1.0."),
        ("%governance --trust-level two --budget 1", "Error: --trust-level must be a whole number from 0 to 5; got 'two'."),
        ("%governance --trust-level 2.5 --budget 1", "Error: --trust-level must be a whole number from 0 to 5; got '2.5'."),
        ("%governance --trust-level 2 --budget nan", "Error: --budget must be a number; got 'nan'."),
        ("%governance --trust-level 2 --budget 1e999", "Error: --budget must be a number; got '1e999'."),
        ("%governance --trust-level 2 --budget", "Error: --budget needs a value; write %governance --trust-level N --budget X [--agent ID]."),
        ("%governance", "Error: --trust-level is missing; write %governance --trust-level N --budget X [--agent ID]."),
        ("%governance --trust-level 2 --budget 1 --force x", "Error: unknown option '--force'; write %governance --trust-level N --budget X [--agent ID]."),
        ("%governance --budget 1 --budget 2", "Error: --budget is given twice; write %governance --trust-level N --budget X [--agent ID]."),
        ("%governance 2 10", "Error: unexpected '2'; write %governance --trust-level N --budget X [--agent ID]."),
        ("%governance --agent 'x", "Error: a quotation mark is not closed; write %governance --trust-level N --budget X [--agent ID]."),
        ("%governance_spend 0.05", "Governance is not active. Run %governance first."),
        ("%governance_disable", "Governance is not active. Run %governance first."),
        ("%%governed --cost 1\nprint('ran')", "Governance is not active. Run %governance first."),
        ("%governance_status", "Governance: INACTIVE"),
    ],
)
def test_s2_8_bad_input_before_a_session(shell: InteractiveShell, source: str, told: str) -> None:
    assert tell(shell, source) == told
    assert not get_session().is_active


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("%governance_spend 0", "Error: amount must be positive; got 0.0."),
        ("%governance_spend -3", "Error: amount must be positive; got -3.0."),
        ("%governance_spend x", "Error: amount must be a number; got 'x'."),
        ("%governance_spend", "Error: amount is missing; write %governance_spend X [--tool NAME]."),
        ("%governance_spend 1 2", "Error: unexpected '2'; write %governance_spend X [--tool NAME]."),
        ("%governance_spend 1 --tool ''", "Error: --tool must not be empty."),
        ("%%governed --cost -1\nprint('ran')", "Error: --cost must be >= 0; got -1.0."),
        ("%%governed\nprint('ran')", "Error: --cost is missing; write %%governed --cost X [--level N] [--tool NAME]."),
        ("%%governed --cost 1 --level 6\nprint('ran')", "Error: --level must be between 0 and 5; got 6."),
        ("%governance_status now", "Error: unexpected 'now'; write %governance_status."),
    ],
)
def test_s2_8_bad_input_within_a_session(shell: InteractiveShell, source: str, told: str) -> None:
    enable(shell)
    before = get_engine().audit.count()
    assert tell(shell, source) == told
    assert get_engine().audit.count() == before
    assert tell(shell, "%governance_status") == ACTIVE.format("0.00", "10.00")


def test_what_the_core_refuses_is_told_and_changes_nothing(shell: InteractiveShell) -> None:
    enable(shell)
    assert tell(shell, "%governance_spend 1e-12").startswith("Error: ")
    assert tell(shell, "%governance --trust-level 3 --budget 1e300").startswith("Error: ")
    assert tell(shell, "%governance_status") == ACTIVE.format("0.00", "10.00")


def test_s2_2_a_cell_runs_only_if_it_is_allowed(shell: InteractiveShell) -> None:
    enable(shell)
    assert tell(shell, "%%governed --cost 0.5 --level 2\nx = 41\nprint(x + 1)") == "42"
    assert shell.user_ns["x"] == 41
    assert tell(shell, "%%governed --cost 0.5 --level 3\ny = 1") == (
        "DENIED: Agent 'jupyter-user-01' has trust level Suggest (2), which is below the required level Act (Approval Required) (3)."
    )
    assert tell(shell, "%%governed --cost 9.6\ny = 1") == "DENIED: Would exceed budget ($10.10 > $10.00)"
    assert "y" not in shell.user_ns
    assert tell(shell, "%%governed --cost 0\nprint(x)") == "41"
    assert tell(shell, "%governance_status") == ACTIVE.format("0.50", "9.50")


def test_a_cell_that_raises_is_paid_for_and_fails_outside_too(shell: InteractiveShell) -> None:
    enable(shell)
    with capture_output() as captured:
        result = shell.run_cell("%%governed --cost 0.5\n1 / 0")
    assert not result.success
    assert "ZeroDivisionError" in captured.stdout + captured.stderr
    assert tell(shell, "%governance_status") == ACTIVE.format("0.50", "9.50")
    records = get_engine().audit.query(AuditFilter(agent_id=AGENT)).records
    assert "failed" in [record.event for record in records]


def test_a_session_in_place_of_another_ends_it_first(shell: InteractiveShell) -> None:
    enable(shell)
    tell(shell, "%governance_spend 1")
    assert tell(shell, "%governance --trust-level 1 --budget 2 --agent other") == (
        "Governance disabled. Session total: $1.00 / $10.00\nGovernance enabled: trust_level=L1, budget=$2.00"
    )
    assert tell(shell, "%governance_status") == "Trust Level: L1\nBudget: $0.00 spent / $2.00 limit ($2.00 remaining)"


def test_a_budget_of_nothing_denies_everything_that_costs(shell: InteractiveShell) -> None:
    enable(shell, level=0, budget="0")
    assert tell(shell, "%governance_spend 0.01") == "DENIED: Would exceed budget ($0.01 > $0.00)"
    assert tell(shell, "%%governed --cost 0\nprint('ran')") == "ran"


def test_comments_behind_a_magic_are_comments(shell: InteractiveShell) -> None:
    enable(shell)
    assert tell(shell, "%governance_spend 0.05 --tool=gpt-4o  # the first call") == "Recorded: $0.05 for gpt-4o ($9.95 remaining)"


def test_html_says_the_same_and_escapes(shell: InteractiveShell) -> None:
    tell(shell, "%governance --trust-level 2 --budget 10 --agent '<b>'")
    status = get_session().status()
    assert status is not None
    page = status._repr_html_()
    assert "&lt;b&gt;" in page
    assert re.sub(r"<[^>]*>", " ", page).split() == [
        "Governance", "ACTIVE", "Agent", "&lt;b&gt;", "Trust", "Level", "L2", "Spent", "$0.00", "Limit", "$10.00", "Remaining", "$10.00",
    ]  # fmt: skip


def test_the_extension_can_be_taken_out_again(shell: InteractiveShell) -> None:
    enable(shell)
    shell.run_line_magic("unload_ext", "aumos_governance.jupyter_extension")
    assert not get_session().is_active
    assert "governance" not in shell.magics_manager.magics["line"]
    assert "governed" not in shell.magics_manager.magics["cell"]
    shell.run_line_magic("load_ext", "aumos_governance.jupyter_extension")
    enable(shell)


def test_what_the_notebook_leaves_in_comments_runs_too(capsys: pytest.CaptureFixture[str]) -> None:
    import openai

    provider, server = start()
    [*_, (_, last)] = kept_cells()
    lines = [line.removeprefix("# ").removeprefix("#") for line in last.split("use the engine directly:\n#\n")[1].splitlines()]
    client_part, query_part = "\n".join(lines).split("After making calls:")
    names: dict[str, Any] = {"raw_openai_client": openai.OpenAI(api_key="k", base_url=f"{provider.url}/v1")}
    exec(client_part, names)
    engine = names["engine"]
    engine.trust.set_level(AGENT, 2)
    engine.budget.create_budget("openai", limit=1, period="daily")
    usage = {"prompt_tokens": 8, "completion_tokens": 12, "total_tokens": 20}
    provider.answers({"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [], "usage": usage})
    names["client"].chat.completions.create(model="gpt-4o", messages=[])
    server.shutdown()
    server.server_close()
    exec(query_part.replace("Engine-level", "# Engine-level"), names)
    call, *entries = capsys.readouterr().out.splitlines()
    [record] = names["client"].audit_log
    assert call == f"{record.record_id} chat_completion True 0.01"
    # The first tells of the level that was set; then come what was decided, and how it ended.
    assert [entry.split()[:2] for entry in entries[1:]] == [[record.record_id, "allow"], [record.record_id, "None"]]
