"""Checks a server with every client of the table, and prints what came of it as check x client.

usage: check.py TABLE SERVER ENVIRONMENTS

SERVER is the executable of the `outcomes` example, and ENVIRONMENTS has a directory with the
packages of each driver. A check is `ok`, `FAILED`, or `cannot` if it needs an ability that the
client lacks. It is a failure, too, if a client can do no check or no client can do a check.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).parent
# What both runs of checks share is beside this directory.
sys.path.insert(0, str(HERE.parent))

import table  # noqa: E402
import witness  # noqa: E402
import witness_http  # noqa: E402
from expectations import Seen, meet, meets  # noqa: E402
from verdicts import expect, failure, reason  # noqa: E402

CHECK_SECONDS = 30
CLOSE_SECONDS = 10
# A driver imports its packages before it says anything, which takes long on a loaded machine.
START_SECONDS = 300
# A line may have the whole text of a reply.
LINE_BYTES = 1 << 24


class Driver:
    """The process that does what its client is told."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.process: asyncio.subprocess.Process | None = None
        self.client = ""
        self.abilities: list[str] = []

    async def start(self) -> None:
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdin=pipe, stdout=pipe, limit=LINE_BYTES
        )
        async with asyncio.timeout(START_SECONDS):
            stated = await self.read()
        self.client, self.abilities = stated["client"], stated["abilities"]

    async def do(self, do: str, **arguments: Any) -> dict[str, Any]:
        self.process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        await self.process.stdin.drain()
        return await self.read()

    async def read(self) -> dict[str, Any]:
        if not (line := await self.process.stdout.readline()):
            raise AssertionError(f"the driver ended with status {await self.process.wait()}")
        return json.loads(line)

    async def end(self) -> None:
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


class Session:
    """A session of a client with a server under the eyes of a witness."""

    def __init__(
        self,
        driver: Driver,
        server: contextlib.AsyncExitStack,
        record: str,
        connected: dict[str, Any],
    ) -> None:
        self.driver = driver
        # Over stdio, its client starts and ends it.
        self.server = server
        self.record = record
        self.connected = connected
        self.is_open = True
        self.ticket: str | None = None
        self.tasks: list[dict[str, Any]] = []
        self.gone_by = {label: 0 for label in (witness.FROM_CLIENT, witness.FROM_SERVER)}

    @property
    def task_id(self) -> str | None:
        return self.tasks[-1]["taskId"] if self.tasks else None

    async def perform(self, step: table.Step) -> None:
        """Takes a step, as often as it says, and holds what came of it against what must."""
        seen, before = await self.take(step), None
        while step.repeated_while is not None and meets(seen, step.repeated_while):
            await asyncio.sleep(step.every_seconds)
            seen, before = await self.take(step), seen
        if step.before:
            meet(before or Seen({}), step.before)
        meet(seen, step.expect)
        if "ticket" in step.expect:
            self.ticket = seen.ticket

    async def take(self, step: table.Step) -> Seen:
        started = time.monotonic()
        arguments = with_values(step.arguments, {"$ticket": self.ticket, "$task": self.task_id})
        answer = await self.answer_to(step.do, arguments)
        seconds = time.monotonic() - started
        if "error" in answer and "code" not in step.expect:
            raise AssertionError(f"{step.do}: the client raised {answer['error']}")
        if "task" in answer:
            self.tasks.append(answer["task"])
        return Seen(
            answer,
            seconds,
            sent=progress_in(self.news(witness.FROM_SERVER)),
            calls=params_in(self.news(witness.FROM_CLIENT), "tools/call"),
            tasks=list(self.tasks),
        )

    async def answer_to(self, do: str, arguments: dict[str, Any]) -> dict[str, Any]:
        match do:
            case "connected":
                return self.connected
            case "pause":
                await asyncio.sleep(arguments["seconds"])
                return {}
            case "close":
                await self.close()
                return {"exit_status": witness.exit_status(self.record)}
            case _:
                return await self.driver.do(do, **arguments)

    async def close(self) -> None:
        if self.is_open:
            self.is_open = False
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    closed = await self.driver.do("close")
            except TimeoutError as error:
                raise AssertionError(f"not closed within {CLOSE_SECONDS} s") from error
            expect("end of the session", closed, {})
            await self.server.aclose()

    def news(self, label: bytes) -> list[str]:
        """What has gone by since this was last asked."""
        lines = witness.lines(self.record, label)
        news = lines[self.gone_by[label] :]
        self.gone_by[label] = len(lines)
        return news


def with_values(arguments: Any, values: dict[str, Any]) -> Any:
    match arguments:
        case dict():
            return {name: with_values(value, values) for name, value in arguments.items()}
        case str():
            return values.get(arguments, arguments)
        case _:
            return arguments


def params_in(lines: list[str], method: str) -> list[dict[str, Any]]:
    messages = [json.loads(line) for line in lines]
    return [message["params"] for message in messages if message.get("method") == method]


def seen_in_session(lines: list[str]) -> Seen:
    messages = [json.loads(line) for line in lines]
    requests = [message["method"] for message in messages if {"method", "id"} <= message.keys()]
    return Seen({}, sent_in_session=progress_in(lines), requests_in_session=requests)


def progress_in(lines: list[str]) -> list[dict[str, Any]]:
    return params_in(lines, "notifications/progress")


