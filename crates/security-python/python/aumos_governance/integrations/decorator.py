"""``@governed``: a function that runs only under a permit.

.. code-block:: python

    @governed(engine, agent_id="researcher", required_trust_level=2, budget_category="tools", budget_amount=0.05)
    def search(query: str) -> list[str]: ...

    @governed(engine, lambda user, text: GovernanceAction("mailer", data_type="user_email", purpose="notifications", subject=user))
    async def send(user: str, text: str) -> None:
        ...
        current_permit().settle(cost=0.002)

Called, it asks for a permit first (``GovernanceDeniedError``, and the function does not run). It settles at what is held when it returns, unless
the function has settled at what it really cost; and it fails at what is held when it raises.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

from aumos_governance import GovernanceAction, GovernanceEngine, Permit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["current_as", "current_permit", "governed"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_permit: ContextVar[Permit | None] = ContextVar("aumos_governance_permit", default=None)


def governed(
    engine: GovernanceEngine, action: Callable[..., GovernanceAction] | GovernanceAction | None = None, **fields: Any
) -> Callable[[_Function], _Function]:
    """Governs a function, or a coroutine function.

    The action is the same for every call (``action``, or the keywords of :class:`GovernanceAction`), or is made from the call's arguments by
    ``action``. Its ``action_type`` is ``function_call`` and its ``resource`` the function's name, unless the keywords say otherwise.

    Raises ``TypeError`` for generators: what they do, they do after the call; hold a permit around the loop instead.
    """
    if (action is None) == (not fields):
        raise TypeError("say either an action or the keywords of one")
    if action is not None and not callable(action) and not isinstance(action, GovernanceAction):
        raise TypeError(f"an action is needed, or a function that makes one, not {type(action).__name__}")

    def decorate(function: _Function) -> _Function:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{_name(function)} is a generator: hold a permit around the loop that reads it instead")
        make = _maker(function, action, fields)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def governed_coroutine(*args: Any, **kwargs: Any) -> Any:
                async with engine.authorize(make(*args, **kwargs)) as permit:
                    with current_as(permit):
                        return await function(*args, **kwargs)

            return cast("_Function", governed_coroutine)

        @functools.wraps(function)
        def governed_function(*args: Any, **kwargs: Any) -> Any:
            with engine.authorize_sync(make(*args, **kwargs)) as permit, current_as(permit):
                result = function(*args, **kwargs)
                if inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
                    if inspect.iscoroutine(result) or inspect.isgenerator(result):
                        result.close()
                    raise TypeError(f"{_name(function)} returned a {type(result).__name__}, which would run ungoverned")
                return result

        return cast("_Function", governed_function)

    return decorate


def current_permit() -> Permit:
    """The permit of the governed function that is running. Raises ``RuntimeError`` outside of one."""
    permit = _permit.get()
    if permit is None:
        raise RuntimeError("no governed function is running")
    return permit


@contextmanager
def current_as(permit: Permit) -> Iterator[None]:
    """Makes a permit the current one while a block runs: for integrations of your own."""
    before = _permit.set(permit)
    try:
        yield
    finally:
        _permit.reset(before)


def _maker(
    function: Callable[..., Any],
    action: Callable[..., GovernanceAction] | GovernanceAction | None,
    fields: dict[str, Any],
) -> Callable[..., GovernanceAction]:
    if action is None:
        named = {"action_type": "function_call", "resource": _name(function), **fields}
        # Whatever is wrong with it is told here, and not to the first caller.
        action = GovernanceAction(named.pop("agent_id"), **named) if "agent_id" in named else None
        if action is None:
            raise TypeError("agent_id is missing")
    if isinstance(action, GovernanceAction):
        same = action
        return lambda *args, **kwargs: same
    return action


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__name__)
