"""The clients that every server is driven with: the same raw lines for each."""

import json
import math
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from wire import REPLY_SECONDS, Heard, Message, Wire

TASKS = "io.modelcontextprotocol/tasks"
# A server imports its packages before it says anything, which takes long on a loaded machine.
START_SECONDS = 300
# How long a client without a limit of its own waits, so that every run ends.
PATIENCE_SECONDS = 400
TERMINAL = ("completed", "failed", "cancelled")
# What a client goes by where a server suggests no interval.
POLL_SECONDS = 1.0


@dataclass
class Course:
    """What a client saw of one call."""

    sent: float
    # How it was answered at first, and when: `result`, `created`, `task` or `ticket`.
    answer: str | None = None
    answered: float = math.nan
    updates: list[str] = field(default_factory=list)
    # How its end was told, what was said, and when.
    end: str | None = None
    said: str = ""
    ended: float = math.nan
    gave_up: float = math.nan

    def after(self, at: float) -> float:
        return at - self.sent


class Client:
    """Waits for the reply to a call, and knows nothing else."""

    name = "plain"
    protocol = "2025-06-18"

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.ready = math.nan
        # The task of the latest long call, where there is one.
        self.task: str | None = None

    def connect(self) -> None:
        info = {"name": "comparison", "version": "1"}
        hello = {"protocolVersion": self.protocol, "capabilities": {}, "clientInfo": info}
        self.ready = self.must(self.wire.request("initialize", hello), START_SECONDS).at
        self.wire.notify("notifications/initialized", {})

    def must(self, request: int, seconds: float = REPLY_SECONDS) -> Heard:
        reply = self.wire.reply(request, seconds)
        if reply is None or "result" not in reply.message:
            raise RuntimeError(f"no result within {seconds} s: {reply}")
        return reply

    def tools(self) -> list[str]:
        listed = self.must(self.wire.request("tools/list", self.params({})))
        return [tool["name"] for tool in listed.message["result"]["tools"]]

    def params(self, params: Message) -> Message:
        """The parameters of a request, with what every request of this client says."""
        return params

    def call(self, tool: str, arguments: Message) -> int:
        """Calls a tool as any other, and does not wait."""
        params = {"name": tool, "arguments": arguments}
        return self.wire.request("tools/call", self.params(params))

    def start(self, tool: str, arguments: Message) -> int:
        """Calls a tool that takes its time."""
        return self.call(tool, arguments)

    def stop(self, request: int, course: Course) -> float:
        """Has a call stopped, in the way that this client has; and when."""
        return self.wire.notify("notifications/cancelled", {"requestId": request})

    def follow(self, request: int, course: Course, seconds: float = PATIENCE_SECONDS) -> None:
        """Follows a call to its end, or until the client gives up."""
        self.await_answer(request, course, seconds)
        if course.answer == "ticket":
            self.follow_ticket(course)

    def await_answer(self, request: int, course: Course, seconds: float) -> None:
        reply = self.wire.reply(request, course.sent + seconds - time.monotonic())
        if reply is None:
            course.gave_up = time.monotonic()
            return
        course.answered = reply.at
        self.take_answer(reply, course)

    def take_answer(self, reply: Heard, course: Course) -> None:
        text, kind = told(reply.message)
        if task_of_ticket(text):
            course.answer = "ticket"
            course.said = text
        else:
            course.answer = "result"
            finish(course, reply.at, kind, text)

    def follow_ticket(self, course: Course) -> None:
        """Does what a model does that was handed a ticket."""
        arguments = {"task_id": task_of_ticket(course.said), "wait_seconds": 50}
        while True:
            reply = self.must(self.call("check_task", arguments), PATIENCE_SECONDS)
            text, kind = told(reply.message)
            if "The result:" in text or kind != "result":
                return finish(course, reply.at, f"`check_task`, {kind}", text)


class WithProgress(Client):
    """Gives a progress token with a long call."""

    name = "progress"
    token = ""

    def start(self, tool: str, arguments: Message) -> int:
        self.token = str(uuid.uuid4())
        meta = {"progressToken": self.token}
        params = {"name": tool, "arguments": arguments, "_meta": meta}
        return self.wire.request("tools/call", params)

    def await_answer(self, request: int, course: Course, seconds: float) -> None:
        super().await_answer(request, course, seconds)
        course.updates = [heard.message["params"].get("message", "") for heard in self.progress()]

    def progress(self) -> list[Heard]:
        return self.wire.all(
            lambda message: (
                message.get("method") == "notifications/progress"
                and message["params"]["progressToken"] == self.token
            )
        )


class Extended(WithProgress):
    """The same, and progress extends its limit."""

    def await_answer(self, request: int, course: Course, seconds: float) -> None:
        while (left := self.latest(course) + seconds - time.monotonic()) > 0:
            if self.wire.reply(request, min(left, 1)) or self.wire.is_over:
                break
        super().await_answer(request, course, time.monotonic() - course.sent)

    def latest(self, course: Course) -> float:
        return max([course.sent, *(heard.at for heard in self.progress())])


