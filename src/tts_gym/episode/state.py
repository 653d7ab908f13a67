"""One episode's state: the fields every substrate has, and the names of the places in its two integer arrays.

The same kernels (``transitions``, ``votes``) read and write any object that has ``FIELDS``: the plain
``ReplayEpisode``, the compiled one, or one row of many episodes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba.extending import register_jitable

FIELDS = (
    "tables",  # datasets.Tables, read-only
    "confidences",  # float64 [max width + 1, max width + 1], see votes.confidence_table
    "setup",  # int64, what stays fixed during an episode, see below
    "order",  # int64 [recorded branches], recorded branch of each opened one
    "count",  # int64, what changes during an episode, see below
    "depths",  # int32 [max width], intervals generated (K + 1 when finished)
    "codes",  # int32 [max width], latest revealed answer, -1 before the first
    "shown",  # int32 [max width], depth at which that answer was revealed
    "streaks",  # int32 [max width], consecutive reveals of that answer
    "invalids",  # int32 [max width], invalid answers revealed
    "finished",  # bool [max width]
    "pruned",  # bool [max width]
    "completions",  # int32 [max width], finished branches in order of completion
    "code_of",  # int32 [classes], answer code of a class, -1 while unrevealed
    "class_of",  # int32 [classes], class of an answer code
    "tally",  # int32 [classes], all zero between calls
    "scratch",  # int32 [max width], of no meaning between calls
    "log",  # int32, what was done, see actions; of length 0 where it is not kept
)

SHARED = ("tables", "confidences", "tally", "scratch", "log")
"""Fields of which many episodes side by side need only one; of the others each has a row."""

FIRST, RECORDED, MAX_WIDTH, INTERVAL, BUDGET, PROBE_COST, PUBLISHED, EAGER, SETUP_SIZE = range(9)
"""Places in ``setup``: first table row of the question, its recorded branches, the width ceiling, Δ (tokens), the
budget (tokens), the cost of a probe (tokens), whether the published rules hold, whether an advance shows its answer."""

WIDTH, TOKENS, SEQUENTIAL, COMPLETED, REVEALED, PROBES, STEPS, LOGGED, COUNT_SIZE = range(9)
"""Places in ``count``: opened branches, total tokens, sequential tokens, finished branches, distinct answers revealed,
probes read, calls that generated tokens, words that the log has come to, kept or not."""

NO_BUDGET = 2**62
"""The budget, in tokens, of an episode that has none."""

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Make ``function`` callable from compiled code, and leave it the plain function it is in Python."""
    register_jitable(forceinline=True)(function)
    return function
