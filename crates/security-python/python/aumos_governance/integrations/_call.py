"""One call on its way: what it uses is counted, and its permit ends once, however the call ends."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Literal

from aumos_governance import Permit
from aumos_governance._core import CallBooking, ModelCall, provider_refusal
from aumos_governance.integrations._wire import data_of
from aumos_governance.integrations.records import CallLog, CallRecord

End = Literal["complete", "hold_used_up", "disconnected", "failed", "aborted"]

#: Exceptions of the HTTP packages that say that no connection was made.
_NEVER_LEFT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol"})


class GovernedCall:
    """A call on its way. Each way to end it may be taken once; the first that is taken counts."""

    def __init__(
        self,
        permit: Permit,
        counted: ModelCall | None,
        arguments: dict[str, Any],
        log: CallLog,
        entry: list[CallRecord],
    ) -> None:
        self.permit = permit
        #: The keywords to call the provider's method with.
        self.arguments = arguments
        self._counted = counted
        self._log = log
        self._entry = entry
        self._is_over = False

    @property
    def is_over(self) -> bool:
        """Whether it has been booked."""
        return self._is_over

    @property
    def is_counted(self) -> bool:
        """Whether tokens are counted: there is a price table."""
        return self._counted is not None

    def event(self, event: Any) -> Literal["goes_on", "last", "error"]:
        """Takes what streams."""
        return "goes_on" if self._counted is None else self._counted.event(data_of(event))

    def done(self) -> None:
        """The stream has said that it is complete."""
        if self._counted is not None:
            self._counted.done()

    @property
    def is_used_up(self) -> bool:
        """Whether more was used than is held."""
        return self._counted is not None and self._counted.is_used_up()

    @property
    def is_reported(self) -> bool:
        """Whether the provider has reported everything."""
        return self._counted is not None and self._counted.is_reported()

    def answered(self, answer: Any) -> None:
        """A whole answer came."""
        self._book(self._answered(answer))

    async def answered_async(self, answer: Any) -> None:
        """The same, without blocking."""
        await self._book_async(self._answered(answer))

    def end(self, how: End) -> None:
        """The call, or its stream, is over."""
        if not self._is_over:
            self._book(self._ended(how))

    async def end_async(self, how: End) -> None:
        """The same, without blocking."""
        if not self._is_over:
            await self._book_async(self._ended(how))

    def broke(self, error: BaseException) -> None:
        """The provider's method, or its stream, raised. Blocks where a disk is waited for, also for coroutines, which may be cancelled."""
        if self._is_over:
            return
        status = getattr(error, "status_code", None)
        if isinstance(status, int) and 0 <= status <= 999:
            self._book(self._refused(status, _body(error)))
        elif _of_http(error, _NEVER_LEFT):
            self._is_over = True
            self.permit.cancel()
            self._log.end(self._entry, "cancelled", 0.0, None)
        else:
            self.stream_broke(error)

    def stream_broke(self, error: BaseException) -> None:
        """The same, once the provider has accepted the call: what a status says then comes after generation."""
        if not isinstance(error, Exception):
            self.end("aborted")
        elif _of_http(error, None):
            self.end("disconnected")
        else:
            self.end("failed")

    def _answered(self, answer: Any) -> CallBooking | None:
        return None if self._counted is None else self._counted.answered(data_of(answer))

    def _ended(self, how: End) -> CallBooking | str | None:
        if self._counted is not None:
            return self._counted.end(how)
        return None if how == "complete" else how

    def _refused(self, status: int, body: str) -> CallBooking:
        return provider_refusal(status, body) if self._counted is None else self._counted.refused(status, body)

    def _book(self, booking: CallBooking | str | None) -> None:
        self._is_over = True
        how, arguments = _ending(booking)
        if how is None:
            settlement = self.permit.settle(**arguments)
        else:
            settlement = self.permit.fail(how, **arguments)
        self._note(booking, settlement.cost)

    async def _book_async(self, booking: CallBooking | str | None) -> None:
        self._is_over = True
        how, arguments = _ending(booking)
        if how is None:
            settlement = await self.permit.settle_async(**arguments)
        else:
            settlement = await self.permit.fail_async(how, **arguments)
        self._note(booking, settlement.cost)

    def _note(self, booking: CallBooking | str | None, cost: float | None) -> None:
        ending = "settled" if _ending(booking)[0] is None else "failed"
        tokens = booking.reported_tokens if isinstance(booking, CallBooking) else None
        self._log.end(self._entry, ending, cost, tokens)


def _ending(booking: CallBooking | str | None) -> tuple[str | None, dict[str, Any]]:
    """Why the permit fails, if it does, and what is booked: nothing named is what is held."""
    if booking is None or isinstance(booking, str):
        return booking, {}
    arguments: dict[str, Any] = {"cost": booking.cost, "tokens": booking.tokens}
    if booking.ending == "settle":
        return None, arguments
    if booking.ending == "fail_at_least":
        arguments["at_least"] = True
    return booking.reason or "failed", arguments


def _of_http(error: BaseException, names: frozenset[str] | None) -> bool:
    """Whether the HTTP package below has raised it, as one of these if any are named."""
    below: BaseException | None = error
    for _ in range(8):
        if below is None:
            return False
        for kind in type(below).__mro__:
            is_https = kind.__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore")
            if is_https and (names is None or kind.__name__ in names):
                return True
        below = below.__cause__
    return False


def _body(error: BaseException) -> str:
    """The body of a provider's error, as it came if that can be had."""
    # Whatever is wrong with it, the call is booked; and a body that says nothing books what is held.
    with contextlib.suppress(Exception):
        text = getattr(getattr(error, "response", None), "text", None)
        return text if isinstance(text, str) else json.dumps(getattr(error, "body", None))
    return ""
