"""The texts of the bundled store, probed again by the model that drew them, give what was recorded."""

import runpy
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tts_gym.answers.reader import answer_reader
from tts_gym.collectors.collect import collect
from tts_gym.collectors.collector import Collector
from tts_gym.collectors.given_store import GivenStore
from tts_gym.datasets.catalogue import BUNDLED
from tts_gym.datasets.metadata import FILE_KEYS
from tts_gym.datasets.parquet import write_store
from tts_gym.datasets.recordings import read_records

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ENGINE = {"dtype": "float32", "enforce_eager": True, "max_model_len": 1024, "max_num_seqs": 128, "block_size": 32}
"""What the store was drawn with."""

NATS = 1e-3
"""How far confidences may differ: sums of one prefix at a time and token by token differ by some 1e-5."""


@pytest.fixture(scope="module")
def probe_again(smollm2):
    """Probe some branches of the bundled store again; gives them as they were recorded and as they are now."""
    from tts_gym.llm import make_backend

    backend = make_backend("vllm", smollm2, **ENGINE)

    @contextmanager
    def runner(settings):
        with answer_reader(settings.answers) as reader:
            yield Collector(backend, settings, reader, 192).run

    def call(folder, monkeypatch, every, branches, confidences):
        monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
        recipe = runpy.run_path(str(BENCHMARKS / "collect_bundled.py"))
        metadata, recorded = read_records(BUNDLED / recipe["NAME"])
        some = [replace(question, branches=question.branches[:branches]) for question in recorded[::every]]
        write_store(folder / "some", some, {key: value for key, value in metadata.items() if key not in FILE_KEYS})
        source = GivenStore(str(folder / "some"))
        settings = replace(recipe["settings"](smollm2), given=source.texts(confidences))
        asked = source.asked(recipe["bundled_questions"]())
        collect(asked, settings, folder / "probed", "arithmetic", runner=runner, given=source)
        probed = read_records(folder / "probed")[1]
        return [
            pair
            for before, after in zip(some, probed, strict=True)
            for pair in zip(before.branches, after.branches, strict=True)
        ]

    yield call
    backend.close()


def test_the_recorded_answers_come_again_at_every_interval(probe_again, tmp_path, monkeypatch):
    pairs = probe_again(tmp_path, monkeypatch, every=12, branches=6, confidences=False)
    assert len(pairs) == 30 and sum(len(before.probe_answers) for before, _ in pairs) > 200
    for before, after in pairs:
        assert (after.tokens, after.text, after.final_answer) == (before.tokens, before.text, before.final_answer)
        assert after.probe_answers == before.probe_answers
        assert set(after.signals) == {"answer_logprob"}


def test_the_recorded_confidences_come_again(probe_again, tmp_path, monkeypatch):
    for before, after in probe_again(tmp_path, monkeypatch, every=30, branches=3, confidences=True):
        assert set(after.signals) == set(before.signals)
        for name, values in after.signals.items():
            np.testing.assert_allclose(values, before.signals[name], atol=NATS, err_msg=name)
