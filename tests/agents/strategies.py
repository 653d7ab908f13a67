"""Random small stores and program parameters for property tests, and the model over them."""

from hypothesis import strategies as st

from model import ModelEpisode, Recorded
from tts_gym.agents.replay import branch_order
from tts_gym.datasets import RecordedBranch, RecordedQuestion
from tts_gym.datasets.build import Sources, replay_store
from tts_gym.datasets.records import concatenate, record_tables
from tts_gym.envs.episode import EpisodeRules

ANSWERS = st.sampled_from(["a", "b", "c", "d", None])

PARAMETERS = {
    "single": {},
    "sc": {"n": st.integers(1, 7)},
    "oracle": {"n": st.integers(1, 7)},
    "asc": {"max_samples": st.integers(1, 7), "threshold": st.sampled_from([0.5, 0.7, 0.85, 0.95])},
    "asc-dirichlet": {"max_samples": st.integers(1, 7), "threshold": st.sampled_from([0.4, 0.6, 0.95])},
    "esc": {"max_samples": st.integers(1, 7), "window": st.integers(1, 3)},
    "parallel-probe": {
        "num_chains": st.integers(1, 7),
        "stable_for": st.integers(1, 4),
        "patience": st.integers(1, 3),
        "warm_up": st.integers(0, 3),
        "max_steps": st.integers(1, 8),
    },
    "cmc": {"beta": st.sampled_from([0.0, 0.05, 0.2, 0.5, 1.0])},
    "short-m@k": {"m": st.integers(1, 4), "k": st.integers(1, 7)},
    "answer-consistency": {"n": st.integers(1, 4)},
    "certaindex": {"k": st.integers(1, 4)},
}


@st.composite
def recorded_branches(draw, interval):
    probes = draw(st.lists(ANSWERS, max_size=6))
    most = interval * (len(probes) + 2) if probes else interval
    return RecordedBranch(draw(st.integers(1, most)), probes, draw(ANSWERS))


@st.composite
def recorded_questions(draw):
    """An interval and one to three questions; lengths differ from the number of probes as real ones do."""
    interval = draw(st.sampled_from([1, 10, 100]))
    branches = st.lists(recorded_branches(interval), min_size=1, max_size=6)
    golds = draw(st.lists(st.sampled_from(["a", "b", "never given"]), min_size=1, max_size=3))
    return interval, [RecordedQuestion(str(n), "?", gold, draw(branches)) for n, gold in enumerate(golds)]


@st.composite
def episode_rules(draw):
    return EpisodeRules(
        published=draw(st.booleans()),
        budget=draw(st.one_of(st.just(2**62), st.integers(0, 1500))),
        probe_cost=draw(st.sampled_from([0, 0, 3])),
        eager=draw(st.booleans()),
    )


def store_of(interval, questions):
    metadata = {
        "name": "random", "model": "none", "benchmark": "none", "interval": interval,
        "synthetic": True, "license": "MIT", "sampling": {}, "seeds": [],
    }  # fmt: skip
    return replay_store(concatenate(list(record_tables(questions, "random"))), metadata, Sources.single("random"))


def model_of(store, question, seed, rules):
    tables = store.tables
    order = branch_order(int(store.branch_counts[question]), seed)
    recorded = []
    for row in tables.branch_start[question] + order:
        answers = tables.answers[tables.answer_start[row] : tables.answer_start[row + 1]].tolist()
        recorded.append(Recorded(answers[:-1], answers[-1], int(tables.tokens[row])))
    return ModelEpisode(recorded, store.interval, rules.published, rules.budget, rules.probe_cost, rules.eager)
