"""A server on the reference of this Python environment, of whichever version that is."""

import asyncio
import os
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.types import TextContent, Tool
from mcpc import MCPCHelper, MCPCMessage

IS_FIRST = version("mcpc") == "0.2.1"
HANDSHAKE = "is_mcpc_enabled" if IS_FIRST else "_mcpc_init"

server = Server("reference")
helper = MCPCHelper("reference") if IS_FIRST else MCPCHelper(server)


@server.list_tools()
async def list_tools() -> list[Tool]:
    names = ["echo", "work", "fail", "endless", "die", "emit", "stop_task"]
    return [Tool(name=name, inputSchema={"type": "object"}) for name in names]


@server.call_tool()
async def call_tool(name: str, arguments: dict[str, Any]) -> list[TextContent]:
    if name == HANDSHAKE:
        if IS_FIRST:
            return text(helper.get_protocol_info().model_dump_json())
        return helper.handle_protocol_info_request(arguments["mcpc_info"])
    session_id, task_id = ids(arguments)
    match name:
        case "echo":
            return text(arguments["text"])
        case "stop_task":
            return text(str(helper.stop_task(arguments["task_id"])))
        case "emit":
            event = helper.create_server_event(
                session_id=session_id, result=arguments["data"], event="emitted"
            )
            await send(event)
            return text("emitted")
        case "work" | "fail" | "endless" | "die":
            work = (name, arguments, session_id, task_id)
            if IS_FIRST:
                helper.start_task(task_id, send_all, (run(*work),))
            else:
                await helper.start_task(task_id, run, work)
            created = message(name, session_id, task_id, "created", f"Started {name}")
            return text(created.model_dump_json())
    raise ValueError(f"Unknown tool: {name}")


def ids(arguments: dict[str, Any]) -> tuple[str, str]:
    given = arguments.get("_metadata" if IS_FIRST else "mcpc_params", {})
    prefix = "mcpc_" if IS_FIRST else ""
    return given.get(f"{prefix}session_id", "default"), given.get(f"{prefix}task_id", "none")


async def run(
    name: str, arguments: dict[str, Any], session_id: str, task_id: str
) -> AsyncIterator[MCPCMessage]:
    def say(event: str, result: Any) -> MCPCMessage:
        return message(name, session_id, task_id, event, result)

    steps = arguments.get("steps", 3) if name == "work" else 1_000_000
    for step in range(steps):
        await asyncio.sleep(0.02)
        if name == "fail":
            yield say("failed", "as it was asked to")
            return
        if helper.background_tasks.get(task_id, {}).get("status") == "stopping":
            yield say("failed", f"stopped after {step}")
            return
        yield say("update", {"step": step, "text": "å∑🦀\"\n"})
        if name == "die" and step == 2:
            os._exit(1)
    yield say("complete", {"steps": steps})


def message(tool: str, session_id: str, task_id: str, event: str, result: Any) -> MCPCMessage:
    return helper.create_message(
        type="task",
        event=event,
        tool_name=tool,
        session_id=session_id,
        task_id=task_id,
        result=result,
    )


async def send(said: MCPCMessage) -> None:
    if IS_FIRST:
        await helper.send_direct(said.model_dump_json())
    else:
        await helper.send(said)


async def send_all(work: AsyncIterator[MCPCMessage]) -> None:
    async for said in work:
        await send(said)


def text(value: str) -> list[TextContent]:
    return [TextContent(type="text", text=value)]


async def main() -> None:
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())


asyncio.run(main())
