"""Budgets: rows S0-9 and S0-10, exact to the billionth of a dollar."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aumos_governance import (
    BudgetExceededError,
    BudgetNotFoundError,
    ConflictError,
    GovernanceEngine,
    InvalidArgumentError,
    InvalidPeriodError,
    PermitEndedError,
)


def with_tools(**more: object) -> GovernanceEngine:
    engine = GovernanceEngine()
    engine.budget.create_budget("tools", limit=50.0, period="daily", **more)  # type: ignore[arg-type]
    return engine


def test_s0_9_what_was_spent_leaves_the_rest() -> None:
    engine = with_tools()
    spent = engine.budget.record_spending("tools", 2.5, description="web search")
    assert (spent.amount, spent.description, spent.category) == (2.5, "web search", "tools")
    result = engine.budget.check_budget("tools", 10.0)
    assert result.allowed is True
    assert result.available == 47.5 and type(result.available) is float
    assert result.available_exact == Decimal("47.5")
    assert (result.requested, result.limit, result.spent, result.reserved) == (10.0, 50.0, 2.5, 0.0)
    assert result.category == "tools" and result.dimension == "cost" and result.resets_at is not None


@pytest.mark.parametrize("period", ["hourly", "daily", "weekly", "monthly", "yearly", "lifetime", "every 36h"])
def test_s0_10_the_periods(period: str) -> None:
    engine = GovernanceEngine()
    engine.budget.create_budget("b", 1, period)
    assert engine.budget.get_utilization("b").period == period


def test_s0_10_limits_are_static_and_refusals_change_nothing() -> None:
    engine = with_tools()
    with pytest.raises(InvalidPeriodError):
        engine.budget.create_budget("x", 1, "fortnightly")
    with pytest.raises(BudgetNotFoundError):
        engine.budget.check_budget("missing", 1.0)
    with pytest.raises(BudgetNotFoundError):
        engine.budget.record_spending("missing", 1.0)
    with pytest.raises(BudgetNotFoundError):
        engine.budget.get_utilization("missing")
    with pytest.raises(BudgetExceededError) as caught:
        engine.budget.record_spending("tools", "50.000000001")
    assert caught.value.code == "BUDGET_EXCEEDED" and caught.value.result.available == 50.0
    with pytest.raises(ConflictError):
        engine.budget.create_budget("tools", 100, "daily")
    assert engine.budget.check_budget("tools", 50).allowed
    engine.budget.record_spending("tools", 50)
    assert not engine.budget.check_budget("tools", "0.000000001").allowed


@pytest.mark.parametrize(
    ("given_as", "exact"),
    [
        (1, "1"),
        (0.1 + 0.2, "0.3"),
        ("0.000000001", "0.000000001"),
        (Decimal("1E+1"), "10"),
        (Decimal("1.50000000000000"), "1.5"),
        ("1.10000000000", "1.1"),
        (Decimal("-0"), "0"),
        (0, "0"),
    ],
)
def test_amounts_are_exact_however_they_are_written(given_as: object, exact: str) -> None:
    engine = with_tools()
    engine.budget.record_spending("tools", given_as)  # type: ignore[arg-type]
    assert engine.budget.get_utilization("tools").spent_exact == Decimal(exact)


@pytest.mark.parametrize(
    "amount",
    [
        float("nan"), float("inf"), float("-inf"), -1, -0.5, "-1", "1e3", "", "a", "１", 10**30, 1e30, 1e-10, "0.0000000001",
        Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("-1"), Decimal("1E-10"), Decimal("1E+999999"), "\ud800",
    ],
)  # fmt: skip
def test_what_is_no_amount_is_refused_and_changes_nothing(amount: object) -> None:
    engine = with_tools()
    for act in (
        lambda: engine.budget.record_spending("tools", amount),  # type: ignore[arg-type]
        lambda: engine.budget.check_budget("tools", amount),  # type: ignore[arg-type]
        lambda: engine.budget.create_budget("b", amount),  # type: ignore[arg-type]
        lambda: engine.budget.reserve("tools", amount),  # type: ignore[arg-type]
    ):
        with pytest.raises(InvalidArgumentError):
            act()
    assert engine.budget.get_utilization("tools").spent == 0.0
    assert engine.budget.list_categories() == ["tools"]


@pytest.mark.parametrize("amount", [True, b"1", [1], {}, object(), 1j])
def test_what_is_of_no_kind_of_amount_is_a_type_error(amount: object) -> None:
    with pytest.raises(TypeError):
        with_tools().budget.record_spending("tools", amount)  # type: ignore[arg-type]


@given(st.lists(st.decimals(min_value=0, max_value=1, places=9), max_size=30))
def test_any_sum_of_exact_amounts_is_exact(amounts: list[Decimal]) -> None:
    engine = with_tools()
    for amount in amounts:
        engine.budget.record_spending("tools", amount)
    assert engine.budget.get_utilization("tools").spent_exact == sum(amounts, Decimal(0))


def test_tokens_and_calls_are_counted_beside_money() -> None:
    engine = GovernanceEngine()
    engine.budget.create_budget("b", limit=10, tokens=100, calls=3)
    engine.budget.record_spending("b", 1, tokens=60, calls=1)
    used = engine.budget.get_utilization("b")
    assert (used.spent, used.tokens_spent, used.tokens_limit, used.calls_spent, used.calls_limit) == (1.0, 60, 100, 1, 3)
    assert used.utilization == 0.1
    refused = engine.budget.check_budget("b", tokens=41)
    assert (refused.allowed, refused.dimension, refused.available) == (False, "tokens", 40)
    with pytest.raises(InvalidArgumentError, match="no amount"):
        engine.budget.record_spending("b")


def test_an_operator_changes_limits_suspends_and_closes() -> None:
    engine = with_tools()
    engine.budget.update_limit("tools", 10, by="ops@example.com")
    assert engine.budget.check_budget("tools").limit == 10.0
    assert engine.audit.latest(1)[0].operator == "ops@example.com"
    engine.budget.suspend("tools")
    assert engine.budget.check_budget("tools", 1).code == "suspended"
    assert engine.budget.get_utilization("tools").state == "suspended"
    engine.budget.resume("tools")
    assert engine.budget.check_budget("tools", 1).allowed
    engine.budget.close_budget("tools")
    assert not engine.budget.check_budget("tools", 1).allowed


def test_a_child_is_bounded_by_its_parent() -> None:
    engine = GovernanceEngine()
    engine.budget.create_budget("team", 10)
    engine.budget.create_budget("desk", 100, parent="team")
    with pytest.raises(BudgetExceededError):
        engine.budget.record_spending("desk", 11)
    engine.budget.record_spending("desk", 4)
    assert engine.budget.get_utilization("team").spent == 4.0
    assert {each.category for each in engine.budget.summary()} == {"team", "desk"}


def test_a_reservation_holds_and_ends_once() -> None:
    engine = with_tools()
    held = engine.budget.reserve("tools", 30)
    assert engine.budget.check_budget("tools").reserved == 30.0
    assert not engine.budget.check_budget("tools", 30).allowed
    assert held.settle(cost=12.5).cost_exact == Decimal("12.5")
    assert engine.budget.get_utilization("tools").spent == 12.5
    for end in (held.settle, held.release):
        with pytest.raises(PermitEndedError):
            end()
    engine.budget.reserve("tools", 30).release()
    assert engine.budget.get_utilization("tools").reserved == 0.0


def test_a_block_over_a_reservation_settles_what_is_held() -> None:
    engine = with_tools()
    with engine.budget.reserve("tools", 3):
        pass
    with pytest.raises(KeyError), engine.budget.reserve("tools", 4):
        raise KeyError
    with engine.budget.reserve("tools", 5) as held:
        held.release()
    assert engine.budget.get_utilization("tools").spent == 7.0
    with pytest.raises(BudgetExceededError) as caught:
        engine.budget.reserve("tools", 44)
    assert caught.value.result.available == 43.0
