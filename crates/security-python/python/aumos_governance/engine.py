"""The engine: trust, budget, consent and audit as one decision."""

from __future__ import annotations

import atexit
import os
from collections.abc import Generator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from aumos_governance._core import (
    Engine,
    GovernanceAction,
    GovernanceDecision,
    Permit,
    _note_fork,
    _stop_wakes,
)
from aumos_governance._waiting import finish
from aumos_governance.config import GovernanceConfig

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Authorization", "GovernanceEngine"]

atexit.register(_stop_wakes)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


class GovernanceEngine(Engine):
    """Decides on actions in the order trust, budget, consent, and records every decision.

    In memory unless the configuration, or ``data_dir``, names a directory: then levels, budgets, consents and the audit log stand there,
    and what was acknowledged survives a crash.

    Raises ``ConfigurationError`` where the configuration does not hold, and ``StoreError`` where the directory cannot be used.
    """

    __slots__ = ("_config",)

    _config: GovernanceConfig

    def __new__(
        cls,
        config: GovernanceConfig | Mapping[str, Any] | object | None = None,
        *,
        data_dir: str | os.PathLike[str] | None = None,
    ) -> Self:
        read = GovernanceConfig.of(config)
        if data_dir is not None:
            read = read.replace(data_dir=data_dir)
        engine = super().__new__(cls, read.to_core(), read.decay_days(), read.gate())
        engine._config = read
        return engine

    @property
    def config(self) -> GovernanceConfig:
        """What it was made from."""
        return self._config

    async def evaluate(self, action: GovernanceAction) -> GovernanceDecision:
        """Decides without holding anything, and writes one audit record. Only a log on a disk is waited for."""
        decision: GovernanceDecision = await finish(self._evaluate(action))
        return decision

    def authorize(
        self, action: GovernanceAction, *, wait_for_approval: bool = False
    ) -> Authorization:
        """Decides, holds the budget and records the intent, once it is entered or awaited.

        ``with engine.authorize(action) as permit:``, ``async with`` the same, or ``permit = await engine.authorize(action)``.
        Entering raises ``GovernanceDeniedError`` where the action may not run. With ``wait_for_approval`` it waits for the operators where
        they have to approve.
        """
        return Authorization(self, action, wait_for_approval)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<GovernanceEngine {self._config.data_dir or 'in memory'}>"


class Authorization:
    """An action that is about to be authorized: a context manager, an asynchronous one, and something to await."""

    __slots__ = ("_action", "_engine", "_permit", "_wait")

    def __init__(self, engine: GovernanceEngine, action: GovernanceAction, wait: bool) -> None:
        self._engine = engine
        self._action = action
        self._wait = wait
        self._permit: Permit | None = None

    def __await__(self) -> Generator[Any, Any, Permit]:
        return self._begin().__await__()

    async def _begin(self) -> Permit:
        permit: Permit = await finish(self._engine._authorize(self._action, self._wait))
        return permit

    def __enter__(self) -> Permit:
        self._permit = self._engine.authorize_sync(self._action, wait_for_approval=self._wait)
        return self._permit

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        permit, self._permit = self._permit, None
        if permit is not None:
            permit.__exit__(kind, error, traceback)

    async def __aenter__(self) -> Permit:
        self._permit = await self._begin()
        return self._permit

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        permit, self._permit = self._permit, None
        if permit is None or permit.is_ended:
            return
        if error is None:
            await permit.settle_async()
        else:
            await permit.fail_async(error)
