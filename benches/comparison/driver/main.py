"""Drives every server with every client, and prints what came of it as a table.

usage: main.py TARGET PYTHON RESULTS     all servers; writes RESULTS, too
       main.py --quick TARGET RESULTS    that of mcpc alone, without what takes minutes; fails if
                                         it is not what RESULTS says, in kind

TARGET has the programs that were built, PYTHON is an interpreter that has FastMCP.
"""

import datetime
import math
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import scenes
import servers
from clients import CLIENTS, Client
from servers import Server
from table import Table, differences, read
from wire import serve

ARRIVES = "What arrives of a deployment of 5 s"
BEYOND = "A call that takes longer than its client waits"
CANCELLED = "A deployment that is cancelled after 1.5 s"
FAILS = "An error, a panic, an exception"
ENDS = "The end of a server that has a deployment running"
PROGRAM = "The program"
# In this order in the table, whatever the order in which they come in.
HEADINGS = [ARRIVES, BEYOND, CANCELLED, FAILS, ENDS, PROGRAM]
START = "from the start to the reply to `initialize`"
MEMORY = "memory when idle"
QUICK_SECONDS = 100

Scene = Callable[[Client], scenes.Cells]
# The scenes of one connection, the last of which ends it.
FIRST: list[tuple[str, Scene]] = [
    (ARRIVES, scenes.short),
    (CANCELLED, scenes.cancel),
    (FAILS, scenes.failing),
    (ENDS, scenes.at_eof),
]
SECOND: list[tuple[str, Scene]] = [(FAILS, scenes.crashing), (ENDS, scenes.at_sigterm)]


class Run:
    """One run with some servers."""

    def __init__(self, compared: list[Server], quick: bool) -> None:
        self.compared = compared
        limit = QUICK_SECONDS if quick else math.inf
        self.beyond = [scene for scene in scenes.BEYOND if scene.seconds <= limit]
        self.cells: list[tuple[str, str, str, str]] = []

    def rows(self) -> Table:
        with ExitStack() as stack, ThreadPoolExecutor(os.cpu_count()) as starting:
            waiting = self.start_beyond(stack, starting)
            for server in self.compared:
                self.measure(server)
                for client in CLIENTS:
                    self.connection(server, client, FIRST)
                    self.connection(server, client, SECOND)
            for server, future in waiting:
                self.keep(server, BEYOND, "", future.result())
        return self.in_order()

    def start_beyond(
        self, stack: ExitStack, starting: ThreadPoolExecutor
    ) -> list[tuple[Server, Future[scenes.Cells]]]:
        """Starts what takes minutes, most of which is waiting: it goes on beside the rest."""
        todo = [(server, scene) for server in self.compared for scene in self.beyond]
        running = stack.enter_context(ThreadPoolExecutor(len(todo)))
        clients = []
        for server, scene in todo:
            clients.append(scene.client(stack.enter_context(serve(server.command))))
        # What starts is not to disturb what is measured.
        for future in [starting.submit(client.connect) for client in clients]:
            future.result()
        say("started what takes longer than its client waits")
        return [
            (server, running.submit(scene.run, client))
            for (server, scene), client in zip(todo, clients, strict=True)
        ]

    def measure(self, server: Server) -> None:
        with serve(server.command) as wire:
            client = Client(wire)
            client.connect()
            client.tools()
            cells = {START: scenes.span(client.ready - wire.started)}
            if memory := wire.resident_kib():
                cells[MEMORY] = f"{memory / 1024:.0f} MiB"
        code, long_work = server.lines()
        cells |= {"lines of code": str(code), "of these, for long work": str(long_work)}
        self.keep(server, PROGRAM, "", cells)

    def connection(self, server: Server, kind: type[Client], todo: list[tuple[str, Scene]]) -> None:
        with serve(server.command) as wire:
            client = kind(wire)
            client.connect()
            for heading, scene in todo:
                self.keep(server, heading, f"{kind.name}: ", scene(client))

    def keep(self, server: Server, heading: str, before: str, cells: scenes.Cells) -> None:
        for label, cell in cells.items():
            say(f"{server.title}: {before}{label}: {cell}")
            self.cells.append((heading, before + label, server.title, cell))

    def in_order(self) -> Table:
        run = Table()
        for heading in HEADINGS:
            for cell in self.cells:
                if cell[0] == heading:
                    run.add(*cell)
        return run


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def compare(target: Path, python: str, results: Path) -> int:
    compared = [servers.fastmcp(python), servers.rmcp(target), servers.mcpc(target)]
    markdown = Run(compared, quick=False).rows().markdown([server.title for server in compared])
    head = (
        "# Results\n\n"
        f"Of `benches/comparison/run` on {datetime.date.today():%d %B %Y} ({machine()}). "
        "`README.md` says what the rows mean.\n\n"
    )
    results.write_text(head + markdown)
    print(markdown)
    return 0


def machine() -> str:
    told = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    rustc = " ".join(told.stdout.split()[:2])
    python = f"Python {platform.python_version()}"
    return f"{platform.system()}, {os.cpu_count()} processors, {python}, {rustc}"


def check(target: Path, results: Path) -> int:
    server = servers.mcpc(target)
    run = Run([server], quick=True).rows()
    print(run.markdown([server.title]))
    long = {scene.label for scene in scenes.BEYOND if scene.seconds > QUICK_SECONDS}
    # What the machine has to do with.
    apart_from = long | {START, MEMORY}
    found = list(differences(run, read(results), server.title, apart_from))
    for difference in found:
        print(f"DIFFERS {difference}")
    print(f"{len(found)} rows are not as committed, of {len(run.cells)}")
    return 1 if found else 0


if __name__ == "__main__":
    # So that a run that is ended ends its servers, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    match sys.argv[1:]:
        case ["--quick", target, results]:
            sys.exit(check(Path(target), Path(results)))
        case [target, python, results]:
            sys.exit(compare(Path(target), python, Path(results)))
        case _:
            sys.exit(__doc__)
