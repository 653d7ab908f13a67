"""Runs ``tts-gym`` with a fake backend in a process of its own for each line of arguments (JSON) on standard input.

The processes are forked and end without ceremony, so that both are fast. Each is the leader of a session; its id is
printed when it starts and its exit status when it ends. What it prints goes to the file that is its first argument.
"""

import json
import os
import signal
import sys
import time
from importlib.metadata import EntryPoint
from types import SimpleNamespace

from fake_backend import FakeBackend

from tts_gym import cli
from tts_gym.answers import equivalence, reader  # noqa: F401
from tts_gym.collectors import collect  # noqa: F401
from tts_gym.registry import BACKENDS

SUFFIX = "\\boxed{"
PROBES = ["3}", "x + 1}", "1 + x}", "none"]


def write(prompt, rng):
    if prompt.endswith(SUFFIX):
        return PROBES[rng.integers(len(PROBES))]
    return "".join(f"step {rng.integers(9)}\n" for _ in range(rng.integers(2, 6))) + "The final answer is 3."


class SlowBackend(FakeBackend):
    def __init__(self, model, seconds=0.01):
        super().__init__(write, at_once=8)
        self._seconds = seconds

    def arrived(self):
        time.sleep(self._seconds)
        return super().arrived()


def run(output, *arguments):
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.argv = ["tts-gym", *arguments]
    status = 0
    try:
        cli.main()
    except SystemExit as exit_:
        status = exit_.code or 0
    sys.stdout.flush()
    os._exit(status)


def main():
    sys.modules["tts_gym.llm.slow"] = SimpleNamespace(SlowBackend=SlowBackend)
    BACKENDS.shipped["openai"] = EntryPoint("openai", "tts_gym.llm.slow:SlowBackend", "")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            run(*json.loads(line))
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
