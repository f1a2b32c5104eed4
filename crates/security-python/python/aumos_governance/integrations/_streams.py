"""What a provider streams, watched as it passes: cut when its hold is used up, settled however it ends.

An event that uses up the hold is still handed on; what follows it is ``HoldUsedUpError``. A stream that is closed, left in the
middle or forgotten settles as one that was aborted.
"""

from __future__ import annotations

import contextlib
import weakref
from types import TracebackType
from typing import Any

from aumos_governance.errors import HoldUsedUpError, StreamBrokenError
from aumos_governance.integrations._call import End, GovernedCall


def _abandon(call: GovernedCall) -> None:
    """The stream was forgotten. Nobody is there to be told of an error; the permit's own end books what is held then."""
    with contextlib.suppress(Exception):
        call.end("aborted")


class _Watch:
    """What both kinds of streams know of their call."""

    def __init__(self, call: GovernedCall) -> None:
        self.call = call
        self.is_used_up = False
        self._begun: set[int] = set()
        self._finished: set[int] = set()

    def saw(self, event: Any) -> End | None:
        """Takes an event, and says how it ends the call, if it does."""
        if self.call.is_over:
            return None
        self._see_choices(event)
        mark = self.call.event(event)
        if mark == "last":
            return "complete"
        if mark == "error":
            return "failed"
        self.is_used_up = self.call.is_used_up
        return "hold_used_up" if self.is_used_up else None

    def exhausted(self) -> End | None:
        """The package's stream has no more events: how that ends the call, if it has not ended."""
        if self.call.is_over:
            return None
        if self._begun and self._begun == self._finished:
            # Chat Completions end with `[DONE]`, which the package keeps to itself; before it each choice is finished.
            self.call.done()
            return "complete"
        return "complete" if self.call.is_reported or not self.call.is_counted else "disconnected"

    def _see_choices(self, event: Any) -> None:
        for choice in getattr(event, "choices", None) or ():
            index = getattr(choice, "index", 0)
            self._begun.add(index)
            if getattr(choice, "finish_reason", None) is not None:
                self._finished.add(index)


class GovernedStream:
    """A synchronous stream of a governed call; iterate over it, and close it or use ``with``."""

    def __init__(self, stream: Any, call: GovernedCall) -> None:
        self._stream = stream
        self._events = iter(stream)
        self._watch = _Watch(call)
        self._forget = weakref.finalize(self, _abandon, call)
        # At the interpreter's end the permit itself is abandoned, which books what is held.
        self._forget.atexit = False

    @property
    def response(self) -> Any:
        """The HTTP response below."""
        return self._stream.response

    def __iter__(self) -> GovernedStream:
        return self

    def __next__(self) -> Any:
        if self._watch.is_used_up:
            raise HoldUsedUpError
        try:
            event = next(self._events)
        except StopIteration:
            if (how := self._watch.exhausted()) is not None:
                self._watch.call.end(how)
            if how == "disconnected":
                raise StreamBrokenError from None
            raise
        except BaseException as error:
            self._watch.call.stream_broke(error)
            raise
        if (how := self._watch.saw(event)) is not None:
            self._watch.call.end(how)
        if how == "hold_used_up":
            self._stream.close()
        return event

    def close(self) -> None:
        """Closes the connection and settles the call, if it is still open."""
        try:
            self._watch.call.end("aborted")
        finally:
            self._stream.close()

    def __enter__(self) -> GovernedStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class GovernedAsyncStream:
    """An asynchronous stream of a governed call; iterate over it, and close it or use ``async with``."""

    def __init__(self, stream: Any, call: GovernedCall) -> None:
        self._stream = stream
        self._events = aiter(stream)
        self._watch = _Watch(call)
        self._forget = weakref.finalize(self, _abandon, call)
        self._forget.atexit = False

    @property
    def response(self) -> Any:
        """The HTTP response below."""
        return self._stream.response

    def __aiter__(self) -> GovernedAsyncStream:
        return self

    async def __anext__(self) -> Any:
        if self._watch.is_used_up:
            raise HoldUsedUpError
        try:
            event = await anext(self._events)
        except StopAsyncIteration:
            if (how := self._watch.exhausted()) is not None:
                await self._watch.call.end_async(how)
            if how == "disconnected":
                raise StreamBrokenError from None
            raise
        except BaseException as error:
            self._watch.call.stream_broke(error)
            raise
        if (how := self._watch.saw(event)) is not None:
            await self._watch.call.end_async(how)
        if how == "hold_used_up":
            await self._stream.close()
        return event

    async def close(self) -> None:
        """Closes the connection and settles the call, if it is still open."""
        try:
            await self._watch.call.end_async("aborted")
        finally:
            await self._stream.close()

    async def __aenter__(self) -> GovernedAsyncStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
