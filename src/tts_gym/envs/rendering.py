"""Pictures of an episode: a row a branch (width), a cell an interval (depth), answers as letters or colours."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from tts_gym.datasets.store import INVALID
from tts_gym.episode import votes
from tts_gym.episode.costs import row_of
from tts_gym.episode.state import REVEALED, TOKENS, WIDTH

HIDDEN = -1
"""Stands for the answer of an interval that was generated but not revealed."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
HIDDEN_MARK, INVALID_MARK, OTHER_MARK, FINISHED_MARK, PRUNED_MARK = "·?#|×"
LEGEND_ANSWERS = 8

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
"""Colours of the answers in the order in which the episode revealed them, from the top again when there are more."""

PAPER, EMPTY, UNSEEN, BROKEN, INK = (255, 255, 255), (244, 244, 244), (200, 200, 200), (115, 115, 115), (30, 30, 30)
PALE = 0.75
WIDEST, TALLEST, LARGEST_CELL, MARGIN = 960, 640, 24, 12


@dataclass(frozen=True)
class Picture:
    """What a picture shows.

    Attributes:
        question_id: the question.
        tokens: tokens spent.
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
    leader: int
    confidence: float
    votes: tuple[int, ...]
    texts: tuple[str, ...]
    invalid: int
    answers: tuple[tuple[int, ...], ...]
    finished: tuple[bool, ...]
    pruned: tuple[bool, ...]


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
    return Picture(
        question_id=question_id,
        tokens=int(state.count[TOKENS]),
        leader=votes.leader(state, pool),
        confidence=votes.confidence(state, pool),
        votes=tuple(votes.votes(state, pool).tolist()),
        texts=tuple(class_texts[state.class_of[code]] for code in codes),
        invalid=next((code for code in codes if state.class_of[code] == INVALID), -1),
        answers=tuple(tuple(revealed[i, : state.depths[i]].tolist()) for i in range(width)),
        finished=tuple(state.finished[:width].tolist()),
        pruned=tuple(state.pruned[:width].tolist()),
    )


def text(shown: Picture) -> Text:
    """The picture in letters: a header, a row a branch, a legend of the answers with most votes.

    ``·`` is an interval generated but not revealed and ``?`` an invalid answer; ``|`` ends a finished branch, ``×`` a
    pruned one.
    """
    page = Text(f"question {shown.question_id}  {shown.tokens:,} tokens  ", no_wrap=True, overflow="crop")
    if shown.leader < 0:
        page.append("no votes")
    else:
        page.append(f"leader {_mark(shown, shown.leader)}", _style(shown, shown.leader))
        page.append(f" with {shown.votes[shown.leader]} of {sum(shown.votes)} votes  confidence {shown.confidence:.3f}")
    for i, answers in enumerate(shown.answers):
        page.append(f"\n{i:>4} ")
        for code in answers:
            page.append(_mark(shown, code), _style(shown, code, shown.pruned[i]))
        page.append(FINISHED_MARK * shown.finished[i] + PRUNED_MARK * shown.pruned[i])
    ranking = sorted(range(len(shown.votes)), key=lambda code: -shown.votes[code])
    for place, code in enumerate(ranking[:LEGEND_ANSWERS]):
        page.append("  " if place else "\n     ")
        page.append(_mark(shown, code), _style(shown, code))
        page.append(f" = {shown.texts[code]}")
    return page


def rgb_array(shown: Picture, max_branches: int, longest: int) -> NDArray[np.uint8]:
    """The picture in colours; its size depends on ``max_branches`` and ``longest`` alone.

    The bar on top divides the votes among the answers; the line under it is as long as the confidence. Then there is a
    row a branch. Light grey is an interval generated but not revealed, dark grey an invalid answer; a finished branch
    is framed, a pruned one pale.

    Args:
        shown: the picture.
        max_branches: its rows.
        longest: the cells of a row, intervals.

    Returns:
        uint8 [height, width, 3].
    """
    wide = max(2, min(LARGEST_CELL, WIDEST // longest))
    tall = max(2, min(LARGEST_CELL, TALLEST // max_branches))
    right, top = MARGIN + wide * longest, 4 * MARGIN
    image = np.full((top + tall * max_branches + MARGIN, right + MARGIN, 3), PAPER, np.uint8)

    edges = MARGIN + np.cumsum([0, *shown.votes]) * (right - MARGIN) // max(1, sum(shown.votes))
    image[MARGIN : 2 * MARGIN + 4, MARGIN:right] = EMPTY
    for code, (left, end) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        image[MARGIN : 2 * MARGIN + 4, left:end] = _colour(shown, code)
    image[2 * MARGIN + 8 : 2 * MARGIN + 12, MARGIN : MARGIN + round(shown.confidence * (right - MARGIN))] = INK

    gap_x, gap_y = wide > 4, tall > 4
    for i in range(max_branches):
        low, high = top + i * tall, top + (i + 1) * tall - gap_y
        image[low:high, MARGIN:right] = EMPTY
        if i >= len(shown.answers):
            continue
        for k, code in enumerate(shown.answers[i]):
            left = MARGIN + k * wide
            image[low:high, left : left + wide - gap_x] = _colour(shown, code, shown.pruned[i])
        if shown.finished[i]:
            _frame(image[low:high, MARGIN : MARGIN + len(shown.answers[i]) * wide - gap_x], min(wide, tall) // 16 + 1)
    return image


def print_page(page: Text, replaced: int, frame_seconds: float) -> int:
    """Print a page, on a terminal in place of the last one.

    Args:
        page: what to print.
        replaced: lines of the last page; 0 before the first.
        frame_seconds: pause after it.

    Returns:
        Its lines.
    """
    console = Console(highlight=False)
    if console.is_terminal:
        for _ in range(replaced):
            console.control(Control((ControlType.CURSOR_UP, 1), (ControlType.ERASE_IN_LINE, 2)))
    console.print(page)
    if console.is_terminal:
        time.sleep(frame_seconds)
    return page.plain.count("\n") + 1


def _mark(shown: Picture, code: int) -> str:
    if code == HIDDEN:
        return HIDDEN_MARK
    if code == shown.invalid:
        return INVALID_MARK
    return LETTERS[code] if code < len(LETTERS) else OTHER_MARK


def _colour(shown: Picture, code: int, pale: bool = False) -> Colour:
    colour = UNSEEN if code == HIDDEN else BROKEN if code == shown.invalid else PALETTE[code % len(PALETTE)]
    if not pale:
        return colour
    red, green, blue = (round(PALE * 255 + (1 - PALE) * value) for value in colour)
    return red, green, blue


def _style(shown: Picture, code: int, dim: bool = False) -> str:
    red, green, blue = _colour(shown, code)
    return f"{'dim ' if dim else 'bold '}rgb({red},{green},{blue})"


def _frame(cells: NDArray[np.uint8], thickness: int) -> None:
    """Draw a frame of ``thickness`` pixels along the inside of ``cells``."""
    cells[:thickness] = cells[-thickness:] = INK
    cells[:, :thickness] = cells[:, -thickness:] = INK
