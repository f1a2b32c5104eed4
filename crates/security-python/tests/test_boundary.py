"""Whatever Python hands in, the answer is a documented exception or none: never a panic, never a change by halves."""

from __future__ import annotations

import asyncio
import decimal
import types
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import aumos_governance
from aumos_governance import AuditFilter, GovernanceAction, GovernanceEngine, GovernanceError
from aumos_governance.config import AuditConfig, BudgetConfig, ConsentConfig, GovernanceConfig, TrustConfig


class EvilError(Exception):
    """What an object of the caller's raises is the caller's."""


class Evil:
    """Raises on everything that is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        raise EvilError

    __str__ = __repr__ = __bool__ = __len__ = __iter__ = __hash__ = __index__ = __int__ = __float__ = __eq__ = (  # type: ignore[assignment]
        lambda *_: (_ for _ in ()).throw(EvilError)
    )


class Text(str):
    def __str__(self) -> str:
        raise EvilError


class Number(int):
    def __index__(self) -> int:
        raise EvilError


class Money(decimal.Decimal):
    def adjusted(self) -> Any:
        return "deep"


class Zone(timezone.__base__):  # type: ignore[misc]
    def utcoffset(self, _: Any) -> Any:
        raise EvilError


def recursive() -> Any:
    knot: dict[str, Any] = {}
    knot["knot"] = [knot]
    return knot


def deep() -> Any:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    return nested


ODD = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64 - 1, 2**64, -(2**63), 10**5000, 0.0, -0.0, 1.5, float("nan"), float("inf"), 5e-324,
    1.8e308, "", "a", "a" * 300, "x" * 100_000, "\ud800", "a\0b", "\n", "ａ", "🦀" * 40, " a ", "../..", "a.b.c", ".".join("a" * 40), "*",
    b"a", bytearray(b"a"), [], [1], {}, {"a": 1}, (), set(), object(), object, len, Ellipsis, NotImplemented, 1j,
    decimal.Decimal("NaN"), decimal.Decimal("1E+1000000"), decimal.Decimal("-0"), Evil(), Text("a"), Number(1), Money("1.5"), recursive(), deep(),
    datetime.min, datetime.max, datetime.max.replace(tzinfo=timezone.utc), datetime.min.replace(tzinfo=timezone(timedelta(hours=23))),
    datetime.max.replace(tzinfo=timezone(-timedelta(hours=23))), datetime(2030, 1, 1, tzinfo=Zone()), types.SimpleNamespace(model_dump=lambda **_: 3),
]  # fmt: skip



class Odd(int):
    """An index into ODD: hypothesis must neither print nor compare what is there."""


def given_value(drawn: Any) -> Any:
    return ODD[drawn] if isinstance(drawn, Odd) else drawn


value = st.one_of(
    st.sampled_from(range(len(ODD))).map(Odd),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=20),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.binary(max_size=4),
    st.datetimes(timezones=st.just(timezone.utc)),
    st.sampled_from(["my-agent", "llm-calls", "daily", "user_profile", "deny", "decision", "L2"]),
)

ALLOWED = (GovernanceError, TypeError, EvilError)

ENGINE = GovernanceEngine()
ENGINE.budget.create_budget("llm-calls", 100)

ACTION = [
    "required_trust_level", "budget_category", "budget_amount", "data_type", "purpose", "action_type", "resource", "scope", "session_id", "tool",
    "args", "subject", "operation", "budget_tokens", "budget_calls", "session_amount", "session_tokens", "session_calls",
]  # fmt: skip

CALLS: dict[str, tuple[Any, int, list[str]]] = {
    "set_level": (ENGINE.trust.set_level, 2, ["scope", "assigned_by", "reason", "expires_at"]),
    "get_level": (ENGINE.trust.get_level, 1, ["scope"]),
    "check_level": (ENGINE.trust.check_level, 2, ["scope"]),
    "require_level": (ENGINE.trust.require_level, 2, ["scope"]),
    "touch": (ENGINE.trust.touch, 1, ["scope", "by", "reason"]),
    "remove": (ENGINE.trust.remove, 1, ["scope", "by", "reason"]),
    "create_budget": (
        ENGINE.budget.create_budget,
        2,
        ["period", "tokens", "calls", "parent", "zone", "allow_overdraft", "rollover", "by"],
    ),
    "record_spending": (ENGINE.budget.record_spending, 2, ["description", "tokens", "calls"]),
    "check_budget": (ENGINE.budget.check_budget, 2, ["tokens", "calls"]),
    "get_utilization": (ENGINE.budget.get_utilization, 1, []),
    "update_limit": (ENGINE.budget.update_limit, 2, ["tokens", "calls", "by"]),
    "suspend": (ENGINE.budget.suspend, 1, ["by"]),
    "resume": (ENGINE.budget.resume, 1, ["by"]),
    "reserve": (ENGINE.budget.reserve, 2, ["tokens", "calls", "ttl"]),
    "record_consent": (
        ENGINE.consent.record_consent,
        4,
        ["subject", "operation", "expires_at"],
    ),
    "check_consent": (ENGINE.consent.check_consent, 3, ["subject", "operation"]),
    "revoke_consent": (ENGINE.consent.revoke_consent, 3, ["subject", "operation", "by"]),
    "revoke_all_for_agent": (ENGINE.consent.revoke_all_for_agent, 1, ["by"]),
    "list_consents": (ENGINE.consent.list_consents, 1, []),
    "log": (ENGINE.audit.log, 1, ["agent_id", "session_id", "reason", "resource"]),
    "query": (ENGINE.audit.query, 1, []),
    "latest": (ENGINE.audit.latest, 1, []),
    "get": (ENGINE.audit.get, 1, []),
    "verify": (ENGINE.audit.verify, 1, []),
    "prove": (ENGINE.audit.prove, 1, []),
    "receipt": (ENGINE.audit.receipt, 1, []),
    "approvals.list": (ENGINE.approvals.list, 1, ["all"]),
    "approvals.get": (ENGINE.approvals.get, 1, []),
    "approvals.approve": (ENGINE.approvals.approve, 1, ["by", "reason"]),
    "approvals.deny": (ENGINE.approvals.deny, 1, ["by", "reason"]),
    "record_event": (ENGINE.record_event, 2, ["session_id", "detail"]),
    "evaluate_sync": (ENGINE.evaluate_sync, 1, []),
    "preview": (ENGINE.preview, 1, []),
    "authorize_sync": (ENGINE.authorize_sync, 1, []),
    "sessions.check_budget": (ENGINE.sessions.check_budget, 1, []),
    "sessions.record_spending": (ENGINE.sessions.record_spending, 2, []),
    "AuditFilter": (
        AuditFilter,
        4,
        ["since", "until", "session_id", "event", "kind", "limit", "offset", "newest_first"],
    ),
    "GovernanceAction": (GovernanceAction, 1, ACTION),
    "GovernanceConfig": (GovernanceConfig, 0, ["trust", "budget", "consent", "audit", "data_dir_", "mode"]),
    "TrustConfig": (
        TrustConfig,
        0,
        ["default_level", "enable_decay", "decay_cliff_days", "decay_gradual_days", "scope_mode", "tiers", "tools", "assignments"],
    ),
    "BudgetConfig": (BudgetConfig, 0, ["allow_overdraft", "rollover_on_reset", "session", "budgets", "tools"]),
    "ConsentConfig": (ConsentConfig, 0, ["default_deny", "grants", "tools"]),
    "AuditConfig": (AuditConfig, 0, ["max_records", "namespace", "required", "level"]),
    "from_toml": (GovernanceConfig.from_toml, 1, []),
}


@pytest.mark.parametrize("name", CALLS)
def test_only_documented_exceptions(name: str) -> None:
    call, positional, named = CALLS[name]

    @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(
        st.lists(value, min_size=positional, max_size=positional),
        st.dictionaries(st.sampled_from(named), value, max_size=4) if named else st.just({}),
    )
    def run(args: list[Any], kwargs: dict[str, Any]) -> None:
        try:
            call(*map(given_value, args), **{name: given_value(drawn) for name, drawn in kwargs.items()})
        except ALLOWED:
            pass

    run()


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.dictionaries(st.sampled_from(ACTION), value, max_size=5))
def test_whatever_can_be_described_is_decided_and_recorded_or_refused(described: dict[str, Any]) -> None:
    try:
        action = GovernanceAction("my-agent", **{name: given_value(drawn) for name, drawn in described.items()})
        before = ENGINE.audit.latest(1)[0].index
        decision = ENGINE.evaluate_sync(action)
    except ALLOWED:
        return
    assert ENGINE.audit.latest(1)[0].index == before + 1
    assert decision.audit_record_id == ENGINE.audit.latest(1)[0].record_id
    assert asyncio.run(ENGINE.evaluate(action)).code == decision.code
    repr(action), repr(decision), decision.to_dict()


def test_the_log_is_whole_after_all_that() -> None:
    assert ENGINE.audit.verify().ok


def test_a_class_without_a_constructor_has_none() -> None:
    for cls in (aumos_governance.Permit, aumos_governance.GovernanceDecision, aumos_governance.AuditRecord, aumos_governance.TrustManager):
        with pytest.raises(TypeError):
            cls()  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            type("Own", (cls,), {})


def test_deleted_attributes_and_uninitialised_engines_are_told() -> None:
    class Own(GovernanceEngine):
        pass

    own = Own()
    assert own.evaluate_sync(GovernanceAction("a", 1)).allowed
    with pytest.raises(AttributeError):
        del own.trust  # type: ignore[misc]
    with pytest.raises(TypeError):
        object.__new__(GovernanceEngine)
    with pytest.raises(TypeError):
        aumos_governance._core.Engine.__new__(GovernanceEngine)  # type: ignore[attr-defined]
    with pytest.raises(aumos_governance.ConfigurationError):
        aumos_governance._core.Engine("")  # type: ignore[attr-defined]
