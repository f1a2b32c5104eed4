"""One conversation of the official client with a server, straight or through the gate, with everything about it recorded."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp import Client, MCPError, StdioServerParameters
from mcp.client import stdio

HERE = Path(__file__).resolve().parent
INVALID_PARAMS = -32602

# How long the client waits for a server to end by itself before it kills: a busy machine is no failure.
stdio.PROCESS_TERMINATION_TIMEOUT = 60.0

# In the environment of whoever starts the gate; no business of a server behind it.
SECRET = "E2E_SECRET_TOKEN"


@dataclass
class Setting:
    """What a scenario is run with."""

    secstack: Path
    folder: Path
    # How the client opens the conversation: "legacy" shakes hands (2025-11-25), "auto" discovers (2026-07-28).
    era: str

    def conversation(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir(parents=True)
        return place


@dataclass
class Answer:
    """How one call ended: `allow` (with the server's result), `deny` (not now) or `hidden` (no such tool)."""

    tool: str
    outcome: str
    result: dict[str, Any]

    @property
    def decision(self) -> dict[str, Any]:
        return self.result["_meta"]["aumos/decision"]

    @property
    def text(self) -> str:
        return "\n".join(part["text"] for part in self.result["content"])


@dataclass
class Session:
    """The client's side. `answers` is what it was told, in order: the log must tell the same."""

    client: Client
    place: Path
    answers: list[Answer] = field(default_factory=list)

    async def tools(self) -> list[dict[str, Any]]:
        listed = await self.client.list_tools(cache_mode="bypass")
        assert listed.next_cursor is None, "these servers list everything on one page"
        return [tool.model_dump(mode="json", by_alias=True, exclude_unset=True) for tool in listed.tools]

    async def call(self, tool: str, arguments: dict[str, Any] | None = None, **how: Any) -> Answer:
        try:
            result = await self.client.call_tool(tool, arguments, **how)
        except MCPError as error:
            answer = Answer(tool, "hidden", error.error.model_dump(mode="json", exclude_unset=True))
        else:
            raw = result.model_dump(mode="json", by_alias=True, exclude_none=True)
            denied = "aumos/decision" in (raw.get("_meta") or {})
            answer = Answer(tool, "deny" if denied else "allow", raw)
        self.answers.append(answer)
        return answer

    def let_through(self, tool: str) -> None:
        """Notes a call that was let through and has no answer, for the client took it back."""
        self.answers.append(Answer(tool, "allow", {}))


def tap(record: Path, command: list[str]) -> list[str]:
    return [sys.executable, str(HERE / "tap.py"), str(record), *command]


@asynccontextmanager
async def connect(setting: Setting, place: Path, command: list[str]) -> AsyncIterator[Session]:
    program, *args = tap(place / "client", command)
    server = StdioServerParameters(command=program, args=args, env={SECRET: "hunter2"})
    with open(place / "stderr", "w", encoding="utf-8") as errors:
        transport = stdio.stdio_client(server, errlog=errors)
        async with Client(transport, mode=setting.era, cache=None, read_timeout_seconds=60) as client:
            yield Session(client, place)


@asynccontextmanager
async def ungated(setting: Setting, name: str, server: list[str]) -> AsyncIterator[Session]:
    async with connect(setting, setting.conversation(name), server) as session:
        yield session


@asynccontextmanager
async def gated(setting: Setting, name: str, config: str, server: list[str]) -> AsyncIterator[Session]:
    """The same through `secstack mcp`, with a second tap between the gate and the server."""
    place = setting.conversation(name)
    (place / "config.toml").write_text(config, encoding="utf-8")
    gate = [str(setting.secstack), "mcp", "--config", str(place / "config.toml")]
    gate += ["--audit-out", str(place / "log.ndjson"), "--", *tap(place / "server", server)]
    async with connect(setting, place, gate) as session:
        yield session


def messages(place: Path, side: str) -> list[bytes]:
    """The lines that passed on one side (`client` or `server`) in one direction (`.in` to the server, `.out` from it)."""
    return (place / side).read_bytes().splitlines()


def unknown_tool(name: str) -> dict[str, Any]:
    return {"code": INVALID_PARAMS, "message": f"Unknown tool: {name}"}


def passed_unchanged(place: Path) -> None:
    """Every byte that the gate let through is as it was given, in its order; what it kept back is a call that it refused.

    Only an answer to `tools/list` may differ, and there only by tools that are left out.
    """
    sent, reached = messages(place, "client.in"), messages(place, "server.in")
    kept_back = without(sent, reached, "to the server")
    for line in kept_back:
        assert json.loads(line)["method"] == "tools/call", f"kept back: {line!r}"

    lists = {json.loads(line).get("id") for line in sent if json.loads(line).get("method") == "tools/list"}
    refused = {json.loads(line)["id"] for line in kept_back}
    given, received = messages(place, "server.out"), messages(place, "client.out")
    plain = [line for line in given if not answers_one_of(line, lists)]
    added = without(received, plain, "to the client")
    for line in added:
        assert answers_one_of(line, lists | refused), f"nobody sent: {line!r}"
    for identifier in lists:
        before = [line for line in given if answers_one_of(line, {identifier})]
        after = [line for line in added if answers_one_of(line, {identifier})]
        assert len(before) == len(after) == 1, "one answer to each list"
        filtered(before[0], after[0])


def without(all_lines: list[bytes], some: list[bytes], direction: str) -> list[bytes]:
    """`all_lines` less `some`, which must be among them byte for byte and in this order."""
    left, expected = [], iter(some)
    wanted = next(expected, None)
    for line in all_lines:
        if line == wanted:
            wanted = next(expected, None)
        else:
            left.append(line)
    assert wanted is None, f"altered or out of order {direction}: {wanted!r}"
    return left


def answers_one_of(line: bytes, identifiers: set[Any]) -> bool:
    message = json.loads(line)
    return "method" not in message and message.get("id") in identifiers


def filtered(before: bytes, after: bytes) -> None:
    """The same list with tools left out: every other field and the order of all keys kept."""

    def parsed(line: bytes) -> tuple[Any, list[Any]]:
        # Objects as lists of pairs: order and repetition count.
        message = json.loads(line, object_pairs_hook=lambda pairs: pairs)
        result = dict(message)["result"]
        tools = dict(result)["tools"]
        rest = [(key, value if key != "tools" else None) for key, value in result]
        return [(key, value if key != "result" else rest) for key, value in message], tools

    (rest_before, all_tools), (rest_after, some) = parsed(before), parsed(after)
    assert rest_before == rest_after, "the gate touched more than the tools of a list"
    remaining = iter(all_tools)
    assert all(tool in remaining for tool in some), "a tool of the list was altered or moved"
