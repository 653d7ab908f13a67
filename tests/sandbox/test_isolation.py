"""Where a layer of isolation is missing, classes do not run, and programs only if that is asked for."""

import json
import os

import pytest
from candidates import SOLVER

from tts_gym.datasets import load_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import TTSGymError
from tts_gym.sandbox import runs
from tts_gym.sandbox.candidate import read_candidate
from tts_gym.sandbox.child import fork_server_main
from tts_gym.sandbox.isolation import STRONG
from tts_gym.sandbox.jail import run_jailed
from tts_gym.sandbox.runs import Limits

PROGRAM = """
def schedule(beta):
    return {"n": 1 + round(2 * beta)}


def program(episode, n):
    episode.read(n)
    return episode.leader(FINISHED)
"""

WITHOUT = """
import importlib.util, sys

spec = importlib.util.spec_from_file_location("fork_server_main", {file!r})
fork_server_main = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fork_server_main)
serve, missing = fork_server_main.serve, {missing!r}


def fails():
    raise OSError("not on this system")


def serve_without(package, room, reached):
    sys.path.insert(0, package)
    from tts_gym.sandbox import isolation
    from tts_gym.sandbox.child import lock_down

    steps = {{"empty root": "_empty_root", "Landlock": "deny_files", "seccomp": "filter_system_calls"}}
    for layer in set(missing) & set(steps):
        setattr(lock_down, steps[layer], fails)
    if {run_anyway!r}:
        isolation.may_run = lambda *_: True
    serve(package, room, reached)


fork_server_main.serve = serve_without
if "namespaces" in missing:
    fork_server_main.leave_namespaces = list
fork_server_main.main()
"""


@pytest.fixture
def system_without(tmp_path, monkeypatch, interpreted):
    """Let jails start on a system without some layers."""

    def start(missing, run_anyway=False):
        script = tmp_path / "fork_server_main.py"
        script.write_text(WITHOUT.format(file=fork_server_main.__file__, missing=list(missing), run_anyway=run_anyway))
        monkeypatch.setattr(fork_server_main, "__file__", str(script))
        # A fork server serves one environment, so that those of other tests are not taken.
        monkeypatch.setenv("TMPDIR", str(tmp_path))

    return start


def tried(source, store_file, **limits):
    store = load_store(store_file)
    return run_jailed(read_candidate(source), [store], [0.5], [0], EpisodeRules(), Limits(seconds=20, **limits))


@pytest.mark.parametrize("missing", [*([layer] for layer in STRONG), STRONG], ids=" ".join)
def test_a_missing_layer_is_told_and_has_to_be_allowed(system_without, store_file, missing):
    system_without(missing)
    if "namespaces" in missing and os.geteuid():
        # Only the superuser of some namespace may change the root.
        missing = [layer for layer in STRONG if layer in (*missing, "empty root")]
    told = ", ".join(missing)
    with pytest.raises(TTSGymError, match=f"is weak on this machine, without {told}: .* --allow-weak-isolation"):
        tried(PROGRAM, store_file)
    run = tried(PROGRAM, store_file, allow_weak=True)
    assert run.failure is None
    assert run.isolation.endswith(f" (weak: without {told})")
    for allow in (False, True):
        run = tried(SOLVER, store_file, allow_weak=allow)
        assert run.rows is None
        assert (
            run.failure
            == f"refused: it is a class, which runs behind strong isolation only, and this machine lacks {told}"
        )


ESCAPING = """
import os
import socket


class Escaping:
    def __init__(self, config):
        pass

    def solve(self, question):
        steps = {
            "opens": lambda: open("/etc/passwd"),
            "lists": lambda: os.listdir("/")[0],
            "writes": lambda: open("/x", "w"),
            "makes": lambda: os.mkdir("/x"),
            "second root": lambda: os.chroot("/"),
            "goes up": lambda: open("../" * 30 + "etc/passwd"),
            "privileges": lambda: os.setuid(1),
        }
        os.closerange(0, 2)  # so that the number of open files does not stop it
        done = []
        for name, step in steps.items():
            try:
                step()
            except (OSError, IndexError):
                continue
            done.append(name)
        raise ValueError(f"done: {done}")
"""


@pytest.mark.parametrize("layer", ["empty root", "Landlock", "seccomp"])
def test_each_layer_that_denies_files_does_so_alone(system_without, store_file, monkeypatch, layer):
    if layer == "empty root" and os.geteuid():
        pytest.skip("only the superuser has this layer alone")
    system_without([other for other in STRONG if other != layer], run_anyway=True)
    monkeypatch.setattr(runs, "may_run", lambda *_: True)
    failure = tried(ESCAPING, store_file).failure
    allowed = {"Landlock": ["second root", "privileges"]}.get(layer, [])
    assert failure.startswith("failed: ValueError: done: "), failure
    assert set(json.loads(failure.partition("done: ")[2].partition("]")[0].replace("'", '"') + "]")) <= set(allowed)


def test_the_command_line_asks_for_it_and_the_report_names_it(system_without, store_file, tmp_path, run):
    system_without(["seccomp"])
    (tmp_path / "mine.py").write_text(PROGRAM)
    evaluates = ["evaluate", store_file, "-c", tmp_path / "mine.py", "--seeds", 2]
    discovers = ["discover", "run", tmp_path / "d", "--search", store_file, "--from", "sc", "--proposer", "evolution"]
    discovers += ["--rounds", 1, "--seeds", 2]
    for arguments in (evaluates, discovers):
        status, out, err = run(*arguments)
        assert (status, out) == (2, "")
        assert err.endswith("without seccomp: run it where these are to be had, or with --allow-weak-isolation.\n")
    assert "(weak isolation)" in run(*evaluates, "--allow-weak-isolation")[1]
    (record,) = json.loads(run(*evaluates, "--allow-weak-isolation", "--json", "-")[1])
    assert record["isolation"].endswith("(weak: without seccomp)")
    assert run(*discovers, "--allow-weak-isolation")[0] == 0
    assert "(weak: without seccomp)" in run("discover", "report", tmp_path / "d")[1]
