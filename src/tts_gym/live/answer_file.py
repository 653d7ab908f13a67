"""Answers in a file of JSON lines, which an interrupted run goes on with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tts_gym.errors import LiveError
from tts_gym.files import append_line, read_whole, write_whole


class AnswerFile:
    """A line an answer, each written as it is given, with a hash of the run that it is of.

    Attributes:
        path: the file.
        rows: the answers that are there, by the id of their question. Those that failed are not: they are tried again.
    """

    def __init__(self, path: Path, run: str, fresh: bool = False) -> None:
        """Read what is there; a line that was cut off counts as none.

        Args:
            path: the file, new or of the same run.
            run: hash of what the answers depend on.
            fresh: take up no answers, of another run or of this one.

        Raises:
            LiveError: the file holds answers of another run, or something else.
        """
        self.path, self._run = path, run
        self.rows: dict[str, dict[str, Any]] = {}
        found = read_rows(path) if path.exists() else []
        if not fresh:
            answered = [row for row in found if row["error"] is None]
            if any(row.pop("run") != run for row in answered):
                raise LiveError(
                    f"{path} holds answers of another run (other questions may be added, nothing else may differ): "
                    "choose another file, or begin anew with --fresh."
                )
            self.rows = {row["id"]: row for row in answered}

    def begin(self) -> None:
        """Leave in the file what was taken up, and nothing else.

        Raises:
            OSError: it cannot be written.
        """
        write_whole(self.path, lines_of(self._run, self.rows.values()))

    def add(self, row: dict[str, Any]) -> None:
        """Write an answer, which survives a crash.

        Args:
            row: the answer, as JSON holds it.
        """
        append_line(self.path, _line(self._run, row))
        self.rows[row["id"]] = row


def lines_of(run: str, rows: Iterable[Mapping[str, Any]]) -> bytes:
    """What a file of answers holds.

    Args:
        run: hash of what the answers depend on.
        rows: the answers, as JSON holds them.
    """
    return b"".join(_line(run, row) + b"\n" for row in rows)


def _line(run: str, row: Mapping[str, Any]) -> bytes:
    return json.dumps({"run": run, **row}).encode()


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a file of answers, but for one that was cut off at its end.

    Args:
        path: the file.

    Raises:
        LiveError: it cannot be read, or holds something else.
    """
    *whole, rest = read_whole(path, LiveError).split(b"\n")
    try:
        rows = [json.loads(line) for line in whole]
        if not all(isinstance(row["id"], str) and {"run", "question", "error"} <= row.keys() for row in rows):
            raise ValueError("no answer")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LiveError(f"{path} holds something else than answers: choose another file.") from error
    return rows
