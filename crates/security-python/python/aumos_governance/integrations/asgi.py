"""``GovernanceMiddleware``: the engine in front of any ASGI application.

.. code-block:: python

    def asked(scope: Scope) -> Asked:
        agent = verified_agent(scope)  # yours: who is calling has to come from a credential
        return Asked(GovernanceAction(agent, required_trust_level=2, resource=scope["path"]), is_authenticated=True)

    app = GovernanceMiddleware(app, engine, asked)

Each HTTP request and each WebSocket is an action; nothing reaches the application without a permit. The head of a response ends it: below
500 it settles, from 500 on it fails, and so it does where the application raises or is cancelled before. A handler that knows better what was used
settles ``scope["aumos.permit"]`` itself. The head goes out once the outcome is in the log. A WebSocket's permit ends with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from aumos_governance import GovernanceAction, GovernanceDeniedError, GovernanceEngine, GovernanceError, InvalidArgumentError, Permit, StoreError
from aumos_governance.integrations.problems import MEDIA_TYPE, NotAnAction, Problem, internal, of_decision

__all__ = ["Asked", "GovernanceMiddleware", "NotAnAction"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Where handlers find the permit of their request.
PERMIT = "aumos.permit"


@dataclass(frozen=True)
class Asked:
    """An action, and whether a credential of the one who asks for it was verified."""

    action: GovernanceAction
    is_authenticated: bool = False


class GovernanceMiddleware:
    """Asks for a permit before the application sees a request.

    ``asked`` says which action a request is, from its scope: an :class:`Asked`, or :class:`NotAnAction` raised. It may be a coroutine function.
    """

    def __init__(
        self, app: Application, engine: GovernanceEngine, asked: Callable[[Scope], Asked | Awaitable[Asked]]
    ) -> None:
        self._app = app
        self._engine = engine
        self._asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan":
            await self._app(scope, receive, send)
            return
        permit = await self._permit(scope)
        if isinstance(permit, Problem):
            await (_refuse_socket if kind == "websocket" else _answer)(permit, send)
            return
        scope = {**scope, PERMIT: permit}
        try:
            if kind == "http":
                await self._app(scope, receive, _settling(permit, send))
            else:
                await self._app(scope, receive, send)
                await _end(permit, None)
        except BaseException as error:
            # Whoever is cancelled cannot wait.
            if not permit.is_ended:
                with contextlib.suppress(StoreError):
                    is_cancelled = isinstance(error, asyncio.CancelledError)
                    permit.fail("abandoned" if is_cancelled else "the service failed without an answer")
            raise
        await _end(permit, "the service ended without an answer" if kind == "http" else None)

    async def _permit(self, scope: Scope) -> Permit | Problem:
        try:
            asked = self._asked(scope)
            if inspect.isawaitable(asked):
                asked = await asked
        except NotAnAction as refused:
            return refused.problem
        try:
            return await self._engine.authorize(asked.action)
        except GovernanceDeniedError as denied:
            names_tool = asked.action.tool is not None
            return of_decision(denied.decision, names_tool=names_tool, is_authenticated=asked.is_authenticated)
        except InvalidArgumentError as invalid:
            return NotAnAction.invalid(str(invalid) if asked.is_authenticated else None).problem
        except GovernanceError:
            return internal()


def _settling(permit: Permit, send: Send) -> Send:
    async def send_settled(message: Message) -> None:
        if message["type"] == "http.response.start":
            status = message["status"]
            await _end(permit, f"the service answered {status}" if status >= 500 else None)
        await send(message)

    return send_settled


async def _end(permit: Permit, failure: str | None) -> None:
    if permit.is_ended:
        return
    # An outcome that could not be stored changes no answer, for the action has run.
    with contextlib.suppress(StoreError):
        await (permit.settle_async() if failure is None else permit.fail_async(failure))


async def _answer(problem: Problem, send: Send) -> None:
    content = problem.content()
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(content)), **problem.headers()}
    encoded = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded})
    await send({"type": "http.response.body", "body": content})


async def _refuse_socket(problem: Problem, send: Send) -> None:
    # Before it is accepted, this is a 403 to the client; there is no place for a body.
    await send({"type": "websocket.close", "code": 1008, "reason": problem.code})
