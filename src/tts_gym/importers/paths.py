"""Values at the places of a row that paths such as ``choices[].message.content`` name."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping, Sequence
from math import isfinite
from reprlib import repr as short
from typing import Any

from tts_gym.errors import SourceError

EACH = "[]"
"""Ends a part of a path whose value is a list, each of whose elements is meant."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""What JSON can spell and no file of text can hold."""


def value_at(row: Any, path: str, place: str) -> Any:
    """The value at ``path``, a list where a part of it ends in ``[]``; None where there is none.

    Args:
        row: an object.
        path: a column, or columns of columns with dots between. A list may be written as JSON in a text.
        place: what error messages call the row.

    Raises:
        SourceError: what should be a list is none.
    """
    if isinstance(row, Mapping) and path in row:
        return row[path]
    name, _, rest = path.partition(".")
    if not isinstance(row, Mapping) or (value := row.get(name.removesuffix(EACH))) is None:
        return None
    if not name.endswith(EACH):
        return value_at(value, rest, place) if rest else value
    items = _parsed(value) if isinstance(value, str) else value
    if not isinstance(items, list):
        raise SourceError(f"{place}: {name.removesuffix(EACH)} is {short(value)}; it must be a list.")
    return items if not rest else [value_at(item, rest, place) for item in items]


def column_of(columns: Container[str], given: str | None, usual: Sequence[str]) -> str | None:
    """The column that holds something: the one given, or the first of the usual ones that there are.

    Args:
        columns: what there are.
        given: what the user said.
        usual: what it is usually called.
    """
    return given or next((name for name in usual if name in columns), None)


def text_of(value: Any, what: str) -> str | None:
    """A text, None where there is none; numbers become text.

    Args:
        value: from a row.
        what: what error messages call it.

    Raises:
        SourceError: it is neither.
    """
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise SourceError(f"{what} is {short(value)}; it must be text.")
    return LONE_SURROGATE.sub("\ufffd", value)


def texts_of(value: Any, what: str) -> tuple[str, ...]:
    """The texts of a list, or of what is one text; what is empty is left out.

    Args:
        value: from a row.
        what: what error messages call it.

    Raises:
        SourceError: an element is no text.
    """
    found = [text_of(item, what) for item in (value if isinstance(value, list) else [value])]
    return tuple(text for text in found if text is not None and text.strip())


def count_of(value: Any, what: str) -> int | None:
    """A number of tokens, None where there is none.

    Args:
        value: from a row; a text that spells a number is one.
        what: what error messages call it.

    Raises:
        SourceError: it is no whole number of at least 0.
    """
    if value is None or value == "" or value != value:
        return None
    try:
        if isinstance(value, bool) or int(value) != float(value) or int(value) < 0:
            raise ValueError
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise SourceError(f"{what} is {short(value)}; it must be a whole number of tokens.") from error


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
