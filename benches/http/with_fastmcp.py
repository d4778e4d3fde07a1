"""The server of the benchmark, with FastMCP."""

import asyncio
import os
import socket
import sys
import threading
import time

import uvicorn
from fastmcp import Context, FastMCP

TEXT = "target/release/deps/libmcpc_runtime-0123456789abcdef.rmeta, again and again"

mcp = FastMCP("with-fastmcp")


@mcp.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@mcp.tool
async def chatter(count: int, ctx: Context) -> str:
    """Reports as fast as the client takes it."""
    for i in range(count):
        await ctx.report_progress(i, count, TEXT)
    return "done"


@mcp.tool
async def clock(count: int, microseconds: int, ctx: Context) -> str:
    """Reports the time now and then."""
    for i in range(count):
        await asyncio.sleep(microseconds / 1_000_000)
        await ctx.report_progress(i, count, str(time.time_ns()))
    return "done"


def end_with_input() -> None:
    """Ends once whoever started this is gone."""
    sys.stdin.read()
    os._exit(3)


if __name__ == "__main__":
    threading.Thread(target=end_with_input, daemon=True).start()
    # Without the protocol, asyncio would not set TCP_NODELAY.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    config = uvicorn.Config(mcp.http_app(path="/mcp"), log_level="error")
    uvicorn.Server(config).run(sockets=[listener])
