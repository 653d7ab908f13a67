"""Programs that fail, do not compile, or call helpers of their own."""

import numpy as np
import pytest
from strategies import store_of

from tts_gym.agents.programs import PROGRAMS, Program
from tts_gym.agents.recount import Recounter
from tts_gym.agents.replay import branch_order, replay, replay_episode, replay_logged
from tts_gym.datasets import RecordedBranch, RecordedQuestion, synthetic_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import ControllerError, DoesNotCompileError

RULES = EpisodeRules()
STORE = store_of(100, [RecordedQuestion(name, "?", "a", [RecordedBranch(90, [], "a")] * 2) for name in ("q0", "q1")])


def divides(episode):
    episode.read()
    return 1 // (episode.completed - 1)


def gives_none(episode):
    episode.read()


def gives_float(episode):
    return 0.0


def gives_truth(episode):
    return episode.read() == 0


def gives_unrevealed(episode):
    return 5


def below(episode):
    return -2


def beyond(episode):
    return np.zeros(3, np.int64)[episode.read() + 7]


def line_of(function):
    return function.__code__.co_firstlineno


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (divides, [f"test_replay.py:{line_of(divides) + 2}", "ZeroDivisionError"]),
        (gives_none, ["returned None"]),
        (gives_float, ["returned 0.0"]),
        (gives_truth, ["returned True"]),
        (gives_unrevealed, ["not an answer of this episode"]),
        (below, ["not an answer of this episode"]),
        (beyond, [f"test_replay.py:{line_of(beyond) + 1}", "IndexError"]),
    ],
)
@pytest.mark.parametrize("interpreted", [False, True])
@pytest.mark.filterwarnings("ignore:Controller:RuntimeWarning")
def test_a_failing_program_is_reported_with_its_episode(function, words, interpreted):
    with pytest.raises(ControllerError) as caught:
        replay(Program("mine", function), (), STORE, [3], RULES, interpreted)
    for word in [*words, "Controller mine", "question q0 of random, seed 3"]:
        assert word in str(caught.value)


def fails_later(episode, tokens):
    episode.read(2)
    if episode.tokens == tokens:
        raise ValueError("as asked")
    return -1


def test_the_failing_episode_is_found():
    branches = [RecordedBranch(90, [], "a")] * 2
    longer = [RecordedBranch(90, [], "a"), RecordedBranch(80, [], "b")]
    store = store_of(100, [RecordedQuestion("short", "?", "a", longer), RecordedQuestion("long", "?", "a", branches)])
    with pytest.raises(ControllerError, match="question long of random, seed 0: ValueError: as asked"):
        replay(Program("mine", fails_later), (180,), store, [0, 1], RULES)


def formats(episode):
    episode.read()
    label = f"{episode.width:>5}"
    return episode.leader(0) if label else -1


def test_a_program_that_does_not_compile_is_interpreted_with_one_warning():
    import numba

    if numba.config.DISABLE_JIT:
        pytest.skip("nothing compiles while the JIT is off")
    store = synthetic_store(questions=3, branches=4)
    expected = replay(PROGRAMS["single"], (), store, range(3), RULES)
    with pytest.warns(
        RuntimeWarning, match=r"mine does not compile and runs interpreted.*test_replay.py:\d+"
    ) as caught:
        results = replay(Program("mine", formats), (), store, range(3), RULES)
    assert len(caught) == 1
    assert "0x" not in str(caught[0].message)
    assert (results == expected).all()
    with pytest.raises(DoesNotCompileError, match=r"^test_replay.py:\d+: "):
        next(replay_logged(Program("mine", formats), (), store, range(3), RULES))


LIMIT = 2


def counts(episode):
    return doubled(episode.width)


def doubled(number):
    return 2 * number if number < LIMIT else number


def with_helpers(episode):
    while counts(episode) < 4:
        episode.read()
    return episode.leader(0)


def test_helpers_of_a_program_compile_with_it():
    store = synthetic_store(questions=3, branches=6)
    results = replay(Program("mine", with_helpers), (), store, range(3), RULES)
    assert (results == replay(Program("mine", with_helpers), (), store, range(3), RULES, interpreted=True)).all()
    assert (results[:, 3] == 4).all()


def test_questions_with_different_numbers_of_branches_keep_their_order():
    questions = [
        RecordedQuestion(name, "?", "a", [RecordedBranch(10 * n, [], "a")] * n)
        for name, n in (("p", 3), ("q", 1), ("r", 3), ("s", 2))
    ]
    results = replay(PROGRAMS["sc"], (9,), store_of(100, questions), range(2), RULES)
    assert results[:, 3].tolist() == [3, 3, 1, 1, 3, 3, 2, 2]
    assert results[:, 1].tolist() == [90, 90, 10, 10, 90, 90, 40, 40]


def noting(episode):
    episode.read()
    episode.note("width", episode.width)
    return -1


def test_notes_are_kept_when_interpreted_and_free_when_compiled():
    assert (replay(Program("mine", noting), (), STORE, [0], RULES)[:, 0] == -1).all()
    episode, answer = replay_episode(Program("mine", noting), (), STORE, 0, 0, RULES)
    assert answer == -1
    (note,) = episode.notes
    assert (note.name, note.value, note.tokens) == ("width", 1.0, 90)


def test_branch_order_is_a_permutation_fixed_by_its_seed():
    order = branch_order(128, 7)
    assert sorted(order) == list(range(128))
    assert (order == branch_order(128, 7)).all()
    assert (order != branch_order(128, 8)).any()


def test_logs_are_kept_a_stretch_at_a_time_and_come_to_the_results(monkeypatch):
    monkeypatch.setattr("tts_gym.agents.replay.ROOM", 1)
    store, seeds, program = synthetic_store(questions=3, branches=5, seed=0), range(4), PROGRAMS["asc"]
    arguments = program.arguments(program.resolve({}))
    recounter, results = Recounter(store, seeds, RULES), replay(program, arguments, store, seeds, RULES)
    for interpreted in (False, True):
        stretches = list(replay_logged(program, arguments, store, seeds, RULES, interpreted))
        assert len(stretches) > 1 and all(len(logs.words) <= recounter.most_words for _, logs in stretches)
        assert np.concatenate([rows for rows, _ in stretches]).tolist() == list(range(len(results)))
        pending = iter([logs for _, logs in stretches])
        assert (recounter.run(lambda _, pending=pending: next(pending)) == results).all()
