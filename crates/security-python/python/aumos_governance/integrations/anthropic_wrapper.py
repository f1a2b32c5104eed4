"""``GovernedAnthropicClient``: an Anthropic client each of whose calls needs a permit of the engine.

.. code-block:: python

    client = GovernedAnthropicClient(
        anthropic_client=anthropic.Anthropic(), governance_engine=engine, agent_id="desk-assistant", default_cost=0.01
    )
    client.messages.create(model="claude-opus-4-6", max_tokens=500, messages=[{"role": "user", "content": "Hello"}])
    with client.messages.stream(model="claude-opus-4-6", max_tokens=500, messages=[...]) as stream:
        for text in stream.text_stream:
            print(text, end="")

What is held, bounded, booked and raised is as in :mod:`.openai_wrapper`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from aumos_governance import GovernanceEngine
from aumos_governance._core import PriceTable
from aumos_governance.errors import CallRefusedError, GovernanceDeniedError, HoldUsedUpError, StreamBrokenError
from aumos_governance.integrations._client import ClientTerms, GovernedClient
from aumos_governance.integrations._governor import Money
from aumos_governance.integrations._messages import GovernedAsyncMessages, GovernedMessages
from aumos_governance.integrations._resource import is_async, once
from aumos_governance.integrations.records import CallRecord

if TYPE_CHECKING:
    from anthropic import Anthropic, AsyncAnthropic
    from anthropic.resources import AsyncMessages, Messages
    from typing_extensions import Unpack

__all__ = [
    "CallRecord",
    "CallRefusedError",
    "GovernanceDeniedError",
    "GovernedAnthropicClient",
    "GovernedAsyncAnthropicClient",
    "HoldUsedUpError",
    "PriceTable",
    "StreamBrokenError",
]

_CATEGORY = "anthropic"


class GovernedAnthropicClient(GovernedClient):
    """``anthropic.Anthropic`` with ``messages.create`` and ``messages.stream``, each under a permit.

    Further keywords: :class:`ClientTerms`. Raises ``InvalidArgumentError`` where neither ``prices`` nor ``default_cost`` is given.
    Threads may share it.
    """

    if TYPE_CHECKING:
        messages: Messages

    def __init__(
        self,
        anthropic_client: Anthropic,
        governance_engine: GovernanceEngine,
        agent_id: str,
        default_cost: Money | None = None,
        **terms: Unpack[ClientTerms],
    ) -> None:
        super().__init__(governance_engine, agent_id, default_cost, _CATEGORY, **terms)
        if is_async(anthropic_client):
            raise TypeError("an asynchronous client is governed by GovernedAsyncAnthropicClient")
        self._messages = GovernedMessages(self._governor, "messages", once(anthropic_client))
        self.messages = cast("Messages", self._messages)

    def governed_message(
        self,
        model: str,
        messages: Iterable[Any],
        max_tokens: int,
        *,
        estimated_cost: Money | None = None,
        **arguments: Any,
    ) -> Any:
        """``messages.create``, with ``estimated_cost`` in place of ``default_cost``."""
        sent = {"model": model, "messages": messages, "max_tokens": max_tokens, **arguments}
        return self._messages.call(sent, estimated_cost)


class GovernedAsyncAnthropicClient(GovernedClient):
    """The same for ``anthropic.AsyncAnthropic``: every method is a coroutine, and no permit blocks the loop."""

    if TYPE_CHECKING:
        messages: AsyncMessages

    def __init__(
        self,
        anthropic_client: AsyncAnthropic,
        governance_engine: GovernanceEngine,
        agent_id: str,
        default_cost: Money | None = None,
        **terms: Unpack[ClientTerms],
    ) -> None:
        super().__init__(governance_engine, agent_id, default_cost, _CATEGORY, **terms)
        if not is_async(anthropic_client):
            raise TypeError("a synchronous client is governed by GovernedAnthropicClient")
        self._messages = GovernedAsyncMessages(self._governor, "messages", once(anthropic_client))
        self.messages = cast("AsyncMessages", self._messages)

    async def governed_message(
        self,
        model: str,
        messages: Iterable[Any],
        max_tokens: int,
        *,
        estimated_cost: Money | None = None,
        **arguments: Any,
    ) -> Any:
        """``messages.create``, with ``estimated_cost`` in place of ``default_cost``."""
        sent = {"model": model, "messages": messages, "max_tokens": max_tokens, **arguments}
        return await self._messages.call(sent, estimated_cost)
