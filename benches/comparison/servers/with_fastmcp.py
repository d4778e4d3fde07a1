"""The server of the comparison, with FastMCP."""

import asyncio
import os
from datetime import timedelta

import anyio
from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.utilities.tasks import TaskConfig  # long work
from fastmcp_tasks import TasksExtension  # long work

mcp = FastMCP("with-fastmcp")
mcp.add_extension(TasksExtension())  # long work

# Otherwise a client is told to ask every 5 seconds.
LONG = TaskConfig(poll_interval=timedelta(seconds=1))  # long work


@mcp.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


# long work:
@mcp.tool(task=LONG)
async def deploy(service: str, seconds: int, ctx: Context) -> str:
    # end
    """Deploys a service."""
    try:  # long work
        for step in range(1, seconds + 1):
            this = f"{service}: step {step}"
            await work(this, 1)
            await ctx.report_progress(step, seconds, this)  # long work
    # long work:
    except asyncio.CancelledError:
        # Otherwise every await in here is cancelled, too.
        with anyio.CancelScope(shield=True):
            await roll_back(service)
        raise
    # end
    note(f"{service}: deployed")
    return f"`{service}` is deployed"


@mcp.tool(task=LONG)  # long work
async def fail(service: str) -> str:
    """Looks for a service that does not exist."""
    await work(service, 0.2)
    raise ToolError(f"there is no service `{service}`")


@mcp.tool(task=LONG)  # long work
async def crash(service: str) -> str:
    """Has a bug."""
    await work(service, 0.2)
    regions: list[str] = []
    return regions[len(service)]


async def work(what: str, seconds: float) -> None:
    await asyncio.sleep(seconds)
    note(what)


async def roll_back(service: str) -> None:
    await asyncio.sleep(0.2)
    note(f"{service}: rolled back")


def note(line: str) -> None:
    """Leaves a line in the journal, which tells what the server does, whatever its client hears."""
    if journal := os.environ.get("COMPARISON_JOURNAL"):
        with open(journal, "a") as file:
            file.write(line + "\n")


if __name__ == "__main__":
    mcp.run()
