"""The words of candidates: what may be called, with what, and what comes of it. There is no other list of them.

Only functions are here whose compiled form stays within its arrays, whatever it is given, and gives what plain Python
gives, if anything. Arrays have one dimension. What compiled code does not check has no word: arrays added in place,
``out=``, ``bincount``, repeated lists, memory that nobody has written.
"""

from __future__ import annotations

import inspect
from typing import NamedTuple

from tts_gym.episode.aggregation import CONFIDENT, LEARNED, WEIGHTED
from tts_gym.episode.methods import METHODS, PROPERTIES
from tts_gym.episode.state import NO_BUDGET
from tts_gym.episode.votes import ACTIVE, ALL, FINISHED

Kind = str | tuple["Kind", ...]
"""What an expression holds: one of the words below, or for a tuple those of its parts."""

NUMBER = "a number"
ARRAY = "an array"
LIST = "a list"
EPISODE = "the episode"
DICT = "a dict"
TEXT = "text"
TYPE = "a type"
ITEMS = "what a for goes through"
NOTHING = "nothing"

EITHER = "a number or an array"
"""As an argument: one of the two. As a result: an array if an argument is one."""

SEQUENCE = "an array, a list or a tuple"
"""As an argument, any of the three."""


class Signature(NamedTuple):
    """What a function takes and gives.

    Attributes:
        takes: kinds of its arguments by place.
        gives: kind of its result.
        needed: arguments that it cannot do without; None for all.
        names: of its arguments, where they may be given by name.
    """

    takes: tuple[str, ...]
    gives: str
    needed: int | None = None
    names: tuple[str, ...] = ()


_OF_NUMBER = Signature((NUMBER,), NUMBER)
_OF_NUMBERS = Signature((NUMBER, NUMBER), NUMBER)
_OF_EACH = Signature((EITHER,), EITHER)
_OF_EACH_TWO = Signature((EITHER, EITHER), EITHER)
_OF_ALL = Signature((ARRAY,), NUMBER)
_OF_ARRAY = Signature((ARRAY,), ARRAY)
_NEW = Signature((NUMBER, TYPE), ARRAY, 1)

POOLS = {
    "FINISHED": FINISHED,
    "ACTIVE": ACTIVE,
    "ALL": ALL,
    "WEIGHTED": WEIGHTED,
    "LEARNED": LEARNED,
    "CONFIDENT": CONFIDENT,
    "NO_BUDGET": NO_BUDGET,
}
"""Constants of the episode's interface."""

BUILTINS: dict[str, Signature] = {
    "abs": _OF_NUMBER,
    "bool": _OF_NUMBER,
    "enumerate": Signature((SEQUENCE, NUMBER), ITEMS, 1),
    "float": _OF_NUMBER,
    "int": _OF_NUMBER,
    "len": Signature((SEQUENCE,), NUMBER),
    "max": Signature((SEQUENCE,), NUMBER),
    "min": Signature((SEQUENCE,), NUMBER),
    "range": Signature((NUMBER, NUMBER, NUMBER), ITEMS, 1),
    "round": Signature((NUMBER, NUMBER), NUMBER, 1),
    "sum": Signature((SEQUENCE,), NUMBER),
    "zip": Signature((SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE), ITEMS, 1),
}
"""Functions of Python; ``max`` and ``min`` take two or more numbers as well."""

MODULES: dict[str, dict[str, Signature]] = {
    "math": {
        **dict.fromkeys(
            (
                "ceil", "cos", "erf", "erfc", "exp", "expm1", "floor", "gamma", "isfinite", "isinf", "isnan", "lgamma",
                "log", "log10", "log1p", "log2", "sin", "sqrt", "tan", "tanh", "trunc",
            ),
            _OF_NUMBER,
        ),
        **dict.fromkeys(("copysign", "hypot", "pow"), _OF_NUMBERS),
    },
    "np": {
        **dict.fromkeys(
            ("abs", "ceil", "exp", "floor", "isfinite", "isnan", "log", "log1p", "sign", "sqrt"),
            _OF_EACH,
        ),
        **dict.fromkeys(("maximum", "minimum"), _OF_EACH_TWO),
        **dict.fromkeys(
            (
                "all", "any", "argmax", "argmin", "count_nonzero", "max", "mean", "min", "prod", "std", "sum", "var",
            ),
            _OF_ALL,
        ),
        **dict.fromkeys(("cumsum", "sort", "unique"), _OF_ARRAY),
        **dict.fromkeys(("ones", "zeros"), _NEW),
        "arange": Signature((NUMBER,), ARRAY),
        "array": Signature((SEQUENCE, TYPE), ARRAY, 1),
        "full": Signature((NUMBER, NUMBER, TYPE), ARRAY, 2),
        "where": Signature((ARRAY, EITHER, EITHER), ARRAY),
    },
}  # fmt: skip
"""Functions of each module."""

CONSTANTS: dict[str, dict[str, str]] = {
    "math": dict.fromkeys(("e", "inf", "nan", "pi"), NUMBER),
    "np": {**dict.fromkeys(("inf", "nan", "pi"), NUMBER), **dict.fromkeys(("bool_", "float64", "int64"), TYPE)},
}
"""What is not called in each module: numbers and types of arrays."""

_OWN = Signature((), NUMBER)


def _of_episode(name: str) -> Signature:
    declared = list(inspect.signature(METHODS[name]).parameters.values())[1:]
    takes = tuple({"steps": SEQUENCE, "name": TEXT}.get(each.name, NUMBER) for each in declared)
    gives = {"note": NOTHING, "votes": ARRAY, "weighted_votes": ARRAY}.get(name, NUMBER)
    needed = sum(each.default is inspect.Parameter.empty for each in declared)
    return Signature(takes, gives, needed, tuple(each.name for each in declared))


MEMBERS: dict[str, dict[str, Signature]] = {
    ARRAY: {
        **dict.fromkeys(
            ("all", "any", "argmax", "argmin", "max", "mean", "min", "prod", "std", "sum", "var"),
            _OWN,
        ),
        **dict.fromkeys(("copy", "cumsum"), Signature((), ARRAY)),
        "astype": Signature((TYPE,), ARRAY),
        "fill": Signature((NUMBER,), NOTHING),
        "sort": Signature((), NOTHING),
    },
    LIST: {"append": Signature((NUMBER,), NOTHING), "pop": Signature((NUMBER,), NUMBER, 0)},
    EPISODE: {name: _of_episode(name) for name in METHODS},
}
"""Methods of each kind."""

ATTRIBUTES: dict[str, dict[str, Kind]] = {
    ARRAY: {"shape": (NUMBER,), "size": NUMBER},
    EPISODE: dict.fromkeys(PROPERTIES, NUMBER),
}
"""What is not called of each kind."""

RESERVED = (*POOLS, *BUILTINS, *MODULES, "PROGRAM")
"""Names that mean something already; the last one is that of a candidate that won."""
