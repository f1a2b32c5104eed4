"""Calls of a model before they are made: foreseen, permitted and bounded, or refused.

The rules are those of the Rust crate `security-llm`, and for a client with a price table they are its code. Without one there is
nothing to count with: each call then costs what was estimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from aumos_governance import GovernanceAction, GovernanceDeniedError, GovernanceEngine, Permit, TrustLevel
from aumos_governance._core import ModelCall, PriceTable
from aumos_governance.errors import CallRefusedError, InvalidArgumentError
from aumos_governance.integrations._call import GovernedCall
from aumos_governance.integrations._wire import body_of, bounded, materialised
from aumos_governance.integrations.records import CallLog, CallRecord, CallType

Money = float | int | str | Decimal

#: By the name of an API, how its calls are called in the records and in the log.
_KINDS: dict[str, tuple[CallType, str]] = {
    "chat.completions": ("chat_completion", "llm_completion"),
    "responses": ("response", "llm_completion"),
    "embeddings": ("embedding", "llm_embedding"),
    "messages": ("message", "llm_completion"),
}


@dataclass(frozen=True)
class Governor:
    """What holds for all calls of a client."""

    engine: GovernanceEngine
    agent_id: str
    default_cost: Money | None
    budget_category: str
    required_trust_level: TrustLevel | int
    prices: PriceTable | None
    provider: str | None
    default_max_output: int | None
    session_id: str | None
    log: CallLog

    def __post_init__(self) -> None:
        if not isinstance(self.engine, GovernanceEngine):
            raise TypeError(f"governance_engine must be a GovernanceEngine, not {type(self.engine).__name__}")
        if self.prices is None and self.default_cost is None:
            raise InvalidArgumentError("without prices a client needs a default_cost: what each call is held and booked at")
        # Whatever is wrong with these, the client's maker is told, and not its first caller.
        self._action(self.default_cost, None, "llm_completion", "model")

    def begin(self, api: str, arguments: Mapping[str, Any], estimated_cost: Money | None) -> GovernedCall:
        """A permitted call. Raises ``CallRefusedError`` and ``GovernanceDeniedError``; blocks where a disk is waited for."""
        prepared = self._prepare(api, arguments, estimated_cost)
        try:
            permit = self.engine.authorize_sync(prepared.action)
        except GovernanceDeniedError as denied:
            raise self._denied(prepared, denied) from None
        return self._begun(prepared, permit)

    async def begin_async(self, api: str, arguments: Mapping[str, Any], estimated_cost: Money | None) -> GovernedCall:
        """The same for a coroutine, which does not block."""
        prepared = self._prepare(api, arguments, estimated_cost)
        try:
            permit = await self.engine.authorize(prepared.action)
        except GovernanceDeniedError as denied:
            raise self._denied(prepared, denied) from None
        return self._begun(prepared, permit)

    def _prepare(self, api: str, arguments: Mapping[str, Any], estimated_cost: Money | None) -> _Prepared:
        call_type, action_type = _KINDS[api]
        arguments = materialised(arguments)
        cost = self.default_cost if estimated_cost is None else estimated_cost
        model = arguments.get("model")
        try:
            if self.prices is None:
                if not isinstance(model, str) or not model:
                    raise CallRefusedError("the request was refused: it names no `model`")
                return _Prepared(call_type, model, self._action(cost, None, action_type, model), None, arguments)
            counted = ModelCall(
                api,
                body_of(arguments),
                self.prices,
                provider=self.provider,
                hold_at_most=cost,
                default_max_output=self.default_max_output,
            )
            request = counted.request(arguments.get("stream") is True)
            action = self._action(counted.hold_cost or 0, counted.hold_tokens, action_type, counted.model)
            return _Prepared(call_type, counted.model, action, counted, bounded(arguments, request))
        except CallRefusedError as refused:
            self._refused(call_type, str(model), cost, refused)
            raise

    def _action(self, cost: Money | None, tokens: int | None, action_type: str, model: str) -> GovernanceAction:
        return GovernanceAction(
            self.agent_id,
            required_trust_level=self.required_trust_level,
            budget_category=self.budget_category,
            budget_amount=cost,
            budget_tokens=tokens,
            budget_calls=1,
            action_type=action_type,
            resource=model,
            session_id=self.session_id,
        )

    def _refused(self, call_type: CallType, model: str, cost: Money | None, refused: CallRefusedError) -> None:
        """A refusal that the stack never heard of is in the log nevertheless."""
        detail = f"{refused.reason_code}: {refused}"
        record_id = self.engine.record_event("llm_refused", self.agent_id, session_id=self.session_id, detail=detail)
        self.log.add(
            CallRecord(
                record_id=record_id,
                call_type=call_type,
                model=model,
                allowed=False,
                estimated_cost=0.0 if cost is None else float(cost),
                reason=str(refused),
                reason_code=refused.reason_code,
            )
        )

    def _denied(self, prepared: _Prepared, denied: GovernanceDeniedError) -> GovernanceDeniedError:
        decision = denied.decision
        self.log.add(
            prepared.record(
                record_id=decision.audit_record_id, allowed=False, reason=decision.reason, reason_code=decision.code
            )
        )
        return denied

    def _begun(self, prepared: _Prepared, permit: Permit) -> GovernedCall:
        decision = permit.decision
        entry = self.log.add(
            prepared.record(
                record_id=permit.record_id, allowed=True, reason=decision.reason, reason_code=decision.code
            )
        )
        return GovernedCall(permit, prepared.counted, prepared.arguments, self.log, entry)


@dataclass(frozen=True)
class _Prepared:
    """A call that nobody has permitted yet."""

    call_type: CallType
    model: str
    action: GovernanceAction
    counted: ModelCall | None
    arguments: dict[str, Any]

    def record(self, *, record_id: str | None, allowed: bool, reason: str, reason_code: str) -> CallRecord:
        return CallRecord(
            record_id=record_id,
            call_type=self.call_type,
            model=self.model,
            allowed=allowed,
            estimated_cost=float(self.action.budget_amount or 0),
            reason=reason,
            reason_code=reason_code,
        )
