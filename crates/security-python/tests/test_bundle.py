"""The seed's bundle from Python: rows S4-1 to S4-7."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from aumos_governance import AuditFilter, ConfigurationError, InvalidArgumentError
from aumos_security import (
    AuditRecord,
    BudgetEnforcerConfig,
    SecurityStack,
    SecurityStackConfig,
    ToolRequest,
    TrustGateConfig,
    TrustLevel,
    create_security_stack,
)


@pytest.fixture
def stack() -> SecurityStack:
    made = create_security_stack(
        SecurityStackConfig(
            trust_gate=TrustGateConfig(required_level="verified", tool_name="file-reader"),
            budget=BudgetEnforcerConfig(token_limit=10_000, call_limit=100),
            audit_namespace="my-agent.production",
        )
    )
    made.trust.set_level("reader", TrustLevel.L2_SUGGEST)
    made.trust.set_level("watcher", 1)
    return made


def test_s4_2_the_gate_blocks_what_exceeds_the_assigned_level(stack: SecurityStack) -> None:
    assert stack.trust_gate.check(ToolRequest("reader", "s-1", "file-reader")).allowed
    refused = stack.trust_gate.check(ToolRequest("watcher", "s-1", "file-reader"))
    assert not refused.allowed
    assert refused.reason == "Agent 'watcher' has trust level Monitor (1), which is below the required level Suggest (2)."
    assert stack.trust_gate.check(ToolRequest("reader", "s-1", "file-writer")).code == "unknown_tool"
    assert not stack.trust_gate.check(ToolRequest("nobody", "s-1", "file-reader")).allowed


def test_any_object_with_the_attributes_is_a_request(stack: SecurityStack) -> None:
    request = SimpleNamespace(agent_id="reader", tool_name="file-reader")
    assert stack.trust_gate.check(request).allowed
    for wrong in (SimpleNamespace(agent_id="reader"), object(), None):
        with pytest.raises(AttributeError):
            stack.trust_gate.check(wrong)
    with pytest.raises(TypeError):
        stack.trust_gate.check(SimpleNamespace(agent_id=1, tool_name="file-reader"))
    with pytest.raises(InvalidArgumentError):
        stack.trust_gate.check(SimpleNamespace(agent_id="", tool_name="file-reader"))


def test_s4_3_fixed_limits_for_each_session(stack: SecurityStack) -> None:
    for _ in range(100):
        assert stack.budget.check_budget("s-1").allowed
        stack.budget.record_spending("s-1", 1)
    assert not stack.budget.check_budget("s-1").allowed
    assert stack.budget.check_budget("s-2").allowed
    stack.budget.record_spending("s-2", 9_999)
    stack.budget.record_spending("s-2", 5_000)
    assert not stack.budget.check_budget("s-2").allowed


def test_s4_4_checking_changes_nothing_and_recording_adds_tokens_and_one_call(stack: SecurityStack) -> None:
    for _ in range(200):
        assert stack.budget.check_budget("s-1").allowed
    stack.budget.record_spending("s-1", 42)
    used = stack.budget.get_utilization("s-1")
    assert (used.tokens_spent, used.calls_spent) == (42, 1)
    with pytest.raises(InvalidArgumentError):
        stack.budget.record_spending("s-1", -1)
    assert stack.budget.get_utilization("s-1").calls_spent == 1


def test_s4_5_records_carry_the_namespace_and_are_found(stack: SecurityStack) -> None:
    stored = stack.audit.log(AuditRecord(event="trust-denied", reason="why", session_id="s-1"))
    (found,) = stack.audit.query(AuditFilter(session_id="s-1")).records
    assert found == stored
    assert (found.event, found.reason, found.namespace) == ("trust-denied", "why", "my-agent.production")
    assert create_security_stack().audit.namespace == "aumos.security-bundle"
    with pytest.raises(TypeError):
        stack.audit.log("trust-denied")  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        AuditRecord(event="x").event = "y"  # type: ignore[misc]


def test_s4_6_both_checks_answer_in_one_shape(stack: SecurityStack) -> None:
    trust = stack.trust_gate.check(ToolRequest("reader", "s-1", "file-reader"))
    budget = stack.budget.check_budget("s-1")
    for answer in (trust, budget):
        assert (type(answer.allowed), type(answer.reason), type(answer.code)) == (bool, str, str)


def test_s4_7_the_log_verifies(stack: SecurityStack) -> None:
    kept = stack.audit.checkpoint()
    stack.audit.log(AuditRecord(event="x"))
    assert stack.audit.verify(kept).ok
    record_id = stack.audit.latest(1)[0].record_id
    stack.audit.prove(record_id).verify(stack.audit.verifier_key or "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"trust_gate": {"required_level": "nonesuch", "tool_name": "t"}},
        {"trust_gate": {"required_level": "verified", "tool_name": ""}},
        {"trust_gate": {"required_level": 7, "tool_name": "t"}},
        {"trust_gate": {"required_level": True, "tool_name": "t"}},
        {"budget": {"token_limit": -1}},
        {"budget": {"token_limit": 2**64}},
        {"budget": {"tokens": 1}},
        {"audit_namespace": ""},
        {"default_level": 9},
        {"more": 1},
    ],
)
def test_what_does_not_hold_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises((ConfigurationError, InvalidArgumentError)):
        create_security_stack(wrong)
