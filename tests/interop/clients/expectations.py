"""What a step of a check may expect, each a function of what was seen and of what is wanted."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from verdicts import expect


@dataclass(frozen=True)
class Seen:
    """What came of one step."""

    # What the client made of it, in MCP's own words.
    answer: dict[str, Any]
    seconds: float = 0
    # The parameters of each progress notification that went over the wire, and the calls that did.
    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    sent_in_session: list[dict[str, Any]] = field(default_factory=list)
    # The methods of what the server requested of the client.
    requests_in_session: list[str] = field(default_factory=list)
    # What clients said of tasks in this session until now, this step included.
    tasks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def task(self) -> dict[str, Any]:
        return self.answer.get("task") or {}

    @property
    def heard(self) -> list[dict[str, Any]]:
        return self.answer.get("heard") or []

    @property
    def asked(self) -> list[dict[str, Any]]:
        return self.answer.get("asked") or []

    @property
    def result(self) -> dict[str, Any]:
        result = self.answer.get("result")
        if result is None:
            raise AssertionError(f"result: got {self.answer!r}, wanted one in it")
        return result

    @property
    def is_error(self) -> bool:
        return self.result.get("isError") or False

    @property
    def whole_text(self) -> str:
        return "\n".join(content["text"] for content in self.result["content"])

    @property
    def text(self) -> str:
        kinds = [content["type"] for content in self.result["content"]]
        expect("kinds of content", kinds, ["text"])
        return self.result["content"][0]["text"]

    @property
    def ticket(self) -> str:
        """The task that a ticket names."""
        if (named := re.search(r'"task_id": "([^"]+)"', self.text)) is None:
            raise AssertionError(f"ticket: got {self.text!r}, wanted a task id in it")
        return named[1]


def expect_in(what: str, wanted: str, text: str | None) -> None:
    if text is None or wanted not in text:
        raise AssertionError(f"{what}: got {text!r}, wanted {wanted!r} in it")


def expect_success(seen: Seen) -> None:
    expect("isError", (seen.is_error, seen.whole_text), (False, seen.whole_text))


def text(seen: Seen, wanted: str) -> None:
    """One text, and not of an error."""
    expect_success(seen)
    expect("text", seen.text, wanted)


def success(seen: Seen, wanted: bool) -> None:
    """One text, whatever it says, and not of an error."""
    expect("success", not seen.is_error and bool(seen.text), wanted)


def failure(seen: Seen, wanted: str) -> None:
    """An error that has this in its first text; what came before the error may follow it."""
    expect("isError", (seen.is_error, seen.whole_text), (True, seen.whole_text))
    expect_in("first text", wanted, seen.result["content"][0]["text"])


def is_error(seen: Seen, wanted: bool) -> None:
    expect("isError", (seen.is_error, seen.whole_text), (wanted, seen.whole_text))


def contains(seen: Seen, wanted: str) -> None:
    """This in any of the texts."""
    expect_in("texts", wanted, seen.whole_text)


def as_json(seen: Seen, wanted: Any) -> None:
    """Structured content, and the same as one text, and not of an error."""
    expect_success(seen)
    expect("structured content", seen.result.get("structuredContent"), wanted)
    expect("text", json.loads(seen.text), wanted)


def ticket(seen: Seen, wanted: str) -> None:
    """One text that has this and the id of a task in it."""
    expect_success(seen)
    expect_in("ticket", wanted, seen.text)
    expect("task of the ticket", bool(seen.ticket), True)


def value(seen: Seen, wanted: Any) -> None:
    expect("value", seen.answer.get("value"), wanted)


def tools(seen: Seen, wanted: list[str]) -> None:
    """These names, in any order."""
    expect("tools", sorted(seen.answer.get("tools", [])), sorted(wanted))


def within_seconds(seen: Seen, wanted: float) -> None:
    expect(f"done within {wanted} s", seen.seconds < wanted or seen.seconds, True)


def cancelled(seen: Seen, wanted: bool) -> None:
    """Whether the client says that it was cancelled, instead of a result."""
    expect("cancelled", seen.answer.get("cancelled", False), wanted)


def code(seen: Seen, wanted: int) -> None:
    """The code of the error that the client raised."""
    expect("code of the error", seen.answer.get("error", {}).get("code"), wanted)


def has_token(seen: Seen, wanted: bool) -> None:
    """Whether the client asked for progress in every call."""
    tokens = ["progressToken" in (call.get("_meta") or {}) for call in seen.calls]
    expect("calls with a progress token", tokens, [wanted] * max(1, len(tokens)))


def sent(seen: Seen, wanted: list[str]) -> None:
    """The messages of all progress on the wire since the last step."""
    expect("progress sent", [progress.get("message") for progress in seen.sent], wanted)


def sent_in_session(seen: Seen, wanted: list[str]) -> None:
    messages = [progress.get("message") for progress in seen.sent_in_session]
    expect("progress sent in the session", messages, wanted)


def requests_in_session(seen: Seen, wanted: list[str]) -> None:
    """The requests that the server sent, each method once."""
    expect("requests of the server", sorted(set(seen.requests_in_session)), wanted)


def asked(seen: Seen, wanted: list[str]) -> None:
    """The messages of all forms that the client showed its user."""
    expect("asked", [form["message"] for form in seen.asked], wanted)


def form(seen: Seen, wanted: dict[str, Any]) -> None:
    """What the last form had to be filled in with, as the client heard of it."""
    expect("form", (seen.asked or [{}])[-1].get("requestedSchema"), wanted)


def heard(seen: Seen, wanted: list[str]) -> None:
    """The messages of all progress that the client told its user."""
    expect("progress heard", [progress.get("message") for progress in seen.heard], wanted)


def first_heard(seen: Seen, wanted: str) -> None:
    first = [progress.get("message") for progress in seen.heard[:1]]
    expect("first progress heard", first, [wanted])


def last_heard(seen: Seen, wanted: str) -> None:
    expect_in("last progress heard", wanted, (seen.heard or [{}])[-1].get("message"))


def last_sent(seen: Seen, wanted: str) -> None:
    expect_in("last progress sent", wanted, (seen.sent or [{}])[-1].get("message"))


def increasing(seen: Seen, wanted: bool) -> None:
    """Whether there was progress, every value of it more than the one before."""
    for what, notified in {"sent": seen.sent, "heard": seen.heard}.items():
        values = [progress["progress"] for progress in notified]
        grown = bool(values) and values == sorted(set(values))
        expect(f"{what} {values} strictly increasing", grown, wanted)


def lost(seen: Seen, wanted: str) -> None:
    """How much of what was sent may not have been heard: `none` or `at most the last`."""
    values = [progress["progress"] for progress in seen.heard]
    all_values = [progress["progress"] for progress in seen.sent]
    expect("progress heard", values, all_values[: len(values)])
    limit = {"none": 0, "at most the last": 1}[wanted]
    expect(f"progress lost, {wanted}", range(limit + 1).count(len(all_values) - len(values)), 1)


def extension(seen: Seen, wanted: dict[str, Any]) -> None:
    """The settings of extensions that the server announced."""
    announced = seen.answer.get("extensions", {})
    expect("extensions", {name: announced.get(name) for name in wanted}, wanted)


def task_capability(seen: Seen, wanted: dict[str, Any]) -> None:
    found = seen.answer.get("task_capabilities", {})
    expect("capabilities", {name: found.get(name) for name in wanted}, wanted)


def task(seen: Seen, wanted: dict[str, Any]) -> None:
    """Fields of a task; what is missing is null."""
    if not seen.task:
        raise AssertionError(f"task: got {seen.answer!r}, wanted one in it")
    expect("task", {name: seen.task.get(name) for name in wanted}, wanted)


def message(seen: Seen, wanted: str) -> None:
    """This in the message of the status of a task."""
    expect_in("message of the task", wanted, seen.task.get("statusMessage"))


def same_task(seen: Seen, wanted: bool) -> None:
    """Whether all that was said of tasks in this session was said of one."""
    ids = {task.get("taskId") for task in seen.tasks}
    expect(f"one task of {sorted(map(str, ids))}", len(ids) == 1 and None not in ids, wanted)


def unchanged(seen: Seen, wanted: bool) -> None:
    """Whether the task is what it was when it was last looked at."""
    expect("task seen twice", len(seen.tasks) >= 2, True)
    before, now = seen.tasks[-2:]
    expect("task is as before", now == before or (before, now), wanted)


def times_in_order(seen: Seen, wanted: bool) -> None:
    """Whether the times of a task have zones, and it was created once and then changed."""
    created = [task["createdAt"] for task in seen.tasks]
    times = [created[0], *(task["lastUpdatedAt"] for task in seen.tasks)]
    parsed = [datetime.fromisoformat(time) for time in times]
    expect("times without a zone", [time for time in parsed if time.tzinfo is None], [])
    expect(f"order of the times {times}", parsed == sorted(parsed), wanted)
    expect("createdAt", set(created), {created[0]})


def outcome(seen: Seen, wanted: str) -> None:
    """What became of a task, in the words of the client that waited for it."""
    expect("outcome", seen.answer.get("outcome"), wanted)


def statuses(seen: Seen, wanted: list[str]) -> None:
    """The statuses that the client told its user while it waited, each once."""
    told = [event["status"] for event in seen.answer.get("events", [])]
    expect("statuses", list(dict.fromkeys(told)), wanted)


def news(seen: Seen, wanted: str) -> None:
    """This in a message that the client told its user while it waited."""
    messages = [event.get("statusMessage") or "" for event in seen.answer.get("events", [])]
    expect(f"{wanted!r} in one of {messages}", any(wanted in text for text in messages), True)


def exit_status(seen: Seen, wanted: int) -> None:
    expect("exit status", seen.answer.get("exit_status"), wanted)


EXPECTATIONS: dict[str, Callable[[Seen, Any], None]] = {
    "json": as_json,
    **{
        expectation.__name__: expectation
        for expectation in (
            [text, success, failure, is_error, contains, ticket, value, tools]
            + [within_seconds, cancelled, code, has_token]
            + [sent, sent_in_session, heard, first_heard, last_heard, last_sent, increasing, lost]
            + [extension, task_capability, task, message, same_task, unchanged, times_in_order]
            + [outcome, statuses, news, exit_status, asked, form, requests_in_session]
        )
    },
}


def meet(seen: Seen, wanted: dict[str, Any]) -> None:
    """Fails unless what was seen meets all expectations."""
    for name, value in wanted.items():
        EXPECTATIONS[name](seen, value)


def meets(seen: Seen, wanted: dict[str, Any]) -> bool:
    try:
        meet(seen, wanted)
    except AssertionError:
        return False
    return True
