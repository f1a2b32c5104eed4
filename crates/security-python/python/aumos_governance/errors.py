"""Every exception of this package, each with a stable code. A wrong Python type is a plain ``TypeError``."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from aumos_governance._core import (
        BudgetCheckResult,
        ConsentCheckResult,
        GovernanceDecision,
        TrustCheckResult,
    )

__all__ = [
    "ApprovalError",
    "BudgetExceededError",
    "BudgetNotFoundError",
    "CallRefusedError",
    "ConfigurationError",
    "ConflictError",
    "ConsentDeniedError",
    "ConsentNotFoundError",
    "EngineClosedError",
    "ForkedProcessError",
    "GovernanceDeniedError",
    "GovernanceError",
    "HoldUsedUpError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidPeriodError",
    "NotFoundError",
    "PermitEndedError",
    "StoreError",
    "StreamBrokenError",
    "TrustLevelError",
    "UnknownArgumentError",
    "VerificationError",
]


class GovernanceError(Exception):
    """The base of all of them. Unless a class says otherwise, nothing was changed."""

    code: ClassVar[str] = "GOVERNANCE_ERROR"

    @property
    def message(self) -> str:
        """What was wrong, and what to do."""
        return str(self)


class GovernanceDeniedError(GovernanceError):
    """The action may not run."""

    code = "GOVERNANCE_DENIED"
    decision: GovernanceDecision
    """The decision that denied it."""


class TrustLevelError(GovernanceError):
    """The agent's trust level does not suffice."""

    code = "TRUST_LEVEL_INSUFFICIENT"
    result: TrustCheckResult


class BudgetExceededError(GovernanceError):
    """It does not fit the budget, or the budget is suspended or closed."""

    code = "BUDGET_EXCEEDED"
    result: BudgetCheckResult


class BudgetNotFoundError(GovernanceError):
    """There is no such budget."""

    code = "BUDGET_NOT_FOUND"


class ConsentDeniedError(GovernanceError):
    """Nobody entitled agreed."""

    code = "CONSENT_DENIED"
    result: ConsentCheckResult


class ConsentNotFoundError(GovernanceError):
    """There was no consent to revoke. That the agent must not have it is recorded all the same."""

    code = "CONSENT_NOT_FOUND"


class NotFoundError(GovernanceError):
    """There is nothing of that name."""

    code = "NOT_FOUND"


class ConfigurationError(GovernanceError, ValueError):
    """A part of the configuration does not hold."""

    code = "CONFIGURATION_ERROR"


class UnknownArgumentError(ConfigurationError, TypeError):
    """A configuration class was given an argument that it does not have."""


class InvalidArgumentError(GovernanceError, ValueError):
    """A value is not one that can be used."""

    code = "INVALID_ARGUMENT"


class InvalidPeriodError(GovernanceError, ValueError):
    """There is no such period."""

    code = "INVALID_PERIOD"


class ConflictError(GovernanceError):
    """It does not go together with what there is, such as a second budget of one name."""

    code = "CONFLICT"


class ApprovalError(GovernanceError):
    """The approval cannot be decided: it is unknown, has ended, or this operator may not."""

    code = "APPROVAL_ERROR"


class PermitEndedError(GovernanceError):
    """The permit or reservation has ended, and ends only once."""

    code = "PERMIT_ENDED"


class StoreError(GovernanceError):
    """The log or the data directory failed. What takes something away is in force all the same; the message says so."""

    code = "STORE_UNAVAILABLE"


class VerificationError(GovernanceError):
    """The log, a checkpoint or a receipt does not verify."""

    code = "VERIFICATION_FAILED"


class EngineClosedError(GovernanceError):
    """The engine was closed."""

    code = "ENGINE_CLOSED"


class ForkedProcessError(GovernanceError):
    """The engine was made before this process was forked, and cannot be used in the child."""

    code = "FORKED_PROCESS"


class InternalError(GovernanceError):
    """Something that should not happen."""

    code = "INTERNAL_ERROR"


class CallRefusedError(GovernanceError):
    """The cost of a model's call cannot be foreseen. Nothing was sent or held; the refusal is in the log."""

    code = "CALL_REFUSED"
    reason_code: str = "invalid_request"
    """Why, in snake case: ``unknown_price``, ``unbounded_input``, ``hold_too_small`` and so on."""


class HoldUsedUpError(GovernanceError):
    """A model's stream was stopped, for it used more than was held. Settled at what it used."""

    code = "HOLD_USED_UP"

    def __str__(self) -> str:
        return "the stream was stopped: it used up what was held"


class StreamBrokenError(GovernanceError):
    """A model's stream ended without its last event. Settled at what was held, or at what was seen where that is all."""

    code = "STREAM_BROKEN"

    def __str__(self) -> str:
        return "the stream ended before its last event"
