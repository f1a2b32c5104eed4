"""One resource of a provider's package under the governor: its ``create``, for whole answers and for streams."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from aumos_governance.integrations._governor import Governor, Money
from aumos_governance.integrations._streams import GovernedAsyncStream, GovernedStream


class _Governed:
    """What both kinds know. What they do not have is not governed, and so not to be had here."""

    def __init__(self, governor: Governor, api: str, client: Any) -> None:
        self._governor = governor
        self._api = api
        self._client = client

    @property
    def _raw(self) -> Any:
        """The provider's resource. It is looked for when it is called: older packages do not have all of them."""
        return functools.reduce(getattr, self._api.split("."), self._client)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise not_governed(f"{self._api}.{name}", name)


class GovernedResource(_Governed):
    """Takes the place of the provider's resource."""

    def create(self, **arguments: Any) -> Any:
        """As the provider's own method, under a permit."""
        return self.call(arguments, None)

    def call(self, arguments: Mapping[str, Any], estimated_cost: Money | None) -> Any:
        """The same, with another cost than the client's default."""
        call = self._governor.begin(self._api, arguments, estimated_cost)
        try:
            answer = self._raw.create(**call.arguments)
            if call.arguments.get("stream") is True:
                return GovernedStream(answer, call)
        except BaseException as error:
            call.broke(error)
            raise
        call.answered(answer)
        return answer


class GovernedAsyncResource(_Governed):
    """The same for the provider's asynchronous client."""

    async def create(self, **arguments: Any) -> Any:
        """As the provider's own method, under a permit."""
        return await self.call(arguments, None)

    async def call(self, arguments: Mapping[str, Any], estimated_cost: Money | None) -> Any:
        """The same, with another cost than the client's default."""
        call = await self._governor.begin_async(self._api, arguments, estimated_cost)
        try:
            answer = await self._raw.create(**call.arguments)
            if call.arguments.get("stream") is True:
                return GovernedAsyncStream(answer, call)
        except BaseException as error:
            call.broke(error)
            raise
        await call.answered_async(answer)
        return answer


class Namespace:
    """A part of a client that only leads to others, such as ``client.chat``."""

    def __init__(self, path: str, **members: Any) -> None:
        self._path = path
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise not_governed(f"{self._path}.{name}", name)


def not_governed(path: str, name: str) -> AttributeError:
    """Fail closed: what passes by the budget is asked of the provider's own client, by its name."""
    return AttributeError(f"`{path}` is not governed; call it on the provider's own client", name=name)


def once(client: Any) -> Any:
    """The client without retries: a copy of a request is paid for as well, and only one was held for."""
    with_options = getattr(client, "with_options", None)
    return client if with_options is None else with_options(max_retries=0)


def is_async(client: Any) -> bool:
    """Whether this is a provider's asynchronous client, by its name or a base's: the package is not imported for it."""
    return any(kind.__name__.startswith("Async") for kind in type(client).__mro__)
