"""Drives the official Python client.

usage: python_mcp.py auto|legacy
"""

import sys
from functools import partial
from importlib.metadata import version

from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult

from driver import Answer, Hear, Session, run

ABILITIES = ["direct replies", "calls without a token", "progress", "all progress", "cancel"]


class McpSession(Session):
    async def connect(self, command: list[str]) -> Answer:
        program, *arguments = command
        server = StdioServerParameters(command=program, args=arguments)
        client = Client(server, mode=self.mode)
        self.client = await self.opened.enter_async_context(client)
        return {"protocol": self.client.protocol_version}

    async def list_tools(self) -> Answer:
        return {"tools": [tool.name for tool in (await self.client.list_tools()).tools]}

    async def ask(self, tool: str, arguments: Answer, hear: Hear | None) -> CallToolResult:
        return await self.client.call_tool(tool, arguments, progress_callback=hear)


run(f"mcp {version('mcp')}", ABILITIES, partial(McpSession, sys.argv[1]))
