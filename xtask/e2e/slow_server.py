"""A server, made with the official SDK, for what the published ones do not do: progress, waiting, and telling its environment."""

import os
import sys
from pathlib import Path

import anyio
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("slow")
marks = Path(sys.argv[1])


@server.tool()
async def count(steps: int, context: Context) -> str:
    """Counts, and says how far it is."""
    for step in range(1, steps + 1):
        await context.report_progress(step, steps, f"step {step}")
    return f"counted to {steps}"


@server.tool()
async def wait(context: Context) -> str:
    """Says that it has begun, then waits until it is cancelled, and leaves a mark that it was."""
    await context.report_progress(0, None, "begun")
    try:
        await anyio.sleep_forever()
    except anyio.get_cancelled_exc_class():
        (marks / "cancelled").touch()
        raise
    return "never"


@server.tool()
def environment() -> list[str]:
    """The names of all that its process was given."""
    return sorted(os.environ)


if __name__ == "__main__":
    print("slow server: a line for people", file=sys.stderr, flush=True)
    server.run("stdio")
