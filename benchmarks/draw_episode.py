"""Watch a program play an episode, as an animated picture.

    python benchmarks/draw_episode.py --store smollm2-arithmetic --controller cmc:beta=0.5 --question 5 \
        --out docs/images/episode.gif

A row is a branch, a cell an interval, coloured by the answer that the branch would have given there. In a frame each
branch moves at most once.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

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


def frames(controller: ProgramController, name: str, question: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Play what a program does in the environment, and draw it."""
    store = tts_gym.load_store(name)
    arguments = controller.program.arguments(controller.parameters)
    played, _ = replay_episode(controller.program, arguments, store, question, seed, EpisodeRules())
    env = gym.make(
        "TTSWidthDepth-v0", store=name, max_branches=played.width, reveal="advance", render_mode="rgb_array"
    ).unwrapped
    order = branch_order(int(store.branch_counts[question]), seed)
    env.reset(options={"question": store.question_ids[question], "order": order})
    opened, moved = 0, set()
    for action in (*atomic_actions(log_of(played)), STOP):
        branch = opened if action == BRANCH else decode_action(action)[1]
        if branch in moved or action == STOP:
            yield env.render()
            moved.clear()
        opened += action == BRANCH
        moved.add(branch)
        env.step(action)


def main() -> None:
    """Draw an episode."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--store", default="smollm2-arithmetic")
    parser.add_argument("--controller", default="cmc:beta=0.5", help="a program, such as crew")
    parser.add_argument("--question", type=int, default=5, help="number of the question in its store, from 0")
    parser.add_argument("--seed", type=int, default=0, help="of the branch order")
    parser.add_argument("--out", default="episode.gif", help="file to write")
    parser.add_argument("--milliseconds", type=int, default=300, help="of a frame; the last one stays longer")
    arguments = parser.parse_args()
    (controller,) = tts_gym.parse_spec(arguments.controller)
    drawn = frames(controller, arguments.store, arguments.question, arguments.seed)
    whole = list(map(Image.fromarray, drawn))
    colours = whole[-1].quantize(COLOURS)
    first, *others = (frame.quantize(palette=colours, dither=Image.Dither.NONE) for frame in whole)
    shown = [arguments.milliseconds] * len(others) + [10 * arguments.milliseconds]
    first.save(arguments.out, save_all=True, append_images=others, duration=shown, loop=0, optimize=True)
    print(f"{1 + len(others)} frames in {arguments.out}")


if __name__ == "__main__":
    main()
