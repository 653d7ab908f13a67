"""Results that are expensive to have, kept in memory and, if wanted, in a file that outlives the process."""

from __future__ import annotations

import json
import os
from collections.abc import Hashable
from os import PathLike
from pathlib import Path
from typing import Any

from tts_gym.errors import TTSGymError


class ResultCache:
    """A dictionary of JSON values that may be backed by a file to which each new entry is appended as one line.

    The file may be cut off anywhere and used by several processes at once: a line that cannot be read, or that was
    written for another ``version``, counts as absent.
    """

    def __init__(self, path: str | PathLike[str] | None, version: str) -> None:
        """Read the file, if there is one.

        Args:
            path: the file, in JSON lines; made where it is missing. None keeps the results in memory only.
            version: what the results depend on besides their keys.

        Raises:
            TTSGymError: the file cannot be read or written.
        """
        self._results: dict[Hashable, Any] = {}
        self._version = version
        self._file = None
        if path is None:
            return
        try:
            self._file = Path(path).open("a+b")  # noqa: SIM115
        except OSError as error:
            raise TTSGymError(f"The cache {path} cannot be opened ({error}): choose another file.") from error
        self._file.seek(0)
        data = self._file.read()
        for line in data.splitlines():
            self._take(line)
        if data and not data.endswith(b"\n"):
            self._file.write(b"\n")

    def __contains__(self, key: tuple[str, ...]) -> bool:
        """Whether the result of ``key`` is known."""
        return key in self._results

    def __getitem__(self, key: tuple[str, ...]) -> Any:
        """The result of ``key``."""
        return self._results[key]

    def __setitem__(self, key: tuple[str, ...], result: Any) -> None:
        """Keep a result."""
        self._results[key] = result
        if self._file is not None:
            line = json.dumps({"version": self._version, "key": key, "result": result})
            self._file.write(line.encode() + b"\n")
            self._file.flush()

    def close(self) -> None:
        """Put the file on the disk and close it."""
        if self._file is not None and not self._file.closed:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def _take(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
            version, key, result = entry["version"], entry["key"], entry["result"]
            if version == self._version:
                self._results[tuple(key)] = result
        except (KeyError, TypeError, ValueError):
            return
