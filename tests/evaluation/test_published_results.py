"""Every row of the published results, from the command line to the last decimal."""

import json

import numba
import pandas as pd
import pytest

from tts_gym.cli.app import app


@pytest.fixture(scope="module")
def published(shared_data):
    return pd.read_csv(shared_data / "published" / "aime24.csv")


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes ten minutes while the JIT is off")
@pytest.mark.slow
def test_every_published_row_is_reproduced(published, shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(shared_data)
    stores = list(published["store"].unique())
    specs = list(published["controller"].unique())
    arguments = [*stores, "--rules", "published", "--seeds", "100", "--json", str(tmp_path / "results.json")]
    for spec in specs:
        arguments += ["-c", spec]
    app(["evaluate", *arguments], standalone_mode=False)

    ours = pd.DataFrame(json.loads((tmp_path / "results.json").read_text()))
    both = published.merge(
        ours, left_on=["store", "controller"], right_on=["store", "spec"], suffixes=("_published", "")
    )
    assert len(both) == len(published) == 112
    assert (both["questions"] == 30).all()
    assert (both["accuracy"].round(2) == both["accuracy_published"]).all()
    assert ((both["tokens"] - both["tokens_published"]).abs() < 0.5).all()
