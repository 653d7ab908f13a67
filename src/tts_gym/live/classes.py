"""Classes of answers that are told apart as they appear, without a gold answer."""

from __future__ import annotations

from collections.abc import Callable

from tts_gym.datasets.store import INVALID, INVALID_TEXT

Same = Callable[[str, str], bool]
"""Whether an answer is the same as one that came before."""


class GrowingClasses:
    """The classes of an episode's answers, numbered from 1 in order of appearance; 0 is the invalid answer.

    An answer joins the first class with whose first answer it is the same.

    Attributes:
        texts: the first answer of each class.
    """

    def __init__(self, same: Same) -> None:
        """Begin without answers.

        Args:
            same: tells answers apart.
        """
        self.texts: list[str] = [INVALID_TEXT]
        self._same = same
        self._known: dict[str, int] = {}

    def number(self, answer: str | None) -> int:
        """The class of an answer, a new one if need be; None is invalid."""
        if answer is None:
            return INVALID
        if answer not in self._known:
            same = (known for known in range(1, len(self.texts)) if self._same(answer, self.texts[known]))
            found = next(same, len(self.texts))
            if found == len(self.texts):
                self.texts.append(answer)
            self._known[answer] = found
        return self._known[answer]

    def first(self, answer: str | None) -> str | None:
        """The first answer of the class of ``answer``; None is invalid."""
        number = self.number(answer)
        return None if number == INVALID else self.texts[number]
