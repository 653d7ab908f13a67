"""Commands on a terminal."""

import contextlib
import os
import re
import subprocess
import sys
from typing import NamedTuple


class Session(NamedTuple):
    """What a command wrote to a terminal, without styles and movements, and what to its other stream, a pipe."""

    shown: str
    piped: str


def on_a_terminal(columns: int, stream: str, *arguments: object) -> Session:
    """Run ``tts-gym`` with ``stream``, "stdout" or "stderr", on a terminal of so many columns."""
    parent, child = os.openpty()
    other = "stderr" if stream == "stdout" else "stdout"
    command = [sys.executable, "-m", "tts_gym", *map(str, arguments)]
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm"}
    streams = {stream: child, other: subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **streams) as running:
        os.close(child)
        shown = b""
        with contextlib.suppress(OSError):  # The end of what a terminal gives.
            while piece := os.read(parent, 2**16):
                shown += piece
        piped = getattr(running, other).read()
    os.close(parent)
    assert running.returncode == 0, shown + piped
    lines = shown.decode().replace("\r\n", "\n").replace("\r", "\n")
    return Session(re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", lines), piped.decode())
