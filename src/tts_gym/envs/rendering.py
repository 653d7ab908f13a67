"""What a picture of an episode shows, and how it looks in every form.

A row is a branch (width), a cell an interval (depth), coloured by its answer, whose letter stands in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.datasets.store import INVALID
from tts_gym.episode import votes
from tts_gym.episode.costs import row_of
from tts_gym.episode.state import BUDGET, NO_BUDGET, REVEALED, TOKENS, WIDTH

HIDDEN = -1
"""Stands for the answer of an interval that was generated but not revealed."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
HIDDEN_MARK, INVALID_MARK, OTHER_MARK, FINISHED_MARK, PRUNED_MARK = "·?#|×"
MARKS = f"{FINISHED_MARK} finished   {PRUNED_MARK} pruned   {HIDDEN_MARK} not looked at"
LEGEND_ANSWERS = 8
LONGEST_TEXT = 24
"""Characters of an answer in the legend."""

Colour = tuple[int, int, int]

_OKABE_ITO = (
    (0, 114, 178),
    (230, 159, 0),
    (0, 158, 115),
    (204, 121, 167),
    (86, 180, 233),
    (213, 94, 0),
    (240, 228, 66),
)
PALETTE: tuple[Colour, ...] = (*_OKABE_ITO, *((r * 3 // 5, g * 3 // 5, b * 3 // 5) for r, g, b in _OKABE_ITO))
"""Colours of the answers in the order in which the episode revealed them, from the top again when there are more; that
of Okabe and Ito, which the colour-blind tell apart, and the same darkened."""

UNSEEN, BROKEN, INK, PAPER = (200, 200, 200), (115, 115, 115), (30, 30, 30), (255, 255, 255)
BRIGHT = 140
"""Luminance, of 255, from which a colour is written on in ``INK``, below it in ``PAPER``."""


@dataclass(frozen=True)
class Picture:
    """What a picture shows.

    Attributes:
        question_id: the question.
        tokens: tokens spent.
        budget: tokens that may be spent, None for any number.
        leader: code of the leading answer, -1 without votes.
        confidence: Beta confidence of the leader.
        votes: votes of each revealed answer.
        texts: text of each revealed answer.
        invalid: code of the invalid answer, -1 while unrevealed.
        answers: per opened branch, the code or ``HIDDEN`` of each generated interval.
        finished: whether each opened branch is finished.
        pruned: whether each opened branch is pruned.
    """

    question_id: str
    tokens: int
    budget: int | None
    leader: int
    confidence: float
    votes: tuple[int, ...]
    texts: tuple[str, ...]
    invalid: int
    answers: tuple[tuple[int, ...], ...]
    finished: tuple[bool, ...]
    pruned: tuple[bool, ...]

    @property
    def title(self) -> str:
        """Which question it is."""
        return f"question {_printable(self.question_id)}"

    @property
    def status(self) -> str:
        """Tokens, budget, leader, votes and confidence in a line."""
        budget = "" if self.budget is None else f" of {self.budget:,}"
        spent = f"{self.tokens:,}{budget} tokens"
        if self.leader < 0:
            return f"{spent}, no votes"
        led = f"leader {self.letter(self.leader)} with {self.votes[self.leader]} of {sum(self.votes)} votes"
        return f"{spent}, {led}, confidence {self.confidence:.3f}"

    @property
    def legend(self) -> tuple[tuple[int, str], ...]:
        """Code and text of the answers with most votes, at most ``LEGEND_ANSWERS``."""
        ranking = sorted(range(len(self.votes)), key=lambda code: -self.votes[code])[:LEGEND_ANSWERS]
        return tuple((code, _printable(self.texts[code])) for code in ranking)

    def letter(self, code: int) -> str:
        """What is written into a cell with the answer ``code``."""
        if code == HIDDEN:
            return HIDDEN_MARK
        if code == self.invalid:
            return INVALID_MARK
        return LETTERS[code] if code < len(LETTERS) else OTHER_MARK

    def colour(self, code: int) -> Colour:
        """Colour of a cell with the answer ``code``."""
        return UNSEEN if code == HIDDEN else BROKEN if code == self.invalid else PALETTE[code % len(PALETTE)]


def ink_on(colour: Colour) -> Colour:
    """What can be read on ``colour``."""
    red, green, blue = colour
    return INK if 0.299 * red + 0.587 * green + 0.114 * blue >= BRIGHT else PAPER


def _printable(text: str) -> str:
    """``text``, which may be anything that a model wrote, as a short piece of a line."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= LONGEST_TEXT else f"{plain[: LONGEST_TEXT - 1]}…"


def remember(state: Any, revealed: NDArray[np.int32]) -> None:
    """Note what each branch shows at its depth.

    Args:
        state: the arrays of the episode.
        revealed: int32 [max_branches, intervals], codes of answers, at first all ``HIDDEN``.
    """
    for i in range(state.count[WIDTH]):
        if state.shown[i] == state.depths[i] > 0:
            revealed[i, state.depths[i] - 1] = state.codes[i]


def remember_all(state: Any, revealed: NDArray[np.int32]) -> None:
    """Note the answers of all intervals, of an episode that has looked at each of them.

    Args:
        state: the arrays of the episode.
        revealed: int32 [max_branches, intervals], as for ``remember``.
    """
    for i in range(state.count[WIDTH]):
        first, depth = state.tables.answer_start[row_of(state, i)], state.depths[i]
        revealed[i, :depth] = state.code_of[state.tables.answers[first : first + depth]]


def picture(
    state: Any, pool: int, revealed: NDArray[np.int32], question_id: str, class_texts: tuple[str, ...]
) -> Picture:
    """The picture of an episode.

    Args:
        state: the arrays of the episode.
        pool: whose votes count.
        revealed: kept by ``remember``.
        question_id: the question.
        class_texts: text of each answer class of the question.
    """
    width, codes = int(state.count[WIDTH]), range(state.count[REVEALED])
    budget = int(state.setup[BUDGET])
    return Picture(
        question_id=question_id,
        tokens=int(state.count[TOKENS]),
        budget=None if budget == NO_BUDGET else budget,
        leader=votes.leader(state, pool),
        confidence=votes.confidence(state, pool),
        votes=tuple(votes.votes(state, pool).tolist()),
        texts=tuple(class_texts[state.class_of[code]] for code in codes),
        invalid=next((code for code in codes if state.class_of[code] == INVALID), -1),
        answers=tuple(tuple(revealed[i, : state.depths[i]].tolist()) for i in range(width)),
        finished=tuple(state.finished[:width].tolist()),
        pruned=tuple(state.pruned[:width].tolist()),
    )
