"""The table: of one run, as Markdown, and what was committed of it."""

import re
from collections.abc import Iterator
from pathlib import Path

# What may differ from one run to the next: a time by this, and by a tenth; a count by one.
SECONDS = 1.0
TIME = re.compile(r"(\d+(?:\.\d+)?) (ms|s)\b")
COUNT = re.compile(r"\b([1-9]\d*)(?= of \d+, as )")
Row = tuple[str, str]


class Table:
    """Rows of cells, each row under a heading, each cell of one server."""

    def __init__(self) -> None:
        self.cells: dict[Row, dict[str, str]] = {}

    def add(self, heading: str, label: str, server: str, cell: str) -> None:
        self.cells.setdefault((heading, label), {})[server] = cell

    def markdown(self, servers: list[str]) -> str:
        lines: list[str] = []
        latest = None
        for (heading, label), cells in self.cells.items():
            if heading != latest:
                lines += [
                    "",
                    f"## {heading}",
                    "",
                    row(["", *servers]),
                    "|---" * (len(servers) + 1) + "|",
                ]
                latest = heading
            lines.append(row([label, *(cells.get(server, "") for server in servers)]))
        return "\n".join(lines).strip() + "\n"


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def read(path: Path) -> Table:
    """A table that was written."""
    table = Table()
    heading, servers = "", []
    for line in path.read_text().splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ")
        elif line.startswith("|---"):
            continue
        elif line.startswith("| "):
            label, *cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not label:
                servers = cells
                continue
            for server, cell in zip(servers, cells, strict=True):
                table.add(heading, label, server, cell.replace(r"\|", "|"))
    return table


def differences(run: Table, committed: Table, server: str, apart_from: set[str]) -> Iterator[str]:
    """Where a run of one server is not what was committed of it in kind, apart from labels."""
    for heading, label in {**run.cells, **committed.cells}:
        now, before = (
            table.cells.get((heading, label), {}).get(server) for table in (run, committed)
        )
        if label in apart_from or (now is not None and before is not None and alike(now, before)):
            continue
        yield f"{heading}: {label}: {now or 'nothing'}, and {before or 'nothing'} was committed"


def alike(now: str, before: str) -> bool:
    if kind(now) != kind(before):
        return False
    counts = zip(COUNT.findall(now), COUNT.findall(before), strict=True)
    times = zip(seconds(now), seconds(before), strict=True)
    return all(abs(int(one) - int(other)) <= 1 for one, other in counts) and all(
        abs(one - other) <= SECONDS + other / 10 for one, other in times
    )


def kind(cell: str) -> str:
    # What takes about a second is answered directly or with a task, by how busy the machine is.
    cell = cell.replace("`completed`, ", "")
    return COUNT.sub("N", TIME.sub("T", cell))


def seconds(cell: str) -> list[float]:
    return [float(number) / (1000 if unit == "ms" else 1) for number, unit in TIME.findall(cell)]
