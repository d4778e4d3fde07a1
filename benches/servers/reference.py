"""The server as users of the reference implementation write it, for either of its versions."""

import asyncio
import json
from importlib.metadata import version
from typing import Any

from mcp.server import Server
from mcp.server.stdio import stdio_server
from mcp.types import TextContent, Tool
from mcpc import MCPCHelper

YIELDS = version("mcpc") != "0.2.1"
TEXT = "target/release/deps/libmcpc_runtime-0123456789abcdef.rmeta, again and again"

server: Server = Server("reference")
mcpc = MCPCHelper(server if YIELDS else "reference")


def message(event: str, tool_name: str, ids: dict, result: Any) -> Any:
    return mcpc.create_message(
        type="task",
        event=event,
        tool_name=tool_name,
        session_id=ids["session_id"],
        task_id=ids["task_id"],
        result=result,
    )


async def chatter(ids: dict, count: int):
    for i in range(count):
        yield message("update", "chatter", ids, {"i": i, "text": TEXT})
    yield message("complete", "chatter", ids, None)


async def watch(ids: dict):
    await asyncio.sleep(3600)
    yield message("complete", "watch", ids, None)


async def send(messages) -> None:
    """What 0.2.1 leaves to the tool."""
    async for sent in messages:
        await mcpc.send_direct(sent.model_dump_json())


async def start(name: str, ids: dict, worker, *arguments) -> list[TextContent]:
    if YIELDS:
        await mcpc.start_task(ids["task_id"], worker, (ids, *arguments))
    else:
        mcpc.start_task(ids["task_id"], lambda: asyncio.run(send(worker(ids, *arguments))))
    created = message("created", name, ids, f"Started {name}")
    return [TextContent(type="text", text=created.model_dump_json())]


@server.list_tools()
async def list_tools() -> list[Tool]:
    return [Tool(name=name, inputSchema={"type": "object"}) for name in ("add", "chatter", "watch")]


@server.call_tool()
async def call_tool(name: str, arguments: dict) -> list[TextContent]:
    ids = arguments.get("mcpc_params")
    if ids is None and (metadata := arguments.get("_metadata")):
        ids = {"session_id": metadata["mcpc_session_id"], "task_id": metadata["mcpc_task_id"]}
    if name == "_mcpc_init":
        return mcpc.handle_protocol_info_request(arguments["mcpc_info"])
    if name == "add":
        return [TextContent(type="text", text=json.dumps(arguments["a"] + arguments["b"]))]
    if name == "chatter":
        return await start(name, ids, chatter, arguments["count"])
    if name == "watch":
        return await start(name, ids, watch)
    raise ValueError(f"unknown tool {name}")


async def main() -> None:
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())


asyncio.run(main())
