"""Configuration: row S0-13, as strict as the core's."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest

from aumos_governance import ConfigurationError, GovernanceConfig, GovernanceEngine, TrustLevel, UnknownArgumentError
from aumos_governance.config import AuditConfig, BudgetConfig, ConsentConfig, TrustConfig

SEED: dict[str, Any] = {
    "trust": TrustConfig(default_level=1, enable_decay=True, decay_cliff_days=90),
    "budget": BudgetConfig(allow_overdraft=False, rollover_on_reset=False),
    "consent": ConsentConfig(default_deny=True),
    "audit": AuditConfig(max_records=10_000),
}
TOOL = {"tool": "read_*", "required_level": "L1", "effect": "read_public"}


def test_s0_13_the_seeds_configuration_is_accepted_and_wired() -> None:
    config = GovernanceConfig(**SEED)
    engine = GovernanceEngine(config=config)
    assert engine.config == config
    assert engine.trust.get_level("anybody") is TrustLevel.L1_MONITOR
    levels = GovernanceEngine(GovernanceConfig(trust=TrustConfig(default_level=TrustLevel.L0_OBSERVER)))
    assert levels.trust.get_level("anybody") is TrustLevel.L0_OBSERVER
    assert GovernanceEngine().config == GovernanceConfig()


def test_overdraft_is_wired() -> None:
    engine = GovernanceEngine(GovernanceConfig(budget=BudgetConfig(allow_overdraft=True)))
    engine.budget.create_budget("b", 1)
    engine.budget.record_spending("b", 2)
    used = engine.budget.get_utilization("b")
    assert (used.spent, used.overspent) == (1.0, 1.0)


@pytest.mark.parametrize("part", [GovernanceConfig, TrustConfig, BudgetConfig, ConsentConfig, AuditConfig])
def test_an_unknown_argument_is_told_with_the_name_that_was_meant(part: Any) -> None:
    with pytest.raises(UnknownArgumentError) as caught:
        part(defualt_deny=True)
    assert isinstance(caught.value, TypeError) and isinstance(caught.value, ConfigurationError)
    assert "`defualt_deny`" in str(caught.value)
    with pytest.raises(UnknownArgumentError, match="by name"):
        part(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"trust": {"default_level": 6}},
        {"trust": {"default_level": True}},
        {"trust": {"default_level": "L1"}},
        {"trust": {"enable_decay": 1}},
        {"trust": {"decay_cliff_days": 0}},
        {"trust": {"scope_mode": "loose"}},
        {"trust": {"tools": [{"tool": "x"}]}},
        {"trust": {"tools": [{**TOOL, "efect": "write"}]}},
        {"trust": {"tools": "x"}},
        {"budget": {"session": {"token": 1}}},
        {"budget": {"session": {"cost_usd": 5.5}}},
        {"budget": {"session": {"tokens": -1}}},
        {"budget": {"budgets": [{"id": "b", "period": "fortnightly", "calls": 1}]}},
        {"consent": {"default_deny": None}},
        {"consent": {"default_deny": "yes"}},
        {"audit": {"max_records": 0}},
        {"audit": {"max_records": 1.5}},
        {"audit": {"namespace": ""}},
        {"audit": {"level": "loud"}},
        {"mode": "off"},
        {"data_dir": 3},
        {"data_dir": ""},
        {"trust": 3},
        {"trust": {"tiers": {"x": float("nan")}}},
        {"trust": {"tools": [{"tool": "\ud800", "required_level": "L1", "effect": "write"}]}},
        {"trust": {1: 2}},
        {"nothing": {}},
        3,
        [],
        "trust",
    ],
)
def test_what_does_not_hold_is_refused_with_where_it_stands(wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        GovernanceEngine(wrong)
    assert caught.value.code == "CONFIGURATION_ERROR" and "line 1" not in str(caught.value)


def test_what_is_nested_in_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["tiers"] = loop
    knot: list[Any] = []
    knot.append(knot)
    for wrong in ({"trust": {"tiers": loop}}, {"trust": {"tools": knot}}):
        with pytest.raises(ConfigurationError):
            GovernanceConfig.from_dict(wrong)


def test_the_same_from_code_dictionaries_toml_and_yaml() -> None:
    toml = """
    mode = "enforce"
    [trust]
    default_level = 2
    [[trust.tools]]
    tool = "read_*"
    required_level = "L1"
    effect = "read_public"
    [budget.session]
    tokens = 10000
    cost_usd = "5.00"
    """
    config = GovernanceConfig.from_toml(toml)
    code = GovernanceConfig(
        trust=TrustConfig(default_level=2, tools=[TOOL]),
        budget=BudgetConfig(session={"tokens": 10_000, "cost_usd": "5.00"}),
    )
    assert config == code == GovernanceConfig.from_dict(code.to_dict())
    assert config != GovernanceConfig() and hash(config) == hash(code)
    yaml = pytest.importorskip("yaml")
    assert GovernanceConfig.from_yaml(yaml.safe_dump(code.to_dict())) == code
    for broken in ("[trust", "trust = 1\ntrust = 2"):
        with pytest.raises(ConfigurationError):
            GovernanceConfig.from_toml(broken)
    for broken in ("a: [", "- 1", "trust: {default_level: L1}"):
        with pytest.raises(ConfigurationError):
            GovernanceConfig.from_yaml(broken)


def test_pydantic_models_are_accepted_where_users_have_them() -> None:
    class Model:
        def __init__(self, **dumped: Any) -> None:
            self.dumped = dumped

        def model_dump(self, *, exclude_unset: bool = False) -> dict[str, Any]:
            return self.dumped

    engine = GovernanceEngine(Model(trust=Model(default_level=3), audit={"max_records": 7}))
    assert engine.config.trust.default_level == 3 and engine.config.audit.max_records == 7
    pydantic = pytest.importorskip("pydantic")
    trust = pydantic.create_model("Trust", default_level=(int, 0))
    whole = pydantic.create_model("Whole", trust=(trust, trust()))
    assert GovernanceEngine(whole(trust=trust(default_level=2))).config.trust.default_level == 2


def test_a_configuration_cannot_be_changed_copies_and_prints() -> None:
    tools = [dict(TOOL)]
    config = GovernanceConfig(trust=TrustConfig(tools=tools))
    tools[0]["effect"] = "destructive"
    assert config.trust.tools[0]["effect"] == "read_public"
    with pytest.raises(AttributeError):
        config.mode = "shadow"  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.trust.tools[0]["effect"] = "write"  # type: ignore[index]
    assert copy.deepcopy(config) == config == pickle.loads(pickle.dumps(config))
    assert eval(repr(AuditConfig(max_records=5))) == AuditConfig(max_records=5)
    assert config.replace(mode="shadow").mode == "shadow"
    with pytest.raises(UnknownArgumentError):
        config.replace(mod="shadow")


def test_shadow_mode_is_wired(tmp_path: Path) -> None:
    from aumos_governance import GovernanceAction

    engine = GovernanceEngine({"mode": "shadow"})
    decision = engine.evaluate_sync(GovernanceAction("a", 5))
    assert decision.allowed and decision.would_deny == "trust_too_low" and decision.outcome == "allow_with_caveat"
