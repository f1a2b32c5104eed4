"""``GovernedOpenAIClient``: an OpenAI client each of whose calls needs a permit of the engine.

.. code-block:: python

    client = GovernedOpenAIClient(
        openai_client=openai.OpenAI(), governance_engine=engine, agent_id="desk-assistant", default_cost=0.01
    )
    client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
    print(client.audit_log[-1].actual_cost)

``default_cost`` (USD) is held for each call in the budget ``budget_category``. With ``prices`` it is the most that a call may cost: its
output is bounded by what that pays for, and what the provider reports to have used is what is booked. Without, it is what is booked.

A denial is ``GovernanceDeniedError``; a call whose cost nothing bounds is ``CallRefusedError``. Neither was sent. Nothing is sent twice:
the client's own retries are off, for each would be paid for. A stream that uses up its hold is cut (``HoldUsedUpError``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from aumos_governance import GovernanceEngine
from aumos_governance._core import PriceTable
from aumos_governance.errors import CallRefusedError, GovernanceDeniedError, HoldUsedUpError, StreamBrokenError
from aumos_governance.integrations._client import ClientTerms, GovernedClient
from aumos_governance.integrations._governor import Money
from aumos_governance.integrations._resource import GovernedAsyncResource, GovernedResource, Namespace, is_async, once
from aumos_governance.integrations.records import CallRecord

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI
    from openai.resources import AsyncChat, AsyncEmbeddings, Chat, Embeddings
    from openai.resources.responses import AsyncResponses, Responses
    from typing_extensions import Unpack

__all__ = [
    "CallRecord",
    "CallRefusedError",
    "GovernanceDeniedError",
    "GovernedAsyncOpenAIClient",
    "GovernedOpenAIClient",
    "HoldUsedUpError",
    "PriceTable",
    "StreamBrokenError",
]

_CATEGORY = "openai"


class GovernedOpenAIClient(GovernedClient):
    """``openai.OpenAI`` with ``chat.completions.create``, ``responses.create`` and ``embeddings.create``, each under a permit.

    Further keywords: :class:`ClientTerms`. Raises ``InvalidArgumentError`` where neither ``prices`` nor ``default_cost`` is given.
    Threads may share it.
    """

    if TYPE_CHECKING:
        chat: Chat
        responses: Responses
        embeddings: Embeddings

    def __init__(
        self,
        openai_client: OpenAI,
        governance_engine: GovernanceEngine,
        agent_id: str,
        default_cost: Money | None = None,
        **terms: Unpack[ClientTerms],
    ) -> None:
        super().__init__(governance_engine, agent_id, default_cost, _CATEGORY, **terms)
        if is_async(openai_client):
            raise TypeError("an asynchronous client is governed by GovernedAsyncOpenAIClient")
        raw = once(openai_client)
        self._chat = GovernedResource(self._governor, "chat.completions", raw)
        self._responses = GovernedResource(self._governor, "responses", raw)
        self._embeddings = GovernedResource(self._governor, "embeddings", raw)
        self.chat = cast("Chat", Namespace("chat", completions=self._chat))
        self.responses = cast("Responses", self._responses)
        self.embeddings = cast("Embeddings", self._embeddings)

    def governed_chat_completion(
        self, model: str, messages: Iterable[Any], *, estimated_cost: Money | None = None, **arguments: Any
    ) -> Any:
        """``chat.completions.create``, with ``estimated_cost`` in place of ``default_cost``."""
        return self._chat.call({"model": model, "messages": messages, **arguments}, estimated_cost)

    def governed_response(
        self, model: str, input: Any, *, estimated_cost: Money | None = None, **arguments: Any
    ) -> Any:
        """``responses.create``, with ``estimated_cost`` in place of ``default_cost``."""
        return self._responses.call({"model": model, "input": input, **arguments}, estimated_cost)

    def governed_embedding(
        self, model: str, input: Any, *, estimated_cost: Money | None = None, **arguments: Any
    ) -> Any:
        """``embeddings.create``, with ``estimated_cost`` in place of ``default_cost``."""
        return self._embeddings.call({"model": model, "input": input, **arguments}, estimated_cost)


class GovernedAsyncOpenAIClient(GovernedClient):
    """The same for ``openai.AsyncOpenAI``: every method is a coroutine, and no permit blocks the loop."""

    if TYPE_CHECKING:
        chat: AsyncChat
        responses: AsyncResponses
        embeddings: AsyncEmbeddings

    def __init__(
        self,
        openai_client: AsyncOpenAI,
        governance_engine: GovernanceEngine,
        agent_id: str,
        default_cost: Money | None = None,
        **terms: Unpack[ClientTerms],
    ) -> None:
        super().__init__(governance_engine, agent_id, default_cost, _CATEGORY, **terms)
        if not is_async(openai_client):
            raise TypeError("a synchronous client is governed by GovernedOpenAIClient")
        raw = once(openai_client)
        self._chat = GovernedAsyncResource(self._governor, "chat.completions", raw)
        self._responses = GovernedAsyncResource(self._governor, "responses", raw)
        self._embeddings = GovernedAsyncResource(self._governor, "embeddings", raw)
        self.chat = cast("AsyncChat", Namespace("chat", completions=self._chat))
        self.responses = cast("AsyncResponses", self._responses)
        self.embeddings = cast("AsyncEmbeddings", self._embeddings)

    async def governed_chat_completion(
        self, model: str, messages: Iterable[Any], *, estimated_cost: Money | None = None, **arguments: Any
    ) -> Any:
        """``chat.completions.create``, with ``estimated_cost`` in place of ``default_cost``."""
        return await self._chat.call({"model": model, "messages": messages, **arguments}, estimated_cost)

    async def governed_response(
        self, model: str, input: Any, *, estimated_cost: Money | None = None, **arguments: Any
    ) -> Any:
        """``responses.create``, with ``estimated_cost`` in place of ``default_cost``."""
        return await self._responses.call({"model": model, "input": input, **arguments}, estimated_cost)

    async def governed_embedding(
        self, model: str, input: Any, *, estimated_cost: Money | None = None, **arguments: Any
    ) -> Any:
        """``embeddings.create``, with ``estimated_cost`` in place of ``default_cost``."""
        return await self._embeddings.call({"model": model, "input": input, **arguments}, estimated_cost)
