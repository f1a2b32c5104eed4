"""The stack and its configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from aumos_governance import _core
from aumos_governance.audit.query import AuditFilter, AuditQueryResult
from aumos_governance.config import AuditConfig, BudgetConfig, GovernanceConfig, Part, TrustConfig
from aumos_governance.engine import GovernanceEngine
from aumos_governance.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class TrustGateConfig(Part):
    """Which tool, and the level that it needs: a tier's name (``public``, ``verified``, ``privileged``), ``"L0"`` to ``"L5"``, or a ``TrustLevel``."""

    required_level: str | int = "verified"
    tool_name: str = ""

    def __post_init__(self) -> None:
        level = self.required_level
        if isinstance(level, bool) or not isinstance(level, (str, int)):
            raise ConfigurationError(f"required_level must be a tier's name or a TrustLevel, not {type(level).__name__}")
        if not isinstance(self.tool_name, str) or not self.tool_name:
            raise ConfigurationError("tool_name must name a tool")
        # Level and tool are the core's to judge.
        GovernanceEngine(_Governance(rule=self.rule())).close()

    def rule(self) -> tuple[str, str]:
        """The level and the tool, in the core's words."""
        level = self.required_level
        return level if isinstance(level, str) else f"L{int(level)}", self.tool_name


@dataclass(frozen=True, kw_only=True)
class _Governance(GovernanceConfig):
    """The engine's configuration with the gate's rule, for which its files have no words."""

    rule: tuple[str, str] | None = None

    def gate(self) -> tuple[str, str] | None:
        return self.rule


@dataclass(frozen=True, kw_only=True)
class BudgetEnforcerConfig(Part):
    """The fixed limits of every session; ``None`` limits nothing."""

    token_limit: int | None = None
    call_limit: int | None = None

    def __post_init__(self) -> None:
        for name in ("token_limit", "call_limit"):
            limit = getattr(self, name)
            if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
                raise ConfigurationError(f"{name} must be an int, not {type(limit).__name__}")
            if limit is not None and not 0 <= limit < 2**63:
                raise ConfigurationError(f"{name} must be between 0 and 2^63 - 1")

    def template(self) -> dict[str, int] | None:
        """The template of sessions of the core's that this is."""
        limits = {"tokens": self.token_limit, "calls": self.call_limit}
        named = {name: limit for name, limit in limits.items() if limit is not None}
        return named or None


@dataclass(frozen=True, kw_only=True)
class SecurityStackConfig(Part):
    """What a stack is made from. ``default_level`` is that of agents nobody assigned one to: nothing."""

    trust_gate: TrustGateConfig | None = None
    budget: BudgetEnforcerConfig = field(default_factory=BudgetEnforcerConfig)
    audit_namespace: str = "aumos.security-bundle"
    default_level: int = 0
    data_dir: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.trust_gate is not None:
            object.__setattr__(self, "trust_gate", TrustGateConfig.of(self.trust_gate))
        object.__setattr__(self, "budget", BudgetEnforcerConfig.of(self.budget))
        self.governance()

    def governance(self) -> GovernanceConfig:
        """The same as the engine's configuration."""
        return _Governance(
            trust=TrustConfig(default_level=self.default_level),
            budget=BudgetConfig(session=self.budget.template()),
            audit=AuditConfig(namespace=self.audit_namespace),
            data_dir=self.data_dir,
            rule=None if self.trust_gate is None else self.trust_gate.rule(),
        )


@dataclass(frozen=True)
class ToolRequest:
    """What a gate judges. Any object with these attributes will do."""

    agent_id: str
    session_id: str
    tool_name: str
    scope: str | None = None


@dataclass(frozen=True, kw_only=True)
class AuditRecord:
    """An event to be recorded. What is stored comes back as ``aumos_governance.AuditRecord``."""

    event: str
    reason: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    resource: str | None = None


class AuditLog:
    """Appends records and finds them again. Recording only."""

    __slots__ = ("_log",)

    def __init__(self, log: _core.AuditLogger) -> None:
        self._log = log

    def log(self, record: AuditRecord) -> _core.AuditRecord:
        """Records it, and gives what was stored."""
        if not isinstance(record, AuditRecord):
            raise TypeError(f"an AuditRecord is needed, not {type(record).__name__}")
        return self._log.log(
            record.event,
            agent_id=record.agent_id,
            session_id=record.session_id,
            reason=record.reason,
            resource=record.resource,
        )

    def query(self, filter: AuditFilter | None = None) -> AuditQueryResult:
        """The records that meet the filter, oldest first."""
        return self._log.query(filter)

    def latest(self, n: int = 10) -> list[_core.AuditRecord]:
        """The newest records, newest first."""
        return self._log.latest(n)

    def count(self) -> int:
        """How many records there are."""
        return self._log.count()

    def verify(self, checkpoint: str | None = None) -> _core.VerificationReport:
        """Checks every entry, and against a checkpoint that was kept; raises ``VerificationError``."""
        return self._log.verify(checkpoint)

    def checkpoint(self) -> str:
        """A signed statement of what the log holds now."""
        return self._log.checkpoint()

    def prove(self, record_id: str) -> _core.Receipt:
        """Shows offline that the record is in the log."""
        return self._log.prove(record_id)

    def export_ndjson(self) -> bytes:
        """The whole log, one entry a line."""
        return self._log.export_ndjson()

    @property
    def verifier_key(self) -> str | None:
        """The log's public key."""
        return self._log.verifier_key

    @property
    def namespace(self) -> str:
        """The namespace on every record."""
        return self._log.namespace


class SecurityStack:
    """The components, and the engine that makes one decision of them."""

    __slots__ = ("_audit", "_config", "_engine")

    def __init__(self, config: SecurityStackConfig) -> None:
        self._config = config
        self._engine = GovernanceEngine(config.governance())
        self._audit = AuditLog(self._engine.audit)

    @property
    def config(self) -> SecurityStackConfig:
        """What it was made from."""
        return self._config

    @property
    def engine(self) -> GovernanceEngine:
        """Trust, budget, consent and audit as one decision."""
        return self._engine

    @property
    def trust(self) -> _core.TrustManager:
        """The operator's side of the gate: levels, assigned by hand."""
        return self._engine.trust

    @property
    def trust_gate(self) -> _core.TrustGate:
        """Judges tool requests."""
        return self._engine.trust_gate

    @property
    def budget(self) -> _core.SessionBudget:
        """The sessions' budgets."""
        return self._engine.sessions

    @property
    def consent(self) -> _core.ConsentManager:
        """Who agreed to what."""
        return self._engine.consent

    @property
    def audit(self) -> AuditLog:
        """What happened."""
        return self._audit

    def close(self) -> None:
        """Ends it; later calls raise ``EngineClosedError``."""
        self._engine.close()

    def __enter__(self) -> SecurityStack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<SecurityStack {self._config.audit_namespace}>"


def create_security_stack(config: SecurityStackConfig | dict[str, Any] | object | None = None) -> SecurityStack:
    """A stack from its configuration. Nobody has a level until an operator gives one: ``stack.trust.set_level(...)``."""
    return SecurityStack(SecurityStackConfig.of(config))
