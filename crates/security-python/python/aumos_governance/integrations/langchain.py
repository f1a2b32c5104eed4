"""``governed_tool``: a LangChain tool that runs only under a permit (extra ``langchain``).

.. code-block:: python

    search = governed_tool(search, engine, agent_id="researcher", required_trust_level=2, budget_category="tools", budget_amount=0.05)
    agent = create_agent(model, tools=[search])

The model sees the same name, description and arguments. A denied call is a ``ToolException``, which the model is told and can go on from, unless the
tool has its own ``handle_tool_error``. The permit settles at what is held when the tool returns, and fails when it raises; a tool that knows what it
used settles :func:`~aumos_governance.integrations.decorator.current_permit`.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import Any, TypeVar

from langchain_core.tools import BaseTool, ToolException

from aumos_governance import GovernanceAction, GovernanceDeniedError, GovernanceEngine
from aumos_governance.integrations.decorator import current_as

__all__ = ["governed_tool"]

_Tool = TypeVar("_Tool", bound=BaseTool)


def governed_tool(
    tool: _Tool,
    engine: GovernanceEngine,
    action: Callable[[dict[str, Any]], GovernanceAction] | None = None,
    **fields: Any,
) -> _Tool:
    """A copy of ``tool`` that asks for a permit each time; ``tool`` itself stays as it is, so give the model the copy only.

    The action is made by ``action`` from the call's arguments, or is the keywords of :class:`GovernanceAction`; its ``action_type`` is ``tool_call``
    and its ``resource`` the tool's name, unless they say otherwise.
    """
    if (action is None) == (not fields):
        raise TypeError("say either an action or the keywords of one")
    if action is None:
        named = {"action_type": "tool_call", "resource": tool.name, **fields}
        if "agent_id" not in named:
            raise TypeError("agent_id is missing")
        same = GovernanceAction(named.pop("agent_id"), **named)
        action = lambda _arguments: same  # noqa: E731
    copy = tool.model_copy()
    if copy.handle_tool_error is None or copy.handle_tool_error is False:
        copy.handle_tool_error = True
    # A subclass, for everything else about the tool stays its class's own.
    object.__setattr__(copy, "__class__", _governed_class(type(tool), engine, action))
    return copy


def _governed_class(
    kind: type[BaseTool], engine: GovernanceEngine, action: Callable[[dict[str, Any]], GovernanceAction]
) -> type[BaseTool]:
    #: Whether this call has its permit: `_arun` of some tools calls `_run`.
    is_permitted: ContextVar[bool] = ContextVar("is_permitted", default=False)
    run, arun = kind._run, kind._arun

    @functools.wraps(run)
    def _run(self: BaseTool, *args: Any, **kwargs: Any) -> Any:
        if is_permitted.get():
            return run(self, *args, **kwargs)
        try:
            permit = engine.authorize_sync(action(_arguments(args, kwargs)))
        except GovernanceDeniedError as denied:
            raise _told(denied) from denied
        before = is_permitted.set(True)
        try:
            with permit, current_as(permit):
                return run(self, *args, **kwargs)
        finally:
            is_permitted.reset(before)

    @functools.wraps(arun)
    async def _arun(self: BaseTool, *args: Any, **kwargs: Any) -> Any:
        async with AsyncExitStack() as stack:
            try:
                permit = await stack.enter_async_context(engine.authorize(action(_arguments(args, kwargs))))
            except GovernanceDeniedError as denied:
                raise _told(denied) from denied
            before = is_permitted.set(True)
            try:
                with current_as(permit):
                    return await arun(self, *args, **kwargs)
            finally:
                is_permitted.reset(before)

    def body(namespace: dict[str, Any]) -> None:
        namespace["_run"] = _run
        namespace["__module__"] = kind.__module__
        if arun is not BaseTool._arun:
            # Otherwise it calls `_run` in a thread, and LangChain looks at that one's parameters.
            namespace["_arun"] = _arun

    return types.new_class(f"Governed{kind.__name__}", (kind,), {}, body)


def _arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """What the model wrote, without what LangChain adds."""
    arguments = {name: value for name, value in kwargs.items() if name not in ("config", "run_manager")}
    return {"input": args[0], **arguments} if args else arguments


def _told(denied: GovernanceDeniedError) -> ToolException:
    """Only what a model can act on: no ids."""
    return ToolException(f"Denied: {denied.decision.reason}")
