"""The reference client of the installed `mcpc`, connected to one server over stdio or HTTP+SSE."""

import asyncio
import contextlib
import io
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from mcp import ClientSession, StdioServerParameters
from mcp.client.sse import sse_client
from mcp.client.stdio import stdio_client
from mcp.server import Server
from mcp.types import CallToolResult
from mcpc import MCPCHandler, MCPCHelper, MCPCInformation, MCPCMessage

import witness
import witness_http
from verdicts import expect

# How long a message that should not exist gets to show up.
SETTLE_SECONDS = 0.3


class FirstDialect:
    """What is peculiar to MCPC 0.2.1."""

    handshake_call = ("is_mcpc_enabled", {})

    @staticmethod
    async def greet(handler: MCPCHandler, session: ClientSession) -> bool:
        return await handler.check_mcpc_support(session)

    @staticmethod
    def task_id(arguments: dict[str, Any]) -> str:
        return arguments["_metadata"]["mcpc_task_id"]

    @staticmethod
    async def send(message: MCPCMessage) -> None:
        await MCPCHelper("reference").send_direct(message.model_dump_json())


class LatestDialect:
    """What is peculiar to MCPC 0.2.6."""

    handshake_call = (
        "_mcpc_init",
        {"mcpc_info": MCPCInformation(mcpc_provider="interop").model_dump()},
    )

    @staticmethod
    async def greet(handler: MCPCHandler, session: ClientSession) -> bool:
        return await handler.init_mcpc(session)

    @staticmethod
    def task_id(arguments: dict[str, Any]) -> str:
        return arguments["mcpc_params"].task_id

    @staticmethod
    async def send(message: MCPCMessage) -> None:
        await MCPCHelper(Server("reference")).send(message)


MCPC_VERSION = version("mcpc")
DIALECT = {"0.2.1": FirstDialect, "0.2.6": LatestDialect}[MCPC_VERSION]


async def reference_line(message: MCPCMessage) -> str:
    """The callback line that the reference server writes for `message`, newline included."""
    stdout = io.StringIO()
    with contextlib.redirect_stdout(stdout):
        await DIALECT.send(message)
    return stdout.getvalue()


@dataclass(frozen=True)
class Call:
    """A tool call that carried ids, and what came back."""

    tool: str
    session_id: str
    task_id: str
    reply: CallToolResult

    def message(self, event: str, result: Any) -> MCPCMessage:
        """The message that tells of `event` in the task of this call."""
        return MCPCMessage(
            event=event,
            session_id=self.session_id,
            task_id=self.task_id,
            tool_name=self.tool,
            result=result,
        )


class Client:
    """A session and its handler, with a listener that keeps the messages of each task in order."""

    def __init__(self, session: ClientSession, handler: MCPCHandler):
        self.session = session
        self.handler = handler
        self.messages: dict[str | None, list[MCPCMessage]] = defaultdict(list)
        self._updated: dict[str | None, asyncio.Event] = defaultdict(asyncio.Event)
        self._ended: dict[str | None, asyncio.Event] = defaultdict(asyncio.Event)
        handler.add_event_listener(self._hear)

    def _hear(self, message: MCPCMessage) -> None:
        self.messages[message.task_id].append(message)
        if message.event == "update":
            self._updated[message.task_id].set()
        if message.event in ("complete", "failed"):
            self._ended[message.task_id].set()

    async def greet(self) -> bool:
        """Whether the server speaks MCPC, as the handler reports it."""
        return await DIALECT.greet(self.handler, self.session)

    async def call(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        """A call as any MCP client makes it."""
        return await self.session.call_tool(tool, arguments)

    async def call_with_ids(self, tool: str, arguments: dict[str, Any], session_id: str) -> Call:
        """A call with the handler's metadata in its arguments."""
        arguments = self.handler.add_metadata(arguments, session_id)
        reply = await self.session.call_tool(tool, arguments)
        return Call(tool, session_id, DIALECT.task_id(arguments), reply)

    async def first_update(self, task_id: str) -> Any:
        """What a task said first."""
        await self._updated[task_id].wait()
        return next(it.result for it in self.messages[task_id] if it.event == "update")

    async def messages_until_end(self, task_id: str) -> list[MCPCMessage]:
        """All messages about a task, including any that wrongly follow its end."""
        await self._ended[task_id].wait()
        await asyncio.sleep(SETTLE_SECONDS)
        # The reply comes behind all that was written meanwhile, however long that takes to read.
        await self.session.send_ping()
        return self.messages[task_id]


@contextlib.asynccontextmanager
async def over_stdio(server: str, record: Path | None) -> AsyncIterator[Any]:
    program, *arguments = witness.command(record, server) if record else [server]
    async with stdio_client(StdioServerParameters(command=program, args=arguments)) as streams:
        yield streams


@contextlib.asynccontextmanager
async def over_sse(server: str, record: Path | None) -> AsyncIterator[Any]:
    with TemporaryDirectory() as directory:
        record = record or Path(directory)
        async with witness_http.serving(record, server) as url:
            async with sse_client(f"{url}/sse") as streams:
                yield streams
        expect("exit status of the server", witness.exit_status(record), 0)


@contextlib.asynccontextmanager
async def connect(over: Any, server: str, record: Path | None = None) -> AsyncIterator[Client]:
    """Starts a server and initializes a session with it, without the MCPC handshake."""
    handler = MCPCHandler("interop")
    failure = None
    try:
        async with over(server, record) as streams:
            reader, writer = await handler.wrap_streams(*streams)
            async with ClientSession(reader, writer) as session:
                await session.initialize()
                try:
                    yield Client(session, handler)
                except Exception as error:
                    failure = error
    finally:
        # Left while messages still arrive, a transport puts an error of its own in its place.
        if failure:
            raise failure
