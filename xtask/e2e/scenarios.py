"""What an agent's tool calls look like with and without the gate, on servers that know nothing of it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio

from config import config
from judged import judge
from session import HERE, SECRET, Session, Setting, gated, passed_unchanged, unknown_tool, ungated
from story import make_key, tampering_shows, told

TIME = [sys.executable, "-m", "mcp_server_time", "--local-timezone", "UTC"]
CONVERT = {"source_timezone": "Europe/Berlin", "time": "09:30", "target_timezone": "Asia/Kolkata"}
NOWHERE = {**CONVERT, "target_timezone": "Atlantis/Centre"}


async def time(setting: Setting) -> None:
    """A server that others published: a filtered list, equal answers, and a hidden tool that does not exist."""
    async with ungated(setting, "ungated", TIME) as session:
        all_tools = await session.tools()
        converted = await session.call("convert_time", CONVERT)
        failed = await session.call("convert_time", NOWHERE)
        now = await session.call("get_current_time", {"timezone": "UTC"})
        unknown = await session.call("get_sundial")
    assert [tool["name"] for tool in all_tools] == ["get_current_time", "convert_time"]
    assert unknown.result == unknown_tool("get_sundial")

    everything = config("L1", [("*_time", "L1", "read_public")])
    async with gated(setting, "all-visible", everything, TIME) as session:
        assert await session.tools() == all_tools
        assert (await session.call("convert_time", CONVERT)).result == converted.result
        assert (await session.call("convert_time", NOWHERE)).result == failed.result
        assert shape((await session.call("get_current_time", {"timezone": "UTC"})).result) == shape(now.result)
        assert (await session.call("get_sundial")).result == unknown.result
    agrees(setting, session)

    one_hidden = config("L1", [("get_*", "L2", "read_public"), ("convert_time", "L1", "read_public")])
    async with gated(setting, "one-hidden", one_hidden, TIME) as session:
        assert await session.tools() == [tool for tool in all_tools if tool["name"] == "convert_time"]
        assert (await session.call("convert_time", CONVERT)).result == converted.result
        hidden = await session.call("get_current_time", {"timezone": "UTC"})
        assert hidden.result == unknown_tool("get_current_time")
        assert (await session.call("get_sundial")).result == unknown.result
    agrees(setting, session)
    tampering_shows(setting, session)


async def git(setting: Setting) -> None:
    """A server with effects: reads are equal, writes above the level leave the repository alone, consent is asked for."""
    repository = setting.folder / "repository"
    make_repository(repository)
    server = [sys.executable, "-m", "mcp_server_git", "--repository", str(repository)]
    here = {"repo_path": str(repository)}
    reads: list[tuple[str, dict[str, Any]]] = [
        ("git_status", here),
        ("git_log", here),
        ("git_diff_unstaged", here),
        ("git_diff", {**here, "target": "HEAD"}),
        ("git_show", {**here, "revision": "HEAD"}),
        ("git_show", {**here, "revision": "no-such-revision"}),
        ("git_branch", {**here, "branch_type": "local"}),
    ]
    async with ungated(setting, "ungated", server) as session:
        all_tools = await session.tools()
        straight = [(await session.call(*read)).result for read in reads]

    rules = [
        ("git_reset", "L4", "destructive"),
        ("git_checkout", "L4", "write"),
        ("git_add", "L2", "write"),
        ("git_commit", "L2", "write"),
        ("git_create_branch", "L3", "write"),
        ("git_*", "L1", "read_public"),
    ]
    above = {"git_reset", "git_checkout", "git_create_branch"}
    before = state(repository)
    reader = config("L2", rules, consent=["git_show"])
    async with gated(setting, "reader", reader, server) as session:
        visible = [tool for tool in all_tools if tool["name"] not in above]
        assert await session.tools() == visible and len(visible) == len(all_tools) - len(above)
        for read, expected in zip(reads, straight, strict=True):
            answer = await session.call(*read)
            if answer.tool == "git_show":
                refused(answer, "no_record")
            else:
                assert answer.result == expected, f"{read} differs through the gate"
        refused(await session.call("git_add", {**here, "files": ["."]}), "propose_only")
        refused(await session.call("git_commit", {**here, "message": "no"}), "propose_only")
        for tool in sorted(above):
            assert (await session.call(tool, here)).result == unknown_tool(tool)
    assert state(repository) == before, "a refused call changed the repository"
    agrees(setting, session)

    writer = config("L4", rules, consent=["git_show"], granted=True)
    async with gated(setting, "writer", writer, server) as session:
        assert await session.tools() == all_tools
        for read, expected in zip(reads, straight, strict=True):
            assert (await session.call(*read)).result == expected, f"{read} differs through the gate"
        assert (await session.call("git_add", {**here, "files": ["."]})).outcome == "allow"
        assert (await session.call("git_commit", {**here, "message": "through the gate"})).outcome == "allow"
    assert "through the gate" in state(repository), "a permitted call did nothing"
    agrees(setting, session)


async def slow(setting: Setting) -> None:
    """Progress and cancellation pass; the server sees neither the environment nor the end of the gate's budget."""
    marks = setting.conversation("marks")
    server = [sys.executable, str(HERE / "slow_server.py"), str(marks)]
    async with ungated(setting, "ungated", server) as session:
        expected, expected_progress = await counted(session, 5)
        assert SECRET in (await session.call("environment")).text
    assert len(expected_progress) == 5

    allow_all = config("L1", [("*", "L1", "read_public")], calls=4)
    async with gated(setting, "gated", allow_all, server) as session:
        result, progress = await counted(session, 5)
        assert (result, progress) == (expected, expected_progress)

        given = set((await session.call("environment")).text.split("\n"))
        # Python itself adds the one about characters.
        assert given <= {"PATH", "HOME", "LANG", "LC_CTYPE"}, f"the server was given {given}"

        await cancelled(session)
        # The server hears of it through the gate, and leaves a mark; the conversation goes on.
        with anyio.fail_after(30):
            while not (marks / "cancelled").exists():
                await anyio.sleep(0.01)
        assert (await session.call("count", {"steps": 1})).outcome == "allow"

        # A cancelled call is one of the four.
        refused(await session.call("count", {"steps": 1}), "exceeds_budget")
    agrees(setting, session)
    errors = (session.place / "stderr").read_text(encoding="utf-8")
    assert "slow server: a line for people" in errors, "the server's standard error passes through"


