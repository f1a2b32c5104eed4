"""What a denied HTTP caller is told: `application/problem+json` (RFC 9457), as the Rust layer `security-tower` tells it.

======  =================================================================================================
status  when
======  =================================================================================================
401     no credential, or none that holds
400     names or arguments that no gate could judge
404     no such tool, or one that trust hides from the agent: the two are told alike
403     trust (with ``approval`` where operators were asked) and consent
429     budget, with ``Retry-After`` where a reset is known
503     the log or a gate is not to be had
======  =================================================================================================

Callers that nobody knows get the code alone, and no ``Retry-After``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from aumos_governance import GovernanceDecision

MEDIA_TYPE = "application/problem+json"

_OUTAGES = frozenset(
    {"internal_error", "unavailable", "approval_unavailable", "audit_unavailable", "hold_expired", "foreign_action"}
)
_TITLES = {
    "unauthenticated": (401, "A credential is needed"),
    "invalid": (400, "The request cannot be judged"),
    "unknown": (404, "There is no such tool"),
    "trust": (403, "The agent's trust level does not allow this"),
    "approval": (403, "An operator has to approve this"),
    "budget": (429, "The budget does not allow this"),
    "consent": (403, "There is no consent for this"),
    "revoked": (403, "The permission was withdrawn"),
    "unavailable": (503, "The request cannot be decided now"),
}


@dataclass(frozen=True)
class Problem:
    """An answer to a request that may not run."""

    status: int
    title: str
    code: str
    told: dict[str, Any] = field(default_factory=dict)
    """What only callers that are known are told."""
    retry_after: int | None = None
    """In whole seconds, at least one."""
    challenge: str | None = None

    def body(self) -> dict[str, Any]:
        """The members of the problem."""
        return {
            "type": f"urn:aumos:secstack:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            **self.told,
        }

    def content(self) -> bytes:
        """The body as bytes."""
        return json.dumps(self.body(), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def headers(self) -> dict[str, str]:
        """Beside the content type. A denial is true of this moment only, so that nobody may keep it."""
        headers = {"cache-control": "no-store"}
        if self.challenge is not None:
            headers["www-authenticate"] = self.challenge
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        return headers


class NotAnAction(Exception):
    """A request that is no action: it is answered, and neither judged nor recorded."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem

    @classmethod
    def unauthenticated(cls, challenge: str = "Bearer") -> NotAnAction:
        """The caller has to present a credential, or another one."""
        status, title = _TITLES["unauthenticated"]
        return cls(Problem(status, title, "unauthenticated", challenge=challenge))

    @classmethod
    def unknown(cls) -> NotAnAction:
        """No action answers to this request; told exactly as a tool that is hidden from the agent."""
        return cls(_bare("unknown", "unknown_tool"))

    @classmethod
    def invalid(cls, detail: str | None = None) -> NotAnAction:
        """The request names what no gate could judge. Say ``detail`` to callers that are known only."""
        status, title = _TITLES["invalid"]
        return cls(Problem(status, title, "invalid_request", told={} if detail is None else {"detail": detail}))


def of_decision(decision: GovernanceDecision, *, names_tool: bool, is_authenticated: bool) -> Problem:
    """What a denial tells. Of a decision that allows it makes a 503."""
    kind = _kind(decision, names_tool)
    if kind == "unknown":
        return _bare(kind, "unknown_tool")
    code = "internal_error" if decision.allowed else decision.code
    if not is_authenticated:
        return _bare(kind, code)
    told: dict[str, Any] = {"detail": decision.reason}
    if decision.audit_record_id is not None:
        told["record_id"] = decision.audit_record_id
    if decision.approval_id is not None:
        told["approval"] = str(decision.approval_id)
    retry_after = None
    if decision.retry_at is not None:
        # Whoever comes back on time must not come too early.
        retry_after = max(1, math.ceil((decision.retry_at - decision.timestamp).total_seconds()))
    status, title = _TITLES[kind]
    return Problem(status, title, code, told, retry_after)


def internal() -> Problem:
    """The engine could not decide."""
    return _bare("unavailable", "internal_error")


def _kind(decision: GovernanceDecision, names_tool: bool) -> str:
    # Outages first: they are nobody's fault, whichever gate they befell.
    if decision.code in _OUTAGES or decision.allowed:
        return "unavailable"
    if decision.stage == "trust" and names_tool and not decision.visible:
        return "unknown"
    if decision.code == "revoked":
        return "revoked"
    if decision.stage == "trust":
        return "approval" if decision.code == "needs_approval" else "trust"
    return decision.stage if decision.stage in ("budget", "consent") else "unavailable"


def _bare(kind: str, code: str) -> Problem:
    status, title = _TITLES[kind]
    return Problem(status, title, code)
