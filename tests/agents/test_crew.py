"""``crew`` is the winner of its discovery, and does on AIME24 what the report of it says."""

from pathlib import Path

import numba
import pytest
from pandas.testing import assert_frame_equal

from tts_gym.evaluation import evaluate

ARCHIVE = Path(__file__).parents[2] / "benchmarks" / "results" / "discovery" / "manual"


@pytest.mark.parametrize("beta", [0, 0.3, 0.5, 1])
def test_it_decides_as_the_candidate_that_won(beta):
    won, shipped = (
        evaluate(f"{spec}:beta={beta}", "synthetic-small", seeds=10).rows.drop(columns="controller")
        for spec in (f"{ARCHIVE / 'winner.py'}:PROGRAM", "crew")
    )
    assert_frame_equal(shipped, won)


@pytest.mark.slow
@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes ten minutes while the JIT is off")
def test_it_reaches_the_accuracy_of_cmc_for_three_quarters_of_its_tokens(rows_on_aime24):
    for beta, ours in ((0.2, 0.42), (0.3, 0.5), (0.5, 0.6), (0.8, 0.8), (1, 0.8)):
        cmc, crew = (
            rows_on_aime24(spec, 100)[["correct", "tokens"]].mean()
            for spec in (f"cmc:beta={beta}", f"crew:beta={ours}")
        )
        assert crew["correct"] >= cmc["correct"]
        assert crew["tokens"] <= 0.75 * cmc["tokens"]
