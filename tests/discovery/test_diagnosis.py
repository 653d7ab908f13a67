from dataclasses import replace

import pytest

from tts_gym.discovery.diagnosis import TIMELINE_LINES, Kind, diagnose
from tts_gym.discovery.traces import trace
from tts_gym.episode.rules import EpisodeRules
from tts_gym.sandbox.candidate import read_candidate

RIGHT, WRONG, INVALID = [["2"], 150, "2"], [["3"], 150, "3"], [["ERR"], 150, "ERR"]
LATE = [["3", "3"], 250, "2"]
"""A branch that thinks of the right answer at its end only."""


pytestmark = pytest.mark.usefixtures("interpreted")


def candidate(body):
    return read_candidate(f"def schedule(beta):\n    return {{}}\n\n\ndef program(episode):\n{body}")


@pytest.fixture
def classify(hand_made):
    """The case of a program on a question with these branches, opened in this order."""

    def call(branches, body, max_width=64, rules=None):
        store = hand_made(branches)
        rules = rules or EpisodeRules()
        traces = trace(candidate(body), store, [0.5], range(24), rules, max_width)
        return [diagnose(each, store, rules, max_width) for each in traces]

    return call


READ_ALL = "    episode.read(64)\n    return episode.leader(FINISHED)\n"
LOOK_ONCE = "    episode.branch(64)\n    return episode.leader(ACTIVE)\n"
PRUNE_TWOS = (
    "    episode.branch(64)\n"
    "    for i in range(episode.width):\n"
    "        if episode.length(i) < 100:\n"
    "            episode.prune(i)\n"
    "    episode.advance_all(9)\n"
    "    return episode.leader(ACTIVE)\n"
)
SHORT_RIGHT = [[], 90, "2"]


@pytest.mark.parametrize(
    ("branches", "body", "kind"),
    [
        ([WRONG, WRONG], READ_ALL, Kind.HOPELESS),
        ([LATE, LATE, LATE], LOOK_ONCE, Kind.STOPPED),
        ([WRONG, WRONG, SHORT_RIGHT, SHORT_RIGHT, SHORT_RIGHT], PRUNE_TWOS, Kind.PRUNED),
        ([WRONG, WRONG, WRONG, RIGHT], READ_ALL, Kind.OUTVOTED),
        ([RIGHT, RIGHT, RIGHT], "    return -1\n", Kind.TIE),
        ([RIGHT], READ_ALL, Kind.WENT_ON),
        ([RIGHT], LOOK_ONCE, Kind.RIGHT),
    ],
)
def test_every_kind_is_told_whatever_the_order(classify, branches, body, kind):
    assert {case.kind for case in classify(branches, body)} == {kind}


def test_a_tie_is_told_from_a_lost_vote(classify):
    kinds = {case.kind for case in classify([RIGHT, WRONG], READ_ALL)}
    assert kinds == {Kind.TIE, Kind.WENT_ON}


def test_an_invalid_answer_decides_only_where_it_votes(classify):
    branches = [INVALID, INVALID, RIGHT]
    assert {case.kind for case in classify(branches, READ_ALL, rules=EpisodeRules(published=True))} == {Kind.TIE}
    assert {case.kind for case in classify(branches, READ_ALL)} <= {Kind.WENT_ON, Kind.RIGHT}


def test_branches_that_may_not_be_opened_give_no_hope(classify):
    kinds = {case.kind for case in classify([WRONG, RIGHT, RIGHT], READ_ALL.replace("64", "1"), max_width=1)}
    assert Kind.HOPELESS in kinds
    assert kinds <= {Kind.HOPELESS, Kind.WENT_ON, Kind.RIGHT}


def test_waste_is_what_was_spent_after_the_answer_was_settled(classify):
    (case,) = {case for case in classify([[["2", "2", "2"], 350, "2"]], READ_ALL)[:1]}
    assert (case.tokens, case.wasted) == (350, 250)
    (case,) = {case for case in classify([[["2", "3", "2"], 350, "2"]], READ_ALL)[:1]}
    assert (case.tokens, case.wasted) == (350, 50)
    (case,) = {case for case in classify([WRONG], READ_ALL)[:1]}
    assert (case.tokens, case.wasted) == (150, 150)


def test_every_right_answer_counts(hand_made):
    four, changing = [["4"], 150, "4"], [["2", "4", "4"], 350, "4"]

    def cases(*branches):
        store = hand_made(list(branches))
        store = replace(store, also_right=((store.class_texts[0].index("4"),),))
        return [
            diagnose(each, store, EpisodeRules(), 64)
            for each in trace(candidate(READ_ALL), store, [0.5], range(6), EpisodeRules(), 64)
        ]

    assert {case.kind for case in cases(four)} == {Kind.WENT_ON}
    assert {case.kind for case in cases(WRONG, WRONG, WRONG, RIGHT, four)} == {Kind.OUTVOTED}
    assert {case.kind for case in cases(WRONG, four)} == {Kind.TIE, Kind.WENT_ON}
    (case, *_) = cases(changing)
    assert (case.tokens, case.wasted) == (350, 250)
    assert "A*" in case.timeline[0] and "answered B*" in case.timeline[-1]


def test_a_timeline_is_short_and_ends_with_the_decision(classify):
    wavering = [[["2", "3"] * 20, 4050, "3"], [["3", "2"] * 20, 4050, "2"], [["4", "ERR"] * 20, 4050, "4"]]
    body = (
        "    episode.branch(3)\n    while episode.advance_all() > 0:\n"
        '        episode.note("votes", episode.votes(ACTIVE).sum())\n    return episode.leader(ACTIVE)\n'
    )
    for case in classify(wavering, body):
        assert 1 < len(case.timeline) <= TIMELINE_LINES + 1
        assert "-> answered" in case.timeline[-1]
        assert "*" in "".join(case.timeline)
        assert "votes=3" in "".join(case.timeline)


def test_nothing_done_is_a_case_too(classify):
    case = classify([RIGHT], "    return -1\n")[0]
    assert (case.width, case.tokens) == (0, 0)
    assert case.timeline == ("nothing was opened; answered nothing",)
