"""Whatever a candidate does, there is a reason in one line, and nothing of it is left."""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from hostile import COMPILED, HOSTILE, Hostile

from tts_gym.datasets import load_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.candidate import Candidate, CandidateError, read_candidate
from tts_gym.sandbox.jail import run_jailed
from tts_gym.sandbox.runs import Limits

LIMITS = Limits(seconds=1)
PATIENT = Limits(seconds=120)


def jails(parent):
    """Ids of the processes that the fork servers of ``parent`` forked, beside their own two, and that these have."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    fork_servers = {process for process, above in parents.items() if above == parent and is_fork_server(process)}
    servers = {process for process, above in parents.items() if above in fork_servers}
    return [process for process in parents if servers & set(above(process, parents))]


def above(process, parents):
    while process in parents:
        process = parents[process]
        yield process


def is_fork_server(process):
    try:
        return b"fork_server_main" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.fixture
def store(store_file):
    return load_store(store_file)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert jails(os.getpid()) == []
    assert not list(tmp_path.glob("tts_gym_jail_*"))


def attempt(source, audited, store, limits):
    run = run_jailed(Candidate(source, audited, ""), [store], [0.5], [0], EpisodeRules(), limits)
    assert run.rows is None
    assert run.failure is not None and "\n" not in run.failure and len(run.failure) < 1000
    assert "rlimits" in run.isolation
    return run


@pytest.mark.parametrize("hostile", [one for one in HOSTILE if not one.allowed], ids=lambda hostile: hostile.name)
def test_the_allow_list_refuses_it(hostile):
    with pytest.raises(CandidateError, match=r"^line \d+: [^\n]+$"):
        read_candidate(hostile.program)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_the_jail_holds_it_as_a_class(hostile, store):
    assert not read_candidate(hostile.solver).audited
    long = hostile.reason.startswith(("memory", "output", "crashed"))
    run = attempt(hostile.solver, False, store, PATIENT if long else LIMITS)
    assert run.failure.startswith(hostile.reason)
    assert not run.compiled


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
def test_the_jail_holds_it_when_the_file_is_read(hostile, store):
    """Unchecked statements outside functions, where a program would be expected."""
    source = "def harm(question=None):\n" + hostile.program.partition("def program(episode):\n")[2] + "harm()\n"
    for audited in (True, False):
        attempt(source + "def schedule(beta):\n    return {}\n\n\nprogram = 3\n", audited, store, LIMITS)


@pytest.mark.parametrize("hostile", COMPILED, ids=lambda hostile: hostile.name)
def test_the_jail_holds_compiled_code(hostile, store):
    candidate = read_candidate(hostile.program)
    assert candidate.audited
    run = attempt(candidate.source, True, store, LIMITS if hostile.reason == "timeout: " else PATIENT)
    assert hostile.reason in run.failure


def test_a_schedule_that_never_ends(store):
    schedule = "def schedule(beta):\n    while beta < 2:\n        beta = beta / 2\n    return {}\n\n\n"
    source = schedule + "def program(episode):\n    return -1\n"
    assert attempt(read_candidate(source).source, True, store, LIMITS).failure.startswith("timeout")


def test_a_gigabyte_of_printing_is_not_kept(store):
    printing = next(hostile for hostile in HOSTILE if hostile.name == "prints 1 GB")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    attempt(printing.solver, False, store, PATIENT)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


def test_a_class_that_patches_the_package_changes_nothing_for_the_next_candidate(store):
    patching = """
        import tts_gym.sandbox.child.runner as runner
        import tts_gym.episode.transitions as transitions
        transitions.charge = runner.attempt = None
        raise ValueError("patched")
    """
    hostile = Hostile("patches", patching, "")
    for _ in range(2):
        assert attempt(hostile.solver, False, store, PATIENT).failure.startswith("failed: ValueError: patched")
    with pytest.raises(CandidateError):
        read_candidate(hostile.program)


ENDLESS = """
import sys
from tts_gym.sandbox.candidate import Candidate
from tts_gym.sandbox.jail import run_jailed
from tts_gym.sandbox.runs import Limits
from tts_gym.datasets import load_store
from tts_gym.episode.rules import EpisodeRules

source = "class Endless:\\n    def solve(self, q):\\n        pass\\nwhile True:\\n    pass"
run_jailed(Candidate(source, False, ""), [load_store(sys.argv[1])], [0.5], [0], EpisodeRules(), Limits(seconds=1000))
"""


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_jail_does_not_outlive_its_parent(end, store_file):
    parent = subprocess.Popen([sys.executable, "-c", ENDLESS, str(store_file)], stderr=subprocess.DEVNULL)
    wait_until(lambda: jails(parent.pid))
    left = jails(parent.pid)
    parent.send_signal(end)
    assert parent.wait(30) != 0
    wait_until(lambda: not any(map(is_fork_server, left)))


def wait_until(condition):
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