class Column:
    """A client of the table, and what came of each check with it."""

    def __init__(self, raw: dict[str, str], server: str, environments: Path) -> None:
        self.server = server
        self.protocol = raw["protocol"]
        self.over = raw["over"]
        self.driver = Driver([*interpreter_of(raw["driver"], environments), raw["mode"]])
        self.label = f"{raw['driver']} {raw['mode']} over {self.over}"
        self.abilities: frozenset[str] = frozenset()
        self.verdicts: dict[str, str] = {}

    async def run(self, checks: table.Table) -> None:
        try:
            await self.driver.start()
            self.label = f"{self.driver.client}, {self.protocol}, over {self.over}"
            self.abilities = frozenset(self.driver.abilities)
            expect("unknown abilities", sorted(self.abilities - checks.abilities.keys()), [])
            for check in checks.checks:
                self.verdicts[check.name] = await self.verdict(checks, check)
        except Exception as error:
            print(failure(self.label, reason(error, START_SECONDS)), flush=True)
            self.verdicts["driver"] = "FAILED"
        finally:
            await self.driver.end()
        counts = Counter(self.verdicts.values())
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        print(f"{self.label}: {told}", file=sys.stderr, flush=True)

    async def verdict(self, checks: table.Table, check: table.Check) -> str:
        if not check.needs <= self.abilities:
            return "cannot"
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self.perform(checks, check)
        except Exception as error:
            why = reason(error, CHECK_SECONDS)
            print(failure(f"{self.label}: {check.name}", why), flush=True)
            # Whatever it was, the next check is to know nothing of it.
            await self.driver.start()
            return "FAILED"
        return "ok"

    async def perform(self, checks: table.Table, check: table.Check) -> None:
        async with self.session(check.forms) as session:
            for step in check.steps:
                await session.perform(step)
            await session.close()
            lines = witness.lines(session.record, witness.FROM_SERVER)
            for rule in checks.always:
                if rule.needs <= self.abilities:
                    meet(seen_in_session(lines), rule.expect)

    @contextlib.asynccontextmanager
    async def session(self, forms: bool) -> AsyncIterator[Session]:
        with TemporaryDirectory(ignore_cleanup_errors=True) as record:
            async with contextlib.AsyncExitStack() as server:
                try:
                    where = await self.reach(record, server)
                    connected = await self.driver.do("connect", **where, forms=forms)
                    expect("protocol", connected.get("protocol", connected), self.protocol)
                    yield Session(self.driver, server, record, connected)
                except BaseException:
                    # It may still start a witness, which needs the directory.
                    await self.driver.end()
                    raise

    async def reach(self, record: str, server: contextlib.AsyncExitStack) -> dict[str, Any]:
        """How the client comes to the server: by starting it, or where it is."""
        if self.over == "stdio":
            return {"command": witness.command(record, self.server)}
        serving = witness_http.serving(record, self.server)
        return {"url": f"{await server.enter_async_context(serving)}/mcp"}


def interpreter_of(driver: str, environments: Path) -> list[str]:
    directory = environments / Path(driver).stem
    if driver.endswith(".mjs"):
        return ["node", str(directory / driver)]
    # Without -B, bytecode would litter the source tree.
    return [str(directory / "bin/python"), "-B", str(HERE / driver)]


def print_table(checks: table.Table, columns: list[Column]) -> None:
    for number, column in enumerate(columns, 1):
        print(f"{number}  {column.label}: {', '.join(sorted(column.abilities)) or 'no abilities'}")
    width = max(len(check.name) for check in checks.checks)
    print(" " * width, *(f"{number:>6}" for number in range(1, len(columns) + 1)), "  needs")
    for check in checks.checks:
        cells = [column.verdicts.get(check.name, "-") for column in columns]
        print(f"{check.name:<{width}}", *(f"{cell:>6}" for cell in cells), end="")
        print(f"   {', '.join(sorted(check.needs))}".rstrip())


def idle(checks: table.Table, columns: list[Column]) -> list[str]:
    """A sentence for every client and every check that came to nothing."""
    ran = {"ok", "FAILED"}
    return [
        failure(column.label, "zero checks ran")
        for column in columns
        if not ran & set(column.verdicts.values())
    ] + [
        failure(check.name, "no client can do it")
        for check in checks.checks
        if not any(column.verdicts.get(check.name) in ran for column in columns)
    ]


async def run(path: Path, server: str, environments: Path) -> int:
    try:
        checks = table.read(path)
    except table.BadTable as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 2
    columns = [Column(raw, server, environments) for raw in checks.clients]
    # They mostly wait.
    at_once = asyncio.Semaphore(2 * (os.cpu_count() or 1))

    async def in_turn(column: Column) -> None:
        async with at_once:
            await column.run(checks)

    await asyncio.gather(*map(in_turn, columns))
    print_table(checks, columns)
    unfit = idle(checks, columns)
    print(*unfit, sep="\n", end="\n" if unfit else "")
    counts = Counter(verdict for column in columns for verdict in column.verdicts.values())
    failed = counts["FAILED"] + len(unfit)
    print(f"{counts['ok']} passed, {failed} failed, {counts['cannot']} cannot")
    return 1 if failed or not counts["ok"] else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))))
