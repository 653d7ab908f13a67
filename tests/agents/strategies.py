"""Random small stores and program parameters for property tests, and the model over them."""

from dataclasses import replace

from hypothesis import strategies as st

from model import ModelEpisode, Recorded
from tts_gym.agents.replay import branch_order
from tts_gym.datasets import RecordedBranch, RecordedQuestion
from tts_gym.datasets.build import Sources, build_store
from tts_gym.datasets.records import concatenate, record_tables
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.state import WIDTH

ANSWERS = st.sampled_from(["a", "b", "c", "d", None])
ALSO_RIGHT = [[], ["b"], ["c", "a"], ["also never given"]]
SIGNAL_VALUES = {
    "mean_logprob": [-2.0, -0.5, -0.25, 0.0],
    "topk_confidence": [0.5, 1.0, 2.0, 2.25, 8.0],
    "answer_logprob": [-2.0, -0.5, -0.0625, -0.03125, 0.0],
    "self_certainty": [0.25, 1.0, 3.0, 3.5, 16.0],
}
"""Values that random branches record; all are exact as float32."""

PARAMETERS = {
    "single": {},
    "sc": {"n": st.integers(1, 7)},
    "oracle": {"n": st.integers(1, 7)},
    "asc": {"max_samples": st.integers(1, 7), "threshold": st.sampled_from([0.5, 0.7, 0.85, 0.95])},
    "asc-dirichlet": {"max_samples": st.integers(1, 7), "threshold": st.sampled_from([0.4, 0.6, 0.95])},
    "sc-cancel": {"n": st.integers(1, 7), "threshold": st.sampled_from([0.5, 0.7, 0.85, 0.95])},
    "rl-sampling": {"price": st.sampled_from([0.0005, 0.01, 0.1])},
    "esc": {"max_samples": st.integers(1, 7), "window": st.integers(1, 3)},
    "parallel-probe": {
        "num_chains": st.integers(1, 7),
        "stable_for": st.integers(1, 4),
        "patience": st.integers(1, 3),
        "warm_up": st.integers(0, 3),
        "max_steps": st.integers(1, 8),
    },
    "cmc": {"beta": st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0])},
    "crew": {"beta": st.sampled_from([0.0, 0.2, 0.5, 1.0])},
    "relay": {
        "beta": st.sampled_from([0.0, 0.2, 0.5, 1.0]),
        "size": st.integers(1, 3),
        "typical": st.sampled_from([1.0, 3.5, 30.0]),
    },
    "short-m@k": {"m": st.integers(1, 4), "k": st.integers(1, 7)},
    "answer-consistency": {"n": st.integers(1, 4)},
    "certaindex": {"k": st.integers(1, 4)},
    "deepconf": {
        "n": st.integers(1, 7),
        "measure": st.sampled_from(["mean", "tail", "bottom", "lowest"]),
        "keep": st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]),
        "window": st.integers(1, 4),
    },
    "deepconf-online": {
        "n_init": st.integers(1, 4),
        "max_samples": st.integers(1, 7),
        "keep": st.sampled_from([0.1, 0.5, 0.9]),
        "window": st.integers(1, 3),
        "consensus": st.sampled_from([0.6, 0.95, 1.0]),
    },
    "borda": {"n": st.integers(1, 7), "p": st.sampled_from([0.0, 0.3, 1.0, 2.0])},
    "asc-weighted": {"max_samples": st.integers(1, 7), "threshold": st.sampled_from([0.45, 0.7, 0.85, 0.95])},
    "deer": {"threshold": st.sampled_from([0.5, 0.95, 1.0])},
}


@st.composite
def recorded_branches(draw, interval):
    probes = draw(st.lists(ANSWERS, max_size=6))
    most = interval * (len(probes) + 2)
    values = {
        name: draw(st.lists(st.sampled_from(some), min_size=len(probes), max_size=len(probes)))
        for name, some in SIGNAL_VALUES.items()
    }
    return RecordedBranch(draw(st.integers(1, most)), probes, draw(ANSWERS), signals=values)


@st.composite
def recorded_questions(draw):
    """An interval and one to three questions; lengths differ from the number of probes as real ones do."""
    interval = draw(st.sampled_from([1, 10, 100]))
    branches = st.lists(recorded_branches(interval), min_size=1, max_size=6)
    golds = draw(st.lists(st.sampled_from(["a", "b", "never given"]), min_size=1, max_size=3))
    return interval, [
        RecordedQuestion(str(n), "?", gold, draw(branches), draw(st.sampled_from(ALSO_RIGHT)))
        for n, gold in enumerate(golds)
    ]


@st.composite
def episode_rules(draw):
    return EpisodeRules(
        published=draw(st.booleans()),
        budget=draw(st.one_of(st.just(2**62), st.integers(0, 1500))),
        probe_cost=draw(st.sampled_from([0, 0, 3])),
        eager=draw(st.booleans()),
    )


