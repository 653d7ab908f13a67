"""Collecting on a Ray cluster of two nodes, with transformers and a tiny model in each actor."""

import os
import signal
import subprocess
from dataclasses import replace

import pytest

from likeness import assert_alike
from tts_gym.collectors.collect import collect
from tts_gym.collectors.collector import TRIES
from tts_gym.collectors.distributed import Actors, Mailbox, ray_runner
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings, Probing
from tts_gym.collectors.units import TokenUsage, UnitResult, all_units
from tts_gym.datasets import read_store
from tts_gym.datasets.schema import RecordedBranch

QUESTIONS = [Question(str(n), f"What is {n} + {n}?", str(2 * n)) for n in range(16)]
ACTORS = Actors(2, options={"dtype": "float32"}, concurrency=2)


def settings(model):
    return CollectionSettings(
        "transformers",
        model,
        branches=1,
        interval=8,
        temperature=0,
        max_tokens=40,
        top_logprobs=3,
        probing=Probing("\nThe final answer is ", max_tokens=6),
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
class TestRay:
    def test_actors_fill_the_same_store_though_one_dies(self, cluster, tiny_model, tmp_path):
        killed = []

        def kill_an_actor(progress):
            if progress.done == 3 and not killed:
                actors = subprocess.run(["pgrep", "-f", "ray::MapWorker"], capture_output=True, text=True).stdout
                killed.append(int(actors.split()[0]))
                os.kill(killed[0], signal.SIGKILL)

        runner = ray_runner(ACTORS, cluster)
        progress = collect(
            QUESTIONS, settings(tiny_model), tmp_path / "there", "sums", runner=runner, watch=kill_an_actor
        )
        assert killed and (progress.done, progress.failed) == (len(QUESTIONS), 0)
        assert len(list((tmp_path / "there" / ".collection" / "shards").iterdir())) == len(QUESTIONS)
        collect(QUESTIONS, settings(tiny_model), tmp_path / "here", "sums")
        assert_alike(read_store(tmp_path / "there"), read_store(tmp_path / "here"))

    def test_an_actor_that_cannot_load_its_model_says_why(self, cluster, tmp_path):
        with pytest.raises(ValueError, match="no-such-model"):
            collect(
                QUESTIONS[:1], settings("no-such-model"), tmp_path / "out", "sums", runner=ray_runner(ACTORS, cluster)
            )


BRANCH = RecordedBranch(5, [], "2")


def test_a_unit_is_begun_a_few_times_and_then_fails():
    mailbox = Mailbox()
    deadly, harmless = all_units(QUESTIONS[:2], 2, 2)
    for _ in range(TRIES):
        assert mailbox.admit([deadly]) == [deadly]
    assert mailbox.admit([harmless]) == [harmless]
    mailbox.post(UnitResult(harmless, {1: BRANCH}, TokenUsage()))
    assert mailbox.admit([harmless]) == [replace(harmless, kept=frozenset({1}))]
    mailbox.post(UnitResult(harmless, {1: BRANCH}, TokenUsage()))
    mailbox.post(UnitResult(harmless, {0: BRANCH}, TokenUsage()))
    assert mailbox.admit([deadly, harmless]) == []
    mailbox.post(UnitResult(deadly, {0: BRANCH}, TokenUsage()))
    posted = [(result.unit.name, list(result.branches), result.error) for result in mailbox.empty()]
    assert posted == [
        (harmless.name, [1], None),
        (harmless.name, [0], None),
        (deadly.name, [], f"its actor died {TRIES} times while it was at work on it"),
    ]
    assert mailbox.empty() == []
