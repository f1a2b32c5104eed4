"""What a governed client remembers of its calls, beside the engine's own log."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from typing import Literal

#: So many calls a client remembers; the engine's log remembers all of them.
REMEMBERED = 10_000

CallType = Literal["chat_completion", "response", "embedding", "message"]


@dataclass(frozen=True)
class CallRecord:
    """One call that was asked for. Frozen: what happens later is in a later :attr:`audit_log`."""

    record_id: str | None
    """The id of its entries in ``engine.audit``; ``None`` only where the log was lost and may be."""
    call_type: CallType
    model: str
    allowed: bool
    estimated_cost: float
    """What was held, or would have been, in USD."""
    reason: str
    reason_code: str
    actual_cost: float | None = None
    """What was booked, in USD; ``None`` until the call is over."""
    actual_tokens: int | None = None
    """What the provider reported in all; ``None`` where it did not."""
    ending: str | None = None
    """``settled``, ``failed`` or ``cancelled``; ``None`` until the call is over."""


class CallLog:
    """The newest calls of one client, in the order in which they were asked for. Threads may share it."""

    def __init__(self) -> None:
        self._entries: deque[list[CallRecord]] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()

    def add(self, record: CallRecord) -> list[CallRecord]:
        """Appends a record; what is returned lets :meth:`end` find it again."""
        entry = [record]
        with self._lock:
            self._entries.append(entry)
        return entry

    def end(self, entry: list[CallRecord], ending: str, cost: float | None, tokens: int | None) -> None:
        """Says how a call ended."""
        with self._lock:
            entry[0] = replace(entry[0], ending=ending, actual_cost=cost, actual_tokens=tokens)

    def records(self) -> list[CallRecord]:
        """A copy, oldest first."""
        with self._lock:
            return [entry[0] for entry in self._entries]
