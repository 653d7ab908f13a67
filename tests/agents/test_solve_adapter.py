"""The published ``solve`` interface, with the branches of ``store_file`` in recorded order."""

import json

import pytest

from tts_gym.agents import make_controller
from tts_gym.agents.replay import branch_order
from tts_gym.datasets import load_store
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import ControllerError

EXACT, PUBLISHED = EpisodeRules(), EpisodeRules(published=True)


def recorded_order_seed():
    return next(seed for seed in range(10**4) if branch_order(4, seed).tolist() == [0, 1, 2, 3])


SEED = recorded_order_seed()


def run(solver, store_file, rules, **config):
    return make_controller(solver, **config).run(load_store(store_file), [SEED], rules)


class Solver:
    def __init__(self, config):
        self.config = config
        self.trace = []


class UntilValueError(Solver):
    error = ValueError

    def solve(self, question):
        for _ in range(10**5):
            try:
                self.trace.append(question.get_new_branch_final_answer())
            except self.error:
                return max(self.trace, key=self.trace.count)


class UntilIndexError(UntilValueError):
    error = IndexError


@pytest.mark.parametrize("solver", [UntilValueError, UntilIndexError])
def test_exhaustion_can_be_caught_as_either_error(solver, store_file):
    rows = run(solver, store_file, PUBLISHED)
    assert rows["answer"].tolist() == ["2", "12"]
    assert rows["correct"].tolist() == [True, False]
    assert rows["tokens"].tolist() == [250 + 230 + 340 + 150, 260 + 130 + 120 + 90]
    assert rows["width"].tolist() == [4, 4]


class NeverFinishes(Solver):
    def solve(self, question):
        answer, index, finished = question.probe_new()
        assert not finished
        again, finished = question.probe_more(index)
        self.trace.append((answer, again))
        return again


def test_a_branch_may_be_left_unfinished(store_file):
    rows = run(NeverFinishes, store_file, PUBLISHED)
    assert rows["answer"].tolist() == ["2", "ERR"]
    assert rows["correct"].tolist() == [True, False]
    assert rows["tokens"].tolist() == [200, 200]
    assert rows["sequential_tokens"].tolist() == [200, 200]


class PastTheEnd(Solver):
    def solve(self, question):
        _, index, finished = question.probe_new()
        while not finished:
            answer, finished = question.probe_more(index)
        for _ in range(self.config["more"]):
            assert question.probe_more(index) == (answer, True)
        self.trace.append(question.get_seq_and_total_tokens())
        assert self.trace[-1][0] == self.trace[-1][1]
        return answer


@pytest.mark.parametrize(("rules", "tokens"), [(PUBLISHED, [250 + 3 * 50, 260 + 3 * 60]), (EXACT, [250, 260])])
def test_probing_a_finished_branch_repeats_its_answer_and_published_its_closing_cost(store_file, rules, tokens):
    assert run(PastTheEnd, store_file, rules, more=3)["tokens"].tolist() == tokens


class Fresh(Solver):
    def solve(self, question):
        assert self.trace == []
        self.trace.append(question)


def test_every_episode_gets_an_object_of_its_own_and_none_is_no_answer(store_file):
    rows = make_controller(Fresh).run(load_store(store_file), range(3), EXACT)
    assert rows["answer"].isna().all()
    assert not rows["correct"].any()
    assert rows["seed"].tolist() == [0, 1, 2, 0, 1, 2]


class Unopened(Solver):
    def solve(self, question):
        question.probe_more(0)


class Probes(Solver):
    def solve(self, question):
        self.trace += [question.probe_new(), question.probe_new(), question.probe_more(1)]
        raise ValueError(f"{self.trace} {question.get_seq_and_total_tokens()}")


@pytest.mark.parametrize(
    ("rules", "seen"),
    [
        (EpisodeRules(), "[('3', 0, False), ('2', 1, False), ('2', False)] (300, 300)"),
        (EpisodeRules(eager=False, probe_cost=7), "[('3', 0, False), ('2', 1, False), ('2', False)] (321, 321)"),
        (
            EpisodeRules(eager=False, probe_cost=7, budget=210),
            "[('3', 0, False), ('ERR', 1, False), ('ERR', False)] (207, 207)",
        ),
    ],
)
def test_a_probe_shows_its_answer_for_what_it_costs_and_an_invalid_one_where_there_is_none(rules, seen, store_file):
    with pytest.raises(ControllerError) as caught:
        run(Probes, store_file, rules)
    assert f"ValueError: {seen}" in str(caught.value)


class OpensAll(Solver):
    def solve(self, question):
        try:
            for _ in range(9):
                answer, _, finished = question.probe_new()
                self.trace.append((answer, finished))
        except ValueError:
            return self.trace[-1][0]


def test_a_branch_that_the_budget_cut_in_its_first_interval_shows_an_invalid_answer(tmp_path):
    asked = {"question": "?", "gold_answer": "2", "probe_freq": 100}
    first = {**asked, "each_branch": [[[], 50, "ERR"], [[], 60, "2"]]}
    cut = {**asked, "question": "??", "each_branch": [[[], 160, "2"]]}
    path = tmp_path / "model" / "cut.json"
    path.parent.mkdir()
    path.write_text(json.dumps([first, cut]))
    in_order = next(seed for seed in range(99) if branch_order(2, seed).tolist() == [0, 1])
    rows = make_controller(OpensAll).run(load_store(path), [in_order], EpisodeRules(budget=199))
    assert rows["answer"].tolist() == ["2", "ERR"]
    assert rows["tokens"].tolist() == [110, 100]


class Number(Solver):
    def solve(self, question):
        return 204


@pytest.mark.parametrize(("solver", "words"), [(Unopened, "IndexError"), (Number, "the text of an answer or None")])
def test_a_solver_that_fails_is_reported_with_its_episode(solver, words, store_file):
    with pytest.raises(ControllerError) as caught:
        run(solver, store_file, EXACT)
    assert words in str(caught.value)
    assert f"question 0 of model/tiny, seed {SEED}" in str(caught.value)


class Unheard(Solver):
    def solve(self, question):
        return "an answer that no branch gave"


def test_an_answer_that_no_branch_gave_is_wrong(store_file):
    assert not run(Unheard, store_file, EXACT)["correct"].any()
