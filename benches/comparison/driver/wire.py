"""A server as a process, and the lines between it and its client, with the times of them."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Message = dict[str, Any]

# A line of Python's that was late on a loaded machine is no finding.
REPLY_SECONDS = 30


@dataclass(frozen=True)
class Heard:
    """A line of the server's."""

    at: float
    message: Message


class Wire:
    """Raw JSON-RPC with a server over its stdin and stdout."""

    def __init__(self, command: list[str], directory: Path) -> None:
        self.journal = directory / "journal"
        self.errors = open(directory / "errors", "wb")
        environment = os.environ | {"COMPARISON_JOURNAL": str(self.journal)}
        # Hosts do not ask for it, and it takes half a second to write.
        environment.pop("RUST_BACKTRACE", None)
        pipe = subprocess.PIPE
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=self.errors, env=environment
        )
        self.lines: list[Heard] = []
        self.is_over = False
        self.news = threading.Condition()
        self.requests = 0
        self.writing = threading.Lock()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            try:
                heard = Heard(time.monotonic(), json.loads(line))
            except ValueError:
                heard = Heard(time.monotonic(), {"not JSON": line.decode(errors="replace")})
            with self.news:
                self.lines.append(heard)
                self.news.notify_all()
        with self.news:
            self.is_over = True
            self.news.notify_all()

    def send(self, message: Message) -> float:
        line = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
        with self.writing:
            at = time.monotonic()
            self.process.stdin.write(line)
            self.process.stdin.flush()
        return at

    def request(self, method: str, params: Message) -> int:
        """Sends a request and returns its id."""
        with self.writing:
            self.requests += 1
            request = self.requests
        self.send({"id": request, "method": method, "params": params})
        return request

    def notify(self, method: str, params: Message) -> float:
        return self.send({"method": method, "params": params})

    def reply(self, request: int, seconds: float = REPLY_SECONDS) -> Heard | None:
        """The reply to a request, or `None` if there is none within that time."""
        return self.wait(
            lambda message: message.get("id") == request and "method" not in message, seconds
        )

    def wait(self, wanted: Callable[[Message], bool], seconds: float) -> Heard | None:
        """The first line that is wanted, if it is here or comes within that time."""
        deadline = time.monotonic() + seconds
        looked_at = 0
        with self.news:
            while True:
                for heard in self.lines[looked_at:]:
                    if wanted(heard.message):
                        return heard
                looked_at = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or self.is_over:
                    return None
                self.news.wait(left)

    def all(self, wanted: Callable[[Message], bool]) -> list[Heard]:
        with self.news:
            return [heard for heard in self.lines if wanted(heard.message)]

    def noted(self, end: str) -> bool:
        """Whether the journal has a line that ends so."""
        return any(line.endswith(end) for line in self._journal())

    def wait_for_note(self, end: str, seconds: float) -> float | None:
        """When such a line was seen in the journal first, if it was within that time."""
        deadline = time.monotonic() + seconds
        while not self.noted(end):
            if time.monotonic() > deadline or self.is_over:
                return None
            time.sleep(0.005)
        return time.monotonic()

    def _journal(self) -> list[str]:
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def close_input(self) -> float:
        self.process.stdin.close()
        return time.monotonic()

    def terminate(self) -> float:
        self.process.send_signal(signal.SIGTERM)
        return time.monotonic()

    def wait_for_exit(self, seconds: float) -> float | None:
        """When the process ended, if it did within that time."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        ended = time.monotonic()
        self.reader.join(1)
        return ended

    def resident_kib(self) -> int | None:
        """The resident memory of the process, where the system tells."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        return next(
            int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        with suppress(OSError):
            # What was not written yet has nobody to read it.
            self.process.stdin.close()
        self.reader.join(1)
        self.errors.close()


@contextmanager
def serve(command: list[str]) -> Iterator[Wire]:
    """A server that is gone at the end, whatever it did meanwhile."""
    with tempfile.TemporaryDirectory() as directory:
        wire = Wire(command, Path(directory))
        try:
            yield wire
        finally:
            wire.kill()
