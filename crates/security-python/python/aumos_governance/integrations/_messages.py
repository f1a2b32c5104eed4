"""Anthropic's ``messages``, with the helper ``stream`` that puts a message together while it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any

from aumos_governance.integrations._governor import Governor
from aumos_governance.integrations._resource import GovernedAsyncResource, GovernedResource
from aumos_governance.integrations._streams import GovernedAsyncStream, GovernedStream


class GovernedMessages(GovernedResource):
    """``messages.create`` and ``messages.stream``."""

    def stream(self, **arguments: Any) -> GovernedMessageStreamManager:
        """As the provider's own helper: ``with client.messages.stream(...) as stream``. Entering it needs the permit."""
        return GovernedMessageStreamManager(self._governor, self._raw, arguments)


class GovernedAsyncMessages(GovernedAsyncResource):
    """The same for the provider's asynchronous client."""

    def stream(self, **arguments: Any) -> GovernedAsyncMessageStreamManager:
        """As the provider's own helper: ``async with client.messages.stream(...) as stream``. Entering it needs the permit."""
        return GovernedAsyncMessageStreamManager(self._governor, self._raw, arguments)


class GovernedMessageStream(GovernedStream):
    """A message that comes in pieces. What is not here is the provider's own stream's."""

    @property
    def text_stream(self) -> Iterator[str]:
        """The pieces of text alone."""
        return (event.delta.text for event in self if _is_text(event))

    def until_done(self) -> None:
        """Waits until everything has come."""
        for _ in self:
            pass

    def get_final_message(self) -> Any:
        """The whole message, once it has come."""
        self.until_done()
        return self._stream.current_message_snapshot

    def get_final_text(self) -> str:
        """The text of the whole message, once it has come."""
        return _text(self.get_final_message())

    @property
    def current_message_snapshot(self) -> Any:
        """As much of the message as has come."""
        return self._stream.current_message_snapshot

    def __enter__(self) -> GovernedMessageStream:
        return self


class GovernedAsyncMessageStream(GovernedAsyncStream):
    """The same, asynchronous."""

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The pieces of text alone."""
        return (event.delta.text async for event in self if _is_text(event))

    async def until_done(self) -> None:
        """Waits until everything has come."""
        async for _ in self:
            pass

    async def get_final_message(self) -> Any:
        """The whole message, once it has come."""
        await self.until_done()
        return self._stream.current_message_snapshot

    async def get_final_text(self) -> str:
        """The text of the whole message, once it has come."""
        return _text(await self.get_final_message())

    @property
    def current_message_snapshot(self) -> Any:
        """As much of the message as has come."""
        return self._stream.current_message_snapshot

    async def __aenter__(self) -> GovernedAsyncMessageStream:
        return self


class GovernedMessageStreamManager:
    """Makes the call when it is entered, and settles it when it is left."""

    def __init__(self, governor: Governor, messages: Any, arguments: dict[str, Any]) -> None:
        self._governor = governor
        self._messages = messages
        self._arguments = arguments
        self._stream: GovernedMessageStream | None = None

    def __enter__(self) -> GovernedMessageStream:
        call = self._governor.begin("messages", {**self._arguments, "stream": True}, None)
        call.arguments.pop("stream", None)
        try:
            manager = self._messages.stream(**call.arguments)
            self._stream = GovernedMessageStream(manager.__enter__(), call)
        except BaseException as error:
            call.broke(error)
            raise
        return self._stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            self._stream.close()


class GovernedAsyncMessageStreamManager:
    """The same, asynchronous."""

    def __init__(self, governor: Governor, messages: Any, arguments: dict[str, Any]) -> None:
        self._governor = governor
        self._messages = messages
        self._arguments = arguments
        self._stream: GovernedAsyncMessageStream | None = None

    async def __aenter__(self) -> GovernedAsyncMessageStream:
        call = await self._governor.begin_async("messages", {**self._arguments, "stream": True}, None)
        call.arguments.pop("stream", None)
        try:
            manager = self._messages.stream(**call.arguments)
            self._stream = GovernedAsyncMessageStream(await manager.__aenter__(), call)
        except BaseException as error:
            call.broke(error)
            raise
        return self._stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is not None:
            await self._stream.close()


def _is_text(event: Any) -> bool:
    return bool(event.type == "content_block_delta" and event.delta.type == "text_delta")


def _text(message: Any) -> str:
    return "".join(block.text for block in message.content if block.type == "text")
