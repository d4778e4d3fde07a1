"""Drives the official Python client.

usage: python_mcp.py auto|legacy
"""

import sys
from functools import partial
from importlib.metadata import version
from typing import Any

from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult

from driver import Answer, Hear, Session, run

ABILITIES = [
    "all progress",
    "calls without a token",
    "cancel",
    "direct replies",
    "forms",
    "one session",
    "progress",
]
ASKED = {"auto": "questions in replies", "legacy": "questions in requests"}


class McpSession(Session):
    async def connect(
        self, forms: bool, command: list[str] | None = None, url: str | None = None
    ) -> Answer:
        server = url or StdioServerParameters(command=command[0], args=command[1:])
        show = self.show if forms else None
        client = Client(server, mode=self.mode, elicitation_callback=show)
        self.client = await self.opened.enter_async_context(client)
        return {"protocol": self.client.protocol_version}

    async def show(self, _context: Any, params: ElicitRequestParams) -> ElicitResult:
        return await self.fill_in(params)

    async def list_tools(self) -> Answer:
        return {"tools": [tool.name for tool in (await self.client.list_tools()).tools]}

    async def ask(self, tool: str, arguments: Answer, hear: Hear | None) -> CallToolResult:
        return await self.client.call_tool(tool, arguments, progress_callback=hear)


MODE = sys.argv[1]
run(f"mcp {version('mcp')}", [*ABILITIES, ASKED[MODE]], partial(McpSession, MODE))
