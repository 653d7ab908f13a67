"""The picture of an episode in pixels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tts_gym.envs.rendering import INK, MARKS, PAPER, PRUNED_MARK, Colour, Picture, ink_on

WIDEST, TALLEST, NARROWEST, MARGIN = 1120, 768, 560, 12
"""Pixels that the cells of a row and the rows take at most, of the whole picture at least, and around it."""

WIDEST_CELL, TALLEST_CELL = 40, 24
TITLE, TEXT, SMALL, SMALLEST = 18, 15, 11, 9
"""Sizes of letters; cells too small for the last have none."""

GUTTER, HEADER = 28, 132
"""Pixels left of the cells, for the numbers of the branches, and above them."""

BAR, BAR_HEIGHT, LINE, LINE_HEIGHT, LEGEND, TICKS = 62, 18, 82, 4, 93, 117
"""Where the votes, the confidence, the answers and the numbers of the intervals stand, from the top."""

EMPTY, FAINT = (244, 244, 244), (130, 130, 130)
PALE = 0.72
"""How much of a pruned cell is paper."""


@dataclass(frozen=True)
class Layout:
    """Sizes of a picture, in pixels but for the first two, by which the others are settled.

    Attributes:
        rows: branches.
        columns: intervals.
    """

    rows: int
    columns: int

    @property
    def wide(self) -> int:
        """Width of a cell."""
        return max(2, min(WIDEST_CELL, WIDEST // (self.columns + 1)))

    @property
    def tall(self) -> int:
        """Height of a cell."""
        return max(2, min(TALLEST_CELL, TALLEST // self.rows))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture, both even, as videos need."""
        width = max(NARROWEST, 2 * MARGIN + GUTTER + self.wide * (self.columns + 1))
        height = HEADER + self.tall * self.rows + MARGIN
        return width + width % 2, height + height % 2

    @property
    def letters(self) -> int:
        """Size of the letters in the cells, 0 for none."""
        size = min(self.wide, self.tall) - 2
        return min(size, TEXT) if size >= SMALLEST else 0


def rgb_array(shown: Picture, max_branches: int, longest: int) -> NDArray[np.uint8]:
    """The picture in colours; its size depends on ``max_branches`` and ``longest`` alone.

    The bar divides the votes among the answers; the line under it is as long as the confidence. Then there is a row a
    branch. Light grey is an interval generated but not revealed, dark grey an invalid answer; a bar ends a finished
    branch and a cross a pruned one, whose cells are pale.

    Args:
        shown: the picture.
        max_branches: its rows.
        longest: the cells of a row, intervals.

    Returns:
        uint8 [height, width, 3].
    """
    layout = Layout(max_branches, longest)
    image = _frame(layout).copy()
    _draw_header(ImageDraw.Draw(image), shown, layout)
    pixels = np.array(image)
    cells = _cells(shown, layout)
    left = MARGIN + GUTTER
    pixels[HEADER : HEADER + cells.shape[0], left : left + cells.shape[1]] = cells
    return pixels


