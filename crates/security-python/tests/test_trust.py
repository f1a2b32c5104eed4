"""Levels, set by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from aumos_governance import GovernanceEngine, InvalidArgumentError, TrustLevel, TrustLevelError


def test_a_level_counts_in_its_scope_and_below() -> None:
    engine = GovernanceEngine()
    engine.trust.set_level("a", 4, scope="billing")
    assert engine.trust.get_level("a", scope="billing.invoices") is TrustLevel.L4_ACT_REPORT or (
        engine.trust.get_level("a", scope="billing/invoices") is TrustLevel.L4_ACT_REPORT
    )
    assert engine.trust.get_level("a") is TrustLevel.L1_MONITOR


def test_a_level_that_does_not_suffice_raises_with_the_result() -> None:
    engine = GovernanceEngine()
    engine.trust.set_level("a", TrustLevel.L2_SUGGEST)
    engine.trust.require_level("a", 2)
    with pytest.raises(TrustLevelError) as caught:
        engine.trust.require_level("a", 3)
    assert caught.value.code == "TRUST_LEVEL_INSUFFICIENT"
    assert caught.value.result.current_level is TrustLevel.L2_SUGGEST
    assert caught.value.result.required_level is TrustLevel.L3_ACT_APPROVE
    assert not caught.value.result


def test_what_is_removed_is_removed_at_once_and_told_once() -> None:
    engine = GovernanceEngine()
    engine.trust.set_level("a", 4)
    assert engine.trust.remove("a", reason="left") is True
    assert engine.trust.get_level("a") <= TrustLevel.L1_MONITOR
    assert engine.trust.remove("b") is False
    engine.trust.set_level("c", 2)
    assert engine.trust.list_agents() == ["c"]


def test_a_level_ends_when_it_was_said_to() -> None:
    engine = GovernanceEngine()
    now = datetime.now(timezone.utc)
    engine.trust.set_level("a", 4, expires_at=now + timedelta(days=1))
    assert engine.trust.get_level("a") is TrustLevel.L4_ACT_REPORT
    for bad in (now - timedelta(days=1), datetime(2030, 1, 1)):
        with pytest.raises(InvalidArgumentError):
            engine.trust.set_level("a", 4, expires_at=bad)
    assert engine.trust.get_level("a") is TrustLevel.L4_ACT_REPORT


def test_whoever_assigned_it_stands_in_the_log() -> None:
    engine = GovernanceEngine()
    engine.trust.set_level("a", 3, assigned_by="ops@example.com", reason="pilot")
    record = engine.audit.latest(1)[0]
    assert (record.kind, record.operator, record.agent_id) == ("trust_change", "ops@example.com", "a")


def test_decay_wears_levels_out_only_where_it_is_enabled() -> None:
    worn = GovernanceEngine({"trust": {"enable_decay": True, "decay_cliff_days": 90}})
    kept = GovernanceEngine()
    for engine in (worn, kept):
        engine.trust.set_level("a", 4)
        engine.trust.touch("a") if engine is worn else None
        assert engine.trust.get_level("a") is TrustLevel.L4_ACT_REPORT
    assert '"inactivity"' in worn.audit.export_ndjson().decode()
    assert '"inactivity"' not in kept.audit.export_ndjson().decode()


@pytest.mark.parametrize("level", [True, 2.0, "2", None, "L2"])
def test_what_is_no_level_is_a_type_error(level: object) -> None:
    with pytest.raises(TypeError):
        GovernanceEngine().trust.set_level("a", level)  # type: ignore[arg-type]
