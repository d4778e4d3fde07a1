"""Runs a server over HTTP for a client, and leaves in DIRECTORY what `witness.py` does.

usage: witness_http.py DIRECTORY SERVER

It says on a line where the server is to be reached, which is where this listens itself, and ends the
server by a signal at the end of its own standard input. A line of the transcript is one message: the
body of a request, the data of an event, or a body of JSON. What is none of them is not recorded.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

from witness import FROM_CLIENT, FROM_SERVER

START_SECONDS = 30
END_SECONDS = 10

Note = Callable[[bytes], None]


@contextlib.asynccontextmanager
async def serving(directory: str | Path, server: str) -> AsyncIterator[str]:
    """Where a server is to be reached, which runs as long as this is entered."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, str(directory), server, stdin=pipe, stdout=pipe
    )
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        # Whoever is cancelled meanwhile still waits for it.
        await asyncio.shield(process.wait())


async def serve(directory: Path, server: str) -> None:
    with (
        open(directory / "transcript", "ab", buffering=0) as transcript,
        open(directory / "errors", "ab") as errors,
        open(directory / "statuses", "ab", buffering=0) as statuses,
    ):
        address = ("127.0.0.1", free_port())
        process = await asyncio.create_subprocess_exec(
            server, "--http", "{}:{}".format(*address), stderr=errors
        )
        try:
            await until_it_listens(address)
            relay = await asyncio.start_server(
                lambda *client: pass_on(*client, address, transcript), "127.0.0.1", 0
            )
            host, port = relay.sockets[0].getsockname()
            print(f"http://{host}:{port}", flush=True)
            await asyncio.to_thread(sys.stdin.buffer.read)
        finally:
            statuses.write(b"%d\n" % await end(process))
    # Connections may still be open.
    os._exit(0)


async def end(process: asyncio.subprocess.Process) -> int:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        return await asyncio.wait_for(process.wait(), END_SECONDS)
    except TimeoutError:
        process.kill()
        return await process.wait()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


async def until_it_listens(address: tuple[str, int]) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(*address)
                writer.close()
                return
            await asyncio.sleep(0.02)


async def pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    address: tuple[str, int],
    transcript: BinaryIO,
) -> None:
    """Passes on what both sides of a connection say, until one of them leaves."""
    try:
        of_server, to_server = await asyncio.open_connection(*address)
    except OSError:
        # The server has ended.
        return writer.close()
    directions = [
        asyncio.create_task(relay(reader, to_server, noting(transcript, FROM_CLIENT))),
        asyncio.create_task(relay(of_server, writer, noting(transcript, FROM_SERVER))),
    ]
    await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    for direction in directions:
        direction.cancel()
    to_server.close()
    writer.close()


def noting(transcript: BinaryIO, label: bytes) -> Note:
    def note(message: bytes) -> None:
        message = message.strip()
        # Neither an event without data nor where to post.
        if message.startswith((b"{", b"[")):
            transcript.write(label + message.replace(b"\n", b"") + b"\n")

    return note


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: Note) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            headers = fields(head)
            is_stream = headers.get("content-type", "").startswith("text/event-stream")
            said = b""
            async for raw, part in body(reader, headers):
                said += part
                if is_stream:
                    *lines, said = said.split(b"\n")
                    for line in lines:
                        if line.startswith(b"data:"):
                            note(line.removeprefix(b"data:"))
                elif len(said) == int(headers.get("content-length", -1)) or not part:
                    note(said)
                # Noted first: a client that has received a message finds it in the transcript.
                writer.write(raw)
                await writer.drain()


def fields(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


async def body(
    reader: asyncio.StreamReader, headers: dict[str, str]
) -> AsyncIterator[tuple[bytes, bytes]]:
    """The parts of a body, as they travel and as they are."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        while True:
            line = await reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            chunk = await reader.readexactly(size + 2)
            yield line + chunk, chunk[:-2]
            if size == 0:
                return
    elif length := int(headers.get("content-length", 0)):
        whole = await reader.readexactly(length)
        yield whole, whole


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
