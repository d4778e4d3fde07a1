"""Checks a server with the official Python client: plain calls and calls with progress.

usage: python_mcp.py SERVER
"""

import time
from functools import partial
from importlib.metadata import version
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult

from checks import (
    PATIENCE_SECONDS,
    TOOLS,
    TOOLS_FOR_TICKETS,
    Progress,
    Witness,
    expect,
    expect_counted,
    expect_counting,
    expect_failure,
    expect_in,
    expect_success,
    name_of,
    report,
    run,
    task_id_in,
    text_of,
    whole_text_of,
    witness,
)

PROTOCOLS = {"auto": "2026-07-28", "legacy": "2025-11-25"}

CANCEL_SECONDS = 1.2
SILENCE_SECONDS = 1.2


async def tool_list(client: Client, _: Witness) -> None:
    names = [tool.name for tool in (await client.list_tools()).tools]
    expect("tools", sorted(names), sorted(TOOLS + TOOLS_FOR_TICKETS))


async def plain_call(client: Client, _: Witness) -> None:
    expect_success(await client.call_tool("add", {"a": 2, "b": 40}), "42")


async def plain_call_that_fails(client: Client, _: Witness) -> None:
    failed = await client.call_tool("divide", {"a": 1, "b": 0})
    expect_failure(failed, "nothing can be divided by zero")


async def plain_call_that_panics(client: Client, seen: Witness) -> None:
    panicked = await client.call_tool("panic_at_once", {})
    expect_failure(panicked, "tool `panic_at_once` panicked: as it was asked to")
    await plain_call(client, seen)


async def bad_arguments(client: Client, seen: Witness) -> None:
    expect_failure(await client.call_tool("add", {"a": "two"}), "`b`")
    expect_failure(await client.call_tool("count", {"to": 0}), "`to`")
    await plain_call(client, seen)


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
    expect_counted(await client.call_tool("count", arguments, progress_callback=progress), 18)
    expect_counting(progress, 18)


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


async def background_call_that_panics(client: Client, seen: Witness) -> None:
    expect_failure(await client.call_tool("panic_later", {}), "panicked")
    await plain_call(client, seen)


async def cancelled_call(client: Client, seen: Witness) -> None:
    with anyio.move_on_after(CANCEL_SECONDS) as scope:
        await client.call_tool("watch", {})
    expect("cancelled", scope.cancelled_caught, True)
    await plain_call(client, seen)


async def cancelled_call_with_progress(client: Client, seen: Witness) -> None:
    progress = Progress()
    with anyio.move_on_after(CANCEL_SECONDS) as scope:
        await client.call_tool("watch", {}, progress_callback=progress)
    expect("cancelled", scope.cancelled_caught, True)
    expect("first message", progress.messages[:1], ["round 1"])
    await plain_call(client, seen)
    heard = seen.heard("notifications/progress")
    await anyio.sleep(SILENCE_SECONDS)
    expect("heard after the cancellation", seen.heard("notifications/progress"), heard)


async def close(client: Client, seen: Witness) -> None:
    await plain_call(client, seen)


async def close_while_a_task_runs(client: Client, _: Witness) -> None:
    task_id_in(await client.call_tool("watch", {}))


CHECKS = [
    tool_list,
    plain_call,
    plain_call_that_fails,
    plain_call_that_panics,
    bad_arguments,
    background_call_without_a_token,
    background_call_with_progress,
    background_call_with_progress_that_outlasts_the_patience,
    ticket,
    background_call_that_fails,
    background_call_that_panics,
    cancelled_call,
    cancelled_call_with_progress,
]
CHECKS_OF_THE_END = [close, close_while_a_task_runs]


async def check_task(client: Client, task_id: str) -> CallToolResult:
    return await client.call_tool("check_task", {"task_id": task_id, "wait_seconds": 1})


async def in_session(mode: str, check: Any) -> None:
    with witness() as seen:
        command, *arguments = seen.command
        server = StdioServerParameters(command=command, args=arguments)
        async with Client(server, mode=mode) as client:
            expect("protocol", client.protocol_version, PROTOCOLS[mode])
            await check(client, seen)
        if check in CHECKS_OF_THE_END:
            expect("exit status", seen.exit_status(), 0)


async def checks() -> list[bool]:
    return [
        await report(
            f"mcp {version('mcp')}, {protocol}: {name_of(check)}",
            partial(in_session, mode, check),
        )
        for mode, protocol in PROTOCOLS.items()
        for check in CHECKS + CHECKS_OF_THE_END
    ]


run(checks)
