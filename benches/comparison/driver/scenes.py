"""What is done with every server, and what came of it, as the cells of the table."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from clients import Client, Course, Extended, WithMcpc, WithProgress, WithTasks
from wire import Wire

Cells = dict[str, str]

SHORT_SECONDS = 5
# As long as a deployment that is not to end by itself.
LONG_SECONDS = 120
PLAIN_CALLS = 9
# What has not come by then is taken not to come: a panic, the end of a process.
GIVEN_UP_SECONDS = 15


def begin(
    client: Client, tool: str, service: str, seconds: int | None = None
) -> tuple[int, Course]:
    arguments = {"service": service} | ({} if seconds is None else {"seconds": seconds})
    course = Course(time.monotonic())
    return client.start(tool, arguments), course


def short(client: Client) -> Cells:
    """A deployment to its end, with plain calls meanwhile."""
    request, course = begin(client, "deploy", "short", SHORT_SECONDS)
    calls = PlainCalls(client, course.sent)
    calls.start()
    client.follow(request, course)
    calls.join()
    return {
        "the call is answered": answer(course),
        "updates before the result": updates(course),
        "the result": outcome(course),
        f"{PLAIN_CALLS} plain calls meanwhile": calls.cell(),
    }


class PlainCalls(threading.Thread):
    """Plain calls, one every half a second."""

    def __init__(self, client: Client, start: float) -> None:
        super().__init__()
        self.client, self.begin = client, start
        self.seconds: list[float] = []

    def run(self) -> None:
        for number in range(1, PLAIN_CALLS + 1):
            time.sleep(max(0.0, self.begin + number / 2 - time.monotonic()))
            sent = time.monotonic()
            reply = self.client.wire.reply(self.client.call("add", {"a": number, "b": 1}))
            if reply and "result" in reply.message:
                self.seconds.append(reply.at - sent)

    def cell(self) -> str:
        slowest = f", the slowest after {span(max(self.seconds))}" if self.seconds else ""
        return f"{len(self.seconds)} of {PLAIN_CALLS} answered{slowest}"


def cancel(client: Client) -> Cells:
    """A deployment that is cancelled after its first step."""
    request, course = begin(client, "deploy", "shop", LONG_SECONDS)
    follower = threading.Thread(target=client.follow, args=(request, course, GIVEN_UP_SECONDS))
    follower.start()
    client.wire.wait_for_note("shop: step 1", GIVEN_UP_SECONDS)
    # A client stops what it was told of.
    time.sleep(0.5)
    stopped = client.stop(request, course)
    rolled_back = client.wire.wait_for_note("shop: rolled back", GIVEN_UP_SECONDS)
    if not isinstance(client, WithTasks) and course.answer is None:
        # MCP has no reply to a call that was cancelled.
        heard = ""
    else:
        follower.join()
        heard = f"; the client is told {end(course)}"
    if rolled_back is None:
        return {"cancelled": f"not rolled back within {GIVEN_UP_SECONDS} s{heard}"}
    return {"cancelled": f"rolled back after {span(rolled_back - stopped)}{heard}"}


def failing(client: Client) -> Cells:
    """A call that fails with an error."""
    request, course = begin(client, "fail", "web")
    client.follow(request, course, GIVEN_UP_SECONDS)
    return {"an error": end(course)}


def crashing(client: Client) -> Cells:
    """A call with a bug, and a plain call after it."""
    request, course = begin(client, "crash", "web")
    client.follow(request, course, GIVEN_UP_SECONDS)
    reply = client.wire.reply(client.call("add", {"a": 1, "b": 1}), GIVEN_UP_SECONDS)
    goes_on = "answered" if reply and "result" in reply.message else "not answered"
    return {"a panic or exception": end(course), "a plain call after that": goes_on}


@dataclass(frozen=True)
class Beyond:
    """A deployment that is longer than its client waits for a call."""

    label: str
    client: type[Client]
    seconds: int
    limit: float = math.inf
    tells: bool = True

    def run(self, client: Client) -> Cells:
        request, course = begin(client, "deploy", "beyond", self.seconds)
        client.follow(request, course, min(self.limit, self.seconds + GIVEN_UP_SECONDS))
        if math.isnan(course.gave_up):
            return {self.label: outcome(course)}
        return {self.label: f"given up; {self.after(client, request, course)}"}

    def after(self, client: Client, request: int, course: Course) -> str:
        """What comes of the work and its result once the client gave up."""
        if self.tells:
            told = client.stop(request, course)
            rolled_back = client.wire.wait_for_note("beyond: rolled back", GIVEN_UP_SECONDS)
            if rolled_back is not None:
                return f"the work is rolled back {span(rolled_back - told)} later, without a result"
        deployed = client.wire.wait_for_note("beyond: deployed", self.seconds)
        late = client.wire.reply(request, 1)
        goes = "the work goes on to its end" if deployed else "the work is not seen to end"
        return f"{goes}, {'the reply comes too late' if late else 'there is no reply'}"


BEYOND = [
    Beyond("MCPC, 70 s, no limit", WithMcpc, 70),
    Beyond("Tasks, 70 s, a limit of 60 s for each request", WithTasks, 70),
    Beyond("progress, 70 s, a limit of 60 s that progress extends, cancels", Extended, 70, 60),
    Beyond("progress, 70 s, a limit of 60 s in all, cancels", WithProgress, 70, 60),
    Beyond("progress, 320 s, a limit of 300 s in all, cancels", WithProgress, 320, 300),
    Beyond("plain, 70 s, a limit of 60 s, cancels", Client, 70, 60),
    Beyond("plain, 70 s, a limit of 60 s, says nothing", Client, 70, 60, tells=False),
]


def ending(how: str, act: Callable[[Wire], float]) -> Callable[[Client], Cells]:
    """The end of a server that has a deployment running."""

    def scene(client: Client) -> Cells:
        wire = client.wire
        request, course = begin(client, "deploy", "api", LONG_SECONDS)
        wire.wait_for_note("api: step 1", GIVEN_UP_SECONDS)
        asked = act(wire)
        ended = wire.wait_for_exit(GIVEN_UP_SECONDS)
        rolled_back = "rolled back" if wire.noted("api: rolled back") else "**not rolled back**"
        if ended is None:
            on = ", the deployment goes on" if wire.noted(f"api: step {GIVEN_UP_SECONDS}") else ""
            return {how: f"still runs after {GIVEN_UP_SECONDS} s{on}; {rolled_back}"}
        status = wire.process.returncode
        how_ended = f"status {status}" if status >= 0 else f"killed by signal {-status}"
        told = told_at_end(client, request, course)
        return {how: f"ends after {span(ended - asked)}, {how_ended}; {rolled_back}{told}"}

    return scene


def told_at_end(client: Client, request: int, course: Course) -> str:
    """What the client has read of the call by the end of the process."""
    if isinstance(client, WithTasks):
        return ""
    client.follow(request, course, time.monotonic() - course.sent)
    return f"; the client is told {end(course)}" if course.end else "; the client is told nothing"


at_eof = ending("EOF while it deploys", Wire.close_input)
at_sigterm = ending("SIGTERM while it deploys", Wire.terminate)


def answer(course: Course) -> str:
    if course.answer is None:
        return "never"
    what = {"created": "`created`", "task": "a task", "ticket": "a ticket"}
    return f"{what.get(course.answer, 'the result')} after {span(course.after(course.answered))}"


def updates(course: Course) -> str:
    if not course.updates:
        return "none"
    means = "progress notifications"
    if course.answer == "created":
        means = "callbacks"
    elif course.answer == "task":
        means = "status messages"
    return f"{len(course.updates)} of {SHORT_SECONDS}, as {means}"


def outcome(course: Course) -> str:
    """When the result came, and how."""
    if course.end is None:
        return "never"
    result = f"after {span(course.after(course.ended))}"
    if course.answer == "ticket":
        return f"{answer(course)}; the result by `check_task` {result}"
    return result


def end(course: Course) -> str:
    """How a call ended, and what was said of that."""
    if course.end is None:
        return f"nothing within {GIVEN_UP_SECONDS} s"
    said = course.said.split("The result:\n")[-1].splitlines()
    return f"{course.end}: “{said[0]}”" if said else course.end


def span(seconds: float) -> str:
    if seconds < 0.95:
        return f"{max(1, round(seconds * 1000))} ms"
    return f"{seconds:.1f} s"