def random_questions(rng, interval, most_branches, most_probes):
    """One to three questions whose branches are a little longer or shorter than their probes say."""
    answers = rng.choice(["ab", "abc.", "aab.", "aaaabc.", "."])
    questions = []
    for number in range(rng.randint(1, 3)):
        branches = []
        for _ in range(rng.randint(1, most_branches)):
            probes = [
                None if answer == "." else answer for answer in rng.choices(answers, k=rng.randint(0, most_probes))
            ]
            longest = interval * (len(probes) + 2)
            shortest = max(1, interval * (len(probes) - 2))
            final = rng.choice(answers)
            values = {name: rng.choices(some, k=len(probes)) for name, some in SIGNAL_VALUES.items()}
            branches.append(
                RecordedBranch(rng.randint(shortest, longest), probes, None if final == "." else final, signals=values)
            )
        questions.append(RecordedQuestion(str(number), "?", "a", branches, rng.choice(ALSO_RIGHT)))
    return questions


def random_rules(rng, store):
    """Rules whose budget, where there is one, runs out in the middle, and now and then to the token."""
    total = int(store.tables.tokens.sum())
    budget = rng.choice([2**62, rng.randint(0, total), store.interval * rng.randint(0, 12)])
    return EpisodeRules(rng.random() < 0.5, budget, rng.choice([0, 3, store.interval]), rng.random() < 0.5)


def store_of(interval, questions):
    metadata = {
        "name": "random", "model": "none", "benchmark": "none", "interval": interval,
        "synthetic": True, "license": "MIT", "sampling": {}, "seeds": [],
    }  # fmt: skip
    return build_store(concatenate(list(record_tables(questions, "random"))), metadata, Sources.single("random"))


def model_of(store, question, seed, rules):
    tables = store.tables
    order = branch_order(int(store.branch_counts[question]), seed)
    recorded = []
    for row in tables.branch_start[question] + order:
        answers = tables.answers[tables.answer_start[row] : tables.answer_start[row + 1]].tolist()
        probes = slice(tables.answer_start[row] - row, tables.answer_start[row + 1] - row - 1)
        values = {name: column[probes].tolist() for name, column in zip(store.signals, tables.signals.T, strict=True)}
        recorded.append(Recorded(answers[:-1], answers[-1], int(tables.tokens[row]), values))
    return ModelEpisode(recorded, store.interval, rules.published, rules.budget, rules.probe_cost, rules.eager)


def alike_stores(rng, interval=100, number=5):
    """Two stores whose branches are the same up to a depth each, as (stores, depths, hidden).

    The first question is to be played, in recorded order; the second keeps the means and the longest branch alike.
    Beyond its depth a branch has another future; one whose depth is ``WHOLE`` has not. The answer at the depth
    ``hidden`` differs too, unless that is 0.
    """
    depths = [rng.choice([0, 0, 1, 1, 2, 3, 4, WHOLE]) for _ in range(number)]
    hidden = [rng.randint(1, min(depth, 3)) if depth and rng.random() < 0.3 else 0 for depth in depths]
    ours = [_drawn(rng, interval, min(depth, 3) if depth == WHOLE else depth) for depth in depths]
    theirs = [
        _kept(rng, interval, branch, depth, hide) for branch, depth, hide in zip(ours, depths, hidden, strict=True)
    ]
    return [_weighed(interval, branches) for branches in (ours, theirs)], depths, hidden


WHOLE = 10**6


def _drawn(rng, interval, depth, probes=(), signals=None):
    """A branch that is longer than ``depth`` intervals and begins with ``probes`` and ``signals``."""
    known = signals or {name: [] for name in SIGNAL_VALUES}
    probes = [*probes, *rng.choices(["a", "b", "c", None], k=rng.randint(depth, depth + 4) - len(probes))]
    signals = {
        name: [*known[name], *rng.choices(some, k=len(probes) - len(known[name]))]
        for name, some in SIGNAL_VALUES.items()
    }
    longest = interval * rng.choice([len(probes), len(probes) + 1, len(probes) + 2])
    tokens = rng.randint(interval * depth + 1, max(longest, interval * depth + 1))
    return RecordedBranch(tokens, probes, rng.choice(["a", "b", None]), signals=signals)


def _kept(rng, interval, branch, depth, hide):
    """``branch`` with another future after ``depth``, and another answer at depth ``hide``."""
    probes = [rng.choice(["b", "d"]) if k + 1 == hide else answer for k, answer in enumerate(branch.probe_answers)]
    if depth == WHOLE:
        return replace(branch, probe_answers=probes)
    kept = {name: values[:depth] for name, values in branch.signals.items()}
    return _drawn(rng, interval, depth, probes[:depth], kept)


def _weighed(interval, branches):
    probes, tokens = ["a"] * 20, 10**5 - sum(branch.tokens for branch in branches)
    signals = {name: some[:1] * len(probes) for name, some in SIGNAL_VALUES.items()}
    ballast = RecordedBranch(tokens, probes, "a", signals=signals)
    questions = RecordedQuestion("played", "?", "a", branches), RecordedQuestion("ballast", "?", "a", [ballast])
    return store_of(interval, questions)


def still_alike(states, depths, hidden):
    """Whether episodes (of arrays or lists, one branch an entry) have revealed nothing in which the stores differ."""
    return all(
        state.depths[i] <= depths[i] and (hidden[i] == 0 or state.shown[i] != hidden[i])
        for state in states
        for i in range(state.count[WIDTH])
    )
