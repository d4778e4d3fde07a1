"""Drives the FastMCP client, which speaks the tasks extension on 2026-07-28.

usage: python_fastmcp.py auto|legacy
"""

import sys
from functools import partial
from importlib.metadata import version
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from fastmcp_tasks import ToolTask, call_tool_task
from fastmcp_tasks.client_models import ClientGetTaskResult
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult

from driver import Answer, Hear, Session, in_mcps_words, run

MODE = sys.argv[1]
# In both modes it asks for progress in every call, as it logs what nobody else hears.
ABILITIES = {
    "auto": ["data", "forms", "one session", "tasks", "tasks of 2026", "questions in replies"],
    "legacy": [
        "data",
        "direct replies",
        "forms",
        "one session",
        "progress",
        "all progress",
        "cancel",
        "questions in requests",
    ],
}
TOKEN = {"progressToken": "interop"}


class FastmcpSession(Session):
    task: ToolTask

    async def connect(
        self, forms: bool, command: list[str] | None = None, url: str | None = None
    ) -> Answer:
        if url:
            server = StreamableHttpTransport(url)
        else:
            # Kept alive, which is the default, the server would outlast the session.
            server = StdioTransport(command[0], command[1:], keep_alive=False)
        show = self.show if forms else None
        client = Client(server, mode=self.mode, elicitation_handler=show)
        self.client = await self.opened.enter_async_context(client)
        capabilities = self.client.server_capabilities
        extensions = (capabilities and capabilities.extensions) or {}
        return {"protocol": self.client.protocol_version, "extensions": extensions}

    async def show(
        self, _message: str, _kind: Any, params: ElicitRequestParams, _context: Any
    ) -> ElicitResult:
        return await self.fill_in(params)

    async def list_tools(self) -> Answer:
        return {"tools": [tool.name for tool in await self.client.list_tools()]}

    async def ask(self, tool: str, arguments: Answer, hear: Hear | None) -> CallToolResult:
        return await self.client.call_tool_mcp(tool, arguments, progress_handler=hear)

    async def value(self, tool: str, arguments: Answer) -> Answer:
        return {"value": (await self.client.call_tool(tool, arguments)).data}

    async def start(self, tool: str, arguments: Answer, progress: bool = False) -> Answer:
        meta = TOKEN if progress else None
        self.task = await call_tool_task(self.client, tool, arguments, meta=meta)
        return {"task": in_mcps_words(self.task.create_result)}

    async def look(self, task_id: str | None = None) -> Answer:
        task = await self.task_of(task_id).status()
        return {"task": in_mcps_words(task), "result": result_in(task)}

    async def stop(self, task_id: str | None = None) -> Answer:
        await self.task_of(task_id).cancel()
        return {}

    async def wait(self) -> Answer:
        last = await self.task.wait(timeout=10)
        return {"outcome": last.status, "result": result_in(last)}

    async def finish(self) -> Answer:
        result = await self.task.result()
        return {
            "result": {
                "content": [in_mcps_words(content) for content in result.content],
                "structuredContent": result.structured_content,
                "isError": result.is_error,
            }
        }

    async def let_go(self) -> Answer:
        # This client holds on to no task.
        return {}

    def task_of(self, task_id: str | None) -> ToolTask:
        if task_id is None:
            return self.task
        created = self.task.create_result.model_copy(update={"task_id": task_id})
        return ToolTask(self.client, "count", created)


def result_in(task: ClientGetTaskResult) -> Answer | None:
    return task.result and in_mcps_words(CallToolResult.model_validate(task.result))


run(f"fastmcp {version('fastmcp')}", ABILITIES[MODE], partial(FastmcpSession, MODE))
