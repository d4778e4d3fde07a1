"""Checks the example servers with the reference client of this Python environment.

usage: drive.py EXAMPLES [--sse] [--transcript]

EXAMPLES is the directory of the built examples; with --sse, they are reached over HTTP+SSE. Prints one line per check, or the transcript of one
background call.
"""

import asyncio
import contextlib
import faulthandler
import hashlib
import json
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from mcp.types import CallToolResult
from mcpc import MCPCInformation, MCPCMessage

import witness
from client import DIALECT, MCPC_VERSION, Call, Client, over_sse, over_stdio, reference_line
from client import connect as connect_over
from verdicts import expect, failure, reason

EXAMPLES = Path(sys.argv[1])
TRANSPORT = "sse" if "--sse" in sys.argv else "stdio"
# A client over HTTP+SSE posts one message after the other.
PROMPT_SECONDS, BUSY_PASSES = {"stdio": (1.0, 10), "sse": (3.0, 25)}[TRANSPORT]
# The server of the README is the same over HTTP.
QUICKSTART = str(EXAMPLES / {"stdio": "quickstart", "sse": "http"}[TRANSPORT])
INDEXER = str(EXAMPLES / "indexer")
OUTCOMES = str(EXAMPLES / "outcomes")

CHECK_SECONDS = 30
# In the order of the walk; git's own files are not counted, and a binary file has no lines.
INDEXED_FILES = {
    ".git/config": b"[core]\n",
    "lib/tool.py": b"import sys\n\nsys.exit()\n",
    "logo.bin": b"\0\n\n",
    "main.rs": b"fn main() {\n}\n",
    "other.rs": b"// no newline at the end",
}
INDEX = {
    "files": 4,
    "lines": 5,
    "bytes": 64,
    "languages": {
        "Other": {"files": 1, "lines": 0, "bytes": 3},
        "Python": {"files": 1, "lines": 3, "bytes": 23},
        "Rust": {"files": 2, "lines": 2, "bytes": 38},
    },
}
# Whatever JSON must or may escape, at both of the levels that a callback line has.
AWKWARD = "".join(map(chr, range(0x20))) + '\x7f"\\/\\u0041 é 日本 🦀 \u2028\u2029\ufeff'
AWKWARD_MEBIBYTE = AWKWARD * ((1 << 20) // len(AWKWARD.encode()) + 1)


async def tool_list() -> None:
    async with connect(QUICKSTART) as client:
        await expect_only_the_users_view(client)
        await client.greet()
        await expect_only_the_users_view(client)


async def handshake() -> None:
    await expect_handshake(QUICKSTART, "my-processor")
    await expect_handshake(INDEXER, "indexer")


async def plain_call_with_metadata() -> None:
    async with greeted(QUICKSTART) as client:
        call = await client.call_with_ids("add", {"a": 1, "b": 2}, "session-1")
        expect("reply", text_of(call.reply), "3")
        expect("messages", client.messages, {})


async def plain_call_without_metadata() -> None:
    async with greeted(QUICKSTART) as client:
        expect("reply", text_of(await client.call("add", {"a": -7, "b": 2})), "-5")


async def task_to_its_end() -> None:
    async with greeted(QUICKSTART) as client:
        task = await start(client, "process_data", {"data_id": "sales"}, "session-1")
        messages = await client.messages_until_end(task.task_id)
        expect("created in the reply", message_in(task.reply), messages[0])
        expect_processed(messages, task, "sales", passes=5)


async def failing_task() -> None:
    async with greeted(INDEXER) as client:
        directory = "no/such directory"
        task = await start(client, "index", {"directory": directory}, "session-1")
        messages = await client.messages_until_end(task.task_id)
        expect_task(messages, task, [], "failed", f"`{directory}` is not a directory")


async def panicking_tools() -> None:
    async with greeted(OUTCOMES) as client:
        plain = await client.call("panic_at_once", {})
        panicked = "tool `panic_at_once` panicked: as it was asked to"
        expect("plain reply", (plain.isError, text_of(plain)), (True, panicked))
        task = await start(client, "panic_later", {}, "session-1")
        messages = await client.messages_until_end(task.task_id)
        panicked = "tool `panic_later` panicked: as it was asked to"
        expect_task(messages, task, ["about to panic"], "failed", panicked)
        expect("reply after it", text_of(await client.call("add", {"a": 1, "b": 2})), "3")


async def stopped_task() -> None:
    async with greeted(OUTCOMES) as client:
        task = await start(client, "watch", {}, "session-1")
        await client.call("stop_task", {"task_id": task.task_id})
        messages = await client.messages_until_end(task.task_id)
        expect_task(messages, task, [], "failed", "stopped after 0 rounds")


async def task_that_asks_for_a_choice() -> None:
    async with greeted(OUTCOMES) as client:
        task, question = await start_asking(client, "choose", "Where to?")
        expected = "one of `harbour`, `station`"
        expect("expected", expected in question["answer_with"], True)
        refused = await tell(client, task, question="q1", message="the moon")
        still_open = text_of(refused).startswith("The question `q1` is still open: ")
        expect("refusal", (refused.isError, still_open), (True, True))
        await answer(client, task, question="q1", message="station")
        messages = await client.messages_until_end(task.task_id)
        expect_task(messages, task, [question], "complete", "station")
        late = await tell(client, task, question="q1", message="harbour")
        ended = f"Task `{task.task_id}` has ended already; `check_task` says how."
        expect("late answer", (late.isError, text_of(late)), (True, ended))


async def task_that_asks_for_yes_or_no() -> None:
    async with greeted(OUTCOMES) as client:
        for said, result in {"yes": True, "no": False}.items():
            task, question = await start_asking(client, "confirm", "Go on?")
            await answer(client, task, message=said)
            messages = await client.messages_until_end(task.task_id)
            expect_task(messages, task, [question], "complete", result)


async def task_that_asks_for_a_form() -> None:
    async with greeted(OUTCOMES) as client:
        booking = {"name": AWKWARD, "guests": 3}
        task, question = await start_asking(client, "book", "Which table?")
        fields = question["answer"]["fields"]["properties"]
        expect("fields", list(fields), list(booking))
        await answer(client, task, message=booking)
        messages = await client.messages_until_end(task.task_id)
        expect_task(messages, task, [question], "complete", booking)


async def task_whose_question_is_declined() -> None:
    async with greeted(OUTCOMES) as client:
        task, question = await start_asking(client, "choose", "Where to?")
        await answer(client, task, question="q1", decline=True)
        messages = await client.messages_until_end(task.task_id)
        expect_task(messages, task, [question], "failed", "the user declined to answer")


async def task_that_is_told() -> None:
    async with greeted(OUTCOMES) as client:
        task = await start(client, "travel", {}, "session-1")
        places = ["harbour", "station", "harbour"]
        orders = [{"go_to": {"place": place}} for place in places]
        for order in [*orders, "arrive"]:
            said = await tell(client, task, message=order)
            told = f"Task `{task.task_id}` was told."
            expect("reply", (said.isError, text_of(said)), (False, told))
        messages = await client.messages_until_end(task.task_id)
        expect_task(messages, task, [], "complete", {"places": places})


async def bad_arguments_start_no_task() -> None:
    async with greeted(QUICKSTART) as client:
        bad = await client.call_with_ids("process_data", {"passes": 0}, "session-1")
        # Its first update, had it been started, comes before the end of the good one.
        good = await start(client, "process_data", {"data_id": "sales", "passes": 2}, "session-1")
        await client.messages_until_end(good.task_id)
        expect("isError", bad.reply.isError, True)
        text = text_of(bad.reply)
        expect("problems named", ("`data_id`" in text, "`passes`" in text), (True, True))
        expect("tasks heard of", list(client.messages), [good.task_id])


async def task_without_ids() -> None:
    async with greeted(QUICKSTART) as client:
        reply = await client.call("process_data", {"data_id": "sales", "passes": 2})
        task_id = message_in(reply).task_id
        task = Call("process_data", "default", task_id, reply)
        expect("version of the task's UUID", uuid.UUID(task_id).version, 4)
        messages = await client.messages_until_end(task_id)
        expect_processed(messages, task, "sales", passes=2)


async def client_without_handshake_hears_nothing() -> None:
    async with connect(QUICKSTART) as client:
        reply = await client.call("process_data", {"data_id": "sales", "passes": 2})
        expect("isError", reply.isError, False)
        expect("reply", json.loads(reply.content[-1].text), {"data_id": "sales", "passes": 2})
        expect("messages", client.messages, {})


async def twenty_tasks_beside_plain_calls() -> None:
    async with greeted(QUICKSTART) as client:
        tasks, delays = await asyncio.gather(
            asyncio.gather(*(start_numbered(client, number) for number in range(20))),
            asyncio.gather(*(seconds_to_add(client, number) for number in range(50))),
        )
        heard = [message for messages in client.messages.values() for message in messages]
        ended = [message for message in heard if message.event == "complete"]
        expect("tasks that ended before the plain calls", ended, [])
        expect("plain calls that waited", [s for s in delays if s > PROMPT_SECONDS], [])
        await asyncio.gather(*(client.messages_until_end(task.task_id) for task in tasks))
        for number, task in enumerate(tasks):
            expect_processed(client.messages[task.task_id], task, f"set {number}", passes=BUSY_PASSES)
        expect("number of tasks heard of", len(client.messages), 20)


async def updates_of_a_mebibyte() -> None:
    async with greeted(QUICKSTART) as client:
        arguments = {"data_id": AWKWARD_MEBIBYTE, "passes": 2}
        task = await start(client, "process_data", arguments, "session-1")
        messages = await client.messages_until_end(task.task_id)
        expect_processed(messages, task, AWKWARD_MEBIBYTE, passes=2)


async def callback_lines_of_a_complete_task() -> None:
    async with recorded(QUICKSTART) as (client, record):
        arguments = {"data_id": AWKWARD, "passes": 3}
        task = await start(client, "process_data", arguments, 'session "1" é')
        await client.messages_until_end(task.task_id)
        messages = [task.message("update", update) for update in progress_over(AWKWARD, passes=3)]
        messages.append(task.message("complete", {"data_id": AWKWARD, "passes": 3}))
        expect("callback lines", callback_lines(record), await lines_without_null(messages))


async def callback_lines_of_a_failed_task() -> None:
    async with recorded(INDEXER) as (client, record):
        directory = 'no/such "directory" é'
        task = await start(client, "index", {"directory": directory}, "session-1")
        await client.messages_until_end(task.task_id)
        failed = task.message("failed", f"`{directory}` is not a directory")
        expect("callback lines", callback_lines(record), await lines_without_null([failed]))


async def index_counts() -> None:
    with directory_of(INDEXED_FILES) as directory:
        async with greeted(INDEXER) as client:
            task = await start(client, "index", {"directory": directory}, "session-1")
            messages = await client.messages_until_end(task.task_id)
            files = [f"{directory}/{file}" for file in INDEXED_FILES if file != ".git/config"]
            updates = [progress(done, len(files), file) for done, file in enumerate(files, 1)]
            expect_task(messages, task, updates, "complete", INDEX)


async def hash_large_hashes() -> None:
    large = {"a.bin": b"\0" * 1000, "sub/b.bin": bytes(range(256)) * 6000}
    with directory_of(large | {"small.bin": b"\0" * 999}) as directory:
        async with greeted(INDEXER) as client:
            arguments = {"directory": directory, "min_bytes": 1000}
            task = await start(client, "hash_large", arguments, "session-1")
            messages = await client.messages_until_end(task.task_id)
            updates = []
            for done, (name, content) in enumerate(large.items(), 1):
                file = f"{directory}/{name}"
                sha256 = hashlib.sha256(content).hexdigest()
                updates.append({"file": file, "bytes": len(content), "sha256": sha256})
                updates.append(progress(done, len(large), file))
            expect_task(messages, task, updates, "complete", {"files": 2, "bytes": 1_537_000})


CHECKS = [
    tool_list,
    handshake,
    plain_call_with_metadata,
    plain_call_without_metadata,
    task_to_its_end,
    failing_task,
    panicking_tools,
    stopped_task,
    task_that_asks_for_a_choice,
    task_that_asks_for_yes_or_no,
    task_that_asks_for_a_form,
    task_whose_question_is_declined,
    task_that_is_told,
    bad_arguments_start_no_task,
    task_without_ids,
    client_without_handshake_hears_nothing,
    twenty_tasks_beside_plain_calls,
    updates_of_a_mebibyte,
    callback_lines_of_a_complete_task,
    callback_lines_of_a_failed_task,
    index_counts,
    hash_large_hashes,
]


def connect(server: str, record: Path | None = None) -> AbstractAsyncContextManager[Client]:
    return connect_over({"stdio": over_stdio, "sse": over_sse}[TRANSPORT], server, record)


@contextlib.asynccontextmanager
async def greeted(server: str, record: Path | None = None) -> AsyncIterator[Client]:
    async with connect(server, record) as client:
        expect("support", await client.greet(), True)
        yield client


@contextlib.asynccontextmanager
async def recorded(server: str) -> AsyncIterator[tuple[Client, Path]]:
    with TemporaryDirectory() as directory:
        record = Path(directory)
        async with greeted(server, record) as client:
            yield client, record


@contextlib.contextmanager
def directory_of(files: dict[str, bytes]) -> Iterator[str]:
    with TemporaryDirectory() as directory:
        for name, content in files.items():
            file = Path(directory, name)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(content)
        yield directory


async def start(client: Client, tool: str, arguments: dict[str, Any], session_id: str) -> Call:
    """Starts a task; fails at once, rather than by the time limit, if the server refuses."""
    call = await client.call_with_ids(tool, arguments, session_id)
    expect("event of the reply", message_in(call.reply).event, "created")
    return call


async def start_asking(client: Client, tool: str, text: str) -> tuple[Call, dict[str, Any]]:
    """Starts a task that asks, and waits for the update with its question."""
    task = await start(client, tool, {}, "session-1")
    question = await client.first_update(task.task_id)
    expect("question", (question["question_id"], question["question"]), ("q1", text))
    call = f'Call `message_task` with {{"task_id": "{task.task_id}", "question": "q1", "message": '
    expect("call to answer with", question["answer_with"][: len(call)], call)
    return task, question


async def tell(client: Client, task: Call, **message: Any) -> CallToolResult:
    return await client.call("message_task", {"task_id": task.task_id, **message})


async def answer(client: Client, task: Call, **message: Any) -> None:
    said = await tell(client, task, **message)
    goes_on = f"Task `{task.task_id}` has the answer, and goes on."
    expect("reply", (said.isError, text_of(said)), (False, goes_on))


async def start_numbered(client: Client, number: int) -> Call:
    arguments = {"data_id": f"set {number}", "passes": BUSY_PASSES}
    return await start(client, "process_data", arguments, f"session-{number % 3}")


async def seconds_to_add(client: Client, number: int) -> float:
    sent = time.monotonic()
    reply = await client.call_with_ids("add", {"a": number, "b": 1000}, "session-0")
    expect("reply", text_of(reply.reply), str(number + 1000))
    return time.monotonic() - sent


def text_of(reply: CallToolResult) -> str:
    expect("kinds of content", [content.type for content in reply.content], ["text"])
    return reply.content[0].text


def message_in(reply: CallToolResult) -> MCPCMessage:
    expect("isError", (reply.isError, reply.isError and text_of(reply)), (False, False))
    return MCPCMessage.model_validate_json(text_of(reply))


def progress(done: int, total: int, status: str) -> dict[str, Any]:
    return {"status": status, "progress": round(100 * done / total, 2)}


def progress_over(data_id: str, passes: int) -> list[dict[str, Any]]:
    return [
        progress(number, passes, f"pass {number} over {data_id}") for number in range(1, passes + 1)
    ]


def callback_lines(record: Path) -> list[str]:
    from_server = witness.lines(record, witness.FROM_SERVER)
    return [line for line in from_server if json.loads(line).get("id") == "MCPC_CALLBACK"]


async def lines_without_null(messages: list[MCPCMessage]) -> list[str]:
    """What the reference writes for `messages`, without the `annotations` that we leave out."""
    end = '}],"isError":false}}'
    lines = [await reference_line(message) for message in messages]
    return [line.removesuffix(f',"annotations":null{end}\n') + end for line in lines]


async def expect_only_the_users_view(client: Client) -> None:
    tools = {tool.name: tool for tool in (await client.session.list_tools()).tools}
    handshakes = {"is_mcpc_enabled", "_is_mcpc_enabled", "_mcpc_init"}
    expect("handshake tools listed", handshakes & tools.keys(), set())
    for tool, arguments in {"add": ["a", "b"], "process_data": ["data_id", "passes"]}.items():
        expect(f"arguments of {tool}", list(tools[tool].inputSchema["properties"]), arguments)


async def expect_handshake(server: str, name: str) -> None:
    async with connect(server) as client:
        expect("support", await client.greet(), True)
        expect("version", client.handler.protocol_version, MCPC_VERSION)
        answer = text_of(await client.call(*DIALECT.handshake_call))
        expect("answer", answer, MCPCInformation(mcpc_provider=name).model_dump_json())


def expect_processed(messages: list[MCPCMessage], task: Call, data_id: str, passes: int) -> None:
    result = {"data_id": data_id, "passes": passes}
    expect_task(messages, task, progress_over(data_id, passes), "complete", result)


def expect_task(
    messages: list[MCPCMessage], task: Call, updates: list[Any], end: str, result: Any
) -> None:
    created, *later = messages
    expect("first message", created, task.message("created", created.result))
    wanted = [task.message("update", update) for update in updates]
    expect("later messages", later, [*wanted, task.message(end, result)])


async def report(check: Callable[[], Awaitable[None]], label: str) -> bool:
    try:
        # Unlike asyncio's, this cancels again and again, so that a deaf server gets killed.
        with anyio.fail_after(CHECK_SECONDS):
            await check()
    except Exception as error:
        print(failure(label, reason(error, CHECK_SECONDS)), flush=True)
        return False
    print(f"ok {label}", flush=True)
    return True


async def run_checks() -> int:
    environment = f"{MCPC_VERSION}/{version('mcp')} over {TRANSPORT}"
    results = [
        await report(check, f"{environment} {check.__name__.replace('_', ' ')}") for check in CHECKS
    ]
    return 0 if all(results) else 1


async def print_transcript() -> int:
    with anyio.fail_after(CHECK_SECONDS):
        async with recorded(QUICKSTART) as (client, record):
            arguments = {"data_id": "sales", "passes": 3}
            task = await start(client, "process_data", arguments, "session-1")
            await client.messages_until_end(task.task_id)
            print((record / "transcript").read_text(), end="")
    return 0


# Should the driver itself hang, it says where, and ends.
faulthandler.dump_traceback_later(CHECK_SECONDS * (len(CHECKS) + 1), exit=True)
sys.exit(asyncio.run(print_transcript() if "--transcript" in sys.argv else run_checks()))
