"""What the advances of a branch cost, and whether a budget admits them.

What a budget admits depends on nothing that is not revealed, because a branch that has not ended has no length:

- An interval fits if Δ tokens fit, whatever the branch comes to need; it is charged what it generated, after the fact.
- The finishing advance goes on until the branch ends. Where its recording needs more than Δ tokens for that, each
  further interval must fit too. If the budget runs out before the end, what was generated is spent, and the branch
  stays unfinished where it was; nothing but a probe fits any more.
- Reading a branch whole is taking all of its advances: each must fit, and they stop where the next does not.
"""

from __future__ import annotations

from typing import Any

from tts_gym.episode.state import BUDGET, FIRST, INTERVAL, PUBLISHED, TOKENS, kernel


@kernel
def row_of(e: Any, i: int) -> int:
    """Row of opened branch ``i`` in the tables.

    Args:
        e: the episode.
        i: index of an opened branch.
    """
    return int(e.setup[FIRST] + e.order[i])


@kernel
def last_depth(e: Any, row: int) -> int:
    """Advances that finish the branch in ``row``: one a recorded probe, and the finishing one.

    Args:
        e: the episode.
        row: of the branch in the tables, see ``row_of``.
    """
    return int(e.tables.answer_start[row + 1] - e.tables.answer_start[row])


@kernel
def recorded_intervals(e: Any, i: int) -> int:
    """Intervals that opened branch ``i`` has generated and that end in a recorded probe.

    Args:
        e: the episode.
        i: index of an opened branch.
    """
    return int(min(e.depths[i], last_depth(e, row_of(e, i)) - 1))


@kernel
def signal_place(e: Any, row: int, interval: int) -> int:
    """Row of ``tables.signals`` that holds what was recorded for an interval of the branch in ``row``.

    Args:
        e: the episode.
        row: of the branch in the tables, see ``row_of``.
        interval: from 1, one that ends in a recorded probe.
    """
    return int(e.tables.answer_start[row] - row + interval - 1)


@kernel
def cost_at(e: Any, row: int, depth: int) -> int:
    """Tokens charged for the branch in ``row`` once it has received ``depth`` advances one by one.

    Args:
        e: the episode.
        row: of the branch in the tables, see ``row_of``.
        depth: advances, 0 to ``last_depth``.
    """
    length = int(e.tables.tokens[row])
    probes = last_depth(e, row) - 1
    generated = min(depth, probes) * int(e.setup[INTERVAL])
    if e.setup[PUBLISHED]:
        return max(generated, length) if depth > probes else generated
    return length if depth > probes else min(generated, length)


@kernel
def room_for(e: Any, row: int, depth: int, target: int) -> int:
    """Tokens that the budget must admit for the branch in ``row`` to go from ``depth`` to ``target``, further on.

    All but the last of these advances are charged before it begins; it needs room for the intervals that it generates.

    Args:
        e: the episode.
        row: of the branch in the tables, see ``row_of``.
        depth: advances that are paid for.
        target: advances to come to, more than ``depth`` and at most ``last_depth``.
    """
    interval = int(e.setup[INTERVAL])
    before = cost_at(e, row, target - 1)
    rest = int(e.tables.tokens[row]) - before if target == last_depth(e, row) else 0
    generating = interval if rest <= interval else -(-rest // interval) * interval
    return before - cost_at(e, row, depth) + generating


@kernel
def fits(e: Any, tokens: int) -> bool:
    """Whether the budget admits ``tokens`` more.

    Args:
        e: the episode.
        tokens: how many more than are spent.
    """
    return bool(e.count[TOKENS] + tokens <= e.setup[BUDGET])


@kernel
def interval_fits(e: Any) -> bool:
    """Whether the budget admits another interval of any branch."""
    return fits(e, int(e.setup[INTERVAL]))
