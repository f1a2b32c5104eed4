"""The vocabulary: levels, outcomes, and what the managers answer with."""

from __future__ import annotations

from enum import Enum, IntEnum

from aumos_governance._core import (
    Approval,
    AuditFilter,
    AuditQueryResult,
    AuditRecord,
    BudgetCheckResult,
    BudgetUtilization,
    ConsentCheckResult,
    ConsentRecord,
    GovernanceAction,
    GovernanceDecision,
    Permit,
    Receipt,
    Reservation,
    Settlement,
    Transaction,
    TrustCheckResult,
    VerificationReport,
)

__all__ = [
    "Approval",
    "AuditFilter",
    "AuditQueryResult",
    "AuditRecord",
    "BudgetCheckResult",
    "BudgetUtilization",
    "ConsentCheckResult",
    "ConsentRecord",
    "GovernanceAction",
    "GovernanceDecision",
    "GovernanceOutcome",
    "Permit",
    "Receipt",
    "Reservation",
    "Settlement",
    "Transaction",
    "TrustCheckResult",
    "TrustLevel",
    "VerificationReport",
]


class TrustLevel(IntEnum):
    """What an operator lets an agent do. Levels are assigned by hand, and nothing raises them."""

    L0_OBSERVER = 0
    L1_MONITOR = 1
    L2_SUGGEST = 2
    L3_ACT_APPROVE = 3
    L4_ACT_REPORT = 4
    L5_AUTONOMOUS = 5


class GovernanceOutcome(str, Enum):
    """How a decision came out. A member equals its text, and prints as it."""

    ALLOW = "allow"
    DENY = "deny"
    ALLOW_WITH_CAVEAT = "allow_with_caveat"

    def __str__(self) -> str:
        return self.value

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)
