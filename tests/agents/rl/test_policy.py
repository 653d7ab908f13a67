"""Learned policies in evaluation: the rows of lock-step batches are those of one episode after another."""

import zipfile

import gymnasium as gym
import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sb3_contrib")

import torch  # noqa: E402
from sb3_contrib import QRDQN, MaskablePPO, RecurrentPPO  # noqa: E402
from stable_baselines3 import A2C, DQN, PPO  # noqa: E402

import first_version  # noqa: E402
from tts_gym.agents.replay import branch_order  # noqa: E402
from tts_gym.agents.rl import make_sb3_env, policy  # noqa: E402
from tts_gym.agents.rl.policy import Training, question_digest  # noqa: E402
from tts_gym.agents.rl.set_encoder import MaskableSetPolicy  # noqa: E402
from tts_gym.agents.specs import parse_spec  # noqa: E402
from tts_gym.datasets import load_store  # noqa: E402
from tts_gym.errors import ControllerError  # noqa: E402
from tts_gym.evaluation import evaluate  # noqa: E402

STORE = "smollm2-arithmetic?only=1/8"
ROUNDS, ATOMIC = "TTSWidthDepthRounds-v1", "TTSWidthDepth-v1"
FIRST = {**first_version.ATOMIC, "max_branches": 6}
CLASSES = {
    "ppo": PPO,
    "maskable-ppo": MaskablePPO,
    "a2c": A2C,
    "dqn": DQN,
    "qrdqn": QRDQN,
    "recurrent-ppo": RecurrentPPO,
}


def untrained(path, algorithm="maskable-ppo", env=ROUNDS, policy="MlpPolicy", questions=(), **arguments):
    """The file of a model with random weights, which plays at random but always the same."""
    arguments = {"cost_weight": 0.01, "max_branches": 6} | arguments
    name = policy if not isinstance(policy, str) or algorithm != "recurrent-ppo" else "MlpLstmPolicy"
    model = CLASSES[algorithm](name, make_sb3_env(env, 2, seed=0, **arguments), seed=1, device="cpu")
    Training(algorithm, env, arguments, list(questions)).attach(model)
    model.save(path)
    return model


def one_by_one(model, env, arguments, seeds):
    store = load_store(STORE)
    single = gym.make(env, store=STORE, max_episode_steps=10**6, **arguments)
    rows = []
    for question in store.question_ids:
        for seed in seeds:
            order = branch_order(int(store.branch_counts[0]), seed)
            seen, info = single.reset(options={"question": question, "order": order})
            ended = False
            while not ended:
                with torch.no_grad():
                    tensors, _ = model.policy.obs_to_tensor(seen)
                    logits = model.policy.get_distribution(tensors).distribution.logits.numpy()[0]
                action = np.where(info["action_mask"], logits, -np.inf).argmax()
                seen, _, ended, _, info = single.step(action)
            rows.append((question, seed, info["answer"] or None, info["correct"], info["tokens"]))
    return rows


@pytest.mark.parametrize(
    ("env", "kind", "arguments"),
    [
        (ROUNDS, "MlpPolicy", {"aggregator": "finished"}),
        (ATOMIC, MaskableSetPolicy, {"reveal": "advance"}),
    ],
)
@pytest.mark.parametrize("side_by_side", [3, 1024])
def test_batches_play_what_single_environments_play(tmp_path, monkeypatch, env, kind, arguments, side_by_side):
    monkeypatch.setattr(policy, "MOST_ENVIRONMENTS", side_by_side)
    file = tmp_path / "model.zip"
    model = untrained(file, env=env, policy=kind, **arguments)
    rows = evaluate(f"rl:{file}", STORE, seeds=3).rows
    played = rows[["question_id", "seed", "answer", "correct", "tokens"]].astype(object)
    played = played.where(played.notna(), None)
    expected = one_by_one(model, env, {"cost_weight": 0.01, "max_branches": 6} | arguments, range(3))
    assert list(played.itertuples(index=False, name=None)) == expected
    assert (rows["width"] <= 6).all() and rows["tokens"].sum() > 0


