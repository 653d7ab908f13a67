"""A model that live questions share answers each of them as if it were alone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytest.importorskip("sb3_contrib")

from sb3_contrib import MaskablePPO  # noqa: E402

from tts_gym.agents.rl import make_sb3_env  # noqa: E402
from tts_gym.agents.rl.chooser import Chooser  # noqa: E402


def test_questions_at_once_do_not_disturb_each_other():
    envs = make_sb3_env("TTSWidthDepthRounds-v1", 1, seed=0)
    model = MaskablePPO("MlpPolicy", envs, seed=1, device="cpu")
    choose, everything = Chooser(model), np.ones((1, envs.action_space.n), np.bool_)
    rng = np.random.default_rng(0)
    asked = [rng.random((1, *envs.observation_space.shape), np.float32) for _ in range(400)]

    def chosen(observation):
        return int(choose(observation, everything, np.ones(1, np.bool_))[0])

    alone = [chosen(each) for each in asked]
    assert len(set(alone)) > 1
    with ThreadPoolExecutor(8) as threads:
        for _ in range(5):
            assert list(threads.map(chosen, asked)) == alone
