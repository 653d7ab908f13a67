"""Watch a program play an episode, as an animated picture.

    python benchmarks/draw_episode.py --store smollm2-arithmetic --controller cmc:beta=0.5 --question 5 \
        --out docs/images/episode.gif

A row is a branch, a cell an interval, coloured by the answer that the branch would have given there. In a frame each
branch moves at most once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tts_gym
from tts_gym.agents.controller import ProgramController
from tts_gym.agents.replay import branch_order, replay_episode
from tts_gym.episode.actions import BRANCH, STOP, atomic_actions, decode_action
from tts_gym.episode.recount import log_of
from tts_gym.episode.rules import EpisodeRules

COLOURS = 48
"""Colours of the file, one palette for all frames, so that only what changes is written."""


def moments(controller: ProgramController, name: str, question: int, seed: int) -> Iterator[gym.Env]:
    """Play what a program does in an environment, which is given at the beginning, between frames and at the end."""
    store = tts_gym.load_store(name)
    arguments = controller.program.arguments(controller.parameters)
    played, _ = replay_episode(controller.program, arguments, store, question, seed, EpisodeRules())
    env = gym.make(
        "TTSWidthDepth-v1",
        store=name,
        max_branches=played.width,
        initial_width=0,
        stride=1,
        render_mode="rgb_array",
    ).unwrapped
    order = branch_order(int(store.branch_counts[question]), seed)
    env.reset(options={"question": store.question_ids[question], "order": order})
    opened, moved = 0, set()
    for action in (*atomic_actions(log_of(played)), STOP):
        branch = opened if action == BRANCH else decode_action(action)[1]
        if branch in moved or action == STOP:
            yield env
            moved.clear()
        opened += action == BRANCH
        moved.add(branch)
        env.step(action)


def save_animation(frames: Sequence[NDArray[np.uint8]], file: Path, milliseconds: int = 300) -> None:
    """Write frames as an animated picture.

    Args:
        frames: uint8 [height, width, 3] each, equally large.
        file: where to.
        milliseconds: of a frame; the last one stays longer.
    """
    whole = list(map(Image.fromarray, frames))
    colours = whole[-1].quantize(COLOURS)
    first, *others = (frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in whole)
    shown = [milliseconds] * len(others) + [10 * milliseconds]
    first.save(file, "GIF", save_all=True, append_images=others, duration=shown, loop=0, optimize=True)


def main() -> None:
    """Draw an episode."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", default="smollm2-arithmetic")
    parser.add_argument("--controller", default="cmc:beta=0.5", help="a program, such as crew")
    parser.add_argument("--question", type=int, default=5, help="number of the question in its store, from 0")
    parser.add_argument("--seed", type=int, default=0, help="of the branch order")
    parser.add_argument("--out", type=Path, default="episode.gif", help="file to write")
    parser.add_argument("--milliseconds", type=int, default=300, help="of a frame; the last one stays longer")
    arguments = parser.parse_args()
    (controller,) = tts_gym.parse_spec(arguments.controller)
    frames = [env.render() for env in moments(controller, arguments.store, arguments.question, arguments.seed)]
    save_animation(frames, arguments.out, arguments.milliseconds)
    print(f"{len(frames)} frames in {arguments.out}")


if __name__ == "__main__":
    main()
