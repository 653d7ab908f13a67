"""What a candidate did is found out in a jail, and is what it would have done outside."""

import ast
import sys
from pathlib import Path

import pytest

import tts_gym
from discovery.scripted import SOURCE
from tts_gym.agents.programs.program import Program
from tts_gym.agents.replay import replay_episode
from tts_gym.datasets import synthetic_store
from tts_gym.discovery import traces
from tts_gym.discovery.loop import begin
from tts_gym.discovery.programs import source_of
from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.discovery.traces import NoTrace, Trace, trace
from tts_gym.episode.recount import log_of
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import TOKENS
from tts_gym.sandbox.candidate import read_candidate
from tts_gym.sandbox.names import names_of
from tts_gym.sandbox.runs import Limits

pytestmark = pytest.mark.usefixtures("interpreted")

BETAS, SEEDS = [0.0, 0.5, 1.0], [0, 7]


@pytest.fixture(scope="module")
def store():
    return synthetic_store(questions=3, branches=70, seed=2)


def outside(source, store, rules):
    """The same episodes in plain Python in this process."""
    names = names_of(source, audited=True)
    program = Program("candidate", names["program"], names["schedule"])
    for question in range(len(store)):
        for beta in BETAS:
            for seed in SEEDS:
                arguments = program.arguments({"beta": beta})
                episode, answer = replay_episode(program, arguments, store, question, seed, rules)
                log = tuple(log_of(episode))
                yield Trace(question, seed, beta, answer, episode.count[TOKENS], log, tuple(episode.notes))


@pytest.mark.parametrize("rules", [EpisodeRules(), EpisodeRules(published=True), EpisodeRules(budget=20_000)])
@pytest.mark.parametrize("name", ["scripted", "asc", "parallel-probe", "cmc", "crew"])
def test_traces_are_those_of_plain_python_outside(name, rules, store):
    source = SOURCE if name == "scripted" else source_of(name)[1]
    assert trace(read_candidate(source), store, BETAS, SEEDS, rules, 70) == list(outside(source, store, rules))


def test_an_episode_that_cannot_be_traced_has_a_reason(store):
    growing = SOURCE.replace(
        "    episode.read(n)", "    x = n\n    while x > 1:\n        x = x * x\n    episode.read(n)"
    )
    told = trace(read_candidate(growing), store, [0.0, 1.0], [0], EpisodeRules(), 70)
    assert [isinstance(each, Trace) for each in told] == [True, False] * len(store)
    assert {each.reason for each in told[1::2]} == {
        "failed: OverflowError: a whole number does not fit 64 bits in line 8"
    }
    too_wide = trace(read_candidate(SOURCE), store, [1.0], [0], EpisodeRules(), 3)
    assert all("a log opens a branch" in each.reason for each in too_wide)


def test_what_does_not_end_is_given_its_time_once(store):
    endless = SOURCE.replace("    episode.read(n)", "    while n > 0:\n        n = n * 1\n    episode.read(n)")
    told = trace(read_candidate(endless), store, [0.0], [0], EpisodeRules(), 70, Limits(seconds=1))
    assert len(told) == len(store) and all(each.reason.startswith("timeout: ") for each in told)


def test_a_jail_traces_one_question(store, monkeypatch):
    asked = []
    run_plain = traces.run_plain

    def noting(*arguments):
        asked.append({episode.question for episode in arguments[3]})
        return run_plain(*arguments)

    monkeypatch.setattr(traces, "run_plain", noting)
    trace(read_candidate(SOURCE), store, BETAS, SEEDS, EpisodeRules(), 70)
    assert asked == [{0}, {1}, {2}]


def test_the_reason_is_told_and_the_round_goes_on(tmp_path, store_file, monkeypatch):
    monkeypatch.setattr("tts_gym.discovery.loop.trace", lambda *arguments: [NoTrace("timeout: it did not end")] * 6)
    told = []
    settings = DiscoverySettings((str(store_file),), rounds=1, seeds=2, seed_programs=("sc",), proposer="evolution")
    assert begin(tmp_path / "d", settings, 1, told.append).run().reason == "done"
    assert "6 of 6 episodes of sc are not diagnosed: timeout: it did not end" in told
    assert "## No diagnosis" in (tmp_path / "d/rounds/001/lessons.md").read_text()


EXECUTED = []


def test_no_candidate_runs_outside_a_jail(tmp_path, store_file):
    """Neither in this process, nor in any other that is not a fork server's."""

    def note(event, arguments):
        if event == "exec" and arguments[0].co_filename == "candidate.py":
            EXECUTED.append(arguments[0])

    sys.addaudithook(note)
    discovery = begin(
        tmp_path / "d", DiscoverySettings((str(store_file),), rounds=1, seeds=2, seed_programs=("sc",)), 1, str
    )
    assert discovery.run().reason == "waiting"
    (tmp_path / "d/rounds/001/1/workspace/candidate.py").write_text(SOURCE)
    assert discovery.run().reason == "done"
    assert "## Diagnosis of 6 episodes" in (tmp_path / "d/rounds/001/lessons.md").read_text()
    assert EXECUTED == []
    names_of(SOURCE, audited=True)
    assert len(EXECUTED) == 1


def test_discovery_has_no_pool_of_processes():
    package = Path(tts_gym.__file__).parent
    pools = {"multiprocessing", "concurrent", "joblib.externals", "loky"}
    for file in [*(package / "discovery").rglob("*.py"), *(package / "sandbox").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not [name for name in named for pool in pools if name == pool or name.startswith(f"{pool}.")], file
