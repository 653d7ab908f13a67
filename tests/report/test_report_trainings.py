"""Trainings in a report: how they went, and the model on the questions that it did not learn from."""

import json
import shutil

import pytest
from evaluations import evaluated

pytest.importorskip("sb3_contrib")

from tts_gym.agents.rl.config import Config, read_settings  # noqa: E402
from tts_gym.agents.rl.train import train  # noqa: E402
from tts_gym.datasets import load_store  # noqa: E402
from tts_gym.errors import TTSGymError  # noqa: E402
from tts_gym.report.build import write_report  # noqa: E402
from tts_gym.report.cases import Replays, choose  # noqa: E402
from tts_gym.report.contents import contents  # noqa: E402
from tts_gym.report.trainings import is_training, read_training_run  # noqa: E402

ENV = "TTSWidthDepthRounds-v1"
SETTINGS = f"""
{ENV}:
  n_envs: 4
  arguments: {{max_branches: 3, cost_weight: 0.01}}
  hyperparameters: {{n_steps: 16, batch_size: 64, n_epochs: 1}}
  save_every: 64
  validation_seeds: 2
"""


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A training of 128 timesteps, validated on nine questions."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "settings.yaml").write_text(SETTINGS)
    settings = read_settings("maskable-ppo", ENV, folder / "settings.yaml", 128, {})
    stores = ("synthetic-small?except=1/5",), ("synthetic-small?only=1/5",)
    train(Config("maskable-ppo", ENV, *stores, 0, None, settings), folder / "ppo")
    return folder / "ppo"


@pytest.fixture
def copied(training, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(training, tmp_path / "ppo")


def test_curves_and_settings_are_those_of_the_training(training):
    told, _, left_out = read_training_run(training)
    assert is_training(training) and left_out == []
    assert [steps for steps, _ in told["rewards"]] == [64, 128]
    assert [steps for steps, _ in told["scores"]] == [0, 64, 128]
    assert told["settings"]["timesteps"] == "128" and told["settings"]["arguments.max_branches"] == "3"


def test_the_best_model_is_evaluated_as_it_was_validated_and_its_episodes_are_shown(training):
    told, kept, _ = read_training_run(training)
    best = max(told["scores"], key=lambda pair: pair[1])[0]
    ((_, _, tokens, accuracy),) = [row for row in told["validation"] if row[0] == best]
    (record,) = kept.evaluations
    assert (record["accuracy"], record["tokens"]) == pytest.approx((accuracy, tokens), abs=1e-4)
    about = contents([kept])
    assert list(about.controllers) == ["rl ppo:cost_weight=0.01"]
    replays = Replays(about)
    cases = list(replays.run(choose(about, "all")))
    assert len(cases) == len(load_store("synthetic-small?only=1/5")) * 2 and replays.left_out == {}


def test_a_training_that_has_just_begun_has_no_model_yet(copied, tmp_path):
    for name in ("best.zip", "validation.csv"):
        (copied / name).unlink()
    lines = (copied / "progress.csv").read_text().splitlines(keepends=True)
    (copied / "progress.csv").write_text("".join(lines[:2]) + lines[2][:7])
    told, kept, left_out = read_training_run(copied)
    assert [steps for steps, _ in told["rewards"]] == [64] and told["scores"] == [] and kept is None
    assert "has not been validated yet" in left_out[0]
    assert write_report([copied], tmp_path / "report.html", "all", "") == left_out


def test_trainings_of_one_name_are_told_apart(training, copied):
    about = contents([read_training_run(path)[1] for path in (training, copied)])
    assert len(about.controllers) == 2 and len({entry.family for entry in about.entries}) == 2


def test_evaluations_in_directories_of_one_name_are_told_apart(tmp_path):
    runs = [
        evaluated(tmp_path / name / "run", ["synthetic-small"], ["single"], seeds)
        for name, seeds in (("a", 1), ("b", 2))
    ]
    write_report(runs, tmp_path / "report.html", "worst:1", "")
    page = (tmp_path / "report.html").read_text()
    assert all(json.dumps(f"single@{run}") in page for run in runs)


def forget(directory):
    (directory / "config.yaml").write_text("algorithm: [")


def change_store(directory):
    told = json.loads((directory / "provenance.json").read_text())
    told["stores"][1]["sha256"] = "0" * 64
    (directory / "provenance.json").write_text(json.dumps(told))


@pytest.mark.parametrize("harm", [forget, change_store])
def test_what_cannot_be_trusted_is_refused_by_name(harm, copied):
    harm(copied)
    with pytest.raises(TTSGymError, match=str(copied)):
        read_training_run(copied)