async def limit(setting: Setting) -> None:
    """A session of three calls: the fourth is refused, and so are all after it, while the list stays whole.

    Its log is signed with a key that the operator keeps.
    """
    setting.folder.mkdir(parents=True)
    key_file = setting.folder / "log.key"
    key = make_key(key_file, "example.com/e2e-log")
    three = config("L1", [("*_time", "L1", "read_public")], calls=3, key=key_file)
    async with gated(setting, "three", three, TIME) as session:
        for _ in range(3):
            assert (await session.call("convert_time", CONVERT)).outcome == "allow"
        for _ in range(2):
            refused(await session.call("convert_time", CONVERT), "exceeds_budget")
        assert len(await session.tools()) == 2, "what may not run now is still listed"
    agrees(setting, session, key)


ALL = {"time": time, "git": git, "slow": slow, "limit": limit, "judge": judge}
# There is no conversation in these that could be opened in another way.
ONCE = {"judge"}


def agrees(setting: Setting, session: Session, key: str | None = None) -> None:
    passed_unchanged(session.place)
    told(setting, session, key)


def refused(answer: Any, code: str) -> None:
    """A refusal that a model can act on, with the decision for programs."""
    assert answer.outcome == "deny" and answer.result["isError"] is True, f"{answer}"
    assert answer.text.strip(), "a text for the model"
    assert answer.decision["code"] == code, f"not `{code}`: {answer.decision}"


async def counted(session: Session, steps: int) -> tuple[dict[str, Any], list[Any]]:
    progress: list[Any] = []

    async def heard(*step: Any) -> None:
        progress.append(step)

    answer = await session.call("count", {"steps": steps}, progress_callback=heard)
    return answer.result, progress


async def cancelled(session: Session) -> None:
    """Calls the tool that never ends, and cancels it once it says that it has begun."""
    with anyio.CancelScope() as scope:

        async def begun(*_: Any) -> None:
            scope.cancel()

        await session.call("wait", progress_callback=begun)
    assert scope.cancelled_caught
    session.let_through("wait")


def shape(result: Any) -> Any:
    """What is left of a result that tells the time once the time is taken out of it."""
    if isinstance(result, dict):
        return {key: shape(value) for key, value in result.items()}
    if isinstance(result, list):
        return [shape(value) for value in result]
    return type(result).__name__


def make_repository(folder: Path) -> None:
    folder.mkdir(parents=True)
    run_git(folder, "init", "--quiet", "--initial-branch", "main")
    run_git(folder, "config", "user.name", "operator")
    run_git(folder, "config", "user.email", "ops@example.com")
    (folder / "notes.txt").write_text("first\n", encoding="utf-8")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "--quiet", "--message", "the first notes")
    (folder / "notes.txt").write_text("first\nsecond\n", encoding="utf-8")
    (folder / "new.txt").write_text("new\n", encoding="utf-8")


def state(folder: Path) -> str:
    return "".join(run_git(folder, *what) for what in (["status", "--porcelain"], ["log"], ["branch", "--all"]))


def run_git(folder: Path, *args: str) -> str:
    # Nothing from the machine's own configuration: hooks, signing, templates.
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", "-C", str(folder), *args]
    return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **alone}).stdout
