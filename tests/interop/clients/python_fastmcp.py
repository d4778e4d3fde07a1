"""Checks a server with the FastMCP client, which speaks the tasks extension on 2026-07-28.

usage: python_fastmcp.py SERVER
"""

from datetime import datetime

import anyio
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from fastmcp_tasks import ToolTask, call_tool_task
from fastmcp_tasks.client_models import ClientGetTaskResult
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult

from checks import (
    CHECKS_OF_PLAIN_CALLS,
    PROTOCOLS,
    TOOLS,
    TOOLS_FOR_TICKETS,
    Check,
    Progress,
    Witness,
    expect,
    expect_counted,
    expect_counting,
    expect_failure,
    expect_in,
    plain_call,
    run,
    witness,
)

TASKS = "io.modelcontextprotocol/tasks"
POLL_SECONDS = 0.05
SILENCE_SECONDS = 1.2


async def announcement(client: Client, _: Witness) -> None:
    capabilities = client.server_capabilities
    extensions = (capabilities and capabilities.extensions) or {}
    expect("settings of the extension", extensions.get(TASKS), {})


async def tool_list(client: Client, _: Witness) -> None:
    names = [tool.name for tool in await client.list_tools()]
    expect("tools", sorted(names), sorted(TOOLS + TOOLS_FOR_TICKETS))


async def data_of_a_plain_call(client: Client, _: Witness) -> None:
    """What is no object is the result of one, and this client takes it out again."""
    expect("data", (await client.call_tool("add", {"a": 2, "b": 40})).data, 42)


async def task_to_its_end(client: Client, _: Witness) -> None:
    task = await call_tool_task(client, "count", {})
    created = task.create_result
    expect("status when created", created.status, "working")
    *working, last = await statuses_of(task)
    expect("task ids", {status.task_id for status in [*working, last]}, {created.task_id})
    expect("working", {status.status for status in working}, {"working"})
    expect_in("message while working", " of 3", working[-1].status_message)
    expect("last status", last.status, "completed")
    expect_counted(result_in(last), 3)
    expect_times(created.created_at, created.last_updated_at, last.last_updated_at)
    expect("createdAt", last.created_at, created.created_at)


async def task_that_the_client_waits_for(client: Client, seen: Witness) -> None:
    progress = Progress()
    counted = await client.call_tool_mcp("count", {}, progress_handler=progress)
    expect_counted(counted, 3)
    await anyio.sleep(SILENCE_SECONDS)
    expect("progress", (progress.messages, seen.heard("notifications/progress")), ([], []))


async def result_asked_for_twice(client: Client, _: Witness) -> None:
    task = await call_tool_task(client, "count", {"to": 1, "pause_ms": 1})
    first = await task.wait(timeout=10)
    expect("second answer", await task.status(), first)


async def task_that_fails(client: Client, _: Witness) -> None:
    task = await call_tool_task(client, "fail", {})
    last = (await statuses_of(task))[-1]
    expect("last status", last.status, "completed")
    expect_failure(result_in(last), "it was not to be")
    expect_failure(await client.call_tool_mcp("fail", {}), "it was not to be")


async def task_that_panics(client: Client, _: Witness) -> None:
    expect_failure(await client.call_tool_mcp("panic_later", {}), "panicked")
    await plain_call(client.call_tool_mcp)


async def cancelled_task(client: Client, _: Witness) -> None:
    task = await call_tool_task(client, "watch", {})
    with anyio.fail_after(10):
        while (await task.status()).status_message is None:
            await anyio.sleep(POLL_SECONDS)
    await task.cancel()
    last = await task.wait(timeout=10)
    expect("last status", last.status, "cancelled")
    expect_in("message", "stopped after", last.status_message)
    await plain_call(client.call_tool_mcp)


async def cancellation_of_an_ended_task(client: Client, _: Witness) -> None:
    task = await call_tool_task(client, "count", {"to": 1, "pause_ms": 1})
    ended = await task.wait(timeout=10)
    await task.cancel()
    expect("status afterwards", await task.status(), ended)


async def unknown_task(client: Client, _: Witness) -> None:
    task = await call_tool_task(client, "count", {"to": 1, "pause_ms": 1})
    strange = task.create_result.model_copy(update={"task_id": "no-such-task"})
    stranger = ToolTask(client, "count", strange)
    for request in (stranger.status, stranger.cancel):
        try:
            answer = await request()
        except MCPError as error:
            expect("code", error.code, INVALID_PARAMS)
        else:
            raise AssertionError(f"{request.__name__}: got {answer!r}, wanted an error")
    await plain_call(client.call_tool_mcp)


async def background_call_with_progress(client: Client, _: Witness) -> None:
    progress = Progress()
    expect_counted(await client.call_tool_mcp("count", {}, progress_handler=progress), 3)
    expect_counting(progress, 3)


async def close(client: Client, _: Witness) -> None:
    await plain_call(client.call_tool_mcp)


async def close_while_a_task_runs(client: Client, _: Witness) -> None:
    await call_tool_task(client, "watch", {})


CHECKS_OF_THE_END = [close, close_while_a_task_runs]
CHECKS = {
    "auto": [
        announcement,
        tool_list,
        *CHECKS_OF_PLAIN_CALLS,
        data_of_a_plain_call,
        task_to_its_end,
        task_that_the_client_waits_for,
        result_asked_for_twice,
        task_that_fails,
        task_that_panics,
        cancelled_task,
        cancellation_of_an_ended_task,
        unknown_task,
        *CHECKS_OF_THE_END,
    ],
    "legacy": [
        tool_list,
        *CHECKS_OF_PLAIN_CALLS,
        data_of_a_plain_call,
        background_call_with_progress,
        close,
    ],
}


async def statuses_of(task: ToolTask) -> list[ClientGetTaskResult]:
    """Every status on the way to the last."""
    statuses = [await task.status()]
    while statuses[-1].status == "working":
        await anyio.sleep(POLL_SECONDS)
        statuses.append(await task.status())
    return statuses


def result_in(status: ClientGetTaskResult) -> CallToolResult:
    return CallToolResult.model_validate(status.result)


def expect_times(*texts: str) -> None:
    times = [datetime.fromisoformat(text) for text in texts]
    expect("times without a zone", [time for time in times if time.tzinfo is None], [])
    expect("order of the times", times, sorted(times))


async def in_session(mode: str, check: Check) -> None:
    with witness() as seen:
        command, *arguments = seen.command
        # Kept alive, which is the default, the server would outlast the session.
        server = StdioTransport(command, arguments, keep_alive=False)
        async with Client(server, mode=mode) as client:
            expect("protocol", client.protocol_version, PROTOCOLS[mode])
            if check in CHECKS_OF_PLAIN_CALLS:
                await check(client.call_tool_mcp)
            else:
                await check(client, seen)
        if mode == "auto":
            expect("progress", seen.heard("notifications/progress"), [])
        if check in CHECKS_OF_THE_END:
            expect("exit status", seen.exit_status(), 0)


run("fastmcp", in_session, CHECKS)
