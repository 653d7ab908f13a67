"""Pictures of episodes, as the environments render them."""

import io
import sys
from functools import cache

import gymnasium as gym
from PIL import Image

import tts_gym
from templates import ROOT
from tts_gym.envs.rounds import ACTION

sys.path.append(str(ROOT / "benchmarks"))

from draw_episode import moments, save_animation  # noqa: E402

QUESTION, SEED = 5, 0
"""The episode of all pictures: the number of its question, and its branch order."""

ROUNDS = (
    *("widen_4", "widen_4", "deepen_all_4", "prune_dissenters", "deepen_to_next"),
    *("widen_2", "deepen_to_next", "finish_agreeing", "stop"),
)
"""What is done in the animation of rounds."""


@cache
def path_of(name: str, store: str) -> bytes:
    """The path of a program through width and depth: the end of an episode, as a PNG file.

    Args:
        name: of the program, which has its defaults.
        store: name of the store that it plays on.
    """
    (controller,) = tts_gym.parse_spec(name)
    *_, env = moments(controller, store, QUESTION, SEED)
    file = io.BytesIO()
    Image.fromarray(env.render()).save(file, "PNG", optimize=True)
    return file.getvalue()


@cache
def episode_of_rounds(store: str) -> bytes:
    """An episode of the environment that decides by rounds, as an animated GIF file."""
    arguments = {"store": store, "max_branches": 10, "initial_width": 0, "render_mode": "rgb_array"}
    env = gym.make("TTSWidthDepthRounds-v1", **arguments).unwrapped
    question = tts_gym.load_store(store).question_ids[QUESTION]
    env.reset(seed=SEED, options={"question": question})
    frames = [env.render()]
    for name in ROUNDS:
        env.step(getattr(ACTION, name))
        frames.append(env.render())
    file = io.BytesIO()
    save_animation(frames, file, milliseconds=1000)
    return file.getvalue()
