"""What becomes of text and numbers that come from a candidate: data, which is bounded and drives nothing."""

from __future__ import annotations

from typing import Any

LONGEST_REASON = 600
"""Characters of a reason why a candidate fails, which may show what it holds."""

LONGEST_FAILURE = 700
"""Characters of a failure, which is a category and a reason."""

LONGEST_NAME = 64
"""Characters of the name of a parameter."""

MOST_PARAMETERS = 64
"""Parameters that a schedule may have."""

MOST_NOTES = 500
"""Notes that are kept of an episode, the first."""

LONGEST_NOTE = 32
"""Characters of the name of a note."""

LARGEST = 2**63
"""Numbers are smaller than this, whatever their sign."""


def printable(text: str, longest: int) -> str:
    """``text`` as one line of at most ``longest`` characters of printable ASCII, with ? for each other character.

    Args:
        text: anything.
        longest: characters.
    """
    line = " ".join(text[: 8 * longest].split())[:longest]
    return "".join(character if " " <= character <= "~" else "?" for character in line)


def quoted(text: str, longest: int) -> str:
    """``printable`` text as code in Markdown, so that nothing in it is read as the page's own words.

    Args:
        text: anything.
        longest: characters between the quotation marks.
    """
    return "`" + printable(text, longest).replace("`", "'") + "`"


def printable_source(source: str) -> str:
    """``source`` line by line, with ? for what is not printable ASCII and no fence of a code block in it."""
    lines = ("".join(each if " " <= each <= "~" else "?" for each in line) for line in source.split("\n"))
    return "\n".join(lines).replace("```", "'''")


def is_number(value: Any) -> bool:
    """Whether ``value`` is a finite number of bounded size."""
    return type(value) in (bool, int, float) and abs(value) < LARGEST


def are_parameters(entry: Any) -> bool:
    """Whether ``entry`` gives parameters by their names."""
    return (
        isinstance(entry, dict)
        and len(entry) <= MOST_PARAMETERS
        and all(isinstance(name, str) and name.isascii() and name.isidentifier() for name in entry)
        and all(len(name) <= LONGEST_NAME for name in entry)
        and all(map(is_number, entry.values()))
    )
