"""The log: row S0-12, and proofs that need nothing of this process."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from aumos_governance import (
    AuditFilter,
    GovernanceAction,
    GovernanceEngine,
    GovernanceOutcome,
    InvalidArgumentError,
    NotFoundError,
    VerificationError,
)


def test_s0_12_records_are_found_by_what_they_say(engine: GovernanceEngine, action: GovernanceAction) -> None:
    assert engine.evaluate_sync(action)
    for resource in ("x", "y", "x"):
        assert not engine.evaluate_sync(GovernanceAction("my-agent", 5, action_type="erase", resource=resource))

    def found(**conditions: Any) -> int:
        result = engine.audit.query(AuditFilter(**conditions))
        assert len(result) == len(result.records)
        return result.total_matched

    denied = engine.audit.query(AuditFilter(agent_id="my-agent", outcome=GovernanceOutcome.DENY))
    assert denied.total_matched == 3
    assert {record.decision for record in denied.records} == {GovernanceOutcome.DENY}
    assert len({record.record_id for record in denied.records}) == 3
    assert found(outcome="deny") == 3 and found(outcome="allow") == 1
    assert found(action_type="erase") == 3 and found(action_type="llm_completion") == 1
    assert found(resource="x") == 2 and found(agent_id="nobody") == 0
    assert found(kind="decision") == 4 and found(kind="trust_change") == 1

    last = engine.audit.latest(1)[0]
    assert found(since=last.timestamp) >= 1 and found(since=last.timestamp + timedelta(microseconds=1)) == 0
    assert found(until=last.timestamp) < engine.audit.count()
    assert found(until=last.timestamp + timedelta(microseconds=1)) == engine.audit.count()

    page = engine.audit.query(AuditFilter(outcome="deny", limit=1, offset=1))
    assert (page.total_matched, page.records) == (3, denied.records[1:2])
    newest = engine.audit.query(AuditFilter(outcome="deny", newest_first=True))
    assert newest.records == denied.records[::-1]
    assert [record.index for record in engine.audit.latest(2)] == [last.index, last.index - 1]
    assert engine.audit.count() == len(engine.audit) == engine.audit.query().total_matched


def test_a_filter_is_strict_compares_and_prints() -> None:
    assert AuditFilter("a", "deny") == AuditFilter(agent_id="a", outcome=GovernanceOutcome.DENY)
    assert AuditFilter("a") != AuditFilter("b")
    assert repr(AuditFilter("a", "deny", limit=3)) == 'AuditFilter(agent_id="a", outcome="deny", limit=3)'
    for arguments in ({"outcome": "maybe"}, {"kind": "x"}, {"limit": -1}, {"since": datetime(2026, 1, 1)}, {"agent_id": "\udcff"}):
        with pytest.raises(InvalidArgumentError):
            AuditFilter(**arguments)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        AuditFilter(agent="a")  # type: ignore[call-arg]


def test_an_event_is_stored_as_it_was_logged(engine: GovernanceEngine) -> None:
    record = engine.audit.log("deployed", agent_id="a", session_id="s", reason="why", resource="r")
    assert engine.audit.latest(1) == [record]
    assert (record.event, record.agent_id, record.session_id, record.reason, record.resource) == ("deployed", "a", "s", "why", "r")
    assert (record.kind, record.outcome, record.namespace) == ("event", None, "aumos.security-bundle")
    assert json.loads(record.json()) == record.to_dict()
    for event in ("", "x" * 5000, "a\nb"):
        with pytest.raises(InvalidArgumentError):
            engine.audit.log(event)
    assert engine.audit.latest(1) == [record]


def _nothing_can_be_changed(value: Any) -> None:
    """No list, dictionary or set anywhere below."""
    assert not isinstance(value, (list, dict, set, bytearray)), type(value)
    if isinstance(value, (tuple, frozenset)):
        for item in value:
            _nothing_can_be_changed(item)
    elif hasattr(value, "items"):
        with pytest.raises(TypeError):
            value["x"] = 1
        for key, item in value.items():
            _nothing_can_be_changed(key)
            _nothing_can_be_changed(item)


def test_records_and_decisions_cannot_be_changed_to_their_depth(engine: GovernanceEngine, action: GovernanceAction) -> None:
    with engine.authorize(action) as permit:
        decision = permit.decision
    things: list[Any] = [decision, decision.trust, decision.budget, decision.consent, action, *engine.audit.query().records]
    things += [engine.audit.query(), engine.audit.verify(), engine.audit.receipt(0), AuditFilter(), engine.budget.summary()[0]]
    before = engine.audit.export_ndjson()
    for thing in things:
        names = [name for name in dir(thing) if not name.startswith("_")]
        assert names
        for name in names:
            value = getattr(thing, name)
            with pytest.raises(AttributeError):
                setattr(thing, name, None)
            with pytest.raises(AttributeError):
                delattr(thing, name)
            if not callable(value):
                _nothing_can_be_changed(value)
        with pytest.raises(AttributeError):
            thing.anything_else = 1
    handed_out = engine.audit.latest(1)[0].to_dict()
    handed_out.clear()
    assert engine.audit.export_ndjson() == before and engine.audit.latest(1)[0].details


def test_a_log_verifies_and_a_kept_checkpoint_binds_it(engine: GovernanceEngine, action: GovernanceAction) -> None:
    kept = engine.audit.checkpoint()
    engine.evaluate_sync(action)
    report = engine.audit.verify(kept)
    assert report and report.ok and report.fully_covered and report.level == "pinned"
    assert report.size == engine.audit.count()
    other = GovernanceEngine()
    for wrong in (other.audit.checkpoint(), "", "nonsense", kept.replace("\n", "\r\n"), "\udc80"):
        with pytest.raises((VerificationError, InvalidArgumentError)):
            engine.audit.verify(wrong)


def test_a_receipt_shows_the_entry_and_nothing_else(engine: GovernanceEngine, action: GovernanceAction) -> None:
    decision = engine.evaluate_sync(action)
    assert decision.audit_record_id is not None and engine.audit.verifier_key is not None
    receipt = engine.audit.prove(decision.audit_record_id)
    receipt.verify(engine.audit.verifier_key)
    assert json.loads(receipt.entry)["id"] == decision.audit_record_id
    assert receipt.record.record_id == decision.audit_record_id
    assert str(receipt).startswith("c2sp.org/tlog-proof@v1\n") and receipt.checkpoint in str(receipt)
    assert len(receipt.proof) > 0 and engine.audit.receipt(receipt.index).entry == receipt.entry
    with pytest.raises(VerificationError):
        receipt.verify(engine.audit.verifier_key, receipt.entry.replace(b"my-agent", b"no-agent"))
    with pytest.raises(VerificationError):
        receipt.verify(GovernanceEngine().audit.verifier_key or "")
    with pytest.raises(NotFoundError):
        engine.audit.prove("01a20590-0920-7570-9a08-6d63ffbe3a7c")
    with pytest.raises(NotFoundError):
        engine.audit.receipt(10**9)
    with pytest.raises(InvalidArgumentError):
        engine.audit.prove("not-an-id")


def test_a_bounded_log_forgets_its_oldest_and_keeps_counting() -> None:
    engine = GovernanceEngine({"audit": {"max_records": 5}})
    for number in range(20):
        engine.audit.log(f"event-{number}")
    assert [record.event for record in engine.audit.latest(2)] == ["event-19", "event-18"]
    assert engine.audit.query().total_matched == engine.audit.count() == 5
    assert engine.audit.latest(1)[0].timestamp.tzinfo == timezone.utc or engine.audit.latest(1)[0].timestamp.tzinfo is not None
