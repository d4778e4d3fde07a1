"""What both runs of checks say of what they saw: what failed, and why."""

import os
from typing import Any


def expect(what: str, actual: Any, wanted: Any) -> None:
    if actual != wanted:
        got, want = repr(actual), repr(wanted)
        # Values may have megabytes: show where they part.
        start = max(0, len(os.path.commonprefix([got, want])) - 100)
        span = slice(start, start + 400)
        raise AssertionError(f"{what}: got {got[span]}, wanted {want[span]}")


def reason(error: BaseException, check_seconds: float) -> str:
    """Why a check failed, on one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    match error:
        case AssertionError():
            text = str(error)
        case TimeoutError():
            text = f"not done within {check_seconds} s"
        case ProcessLookupError():
            text = "the server was gone before the client ended it"
        case _:
            text = repr(error)
    return " ".join(text.split())


def failure(label: str, why: str) -> str:
    return f"FAILED {label}: {why}"
