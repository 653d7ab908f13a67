"""The documentation of the environments, with tables made of the lists that they describe."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TypeVar

Documented = TypeVar("Documented", bound=type)


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, with columns of even width.

    Args:
        head: titles of the columns.
        rows: cells, one for each column.
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def documented(**parts: object) -> Callable[[Documented], Documented]:
    """Fill in the docstring of a class: ``{name}`` there stands for the part ``name``."""

    def fill(described: Documented) -> Documented:
        if described.__doc__ is not None:  # it is under python -OO
            described.__doc__ = inspect.cleandoc(described.__doc__).format(**parts)
        return described

    return fill
