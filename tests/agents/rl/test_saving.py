"""A model trained by a snippet of Stable-Baselines3 is a controller once it is saved here."""

import gymnasium as gym
import pytest

pytest.importorskip("sb3_contrib")

from stable_baselines3 import DQN, PPO  # noqa: E402
from stable_baselines3.common.vec_env import VecNormalize  # noqa: E402
from strategies import store_of  # noqa: E402

import tts_gym  # noqa: E402
from tts_gym.agents.rl import make_sb3_env, save  # noqa: E402
from tts_gym.agents.rl.policy import question_digest, read_training  # noqa: E402
from tts_gym.agents.specs import parse_spec  # noqa: E402
from tts_gym.datasets import RecordedBranch, RecordedQuestion, load_store  # noqa: E402
from tts_gym.errors import ControllerError  # noqa: E402

STORE = "smollm2-arithmetic?only=1/8"
SILENT = store_of(8, [RecordedQuestion("q", "?", "4", [RecordedBranch(20, ["4", "4"], "4")] * 4)])
"""It records no signal."""

MADE = [
    ("MultiInputPolicy", lambda: gym.make("TTSWidthDepth-v1", store=STORE)),
    (
        "MlpPolicy",
        lambda: gym.make("TTSWidthDepth-v1", store=STORE, observation="flat_mask", cost_weight=(0.01, 0.1)),
    ),
    ("MlpPolicy", lambda: make_sb3_env("TTSWidthDepthRounds-v1", 2, store=STORE, cost_weight=0.02)),
    ("MlpPolicy", lambda: make_sb3_env("TTSWidthDepthRounds-v1", 2, store=STORE, observation="flat_mask")),
]


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [({}, True), ({"aggregator": "finished"}, True), ({"aggregator": "finished", "show_signals": False}, False)],
)
def test_a_policy_that_learned_with_a_signal_needs_it(tmp_path, arguments, needed):
    file = tmp_path / "mine.zip"
    save(PPO("MultiInputPolicy", gym.make("TTSWidthDepth-v1", store=STORE, **arguments), seed=0, device="cpu"), file)
    if needed:
        with pytest.raises(ControllerError, match="rl needs the signal mean_logprob, but store random does not record"):
            tts_gym.evaluate(f"rl:{file}", SILENT, seeds=1)
    else:
        assert len(tts_gym.evaluate(f"rl:{file}", SILENT, seeds=1).rows) == 1


def test_one_that_learned_without_needs_none(tmp_path):
    save(
        PPO("MultiInputPolicy", gym.make("TTSWidthDepth-v1", store=SILENT), seed=0, device="cpu"), tmp_path / "mine.zip"
    )
    assert parse_spec(f"rl:{tmp_path / 'mine.zip'}")[0].signals == ()


@pytest.mark.parametrize(("policy", "make"), MADE)
def test_what_is_saved_is_evaluated(tmp_path, policy, make):
    file = tmp_path / "mine.zip"
    save(PPO(policy, make(), seed=0, device="cpu"), file)
    store = load_store(STORE)
    with pytest.warns(RuntimeWarning, match=f"trained on {len(store)} of the {len(store)} questions"):
        rows = tts_gym.evaluate(f"rl:{file}", store, seeds=2).rows
    assert len(rows) == 2 * len(store) and (rows["width"] >= 0).all()
    training = read_training(file.read_bytes(), file)
    assert training.algorithm == "ppo"
    assert set(training.questions) == set(map(question_digest, store.questions))


def test_a_model_begins_as_it_was_trained(tmp_path):
    env = gym.make("TTSWidthDepth-v1", store=STORE)
    width = env.unwrapped.config.initial_width
    save(PPO("MultiInputPolicy", env, device="cpu"), tmp_path / "mine.zip")
    with pytest.warns(RuntimeWarning):
        rows = tts_gym.evaluate(f"rl:{tmp_path / 'mine.zip'}", STORE, seeds=1).rows
    assert rows["width"].min() >= width > 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: PPO("MlpPolicy", "CartPole-v1", device="cpu"), "no environment of tts_gym"),
        (
            lambda: PPO("MlpPolicy", VecNormalize(make_sb3_env("TTSWidthDepthRounds-v1")), device="cpu"),
            "norm_obs=False",
        ),
        (lambda: type("Mine", (DQN,), {})("MlpPolicy", "TTSWidthDepthRounds-v1", device="cpu"), "No controller plays"),
    ],
)
def test_what_no_controller_plays_is_not_saved(tmp_path, make, words):
    with pytest.raises(ControllerError, match=words):
        save(make(), tmp_path / "mine.zip")
    assert not list(tmp_path.iterdir())
