"""``relay`` is a candidate of its discovery, and spends on AIME24 what the docs say."""

from pathlib import Path

import numba
import pytest
from pandas.testing import assert_frame_equal

from tts_gym.discovery.packed import opened
from tts_gym.evaluation import evaluate

ARCHIVE = Path(__file__).parents[2] / "benchmarks" / "results" / "discovery" / "relay.tar.xz"
ROUND = 8


@pytest.mark.parametrize("beta", [0, 0.3, 1])
def test_it_decides_as_the_candidate_that_it_is(beta, tmp_path):
    with opened(ARCHIVE) as archive:
        (tmp_path / "candidate.py").write_text(archive.history().proposals[ROUND, 1].source)
    candidate, shipped = (
        evaluate(f"{spec}:beta={beta}", "synthetic-small", seeds=5).rows.drop(columns="controller")
        for spec in (tmp_path / "candidate.py", "relay")
    )
    assert_frame_equal(shipped, candidate)


@pytest.mark.slow
@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes ten minutes while the JIT is off")
def test_it_reaches_the_accuracy_of_cmc_for_three_fifths_of_its_tokens(rows_on_aime24):
    for beta, ours in ((0.3, 0.6), (0.5, 0.7), (0.8, 0.8), (1, 0.8)):
        cmc, relay = (
            rows_on_aime24(spec, 100)[["correct", "tokens"]].mean()
            for spec in (f"cmc:beta={beta}", f"relay:beta={ours}")
        )
        assert relay["correct"] >= cmc["correct"]
        assert relay["tokens"] <= 0.6 * cmc["tokens"]
