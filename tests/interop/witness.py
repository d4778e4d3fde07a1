"""Runs a server for a client, and leaves in DIRECTORY what a client cannot see or does not tell.

usage: witness.py DIRECTORY SERVER

Every line between the two is added to `transcript`, as `c>s LINE` or `s>c LINE`; what the server
writes to its standard error to `errors`; and, once it has ended, its exit status to `statuses`.
"""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

FROM_CLIENT = b"c>s "
FROM_SERVER = b"s>c "
# A client that asks in vain for the end kills the witness, which then could no longer do it.
PATIENCE_SECONDS = 0.5


def command(directory: str | Path, server: str) -> list[str]:
    """What a client is to start instead of `server`."""
    return [sys.executable, __file__, str(directory), server]


def lines(directory: str | Path, label: bytes) -> list[str]:
    """The lines of one direction that have gone by."""
    recorded = Path(directory, "transcript").read_bytes().split(b"\n")
    # What follows the last end of a line is a line that is still being written, or nothing.
    return [line[len(label) :].decode() for line in recorded[:-1] if line.startswith(label)]


def exit_status(directory: str | Path) -> int:
    """The exit status of the server that ended last."""
    return int(Path(directory, "statuses").read_text().split()[-1])


def main() -> None:
    directory, server = Path(sys.argv[1]), sys.argv[2]
    # Opened at once, as a client may remove the directory before the server has ended. Unbuffered,
    # so that each line is one write and the two directions never mix within a line.
    with (
        open(directory / "transcript", "ab", buffering=0) as transcript,
        open(directory / "errors", "ab") as errors,
        open(directory / "statuses", "ab", buffering=0) as statuses,
    ):
        pipe = subprocess.PIPE
        process = subprocess.Popen([server], stdin=pipe, stdout=pipe, stderr=errors)
        signal.signal(signal.SIGTERM, lambda *_: ask_for_the_end(process))
        start_relay(FROM_CLIENT, sys.stdin.buffer, process.stdin, transcript)
        to_client = start_relay(FROM_SERVER, process.stdout, sys.stdout.buffer, transcript)
        statuses.write(b"%d\n" % process.wait())
        to_client.join()
    # The other relay may wait for a client that has no more to say.
    os._exit(0)


def start_relay(label: bytes, source: BinaryIO, sink: BinaryIO, log: BinaryIO) -> threading.Thread:
    thread = threading.Thread(target=relay, args=(label, source, sink, log))
    thread.start()
    return thread


def relay(label: bytes, source: BinaryIO, sink: BinaryIO, log: BinaryIO) -> None:
    try:
        with source, sink:
            for line in source:
                # Recorded first: a client that has received a line finds it in the transcript.
                log.write(label + line)
                sink.write(line)
                sink.flush()
    except BrokenPipeError:
        pass  # The side that this direction leads to has left.


def ask_for_the_end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)


if __name__ == "__main__":
    main()
