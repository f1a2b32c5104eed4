"""The engine's decisions: rows S0-1 to S0-8 of the acceptance."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timezone

import pytest

import aumos_governance
from aumos_governance import (
    GovernanceAction,
    GovernanceDeniedError,
    GovernanceEngine,
    GovernanceOutcome,
    InvalidArgumentError,
    TrustLevel,
)


def test_s0_1_the_names_are_where_the_seed_has_them() -> None:
    from aumos_governance.config import AuditConfig, BudgetConfig, ConsentConfig, TrustConfig

    for name in ("GovernanceEngine", "GovernanceAction", "GovernanceConfig", "TrustLevel", "AuditFilter", "GovernanceOutcome"):
        assert hasattr(aumos_governance, name)
    assert all([TrustConfig, BudgetConfig, ConsentConfig, AuditConfig])


def test_every_name_that_is_promised_is_there() -> None:
    from aumos_governance import audit, config, engine, errors, types
    from aumos_governance.audit import query

    for module in (aumos_governance, audit, config, engine, errors, types, query):
        assert sorted(module.__all__) == sorted(set(module.__all__))
        for name in module.__all__:
            assert getattr(module, name) is not None


def test_s0_3_the_quick_start_allows_and_is_recorded(engine: GovernanceEngine, action: GovernanceAction) -> None:
    decision = asyncio.run(engine.evaluate(action))
    assert decision.allowed is True
    assert f"{decision.outcome}" == str(decision.outcome) == "allow"
    assert decision.outcome == "allow" and decision.outcome is GovernanceOutcome.ALLOW
    assert decision.audit_record_id is not None
    assert str(uuid.UUID(decision.audit_record_id)) == decision.audit_record_id
    (record,) = engine.audit.get(decision.audit_record_id)
    assert record.record_id == decision.audit_record_id
    assert record.outcome is record.decision is GovernanceOutcome.ALLOW
    assert record.action_type == "llm_completion"
    assert record.timestamp.tzinfo is not None and record.timestamp.astimezone(timezone.utc) == record.timestamp


def test_s0_4_the_reasons_of_the_quick_start(engine: GovernanceEngine, action: GovernanceAction) -> None:
    assert engine.evaluate_sync(action).reasons == (
        "Agent 'my-agent' has trust level Act (Approval Required) (3), which satisfies the required level Suggest (2).",
        "Category 'llm-calls': 1.5000 requested, 100.0000 available (0.0000 of 100.0000 spent).",
        "Consent granted for agent 'my-agent' to access 'user_profile' for purpose 'personalisation' (granted by 'admin@example.com').",
    )


def test_s0_5_the_synchronous_answer_is_the_awaited_one_inside_a_running_loop_too(
    engine: GovernanceEngine, action: GovernanceAction
) -> None:
    async def both() -> None:
        awaited = await engine.evaluate(action)
        synchronous = engine.evaluate_sync(action)
        assert awaited.reasons == synchronous.reasons
        assert awaited.code == synchronous.code
        assert awaited.audit_record_id != synchronous.audit_record_id

    asyncio.run(both())


def test_s0_6_the_first_failure_denies_and_is_recorded_whatever_it_is(engine: GovernanceEngine) -> None:
    def decide(agent: str, budget: str, purpose: str) -> str:
        decision = engine.evaluate_sync(
            GovernanceAction(
                agent_id=agent,
                required_trust_level=2,
                budget_category=budget,
                budget_amount=1,
                data_type="user_profile",
                purpose=purpose,
            )
        )
        assert not decision and decision.outcome is GovernanceOutcome.DENY
        assert decision.audit_record_id is not None
        (record,) = engine.audit.get(decision.audit_record_id)
        assert record.outcome is GovernanceOutcome.DENY and record.reason_code == decision.code
        return f"{decision.stage}: {decision.code}"

    assert decide("stranger", "nowhere", "x") == "trust: trust_too_low"
    assert decide("my-agent", "nowhere", "x") == "budget: no_budget"
    assert decide("my-agent", "llm-calls", "x") == "consent: purpose_not_covered"


def test_s0_7_and_s0_8_a_level_is_what_was_set_and_nothing_else_raises_it(
    engine: GovernanceEngine, action: GovernanceAction
) -> None:
    assert engine.trust.check_level("my-agent", TrustLevel.L2_SUGGEST).allowed
    for _ in range(1000):
        assert engine.evaluate_sync(action)
    assert engine.trust.get_level("my-agent") is TrustLevel.L3_ACT_APPROVE
    assert engine.trust.get_level("nobody") is TrustLevel.L1_MONITOR


def test_evaluating_debits_nothing_and_writes_one_record_and_a_preview_none(
    engine: GovernanceEngine, action: GovernanceAction
) -> None:
    before = engine.audit.count()
    for _ in range(5):
        engine.evaluate_sync(action)
    assert engine.audit.count() == before + 5
    assert engine.preview(action).allowed
    assert engine.audit.count() == before + 5
    assert engine.budget.check_budget("llm-calls").spent == 0.0


def test_a_denial_raises_with_its_decision_where_it_is_required(engine: GovernanceEngine) -> None:
    decision = engine.evaluate_sync(GovernanceAction("my-agent", 5))
    with pytest.raises(GovernanceDeniedError) as caught:
        decision.require()
    assert caught.value.code == "GOVERNANCE_DENIED"
    assert caught.value.decision.audit_record_id == decision.audit_record_id
    assert caught.value.message == decision.reason
    assert engine.evaluate_sync(GovernanceAction("my-agent", 1)).require() is None


def test_the_gates_own_answers_are_in_the_decision(engine: GovernanceEngine, action: GovernanceAction) -> None:
    decision = engine.evaluate_sync(action)
    assert decision.trust and decision.trust.current_level is TrustLevel.L3_ACT_APPROVE
    assert decision.budget and decision.budget.available == 100.0
    assert decision.consent and decision.consent.record and decision.consent.record.granted_by == "admin@example.com"
    told = decision.to_dict()
    assert told["reasons"] == list(decision.reasons) and told["outcome"] == "allow"


@pytest.mark.parametrize(
    "arguments",
    [
        {"budget_category": "llm-calls"},
        {"budget_amount": 1.0},
        {"purpose": "personalisation"},
        {"subject": "ada"},
        {"budget_category": "llm-calls", "budget_amount": -1},
        {"args": {"x": float("nan")}},
        {"args": {1, 2}},
        {"required_trust_level": 6},
        {"required_trust_level": -1},
    ],
)
def test_an_action_that_does_not_hold_together_is_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(InvalidArgumentError):
        GovernanceAction(agent_id="a", **arguments)  # type: ignore[arg-type]


def test_an_unknown_argument_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="budget_amont"):
        GovernanceAction(agent_id="a", budget_amont=1)  # type: ignore[call-arg]


def test_actions_compare_by_what_they_say_and_print_it(action: GovernanceAction) -> None:
    assert GovernanceAction("a", 2) == GovernanceAction(agent_id="a", required_trust_level=TrustLevel.L2_SUGGEST)
    assert GovernanceAction("a", 2) != GovernanceAction("a", 3)
    assert repr(GovernanceAction("a", 2, "b", "1.50")) == (
        'GovernanceAction(agent_id="a", required_trust_level=2, budget_category="b", budget_amount=1.50)'
    )
    assert action.required_trust_level is TrustLevel.L2_SUGGEST
    assert action.budget_amount == 1.5


def test_arguments_of_an_action_are_read_once(engine: GovernanceEngine) -> None:
    args = {"path": "/a"}
    first = GovernanceAction("my-agent", 1, tool=None, args=args)
    args["path"] = "/b"
    assert first == GovernanceAction("my-agent", 1, args={"path": "/a"})


def test_one_action_is_judged_by_each_engine_for_itself(engine: GovernanceEngine, action: GovernanceAction) -> None:
    other = GovernanceEngine()
    assert engine.evaluate_sync(action).allowed
    assert other.evaluate_sync(action).code == "trust_too_low"
    assert engine.evaluate_sync(action).allowed


def test_a_session_has_the_fixed_template() -> None:
    engine = GovernanceEngine({"budget": {"session": {"calls": 2, "tokens": 100}}})
    action = GovernanceAction("a", 1, session_id="s-1", session_tokens=10)
    for _ in range(2):
        with engine.authorize(action):
            pass
    assert engine.evaluate_sync(action).code == "exceeds_budget"
    assert engine.evaluate_sync(GovernanceAction("a", 1, session_id="s-2")).allowed
    with pytest.raises(InvalidArgumentError):
        GovernanceEngine().evaluate_sync(action)


def test_a_closed_engine_says_so(engine: GovernanceEngine, action: GovernanceAction) -> None:
    with engine as entered:
        assert entered.evaluate_sync(action).allowed
    for call in (
        lambda: engine.evaluate_sync(action),
        lambda: engine.budget.check_budget("llm-calls"),
        lambda: engine.trust.get_level("my-agent"),
        lambda: engine.audit.count(),
        lambda: asyncio.run(engine.evaluate(action)),
    ):
        with pytest.raises(aumos_governance.EngineClosedError):
            call()
    engine.close()


def test_an_event_stands_in_the_log(engine: GovernanceEngine) -> None:
    record_id = engine.record_event("refused-message", "my-agent", session_id="s-1", detail="too large")
    (record,) = engine.audit.get(record_id)
    assert (record.event, record.session_id, record.reason) == ("refused-message", "s-1", "too large")
    assert engine.losses == 0
    engine.flush()
