"""Runs a server for a client, and leaves in DIRECTORY what a client cannot see or does not tell.

usage: witness.py DIRECTORY SERVER

Every line between the two is added to `transcript`, as tee.py records it; what the server writes
to its standard error to `errors`; and, once it has ended, its exit status to `statuses`.
"""

import signal
import subprocess
import sys
from pathlib import Path

TEE = str(Path(__file__).parent.with_name("tee.py"))
# A client that asks in vain for the end kills the witness, which then could no longer do it.
PATIENCE_SECONDS = 0.5


def main() -> None:
    directory, server = Path(sys.argv[1]), sys.argv[2]
    with open(directory / "errors", "ab") as errors:
        command = [sys.executable, TEE, str(directory / "transcript"), server]
        process = subprocess.Popen(command, stderr=errors)
    signal.signal(signal.SIGTERM, lambda *_: ask_for_the_end(process))
    status = process.wait()
    with open(directory / "statuses", "a") as statuses:
        print(status, file=statuses)


def ask_for_the_end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    signal.signal(signal.SIGALRM, lambda *_: process.kill())
    signal.setitimer(signal.ITIMER_REAL, PATIENCE_SECONDS)


main()