class WithTasks(Client):
    """Speaks MCP 2026-07-28 and declares its Tasks extension."""

    name = "Tasks"

    def connect(self) -> None:
        hello = self.wire.request("server/discover", self.params({}))
        self.ready = self.must(hello, START_SECONDS).at

    def params(self, params: Message) -> Message:
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "comparison", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {TASKS: {}}},
        }
        return params | {"_meta": meta}

    def take_answer(self, reply: Heard, course: Course) -> None:
        result = reply.message.get("result", {})
        if result.get("resultType") != "task":
            return super().take_answer(reply, course)
        course.answer = "task"
        self.task = result["taskId"]

    def follow(self, request: int, course: Course, seconds: float = PATIENCE_SECONDS) -> None:
        self.await_answer(request, course, seconds)
        if course.answer == "task":
            self.poll(course, course.sent + seconds)

    def poll(self, course: Course, deadline: float) -> None:
        # A step takes as long as the interval: half of it later, no poll falls on one.
        time.sleep(POLL_SECONDS / 2)
        while time.monotonic() < deadline:
            reply = self.must(self.wire.request("tasks/get", self.params({"taskId": self.task})))
            task = reply.message["result"]
            said = task.get("statusMessage")
            if task["status"] in TERMINAL:
                return finish(course, reply.at, *ended_task(task))
            if said and said not in course.updates[-1:]:
                course.updates.append(said)
            time.sleep(task.get("pollIntervalMs", POLL_SECONDS * 1000) / 1000)
        course.gave_up = time.monotonic()

    def stop(self, request: int, course: Course) -> float:
        if course.answer != "task":
            return super().stop(request, course)
        at = time.monotonic()
        self.wire.request("tasks/cancel", self.params({"taskId": self.task}))
        return at


class WithMcpc(Client):
    """The reference client of MCPC 0.2.1: what it writes, and what it makes of what it reads.

    Where the handshake tells it that a server does not speak MCPC, it is a plain client.
    """

    name = "MCPC"
    speaks_mcpc = False

    def connect(self) -> None:
        super().connect()
        reply = self.wire.reply(self.call("is_mcpc_enabled", {}))
        try:
            self.speaks_mcpc = json.loads(told(reply.message)[0])["mcpc_enabled"]
        except (ValueError, TypeError, KeyError):
            self.speaks_mcpc = False

    def call(self, tool: str, arguments: Message) -> int:
        return self.call_as(str(uuid.uuid4()), tool, arguments)

    def start(self, tool: str, arguments: Message) -> int:
        self.task = str(uuid.uuid4())
        return self.call_as(self.task, tool, arguments)

    def call_as(self, task: str, tool: str, arguments: Message) -> int:
        if self.speaks_mcpc:
            ids = {"mcpc_session_id": "session", "mcpc_task_id": task}
            arguments = arguments | {"_metadata": ids}
        return super().call(tool, arguments)

    def take_answer(self, reply: Heard, course: Course) -> None:
        if event_of(reply.message, self.task) != "created":
            return super().take_answer(reply, course)
        course.answer = "created"

    def follow(self, request: int, course: Course, seconds: float = PATIENCE_SECONDS) -> None:
        super().follow(request, course, seconds)
        if course.answer == "created":
            self.listen(course, course.sent + seconds - time.monotonic())

    def listen(self, course: Course, seconds: float) -> None:
        task = self.task
        last = self.wire.wait(lambda line: event_of(line, task) in ("complete", "failed"), seconds)
        updates = self.wire.all(lambda line: event_of(line, task) == "update")
        course.updates = [as_text(mcpc_message(heard.message)["result"]) for heard in updates]
        if last is None:
            course.gave_up = time.monotonic()
            return
        message = mcpc_message(last.message)
        finish(course, last.at, f"`{message['event']}`", as_text(message["result"]))

    def stop(self, request: int, course: Course) -> float:
        if course.answer != "created":
            return super().stop(request, course)
        at = time.monotonic()
        self.call("stop_task", {"task_id": self.task})
        return at


CLIENTS: list[type[Client]] = [WithMcpc, WithTasks, WithProgress, Client]


def finish(course: Course, at: float, end: str, said: str) -> None:
    course.ended, course.end, course.said = at, end, said


def told(message: Message) -> tuple[str, str]:
    """What a reply says, and in which form."""
    if error := message.get("error"):
        return error["message"], f"error {error['code']}"
    result = message.get("result", {})
    texts = [content.get("text", "") for content in result.get("content", [])]
    return "\n".join(texts), "`isError`" if result.get("isError") else "result"


def ended_task(task: Message) -> tuple[str, str]:
    """How a task ended, and what it said."""
    status = f"`{task['status']}`"
    if result := task.get("result"):
        text, kind = told({"result": result})
        return f"{status}, {kind}" if kind != "result" else status, text
    if error := task.get("error"):
        return f"{status}, error {error.get('code')}", error.get("message", "")
    return status, task.get("statusMessage") or ""


def task_of_ticket(text: str) -> str | None:
    """The id of the task that a reply hands out in place of the result."""
    found = re.search(r"goes on as task `([^`]+)`", text)
    return found and found[1]


def mcpc_message(message: Message) -> Message:
    try:
        mcpc = json.loads(told(message)[0])
    except (ValueError, AttributeError):
        return {}
    return mcpc if isinstance(mcpc, dict) and mcpc.get("protocol") == "mcpc" else {}


def event_of(message: Message, task: str | None) -> str | None:
    mcpc = mcpc_message(message)
    return mcpc.get("event") if task is not None and mcpc.get("task_id") == task else None


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