@lru_cache(maxsize=8)
def _frame(layout: Layout) -> Image.Image:
    """What every picture of a layout has: the meaning of the marks, and the numbers of branches and intervals."""
    image = Image.new("RGB", layout.size, PAPER)
    draw, font = ImageDraw.Draw(image), _font(SMALL)
    # Pillow's own font has no sign of multiplication.
    marks = MARKS.replace(PRUNED_MARK, "x")
    draw.text((layout.size[0] - MARGIN, MARGIN + 4), marks, FAINT, font, anchor="rt")
    for i in range(0, layout.rows, -(-SMALL // layout.tall)):
        middle = HEADER + i * layout.tall + layout.tall // 2
        draw.text((MARGIN + GUTTER - 6, middle), str(i), FAINT, font, anchor="rm")
    step = next(step for step in (1, 2, 5, 10, 20) if step * layout.wide >= 3 * SMALL)
    for interval in sorted({1, *range(step, layout.columns + 1, step)}):
        middle = MARGIN + GUTTER + (interval - 1) * layout.wide + layout.wide // 2
        draw.text((middle, TICKS), str(interval), FAINT, font, anchor="mt")
    return image


def _draw_header(draw: ImageDraw.ImageDraw, shown: Picture, layout: Layout) -> None:
    right = layout.size[0] - MARGIN
    draw.text((MARGIN, MARGIN), shown.title, INK, _font(TITLE))
    draw.text((MARGIN, MARGIN + 25), shown.status, INK, _font(TEXT))
    draw.rectangle((MARGIN, BAR, right - 1, BAR + BAR_HEIGHT - 1), EMPTY)
    edges = MARGIN + np.cumsum([0, *shown.votes]) * (right - MARGIN) // max(1, sum(shown.votes))
    for code, (left, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
        if end > left:
            colour = shown.colour(code)
            draw.rectangle((left, BAR, end - 1, BAR + BAR_HEIGHT - 1), colour)
            if end - left > TEXT:
                middle = ((left + end) // 2, BAR + BAR_HEIGHT // 2)
                draw.text(middle, shown.letter(code), ink_on(colour), _font(TEXT - 2), anchor="mm")
    confident = MARGIN + round(shown.confidence * (right - MARGIN))
    if confident > MARGIN:
        draw.rectangle((MARGIN, LINE, confident - 1, LINE + LINE_HEIGHT - 1), INK)
    _draw_legend(draw, shown, right)


def _draw_legend(draw: ImageDraw.ImageDraw, shown: Picture, right: int) -> None:
    """The answers with most votes, as many as there is room for."""
    left, font = MARGIN, _font(TEXT - 2)
    for code, text in shown.legend:
        words = f"= {text}"
        end = left + 22 + round(font.getlength(words))
        if end > right:
            break
        draw.rectangle((left, LEGEND, left + 15, LEGEND + 15), shown.colour(code))
        draw.text((left + 8, LEGEND + 8), shown.letter(code), ink_on(shown.colour(code)), font, anchor="mm")
        draw.text((left + 20, LEGEND + 8), words, INK, font, anchor="lm")
        left = end + 12


def _cells(shown: Picture, layout: Layout) -> NDArray[np.uint8]:
    """All cells, uint8 [rows * tall, (columns + 1) * wide, 3]; behind the last interval is room for the mark of an end.

    Few kinds of cells are many times there: each is drawn once.
    """
    blank = _tile(layout, EMPTY, "", EMPTY)
    tiles = [blank, _tile(layout, PAPER, "", PAPER)]
    kinds: dict[tuple[int, bool], int] = {}
    places = np.zeros((layout.rows, layout.columns + 1), np.intp)
    places[:, -1] = 1
    for i, answers in enumerate(shown.answers):
        pruned = shown.pruned[i]
        for k, code in enumerate(answers):
            kind = (code, pruned)
            if kind not in kinds:
                kinds[kind] = len(tiles)
                ground = shown.colour(code)
                ink = ink_on(ground)
                if pruned:
                    ground, ink = _faded(ground), FAINT
                tiles.append(_tile(layout, ground, shown.letter(code), ink))
            places[i, k] = kinds[kind]
        if shown.finished[i] or pruned:
            places[i, len(answers)] = len(tiles)
            tiles.append(_end(layout, shown.finished[i], pruned, EMPTY if len(answers) < layout.columns else PAPER))
    drawn = np.stack(tiles)[places].swapaxes(1, 2)
    return drawn.reshape(layout.rows * layout.tall, -1, 3)


@lru_cache(maxsize=1024)
def _tile(layout: Layout, ground: Colour, letter: str, ink: Colour) -> NDArray[np.uint8]:
    """A cell, with a gap to its neighbours where it is large enough, uint8 [tall, wide, 3]."""
    image = Image.new("RGB", (layout.wide, layout.tall), PAPER)
    draw = ImageDraw.Draw(image)
    right, low = layout.wide - 1 - (layout.wide > 4), layout.tall - 1 - (layout.tall > 4)
    draw.rectangle((0, 0, right, low), ground)
    if letter and layout.letters:
        draw.text(((right + 1) / 2, (low + 1) / 2), letter, ink, _font(layout.letters), anchor="mm")
    return np.asarray(image)


@lru_cache(maxsize=1024)
def _end(layout: Layout, finished: bool, pruned: bool, ground: Colour) -> NDArray[np.uint8]:
    """The cell behind the last one of a branch that is finished, pruned or both, uint8 [tall, wide, 3]."""
    image = Image.fromarray(_tile(layout, ground, "", INK).copy())
    draw = ImageDraw.Draw(image)
    thick = max(1, layout.tall // 6)
    low = layout.tall - 1 - (layout.tall > 4)
    if finished:
        draw.rectangle((0, 0, thick, low), INK)
    if pruned:
        size = min(layout.wide - thick - 3, layout.tall - 4, 12)
        left, top = thick + 2, (low - size) // 2
        for start, end in (((left, top), (left + size, top + size)), ((left, top + size), (left + size, top))):
            draw.line((start, end), INK, max(1, thick // 2))
    return np.asarray(image)


def _faded(colour: Colour) -> Colour:
    red, green, blue = (round(PALE * 255 + (1 - PALE) * value) for value in colour)
    return red, green, blue


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
