r"""Lists, sets, tuples, intervals, unions and matrices: what encloses parts, and which parts there are."""

from __future__ import annotations

import re
from typing import NamedTuple

OPENING, CLOSING = "([{", ")]}"
MATRIX = re.compile(r"\\begin ?\{([bpBvV]?matrix|array)\}(?: ?\{[lcr| ]*\})?(.*)\\end ?\{\1\}", re.DOTALL)
ROW_END = re.compile(r"\\\\(?: ?\[[^\]]*\])?")
UNION = re.compile(r" ?(?:\\cup(?![a-zA-Z])|(?<=[\])]) ?U ?(?=[\[(])) ?")
CONJUNCTION = re.compile(r",? +(?:and|or) +|,? *\\(?:wedge|vee)(?![a-zA-Z]) *| *; *")
ALTERNATIVE = re.compile(r",? +or +|,? *\\vee(?![a-zA-Z]) *")
OUTWARD = re.compile(r"([\[\]])([^\[\]]*)([\[\]])")
"""An interval with brackets that are turned outwards where an end does not belong to it."""

COMPARISON = re.compile(r"<|>|\\(?:le|ge)(?![a-z])")
PLUS_MINUS = re.compile(r"\\(?:pm|mp)(?![a-zA-Z])")


class Enclosed(NamedTuple):
    r"""A list.

    Attributes:
        brackets: what encloses it: "()", "[]", "(]", "[)", "{}", or nothing.
        parts: its parts, as they stand.
    """

    brackets: str
    parts: tuple[str, ...]


def split_top(text: str, separator: str = ",") -> list[str] | None:
    """The parts of ``text`` between separators that no bracket encloses; None where brackets do not match.

    Args:
        text: a formula, or several.
        separator: one character.
    """
    parts, depth, start = [], 0, 0
    for place, char in enumerate(text):
        if char in OPENING:
            depth += 1
        elif char in CLOSING:
            depth -= 1
            if depth < 0:
                return None
        elif char == separator and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    return None if depth else [*parts, text[start:].strip()]


def nesting(text: str) -> int:
    """How many brackets are open at most at a time."""
    deepest = depth = 0
    for char in text:
        depth += (char in OPENING) - (char in CLOSING)
        deepest = max(deepest, depth)
    return deepest


def read_list(text: str) -> Enclosed | None:
    r"""The list that ``text`` is, such as "(1, 2)", "\{1, 2\}" or "1, 2"; None where it is none.

    An enclosed list has at least two parts, but for a set, which may have one or none.
    """
    text = _turned_inwards(text)
    if text == r"\emptyset":
        return Enclosed("{}", ())
    plain = text.replace(r"\{", "{").replace(r"\}", "}")
    is_set = plain[:1] == "{" and (text[:1] == "\\" or len(split_top(plain[1:-1]) or ()) > 1)
    if plain[:1] in OPENING[: 3 if is_set else 2] and plain[-1:] in CLOSING[: 3 if is_set else 2] and len(plain) > 1:
        inner = text[1 + text.startswith("\\") : len(text) - 1 - text.endswith(r"\}")].strip()
        parts = split_top(inner, ";" if ";" in inner else ",")
        if parts is not None:
            if is_set:
                return Enclosed("{}", tuple(parts) if inner else ())
            if len(parts) > 1:
                return Enclosed(plain[0] + plain[-1], tuple(parts))
            return Enclosed("[]", tuple(parts)) if plain[0] + plain[-1] == "[]" and inner else None
    parts = split_top(CONJUNCTION.sub(", ", text))
    if parts is None or len(parts) < 2:
        return None
    parts = [part for part in parts if part]
    return Enclosed("", tuple(parts)) if len(parts) > 1 else None


def _turned_inwards(text: str) -> str:
    outward = OUTWARD.fullmatch(text)
    if outward is None:
        return text
    return ("(" if outward[1] == "]" else "[") + outward[2] + (")" if outward[3] == "[" else "]")


def read_union(text: str) -> tuple[str, ...] | None:
    """The members of a union; None where ``text`` is none."""
    parts = UNION.split(text)
    if len(parts) == 1 and COMPARISON.search(text):
        parts = ALTERNATIVE.split(text)
    return tuple(part.strip() for part in parts) if len(parts) > 1 and all(part.strip() for part in parts) else None


def read_matrix(text: str) -> tuple[tuple[str, ...], ...] | None:
    r"""The rows of a matrix in LaTeX or of nested square brackets, all of one length; None where ``text`` is none."""
    if match := MATRIX.fullmatch(text):
        if match[1].casefold() == "vmatrix":
            return None
        rows = [row for row in ROW_END.split(match[2].replace(r"\hline", "")) if row.strip()]
        cells = tuple(tuple(cell.strip() for cell in row.split("&")) for row in rows)
    else:
        if not (text.startswith("[[") and text.replace(" ", "").endswith("]]")):
            return None
        outer = split_top(text[1:-1])
        if outer is None or not all(row[:1] == "[" and row[-1:] == "]" for row in outer):
            return None
        cells = tuple(tuple(split_top(row[1:-1]) or ()) for row in outer)
    return cells if cells and len({len(row) for row in cells}) == 1 else None


def plus_minus(text: str) -> tuple[str, str] | None:
    r"""The two values of a formula with one ``\pm``, or with several that go together; None where there is none."""
    if not PLUS_MINUS.search(text):
        return None
    upper = PLUS_MINUS.sub(lambda match: "+" if match[0] == r"\pm" else "-", text)
    lower = PLUS_MINUS.sub(lambda match: "-" if match[0] == r"\pm" else "+", text)
    return upper.strip(), lower.strip()
