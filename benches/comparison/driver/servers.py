"""The servers that are compared, and what can be told of them without a client."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

SERVERS = Path(__file__).parent.parent / "servers"
LONG_WORK = "long work"


@dataclass(frozen=True)
class Server:
    key: str
    title: str
    source: Path
    comment: str
    command: list[str]

    def lines(self) -> tuple[int, int]:
        """The lines of its source that have code, and how many of them are there for long work.

        Those are marked in the source: by a comment after a line, or before and after a block.
        """
        code, long_work, in_block = 0, 0, False
        for line in map(str.strip, self.source.read_text().splitlines()):
            if line.startswith(f"{self.comment} {LONG_WORK}:"):
                in_block = True
            elif line == f"{self.comment} end":
                in_block = False
            elif line and not line.startswith((self.comment, '"""')):
                code += 1
                long_work += in_block or line.endswith(f"{self.comment} {LONG_WORK}")
        if in_block:
            raise ValueError(f"{self.source}: a block has no end")
        return code, long_work


def fastmcp(python: str) -> Server:
    source = SERVERS / "with_fastmcp.py"
    ask = "from importlib.metadata import version; print(version('fastmcp'))"
    version = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    title = f"FastMCP {version.stdout.strip()}"
    # Without -B, bytecode would litter the source tree.
    return Server("fastmcp", title, source, "#", [python, "-B", str(source)])


def rmcp(target: Path) -> Server:
    title = f"rmcp {locked('rmcp')} by hand"
    return Server("rmcp", title, SERVERS / "on-rmcp/src/main.rs", "//", [str(target / "on-rmcp")])


def mcpc(target: Path) -> Server:
    # It has no version yet that says anything.
    return Server(
        "mcpc", "mcpc", SERVERS / "with-mcpc/src/main.rs", "//", [str(target / "with-mcpc")]
    )


def locked(package: str) -> str:
    """The version of a package with which the servers were built."""
    manifest = str(SERVERS / "Cargo.toml")
    command = ["cargo", "metadata", "--format-version", "1", "--manifest-path", manifest]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    packages = json.loads(told.stdout)["packages"]
    return next(found["version"] for found in packages if found["name"] == package)
