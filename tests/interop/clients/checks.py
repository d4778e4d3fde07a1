"""What the Python drivers share: a server under the eyes of a witness, checks of plain calls, and
the report of checks.

usage of a driver: DRIVER.py SERVER

SERVER is the executable of the `outcomes` example. A driver prints one line per check.
"""

import contextlib
import faulthandler
import json
import re
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from mcp_types import CallToolResult

SERVER = sys.argv[1]
WITNESS = str(Path(__file__).with_name("witness.py"))

# The modes of a client, and the protocol that the server then speaks with it.
PROTOCOLS = {"auto": "2026-07-28", "legacy": "2025-11-25"}

CHECK_SECONDS = 30
DRIVER_SECONDS = 600
PATIENCE_SECONDS = 2.0

TOOLS = ["add", "divide", "panic_at_once", "count", "fail", "panic_later", "watch"]
TOOLS_FOR_TICKETS = ["check_task", "stop_task"]

# Calls a tool with arguments.
Call = Callable[[str, dict[str, Any]], Awaitable[CallToolResult]]
Check = Callable[..., Awaitable[None]]
# Runs a check in a session of its own, in a mode.
InSession = Callable[[str, Check], Awaitable[None]]


@dataclass(frozen=True)
class Witness:
    """Knows what passed between a client and its server, and how the server ended."""

    directory: Path

    @property
    def command(self) -> list[str]:
        return [sys.executable, WITNESS, str(self.directory), SERVER]

    def heard(self, method: str) -> list[dict[str, Any]]:
        """The parameters of each notification that the client was sent."""
        lines = (self.directory / "transcript").read_text().split("\n")
        messages = [json.loads(line[4:]) for line in lines if line.startswith("s>c ")]
        return [message["params"] for message in messages if message.get("method") == method]

    def exit_status(self) -> int:
        return int((self.directory / "statuses").read_text().split()[-1])


@contextlib.contextmanager
def witness() -> Iterator[Witness]:
    with TemporaryDirectory() as directory:
        yield Witness(Path(directory))


class Progress:
    """Records the calls of a progress callback."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.messages: list[str | None] = []

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.values.append(progress)
        self.messages.append(message)


def expect(what: str, actual: Any, wanted: Any) -> None:
    if actual != wanted:
        raise AssertionError(f"{what}: got {actual!r}, wanted {wanted!r}")


def expect_in(what: str, wanted: str, text: str | None) -> None:
    if text is None or wanted not in text:
        raise AssertionError(f"{what}: got {text!r}, wanted {wanted!r} in it")


def expect_success(result: CallToolResult, text: str) -> None:
    expect("isError and text", (result.is_error, text_of(result)), (False, text))


def expect_failure(result: CallToolResult, text: str) -> None:
    expect("isError", (result.is_error, whole_text_of(result)), (True, whole_text_of(result)))
    # What came before the error may follow it.
    expect_in("text", text, result.content[0].text)


def expect_counted(result: CallToolResult, to: int) -> None:
    expect("isError", (result.is_error, result.is_error and text_of(result)), (False, False))
    expect("structured content", result.structured_content, {"to": to})
    expect("text", json.loads(text_of(result)), {"to": to})


def expect_counting(progress: Progress, to: int) -> None:
    expect("strictly increasing", progress.values, sorted(set(progress.values)))
    expect_in("last message", f"{to} of {to}", (progress.messages or [None])[-1])


def text_of(result: CallToolResult) -> str:
    expect("kinds of content", [content.type for content in result.content], ["text"])
    return result.content[0].text


def whole_text_of(result: CallToolResult) -> str:
    return "\n".join(content.text for content in result.content)


def task_id_in(ticket: CallToolResult) -> str:
    expect("isError", ticket.is_error, False)
    expect_in("ticket", "check_task", text_of(ticket))
    named = re.search(r'"task_id": "([^"]+)"', text_of(ticket))
    if named is None:
        raise AssertionError(f"ticket: got {text_of(ticket)!r}, wanted a task id in it")
    return named[1]


async def plain_call(call: Call) -> None:
    expect_success(await call("add", {"a": 2, "b": 40}), "42")


async def plain_call_that_fails(call: Call) -> None:
    expect_failure(await call("divide", {"a": 1, "b": 0}), "nothing can be divided by zero")


async def plain_call_that_panics(call: Call) -> None:
    panicked = await call("panic_at_once", {})
    expect_failure(panicked, "tool `panic_at_once` panicked: as it was asked to")
    await plain_call(call)


async def bad_arguments(call: Call) -> None:
    expect_failure(await call("add", {"a": "two"}), "`b`")
    expect_failure(await call("count", {"to": 0}), "`to`")
    await plain_call(call)


CHECKS_OF_PLAIN_CALLS = [plain_call, plain_call_that_fails, plain_call_that_panics, bad_arguments]


def reason(error: Exception) -> str:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    match error:
        case AssertionError():
            return str(error)
        case TimeoutError():
            return f"not done within {CHECK_SECONDS} s: {error}"
        case _:
            return repr(error)


async def report(label: str, check: Callable[[], Awaitable[None]]) -> bool:
    try:
        with anyio.fail_after(CHECK_SECONDS):
            await check()
    except Exception as error:
        print(f"FAILED {label}: {' '.join(reason(error).split())}", flush=True)
        return False
    print(f"ok {label}", flush=True)
    return True


def name_of(check: Check) -> str:
    return check.__name__.replace("_", " ")


async def report_all(
    package: str, in_session: InSession, checks: dict[str, list[Check]]
) -> list[bool]:
    return [
        await report(
            f"{package} {version(package)}, {protocol}: {name_of(check)}",
            partial(in_session, mode, check),
        )
        for mode, protocol in PROTOCOLS.items()
        for check in checks[mode]
    ]


def run(package: str, in_session: InSession, checks: dict[str, list[Check]]) -> None:
    """Runs the checks that are listed for each mode of the client in `package`."""
    # Should the driver itself hang, it says where, and ends.
    faulthandler.dump_traceback_later(DRIVER_SECONDS, exit=True)
    sys.exit(0 if all(anyio.run(report_all, package, in_session, checks)) else 1)
