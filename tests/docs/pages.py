"""Pages of the documentation as their readers use them: block after block, in one folder.

Blocks of Python and bash run in the order of the page, each in a process of its own. One that begins with a comment
that names a file, ``# mine.py``, is that file. A block of ``text`` right after one that runs is what that one prints,
where ``…`` stands for anything. Blocks in other languages are there to be read.
"""

import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
SERVES = re.compile("tts-gym serve ")
FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
INSTALL = re.compile(r"^pip install '?(?:tts-gym|\.)(?:\[([\w,-]+)\])?'?(?: +#.*)?$", re.MULTILINE)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@dataclass(frozen=True)
class Block:
    """A block of a page that is run or saved.

    Attributes:
        language: ``python``, ``bash``, or that of a file.
        text: what it says.
        shown: what the page says that it prints, or None.
        line: where it begins on the page.
        long: whether it takes more than a few seconds.
    """

    language: str
    text: str
    shown: str | None
    line: int
    long: bool

    @property
    def file(self) -> str | None:
        """The file that the block is, or None."""
        named = FILE.match(self.text)
        return named and named[1]


@dataclass(frozen=True)
class Page:
    """A page, by its path in the repository; blocks in which ``long`` is found are slow tests."""

    path: str
    long: str = "(?!)"

    @property
    def text(self) -> str:
        return (ROOT / self.path).read_text()

    @property
    def blocks(self) -> list[Block]:
        found = [
            Block(
                match[1],
                match[2],
                match[3],
                self.text[: match.start()].count("\n") + 1,
                bool(re.search(self.long, match[2])),
            )
            for match in BLOCK.finditer(self.text)
        ]
        return [block for block in found if block.language in ("python", "bash") or block.file]

    def params(self):
        """The blocks as parameters of a test."""
        return [
            pytest.param(block, id=f"{block.line}: {block.text.splitlines()[0]}", marks=[pytest.mark.slow] * block.long)
            for block in self.blocks
        ]


@dataclass
class Reader:
    """Who follows a page in a folder.

    Attributes:
        page: what is read.
        folder: where.
        replaced: what stands on the page for something that each reader has, such as a server's address, and what
            stands for it here.
        done: blocks that were run.
        servers: processes of blocks that serve, until the reader leaves.
    """

    page: Page
    folder: Path
    replaced: dict[str, str] = field(default_factory=dict)
    done: list[Block] = field(default_factory=list)
    servers: list[subprocess.Popen] = field(default_factory=list)

    def follow(self, block: Block) -> None:
        """Come to a block and run it; a quick one needs none of the long ones before it."""
        for earlier in self.page.blocks:
            if earlier.line <= block.line and earlier.long <= block.long and earlier not in self.done:
                self.done.append(earlier)
                self.run(earlier)

    def run(self, block: Block) -> None:
        """Do what a block says, and see that it works and prints what is shown."""
        text = self.filled_in(block.text)
        if block.file:
            path = self.folder / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            return
        for extras in INSTALL.findall(text):
            assert set(extras.split(",")) <= {"", *EXTRAS}
        text = INSTALL.sub(":", text)
        command = {"python": [sys.executable, "-W", "error", "-c"], "bash": ["bash", "-euc"]}[block.language]
        environment = {name: value for name, value in os.environ.items() if not name.endswith("API_KEY")}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        if SERVES.match(text):
            self.serve(text, environment)
            return
        errors = subprocess.PIPE if block.shown is None else subprocess.STDOUT
        done = subprocess.run(
            [*command, text], cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert done.returncode == 0, done.stdout + (done.stderr or "")
        if block.shown is not None:
            assert matches(self.filled_in(block.shown), done.stdout), done.stdout
        elif not block.long:
            assert not done.stderr, done.stderr

    def serve(self, text: str, environment: dict[str, str]) -> None:
        """Start a server, as in a second terminal, and wait until it says that it serves."""
        command = ["bash", "-euc", f"exec {text}"]
        server = subprocess.Popen(command, cwd=self.folder, env=environment, stderr=subprocess.PIPE, text=True)
        self.servers.append(server)
        assert any("Serving " in line for line in server.stderr)

    def leave(self) -> None:
        """End what still serves."""
        for server in self.servers:
            server.terminate()
            server.communicate()

    def filled_in(self, text: str) -> str:
        for name, value in self.replaced.items():
            text = text.replace(name, value)
        return text


def matches(shown: str, printed: str) -> bool:
    """Whether that was printed which a page shows; spaces at the ends of lines do not count."""
    shown, printed = ("\n".join(line.rstrip() for line in text.strip().splitlines()) for text in (shown, printed))
    return re.fullmatch(re.escape(shown).replace("…", ".*?"), printed, re.DOTALL) is not None
