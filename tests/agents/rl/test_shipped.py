"""The policies that were trained on AIME24 do what their results say."""

from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("sb3_contrib")

from tts_gym.evaluation import compare, evaluate  # noqa: E402

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results" / "rl"
MODEL = RESULTS / "rounds_aime24.zip"


def test_it_spends_less_where_tokens_are_dearer():
    tokens = [
        evaluate(f"rl:{MODEL}:cost_weight={weight}", "synthetic-small", seeds=10).summary.tokens.mean
        for weight in (0.0005, 0.005, 0.05)
    ]
    assert tokens[0] > 1.5 * tokens[1] > 2 * tokens[2]


@pytest.mark.filterwarnings("ignore:.*was trained on 30 of the 30 questions")
def test_it_matches_cmc_for_two_thirds_of_the_tokens_on_the_questions_it_knows(rows_on_aime24):
    cmc, policy = (rows_on_aime24(spec, 20) for spec in ("cmc:beta=0.5", f"rl:{MODEL}:cost_weight=0.004"))
    assert policy["tokens"].mean() < 2 / 3 * cmc["tokens"].mean()
    assert compare(policy, cmc).loc["accuracy", "high"] > 0


def test_the_results_say_where_cmc_is_matched():
    against = pd.read_csv(RESULTS / "against_cmc.csv").set_index("beta")
    assert all(against.loc[[0, 0.1], "high"] < 0)
    for beta in (0.2, 0.3, 0.5, 0.8, 1):
        assert against.loc[beta, "share_of_tokens"] <= 0.6
        assert against.loc[beta, "high"] >= 0
