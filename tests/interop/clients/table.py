"""The table of checks, as checks.json has it.

- `clients`: a driver, its mode, the protocol that it then has to speak with the server, and what it
  reaches that `over`.
- `abilities`: what not every client can do. A driver states which of them its client has.
- `always`: what holds at the end of every check, for the clients that have the abilities.
- `checks`: a sentence, the abilities that it `needs`, whether its client is to show `forms` (an ability,
  too), and its steps.

A step tells a client to `do` something, with arguments that are listed in `DOINGS`, and says in
`expect` what must come of it (see expectations.py). It is repeated `while` what came meets other
expectations, pausing for `every_seconds`; the last repetition but one has to meet `before`. An
argument `$ticket` stands for the task that the last ticket named, and `$task` for the one of which a
client with tasks spoke last. In `answers` is what the user does with each form that the client shows
during a step: an `action`, its `content`, and `after_seconds` how long it takes. `why` is for readers.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from expectations import EXPECTATIONS

# What a client, or the run itself (`connected`, `pause`), can be told to do, and with what.
DOINGS = {
    "connected": set(),
    "pause": {"seconds"},
    "close": set(),
    "list_tools": set(),
    "call": {
        "tool",
        "arguments",
        "progress",
        "cancel_after_seconds",
        "cancel_after_heard",
        "answers",
    },
    "value": {"tool", "arguments"},
    "start": {"tool", "arguments", "progress"},
    "look": {"task_id"},
    "stop": {"task_id"},
    "wait": {"answers"},
    "finish": {"answers"},
    "answer": {"responses"},
    "watch": set(),
    "let_go": set(),
    "take_up": set(),
}
EXPECTING = {"expect", "while", "before"}


class BadTable(Exception):
    """A mistake in the table itself, which must not pass for a check."""


@dataclass(frozen=True)
class Step:
    do: str
    arguments: dict[str, Any]
    expect: dict[str, Any] = field(default_factory=dict)
    repeated_while: dict[str, Any] | None = None
    before: dict[str, Any] = field(default_factory=dict)
    every_seconds: float = 0


@dataclass(frozen=True)
class Check:
    name: str
    needs: frozenset[str]
    forms: bool
    steps: list[Step]


@dataclass(frozen=True)
class Always:
    needs: frozenset[str]
    expect: dict[str, Any]


@dataclass(frozen=True)
class Table:
    clients: list[dict[str, str]]
    abilities: dict[str, str]
    always: list[Always]
    checks: list[Check]


def read(path: Path) -> Table:
    raw = json.loads(path.read_text(), object_pairs_hook=without_doubles)
    known("the table", raw, {"clients", "abilities", "always", "checks"})
    abilities = raw["abilities"]
    by_name: dict[str, Check] = {}
    for check in raw["checks"]:
        name = check["name"]
        if name in by_name:
            raise BadTable(f"there are two checks `{name}`")
        known(f"check `{name}`", check, {"name", "why", "needs", "forms", "steps"})
        forms = check.get("forms", False)
        needs = needs_of(f"check `{name}`", check, abilities) | ({"forms"} if forms else set())
        steps = [step for raw_step in check["steps"] for step in steps_of(name, raw_step, by_name)]
        if not any(step.expect for step in steps):
            raise BadTable(f"check `{name}` expects nothing")
        by_name[name] = Check(name, needs, forms, steps)
    return Table(raw["clients"], abilities, always_of(raw, abilities), list(by_name.values()))


def always_of(raw: dict[str, Any], abilities: dict[str, str]) -> list[Always]:
    rules = []
    for rule in raw["always"]:
        known("`always`", rule, {"why", "needs", "expect"})
        known("`always`", rule["expect"], EXPECTATIONS.keys())
        rules.append(Always(needs_of("`always`", rule, abilities), rule["expect"]))
    return rules


def steps_of(check: str, raw: dict[str, Any], earlier: dict[str, Check]) -> list[Step]:
    where = f"a step of `{check}`"
    do = raw["do"]
    if do == "steps_of":
        known(where, raw, {"do", "check"})
        known(where, {raw["check"]: None}, earlier.keys())
        return earlier[raw["check"]].steps
    known(where, {do: None}, DOINGS.keys())
    known(where, raw, {"do", "every_seconds", *EXPECTING, *DOINGS[do]})
    for key in EXPECTING & raw.keys():
        known(f"`{key}` in {where}", raw[key], EXPECTATIONS.keys())
    arguments = {key: value for key, value in raw.items() if key in DOINGS[do]}
    if "tool" in arguments:
        arguments.setdefault("arguments", {})
    return [
        Step(
            do,
            arguments,
            raw.get("expect", {}),
            raw.get("while"),
            raw.get("before", {}),
            raw.get("every_seconds", 0),
        )
    ]


def needs_of(where: str, raw: dict[str, Any], abilities: dict[str, str]) -> frozenset[str]:
    needs = raw.get("needs", [])
    known(where, dict.fromkeys(needs), abilities.keys())
    return frozenset(needs)


def known(where: str, raw: dict[str, Any], names: Any) -> None:
    if strange := raw.keys() - names:
        raise BadTable(f"{where} has the unknown {', '.join(f'`{name}`' for name in strange)}")


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    raw = dict(pairs)
    if len(raw) != len(pairs):
        raise BadTable(f"two of {[name for name, _ in pairs]} are one")
    return raw
