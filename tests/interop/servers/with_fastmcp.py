"""A server with FastMCP and its tasks."""

import asyncio
import os
import sys
from datetime import timedelta

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.utilities.tasks import TaskConfig
from fastmcp_tasks import TasksExtension
from mcp.types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult

mcp = FastMCP("fastmcp")
mcp.add_extension(TasksExtension())
TASK = TaskConfig(poll_interval=timedelta(milliseconds=100))


@mcp.tool
def echo(text: str) -> str:
    return text


@mcp.tool(task=TASK)
async def work(steps: int, ctx: Context) -> dict[str, int]:
    for step in range(1, steps + 1):
        await asyncio.sleep(0.3)
        await ctx.report_progress(step, steps, f"step {step}")
    return {"steps": steps}


@mcp.tool(task=TASK)
async def fail() -> str:
    await asyncio.sleep(0.2)
    raise ToolError("as it was asked to")


@mcp.tool(task=TASK)
async def endless(ctx: Context) -> str:
    step = 0
    while True:
        step += 1
        await ctx.report_progress(step, message=f"step {step}")
        await asyncio.sleep(0.2)


@mcp.tool(task=TASK)
async def die() -> str:
    await asyncio.sleep(0.5)
    os._exit(1)


@mcp.tool(task=TASK)
async def ask(ctx: Context) -> str | InputRequiredResult:
    answers = ctx.input_responses
    if not answers:
        schema = {
            "type": "object",
            "properties": {"value": {"type": "string"}},
            "required": ["value"],
        }
        params = ElicitRequestFormParams(message="who?", requested_schema=schema)
        return InputRequiredResult(input_requests={"who": ElicitRequest(params=params)})
    answer = answers["who"]
    return f"hello {answer.content['value']}" if answer.action == "accept" else answer.action


if __name__ == "__main__":
    # Over HTTP at a port, if there is one.
    if len(sys.argv) > 1:
        mcp.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), path="/mcp")
    else:
        mcp.run()
