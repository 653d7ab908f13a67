import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("cmaes")

from tts_gym.discovery.programs import source_of  # noqa: E402
from tts_gym.discovery.proposers.evolution import Evolution  # noqa: E402
from tts_gym.discovery.proposers.proposer import Task  # noqa: E402
from tts_gym.discovery.records import Assessment, Tried  # noqa: E402
from tts_gym.sandbox.candidate import read_candidate  # noqa: E402
from tts_gym.sandbox.names import names_of  # noqa: E402

PROGRAMS = dict(source_of(name) for name in ("asc", "cmc"))


def propose(proposer, number, slot, history, scores, tmp_path):
    return proposer.propose(Task(number, slot, "", tmp_path, history, scores))


def evolve(proposer, rounds, per_round, score, tmp_path):
    """The history and scores of so many rounds."""
    history, scores = [], []
    for number in range(1, rounds + 1):
        drawn = [propose(proposer, number, slot, history, scores, tmp_path) for slot in range(1, per_round + 1)]
        for slot, each in enumerate(drawn, 1):
            tried = Tried(number, slot, "", each.source, Assessment("all"), genome=dict(each.genome))
            history, scores = [*history, tried], [*scores, score(each)]
    return history, scores


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), slot=st.integers(1, 4), beta=st.booleans())
def test_every_candidate_keeps_to_the_contract(seed, slot, beta, tmp_path_factory):
    proposer = Evolution(PROGRAMS, seed, 4, beta)
    proposal = propose(proposer, 1, slot, (), (), tmp_path_factory.getbasetemp())
    candidate = read_candidate(proposal.source)
    schedule = names_of(candidate.source, True)["schedule"]
    sweep = [schedule(k / 20) for k in range(21)]
    for name in sweep[0]:
        values = [each[name] for each in sweep]
        assert all(map(math.isfinite, values))
        assert values in (sorted(values), sorted(values, reverse=True))
        assert beta or len(set(values)) == 1
    assert proposal.genome["program"] == ("asc", "cmc")[(slot - 1) % 2]


def test_the_same_seed_and_history_give_the_same_candidates(tmp_path):
    def lengths(proposal):
        return float(len(proposal.source) % 7)

    runs = [evolve(Evolution(PROGRAMS, seed, 3, True), 4, 3, lengths, tmp_path) for seed in (1, 1, 2)]
    sources = [[tried.source for tried in history] for history, _ in runs]
    assert sources[0] == sources[1] != sources[2]
    assert len(set(sources[0])) == 12


def test_scores_steer_what_comes_next(tmp_path):
    """Where a high threshold at beta = 0 is all that counts, it rises."""
    programs = {"asc": PROGRAMS["asc"]}

    def threshold(proposal):
        return float(re.search(r'"threshold": ([\d.]+)', proposal.source)[1])

    proposer = Evolution(programs, 0, 8, True)
    history, scores = evolve(proposer, 12, 8, threshold, tmp_path)
    assert sum(scores[-16:]) / 16 > sum(scores[:16]) / 16 + 0.1
    state = proposer.state(history, scores)["asc"]
    assert state["generation"] > 5


def test_failed_candidates_are_left_behind(tmp_path):
    programs = {"asc": PROGRAMS["asc"]}

    def threshold(proposal):
        value = float(re.search(r'"threshold": ([\d.]+)', proposal.source)[1])
        return None if value < 0.75 else 0.0

    _, scores = evolve(Evolution(programs, 0, 8, True), 12, 8, threshold, tmp_path)
    assert scores[-16:].count(None) < scores[:16].count(None)
