"""How an environment renders its episodes: what they have revealed, in the form that its render mode asks for."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from tts_gym.envs import rendering
from tts_gym.envs.page import Printer, ansi, page

FRAMES_A_SECOND = 10


class Screen:
    """The pictures of an environment.

    Attributes:
        mode: the render mode, None for none.
    """

    def __init__(self, mode: str | None, max_branches: int, longest: int, pool: int, every_interval: bool) -> None:
        """Show nothing yet.

        Args:
            mode: the render mode.
            max_branches: rows of a picture.
            longest: cells of a row, intervals.
            pool: whose votes count.
            every_interval: whether branches show their answers at every interval, or only where they are looked at.
        """
        self.mode = mode
        self._pool = pool
        self._remember = rendering.remember_all if every_interval else rendering.remember
        self._revealed = np.empty((max_branches, longest), np.int32)
        self._printer = Printer()

    def begin(self) -> None:
        """Forget the last episode."""
        self._revealed.fill(rendering.HIDDEN)
        self._printer.begin()

    def look(self, state: Any) -> None:
        """Keep what the episode ``state`` has revealed by now, if anything is rendered at all."""
        if self.mode is not None:
            self._remember(state, self._revealed)

    def render(self, state: Any, question_id: str, class_texts: tuple[str, ...]) -> str | NDArray[np.uint8] | None:
        """The picture of the episode ``state``; "human" prints it and returns None.

        Args:
            state: the episode.
            question_id: its question.
            class_texts: text of each answer class of the question.
        """
        picture = rendering.picture(state, self._pool, self._revealed, question_id, class_texts)
        branches, longest = self._revealed.shape
        if self.mode == "rgb_array":
            from tts_gym.envs.image import rgb_array

            return rgb_array(picture, branches, longest)
        if self.mode == "ansi":
            return ansi(page(picture, longest))
        self._printer.print(picture, longest, 1 / FRAMES_A_SECOND)
        return None


def warn_without_mode() -> None:
    """Say that nothing is rendered."""
    gym.logger.warn('Nothing is rendered without a render mode: make the environment with, say, "ansi".')
