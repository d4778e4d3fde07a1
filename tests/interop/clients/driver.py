"""What the Python drivers share: the loop that does what it is told.

usage of a driver: DRIVER.py MODE

A driver knows how its client is told to do a thing, and nothing of what must come of it. It first
states on a line what its client is and which abilities of checks.json it has. Then it reads one
command per line, `{"do": METHOD, ...}`, and answers each with one line: what the client made of it,
in MCP's own words, or the `error` that the client raised.
"""

import json
import math
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import anyio
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult
from pydantic import BaseModel

Hear = Callable[[float, float | None, str | None], Awaitable[None]]
Answer = dict[str, Any]


class Session:
    """What both clients do alike; a driver adds the rest."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.opened = AsyncExitStack()
        # What the user is to answer, and what the user was asked.
        self.answers: list[Answer] = []
        self.asked: list[Answer] = []

    async def fill_in(self, params: ElicitRequestParams) -> ElicitResult:
        """Shows a form to the user."""
        self.asked.append(in_mcps_words(params))
        answer = dict(self.answers.pop(0))
        await anyio.sleep(answer.pop("after_seconds", 0))
        return ElicitResult(**answer)

    async def ask(self, tool: str, arguments: Answer, hear: Hear | None) -> CallToolResult:
        raise NotImplementedError

    async def call(
        self,
        tool: str,
        arguments: Answer,
        progress: bool = False,
        cancel_after_seconds: float = math.inf,
        cancel_after_heard: int | None = None,
    ) -> Answer:
        heard: list[Answer] = []

        async def hear(progress: float, _total: float | None, message: str | None) -> None:
            heard.append({"progress": progress, "message": message})
            if len(heard) == cancel_after_heard:
                given_up.cancel()

        with anyio.move_on_after(cancel_after_seconds) as given_up:
            result = await self.ask(tool, arguments, hear if progress else None)
            return {"heard": heard, "result": in_mcps_words(result)}
        return {"heard": heard, "cancelled": True}

    async def close(self) -> Answer:
        await self.opened.aclose()
        return {}


def in_mcps_words(value: BaseModel) -> Answer:
    return value.model_dump(mode="json", by_alias=True)


async def answer_to(
    session: Session, do: str, answers: list[Answer] | None = None, **arguments: Any
) -> Answer:
    session.answers, session.asked = answers or [], []
    answer = await made_of(session, do, arguments)
    return {**answer, "asked": session.asked} if session.asked else answer


async def made_of(session: Session, do: str, arguments: Answer) -> Answer:
    try:
        return await getattr(session, do)(**arguments)
    except MCPError as error:
        return {"error": {"code": error.code, "message": error.message}}
    except Exception as error:
        return {"error": {"message": repr(error)}}


async def obey(client: str, abilities: list[str], session: Callable[[], Session]) -> None:
    tell({"client": client, "abilities": abilities})
    current = session()
    while line := await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True):
        command = json.loads(line)
        if command["do"] == "connect":
            current = session()
        tell(await answer_to(current, **command))


def tell(answer: Answer) -> None:
    print(json.dumps(answer), flush=True)


def run(client: str, abilities: list[str], session: Callable[[], Session]) -> None:
    anyio.run(obey, client, abilities, session)
