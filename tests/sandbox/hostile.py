"""Candidates that mean harm. Each is a body of statements, put into a program or into a class."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass


@dataclass(frozen=True)
class Hostile:
    """What a body does, what is said of it when it runs, and whether the allow-list lets it through."""

    name: str
    body: str
    reason: str
    allowed: bool = False

    @property
    def program(self) -> str:
        return "def schedule(beta):\n    return {}\n\n\ndef program(episode):\n" + self._indented(1) + "    return -1\n"

    @property
    def solver(self) -> str:
        head = "class Hostile:\n    def __init__(self, config):\n        pass\n\n    def solve(self, question):\n"
        return head + self._indented(2)

    def _indented(self, depth: int) -> str:
        return textwrap.indent(textwrap.dedent(self.body).strip() + "\n", "    " * depth)


FORGED = r"""
    import os
    os.write(3, b'{"failure": null, "schedule": []}\n' + bytes(8 * 6 * 2))
    os._exit(0)
"""

HOSTILE = [
    Hostile("reads a file", "return open('/etc/passwd').read()", "failed: PermissionError"),
    Hostile("reads its own source", "return open(__import__('tts_gym').__file__).read()", "failed: PermissionError"),
    Hostile("writes a file", "open('result.txt', 'w').write('x')", "failed: PermissionError"),
    Hostile("writes to the temporary directory", "import os\nos.open('/tmp/x', os.O_CREAT)", "failed: PermissionError"),
    Hostile("lists a directory", "import os\nraise ValueError(os.listdir('/'))", "failed: PermissionError"),
    Hostile("reads /proc", "open('/proc/self/environ').read()", "failed: PermissionError"),
    Hostile("reads its parent's memory", "open('/proc/1/mem').read()", "failed: PermissionError"),
    Hostile("reads the environment", "import os\nraise ValueError(dict(os.environ))", "failed: ValueError: {}"),
    Hostile("reads the bundled stores", "import tts_gym\ntts_gym.load_store('smollm2-arithmetic')", "failed: "),
    Hostile("opens a socket", "import socket\nsocket.socket()", "failed: PermissionError"),
    Hostile("opens a pair of sockets", "import socket\nsocket.socketpair()", "failed: PermissionError"),
    Hostile("opens a pipe", "import os\nos.pipe()", "failed: PermissionError"),
    Hostile("forks", "import os\nwhile True:\n    os.fork()", "failed: PermissionError"),
    Hostile("starts a shell", "import subprocess\nsubprocess.run(['sh', '-c', 'true'])", "failed: PermissionError"),
    Hostile("becomes a shell", "import os\nos.execv('/bin/sh', ['sh'])", "failed: PermissionError"),
    Hostile(
        "starts a thread",
        "import threading\nthreading.Thread(target=print).start()",
        "failed: RuntimeError: can't start new thread",
    ),
    Hostile("leaves its session", "import os\nos.setsid()", "failed: PermissionError"),
    Hostile("kills its parent", "import os\nos.kill(os.getppid(), 9)", "failed: PermissionError"),
    Hostile("kills its group", "import os\nos.killpg(0, 9)", "failed: PermissionError"),
    Hostile("kills everybody", "import os\nos.kill(-1, 9)", "failed: PermissionError"),
    Hostile(
        "lifts its limits",
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))",
        "failed: ValueError: not allowed",
    ),
    Hostile("allocates 100 GB", "x = bytearray(100 * 2**30)", "memory: it needs more than 4 GiB"),
    Hostile("allocates without end", "x = []\nwhile True:\n    x.append(bytearray(2**26))", "memory: "),
    Hostile("allocates an array of 800 GB", "import numpy as np\nx = np.ones(10**11)", "memory: "),
    Hostile("loops for ever", "while True:\n    pass", "timeout: it did not end within 1 seconds", allowed=True),
    Hostile("sleeps", "import time\ntime.sleep(1000)", "timeout: "),
    Hostile(
        "loops for ever and hears no signal",
        """
        import signal
        for number in range(1, 32):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
        """,
        "timeout: ",
    ),
    Hostile("prints 1 GB", "for _ in range(2**10):\n    print('x' * 2**20)", "output: it printed more than"),
    Hostile("writes 1 GB", "import os\nfor _ in range(2**10):\n    os.write(2, b'x' * 2**20)", "output: "),
    Hostile("recurses", "def again():\n    return again()\nagain()", "failed: RecursionError"),
    Hostile(
        "recurses beyond its stack",
        """
        import sys
        sys.setrecursionlimit(10**9)
        def again():
            return max([1], key=lambda _: again())
        again()
        """,
        "crashed: ",
    ),
    Hostile("reads address 0", "import ctypes\nctypes.string_at(0)", "crashed: it went outside its memory"),
    Hostile("aborts", "import os\nos.abort()", "crashed: "),
    Hostile("exits", "import sys\nsys.exit(0)", "failed: SystemExit"),
    Hostile("exits at once", "import os\nos._exit(0)", "crashed: it ended its process with status 0"),
    Hostile("ends like a keyboard", "raise KeyboardInterrupt", "failed: KeyboardInterrupt"),
    Hostile("stops itself", "import os\nos.kill(os.getpid(), 19)", "failed: PermissionError"),
    Hostile("closes its answers", "import os\nos.close(3)\nwhile True:\n    pass", "crashed: "),
    Hostile("answers without end", "import os\nwhile True:\n    os.write(3, b'x' * 2**20)", "crashed: it sent a line"),
    Hostile("answers with rubbish", "import os\nos.write(3, b'[' * 999 + b'\\n')", "crashed: it sent what is no call"),
    Hostile("forges results", FORGED, "crashed: it sent what is no call"),
    Hostile(
        "unpickles",
        'import pickle\npickle.loads(b"cbuiltins\\nopen\\n(S\'/etc/passwd\'\\ntR.")',
        "failed: PermissionError",
    ),
    Hostile("imports what is not loaded", "import xmlrpc.client", "failed: "),
    Hostile("loads a library", "import ctypes\nctypes.CDLL('libanl.so.1')", "failed: OSError"),
    Hostile(
        "looks for gold in its frames",
        """
        import gc, sys
        frame, found = sys._getframe(), []
        while frame is not None:
            found += [name for name in ("store", "stores", "tables", "gold", "seeds") if name in frame.f_locals]
            frame = frame.f_back
        # That of the warm-up has one branch.
        found += [
            each for each in gc.get_objects() if type(each).__name__ == "Tables" and len(each.tokens) > 1
        ]
        raise ValueError(f"found {found}")
        """,
        "failed: ValueError: found []",
    ),
    Hostile("returns a number", "return 204", "failed: TypeError: solve returns the text of an answer", allowed=True),
    Hostile("opens what is not there", "question.probe_more(7)", "failed: IndexError"),
    Hostile(
        "raises what cannot be told",
        """
        class Mute(Exception):
            def __str__(self):
                while True:
                    pass
        raise Mute
        """,
        "timeout: ",
    ),
    Hostile("raises at length", "raise ValueError('x' * 2**22)", "failed: ValueError: xxx"),
]  # fmt: skip

COMPILED = [
    Hostile("loops for ever", "i = 0\nwhile i >= 0:\n    i = (i + 1) % 7", "timeout: "),
    Hostile("allocates 800 GB", "x = np.ones(100000000000)\nif x[7] > 2:\n    return 3", "memory: "),
    Hostile("allocates without end", "x = [1.0]\nwhile x[0] < 2:\n    x.append(0.5)", "memory: "),
    Hostile("allocates what no address reaches", "x = np.zeros(2**61)\nreturn int(x[7])", "ValueError"),
    Hostile("reads past an array", "x = np.ones(3)\nreturn int(x[episode.width + 3])", "candidate.py:7"),
    Hostile("reads before an array", "x = np.ones(3)\nreturn int(x[-9 - episode.width])", "IndexError"),
    Hostile("writes past an array", "x = np.ones(3)\nx[999999999 + episode.width] = 1\nreturn int(x[0])", "IndexError"),
    Hostile("reads past a list", "x = [1.0]\nif x[5 + episode.width] > 0:\n    return -1", "IndexError"),
    Hostile("looks at a branch that is not open", "return episode.answer(3)", "failed: "),
    Hostile("looks at a negative branch", "episode.branch(2)\nreturn episode.answer(-1)", "IndexError"),
    Hostile("returns no answer of the episode", "return 99", "not an answer of this episode"),
    Hostile("returns a real number", "return 0.5", "candidate.py"),
    Hostile("divides by zero", "return 1 // episode.width", "ZeroDivisionError"),
    Hostile("mixes types", "x = np.zeros(3)\nif episode.width > 0:\n    return x[0.5]\nreturn 1", "does not compile"),
    Hostile("reads past a view", "x = np.ones(9)[2:5]\nfor i in range(4):\n    x[i] = 1\nreturn -1", "IndexError"),
    Hostile("changes past a view", "x = np.ones(9)[2:5]\nx[episode.width + 3] += 1\nreturn int(x[0])", "IndexError"),
    Hostile("writes a longer piece", "x = np.ones(9)\nx[2:4] = np.ones(900)\nreturn int(x[0])", "ValueError"),
    Hostile("makes nothing a number", "x = np.ones(3)\nreturn int(x[int(math.nan)])", "ValueError"),
    Hostile(
        "keeps what is no whole number",
        "x = np.zeros(1, np.int64)\nx[0] = math.nan\nreturn int(np.ones(3)[x[0]])",
        "ValueError",
    ),
    Hostile("reads through a longer mask", "x = np.ones(3)\nreturn int(x[np.ones(9000) > 0][8])", "IndexError"),
    Hostile("changes through a longer mask", "x = np.ones(3)\nx[np.ones(9) > 0] += 1\nreturn int(x[0])", "IndexError"),
    Hostile("changes far places", "x = np.ones(3)\nx[np.full(9, 2**40)] += 1\nreturn int(x[0])", "IndexError"),
    Hostile("reads places before", "return int(np.ones(3)[np.full(9, -(2**40))][0])", "IndexError"),
    Hostile("adds another length", "x = np.ones(3) + np.ones(4 + episode.width)\nreturn int(x[3])", "ValueError"),
    Hostile("keeps nothing in a byte", "m = np.ones(3) > 0\nk = m // m\nk[0] = math.nan\nreturn k[0]", "ValueError"),
    Hostile("takes from nothing", "x = [1]\nx.pop()\nx.pop()\nreturn x[0]", "IndexError"),
    Hostile("goes in steps of nothing", "for i in range(0, 5, episode.width):\n    return i", "ValueError"),
    Hostile("opens half a branch", "episode.branch(2)\nreturn episode.advance(0, 0.5)", "does not compile"),
    Hostile("goes on by nothing", "episode.branch(1)\nreturn episode.advance_each(np.full(9, math.nan))", "ValueError"),
    Hostile("votes in no pool", "return episode.leader(-1)", "unknown pool"),
    Hostile("measures what it has not opened", "episode.branch(1)\nreturn episode.length(1)", "IndexError"),
    Hostile("returns a truth", "return episode.width == 0", "does not compile"),
    Hostile("asks for an unrecorded signal", 'return int(episode.signal("mean_logprob", episode.branch()))', "KeyErr"),
    Hostile(
        "reads an interval that it has not paid for",
        'return int(episode.signal("mean_logprob", episode.branch(), 9))',
        "IndexError",
    ),
    Hostile("gives too few steps", "episode.branch(2)\nepisode.advance_each(np.ones(1, np.int64))", "failed: "),
]  # fmt: skip
"""Bodies that the allow-list admits, compile or not, and are stopped when they run."""