@pytest.mark.parametrize("algorithm", CLASSES)
def test_every_algorithm_is_played(tmp_path, algorithm):
    untrained(tmp_path / "model.zip", algorithm)
    one, two = (evaluate(f"rl:{tmp_path / 'model.zip'}", STORE, seeds=4, rules="published").rows for _ in range(2))
    pd.testing.assert_frame_equal(one, two)


def test_the_cost_weight_is_what_the_policy_is_shown(tmp_path):
    file = tmp_path / "model.zip"
    untrained(file, cost_weight=(0.001, 0.1))
    assert parse_spec(f"rl:{file}")[0].parameters["cost_weight"] == pytest.approx(0.01)
    cheap, dear = (evaluate(f"rl:{file}:cost_weight={weight}", STORE, seeds=4).rows for weight in (0.0001, 1))
    assert not cheap["tokens"].equals(dear["tokens"])


def test_results_do_not_depend_on_workers_and_are_kept(tmp_path):
    file = tmp_path / "model.zip"
    untrained(file)
    alone = evaluate(f"rl:{file}", STORE, seeds=30).rows
    together = evaluate(f"rl:{file}", STORE, seeds=30, jobs=2, cache=tmp_path / "kept").rows
    again = evaluate(f"rl:{file}", STORE, seeds=30, cache=tmp_path / "kept").rows
    pd.testing.assert_frame_equal(alone, together)
    pd.testing.assert_frame_equal(alone, again)
    kept = len(list((tmp_path / "kept").iterdir()))
    untrained(file, questions=["another model"])
    evaluate(f"rl:{file}", STORE, seeds=30, cache=tmp_path / "kept")
    assert len(list((tmp_path / "kept").iterdir())) == 2 * kept


def test_policies_pay_for_probes_where_they_ask_and_where_they_are_shown(tmp_path):
    for env, name, reveal in ((ROUNDS, "MlpPolicy", {}), (ATOMIC, MaskableSetPolicy, FIRST)):
        untrained(tmp_path / "model.zip", env=env, policy=name, **reveal)
        free, paid = (evaluate(f"rl:{tmp_path / 'model.zip'}", STORE, seeds=2, probe_cost=cost).rows for cost in (0, 7))
        if not reveal:
            assert (paid["probes"] == free["probes"]).all()
            assert (paid["tokens"] == free["tokens"] + 7 * paid["probes"]).all()
        assert paid["tokens"].mean() > free["tokens"].mean()


def test_a_model_that_saw_the_questions_is_told_of(tmp_path):
    store = load_store(STORE)
    untrained(tmp_path / "model.zip", questions=map(question_digest, store.questions[:2]))
    with pytest.warns(RuntimeWarning, match=rf"was trained on 2 of the {len(store)} questions of store"):
        evaluate(f"rl:{tmp_path / 'model.zip'}", STORE, seeds=1)


def test_what_is_no_model_is_refused(tmp_path):
    untrained(tmp_path / "model.zip")
    (tmp_path / "text.zip").write_text("no model")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("data", "{}")
    for spec, message in {
        "rl": "Cannot read the model",
        f"rl:{tmp_path}": "Cannot read the model",
        f"rl:{tmp_path / 'absent.zip'}": "Cannot read the model",
        f"rl:{tmp_path / 'text.zip'}": "is not a model of tts-gym train",
        f"rl:{tmp_path / 'other.zip'}": "is not a model of tts-gym train",
        f"rl:{tmp_path / 'model.zip'}:cost_weight=-1": "a number, 0 or more",
        f"rl:{tmp_path / 'model.zip'}:cost_weight=much": "a number, 0 or more",
        f"rl:{tmp_path / 'model.zip'}:beta=1": "no parameter beta",
    }.items():
        with pytest.raises(ControllerError, match=message):
            parse_spec(spec)
