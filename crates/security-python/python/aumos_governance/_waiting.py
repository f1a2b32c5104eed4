"""Awaits an answer of the core's on whichever event loop runs: asyncio, or Trio."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aumos_governance._core import Pending


async def finish(begun: Any) -> Any:
    """The answer: at once where there is one, else once the disk or the operator has answered."""
    while isinstance(begun, Pending):
        wake, woken = _on_this_loop()
        answer = begun.poll(wake)
        if answer is not None:
            return answer
        await woken()
    return begun


def _on_this_loop() -> tuple[Callable[[], object], Callable[[], Awaitable[object]]]:
    """Something that any thread may call, and something to await until it was called."""
    trio = sys.modules.get("trio")
    if trio is not None and _runs(trio):
        event = trio.Event()
        token = trio.lowlevel.current_trio_token()
        return lambda: token.run_sync_soon(event.set), event.wait

    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def resolve() -> None:
        if not future.done():
            future.set_result(None)

    async def woken() -> None:
        await future

    return lambda: loop.call_soon_threadsafe(resolve), woken


def _runs(trio: Any) -> bool:
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return False
    return True
