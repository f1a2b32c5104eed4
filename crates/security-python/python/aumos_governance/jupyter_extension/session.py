"""The governance of one notebook: its engine, and the session with its fixed level and budget. Knows nothing of IPython."""

from __future__ import annotations

import html
import threading
from dataclasses import dataclass
from decimal import Decimal

from aumos_governance import GovernanceAction, GovernanceDeniedError, GovernanceEngine, Permit, TrustLevel

DEFAULT_AGENT = "jupyter-user-01"


@dataclass(frozen=True)
class SessionStatus:
    """What a session has spent of what it may. A notebook shows it as a table."""

    is_active: bool
    agent_id: str
    trust_level: TrustLevel
    spent: Decimal
    limit: Decimal

    @property
    def remaining(self) -> Decimal:
        """What may still be spent, in USD."""
        return max(self.limit - self.spent, Decimal(0))

    def __str__(self) -> str:
        if not self.is_active:
            return f"Governance: INACTIVE\nLast session total: {money(self.spent)} / {money(self.limit)}"
        return (
            f"Trust Level: L{int(self.trust_level)}\n"
            f"Budget: {money(self.spent)} spent / {money(self.limit)} limit ({money(self.remaining)} remaining)"
        )

    def _repr_html_(self) -> str:
        rows = [
            ("Governance", "ACTIVE" if self.is_active else "INACTIVE"),
            ("Agent", self.agent_id),
            ("Trust Level", f"L{int(self.trust_level)}"),
            ("Spent", money(self.spent)),
            ("Limit", money(self.limit)),
            ("Remaining", money(self.remaining)),
        ]
        cells = "".join(
            f'<tr><th style="text-align:left">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>'
            for name, value in rows
        )
        return f"<table>{cells}</table>"


class NotActive(Exception):
    """There is no session."""

    def __str__(self) -> str:
        return "Governance is not active. Run %governance first."


class NotebookSession:
    """Sessions one after the other, on one engine, so that one log tells of all of them.

    Each session is a budget of its own, without a period: what it was given is all that it has.
    """

    def __init__(self) -> None:
        self.engine = GovernanceEngine()
        self._lock = threading.RLock()
        self._number = 0
        self._agent = DEFAULT_AGENT
        self._level = TrustLevel.L0_OBSERVER
        self._is_active = False

    @property
    def is_active(self) -> bool:
        """Whether a session is under way."""
        return self._is_active

    def enable(self, level: int, limit: float, agent: str = DEFAULT_AGENT) -> SessionStatus | None:
        """Begins a session, and returns the end of the one that was under way. Raises ``GovernanceError`` if it cannot be; that one goes on then."""
        with self._lock:
            number = self._number + 1
            self.engine.budget.create_budget(_category(number), limit=limit, period="lifetime", by=agent)
            self.engine.trust.set_level(agent, level, assigned_by=agent, reason="%governance")
            before = self.disable() if self._is_active else None
            self._number, self._agent, self._level = number, agent, TrustLevel(level)
            self._is_active = True
            self._note("governance_enabled", f"trust_level=L{level}, budget={money(Decimal(repr(limit)))}")
            return before

    def status(self) -> SessionStatus | None:
        """The session under way, else the last one; ``None`` before the first."""
        with self._lock:
            if self._number == 0:
                return None
            used = self.engine.budget.get_utilization(_category(self._number))
            return SessionStatus(
                is_active=self._is_active,
                agent_id=self._agent,
                trust_level=self._level,
                spent=Decimal(used.spent_exact),
                limit=Decimal(used.limit_exact or 0),
            )

    def spend(self, amount: float, tool: str | None = None) -> SessionStatus:
        """Records a cost, or raises ``GovernanceDeniedError`` and changes nothing; the decision is in the log either way."""
        with self._lock:
            self.permit(amount, tool=tool, action_type="notebook_spend").settle()
            return self._now()

    def permit(self, cost: float, *, action_type: str, level: int | None = None, tool: str | None = None) -> Permit:
        """A permit to run something that costs so much. Raises ``GovernanceDeniedError``."""
        with self._lock:
            if not self._is_active:
                raise NotActive
            action = GovernanceAction(
                self._agent,
                required_trust_level=TrustLevel(0 if level is None else level),
                budget_category=_category(self._number),
                budget_amount=cost,
                action_type=action_type,
                resource=tool,
            )
            return self.engine.authorize_sync(action)

    def disable(self) -> SessionStatus:
        """Ends the session. What it spent stays in :meth:`status`, and its records in the log."""
        with self._lock:
            if not self._is_active:
                raise NotActive
            last = self._now()
            self._note("governance_disabled", f"total={money(last.spent)} / {money(last.limit)}")
            self._is_active = False
            return last

    def denial(self, denied: GovernanceDeniedError, cost: float) -> str:
        """What the user is told of a denial."""
        decision = denied.decision
        if decision.code == "exceeds_budget":
            now = self._now()
            return f"DENIED: Would exceed budget ({money(now.spent + Decimal(repr(cost)))} > {money(now.limit)})"
        return f"DENIED: {decision.reason}"

    def _now(self) -> SessionStatus:
        status = self.status()
        if status is None:
            raise NotActive
        return status

    def _note(self, event: str, detail: str) -> None:
        self.engine.record_event(event, self._agent, detail=detail)


def money(amount: Decimal) -> str:
    """USD with two digits, or as many more as there are."""
    exact = format(amount.quantize(Decimal("1e-9")), "f").rstrip("0")
    whole, _, fraction = exact.partition(".")
    return f"${whole}.{fraction.ljust(2, '0')}"


def get_session() -> NotebookSession:
    """The notebook's own, made when it is first asked for."""
    global _session
    with _making:
        if _session is None:
            _session = NotebookSession()
        return _session


def get_engine() -> GovernanceEngine:
    """The engine behind the magics, for queries of its audit log."""
    return get_session().engine


def _category(number: int) -> str:
    return f"notebook-session-{number}"


_session: NotebookSession | None = None
_making = threading.Lock()
