"""A discovery that is killed, whenever that is and however many candidates run, leaves no process and no directory."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ENDLESS = """
def schedule(beta):
    while beta < 2:
        beta = beta / 2
    return {}


def program(episode):
    return -1
"""

SECONDS = 10
"""How long anything may outlive its parent here; a busy machine takes part of it."""


@pytest.fixture
def discovery(tmp_path, store_file):
    """A discovery of two programs that never end, both tried at the same time."""
    arguments = ["discover", "run", tmp_path / "d", "--search", store_file, "--jobs", 2]
    for name in ("one", "other"):
        (tmp_path / f"{name}.py").write_text(ENDLESS)
        arguments += ["--from", tmp_path / f"{name}.py"]
    (tmp_path / "rooms").mkdir()
    running = subprocess.Popen(
        [sys.executable, "-c", "from tts_gym.cli import main; main()", *map(str, arguments)],
        env={**os.environ, "TMPDIR": str(tmp_path / "rooms"), "NUMBA_DISABLE_JIT": "1"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield running
    running.kill()
    running.communicate()


def processes_of(parent):
    """Ids of the processes in the session of ``parent``, itself left out, and of those of its fork servers."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            words = (entry / "cmdline").read_bytes().split(b"\0")
            fork_server = b"fork_server_main.py" in b" ".join(words) and str(parent).encode() in words
            if (fork_server or int(session) == parent) and int(entry.name) != parent and state != "Z":
                found.append(int(entry.name))
    return found


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("processes", [1, 4, 6], ids=["as they start", "while they load", "while candidates run"])
def test_nothing_outlives_a_discovery(discovery, tmp_path, processes, number):
    wait_until(lambda: len(processes_of(discovery.pid)) >= processes, 120)
    discovery.send_signal(number)
    told = discovery.communicate(timeout=SECONDS)[1]
    assert discovery.returncode in (-number, 128 + number)
    assert "Traceback" not in told
    wait_until(lambda: not processes_of(discovery.pid), SECONDS)
    assert list((tmp_path / "rooms").iterdir()) == []


def test_candidates_do_not_outlive_the_processes_that_watch_over_them(discovery):
    wait_until(lambda: len(processes_of(discovery.pid)) >= 6, 120)
    for fork_server in processes_of(discovery.pid):
        if Path(f"/proc/{fork_server}/stat").read_text().rpartition(")")[2].split()[1] == str(discovery.pid):
            os.kill(fork_server, signal.SIGKILL)
    wait_until(lambda: not processes_of(discovery.pid), SECONDS)
    assert "took its fork server down" in discovery.communicate(timeout=SECONDS)[1]
