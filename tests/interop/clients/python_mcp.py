"""Checks a server with the official Python client: plain calls and calls with progress.

usage: python_mcp.py SERVER
"""

import time

import anyio
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult

from checks import (
    CHECKS_OF_PLAIN_CALLS,
    PATIENCE_SECONDS,
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
    task_id_in,
    text_of,
    whole_text_of,
    witness,
)

CANCEL_SECONDS = 1.2
SILENCE_SECONDS = 1.2


async def tool_list(client: Client, _: Witness) -> None:
    names = [tool.name for tool in (await client.list_tools()).tools]
    expect("tools", sorted(names), sorted(TOOLS + TOOLS_FOR_TICKETS))


async def background_call_without_a_token(client: Client, seen: Witness) -> None:
    sent = time.monotonic()
    expect_counted(await client.call_tool("count", {}), 3)
    expect("within the patience", time.monotonic() - sent < PATIENCE_SECONDS, True)
    expect("progress", seen.heard("notifications/progress"), [])


async def background_call_with_progress(client: Client, seen: Witness) -> None:
    progress = Progress()
    expect_counted(await client.call_tool("count", {}, progress_callback=progress), 3)
    expect_counting(progress, 3)
    expect("progress", len(progress.values), len(seen.heard("notifications/progress")))


async def background_call_with_progress_that_outlasts_the_patience(
    client: Client, _: Witness
) -> None:
    progress = Progress()
    arguments = {"to": 18}
    ticket = await client.call_tool("count", arguments, progress_callback=progress)
    task_id = task_id_in(ticket)
    expect("strictly increasing", progress.values, sorted(set(progress.values)))
    expect_in("last message", " of 18", (progress.messages or [None])[-1])
    while " is running" in whole_text_of(checked := await check_task(client, task_id)):
        pass
    expect_in("result", '{"to":18}', whole_text_of(checked))


async def ticket(client: Client, _: Witness) -> None:
    task_id = task_id_in(await client.call_tool("count", {"to": 1000}))
    checked = await check_task(client, task_id)
    expect_in("news", "of 1000", whole_text_of(checked))
    stopped = await client.call_tool("stop_task", {"task_id": task_id})
    expect("isError", (stopped.is_error, text_of(stopped)), (False, text_of(stopped)))
    while " is running" in whole_text_of(checked):
        checked = await check_task(client, task_id)
    expect("isError", checked.is_error, True)
    expect_in("end", "stopped", whole_text_of(checked))


async def background_call_that_fails(client: Client, _: Witness) -> None:
    expect_failure(await client.call_tool("fail", {}), "it was not to be")
    progress = Progress()
    failed = await client.call_tool("fail", {}, progress_callback=progress)
    expect_failure(failed, "it was not to be")
    expect("progress", progress.messages, ["about to fail"])


async def background_call_that_panics(client: Client, _: Witness) -> None:
    expect_failure(await client.call_tool("panic_later", {}), "panicked")
    await plain_call(client.call_tool)


async def cancelled_call(client: Client, _: Witness) -> None:
    with anyio.move_on_after(CANCEL_SECONDS) as scope:
        await client.call_tool("watch", {})
    expect("cancelled", scope.cancelled_caught, True)
    await plain_call(client.call_tool)


async def cancelled_call_with_progress(client: Client, seen: Witness) -> None:
    progress = Progress()
    with anyio.move_on_after(CANCEL_SECONDS) as scope:
        await client.call_tool("watch", {}, progress_callback=progress)
    expect("cancelled", scope.cancelled_caught, True)
    expect("first message", progress.messages[:1], ["round 1"])
    await plain_call(client.call_tool)
    heard = seen.heard("notifications/progress")
    await anyio.sleep(SILENCE_SECONDS)
    expect("heard after the cancellation", seen.heard("notifications/progress"), heard)


async def close(client: Client, _: Witness) -> None:
    await plain_call(client.call_tool)


async def close_while_a_task_runs(client: Client, _: Witness) -> None:
    task_id_in(await client.call_tool("watch", {}))


CHECKS_OF_THE_END = [close, close_while_a_task_runs]
CHECKS = [
    tool_list,
    *CHECKS_OF_PLAIN_CALLS,
    background_call_without_a_token,
    background_call_with_progress,
    background_call_with_progress_that_outlasts_the_patience,
    ticket,
    background_call_that_fails,
    background_call_that_panics,
    cancelled_call,
    cancelled_call_with_progress,
    *CHECKS_OF_THE_END,
]


async def check_task(client: Client, task_id: str) -> CallToolResult:
    return await client.call_tool("check_task", {"task_id": task_id, "wait_seconds": 1})


async def in_session(mode: str, check: Check) -> None:
    with witness() as seen:
        command, *arguments = seen.command
        server = StdioServerParameters(command=command, args=arguments)
        async with Client(server, mode=mode) as client:
            expect("protocol", client.protocol_version, PROTOCOLS[mode])
            if check in CHECKS_OF_PLAIN_CALLS:
                await check(client.call_tool)
            else:
                await check(client, seen)
        if check in CHECKS_OF_THE_END:
            expect("exit status", seen.exit_status(), 0)


run("mcp", in_session, {mode: CHECKS for mode in PROTOCOLS})
