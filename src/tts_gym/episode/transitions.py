"""The transition kernels: what BRANCH, CONTINUE, PROBE and PRUNE do to one episode, and what they cost.

Each function takes an episode ``e`` with the fields of ``state.FIELDS`` and runs as it stands, compiled or in plain
Python. Two accounting rules share them (``setup[PUBLISHED]``); tokens are charged in ``charge`` and nowhere else.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tts_gym.datasets.store import INVALID
from tts_gym.episode import costs
from tts_gym.episode.actions import BRANCH, CONTINUE, END, PROBE, PRUNE, log_run, log_word, on_branch
from tts_gym.episode.state import (
    BUDGET,
    COMPLETED,
    COUNT_SIZE,
    EAGER,
    FIRST,
    INTERVAL,
    MAX_WIDTH,
    NO_BUDGET,
    PROBE_COST,
    PROBES,
    RECORDED,
    REVEALED,
    SEQUENTIAL,
    STEPS,
    TOKENS,
    WIDTH,
    kernel,
)


@kernel
def reset(e: Any, question: int) -> None:
    """Begin an episode of ``question``; the caller has set ``e.order`` and the rest of ``e.setup``.

    Args:
        e: the episode.
        question: index of the question in the store.
    """
    for code in range(e.count[REVEALED]):
        e.code_of[e.class_of[code]] = -1
    for place in range(COUNT_SIZE):
        e.count[place] = 0
    first = int(e.tables.branch_start[question])
    e.setup[FIRST] = first
    e.setup[RECORDED] = int(e.tables.branch_start[question + 1]) - first


@kernel
def check_branch(e: Any, i: int) -> None:
    """Refuse a branch that was never opened.

    Args:
        e: the episode.
        i: any integer.

    Raises:
        IndexError: it was never opened.
    """
    if i < 0 or i >= e.count[WIDTH]:
        raise IndexError("branch index out of range: this episode has not opened that branch")


@kernel
def charge(e: Any, tokens: int) -> None:
    """Spend ``tokens``: the one place where an episode's total grows.

    Args:
        e: the episode.
        tokens: what is spent; negative where a branch read whole costs less than was paid for it.
    """
    e.count[TOKENS] += tokens


@kernel
def end_step(e: Any, sequential: int) -> None:
    """Close a call that generated tokens; its longest branch lengthens the critical path by ``sequential`` tokens.

    Args:
        e: the episode.
        sequential: tokens that its longest branch generated.
    """
    log_word(e, END)
    e.count[SEQUENTIAL] += sequential
    e.count[STEPS] += 1


@kernel
def reveal(e: Any, i: int, position: int) -> None:
    """Show the answer at ``position`` of branch ``i``, numbering it if the episode has not seen it before.

    Args:
        e: the episode.
        i: index of an opened branch.
        position: of the answer among those of the branch, from 0; the answer at depth d is at d - 1.
    """
    answer = e.tables.answers[e.tables.answer_start[costs.row_of(e, i)] + position]
    if e.code_of[answer] < 0:
        e.code_of[answer] = e.count[REVEALED]
        e.class_of[e.count[REVEALED]] = answer
        e.count[REVEALED] += 1
    code = e.code_of[answer]
    e.streaks[i] = e.streaks[i] + 1 if e.codes[i] == code else 1
    e.invalids[i] += answer == INVALID
    e.codes[i] = code
    e.shown[i] = e.depths[i]


@kernel
def reach(e: Any, i: int, depth: int) -> None:
    """Put branch ``i`` at ``depth``, already paid for, and reveal what is seen there.

    Args:
        e: the episode.
        i: index of an opened branch.
        depth: advances that the branch has then received.
    """
    e.depths[i] = depth
    if depth == costs.last_depth(e, costs.row_of(e, i)):
        e.finished[i] = True
        e.completions[e.count[COMPLETED]] = i
        e.count[COMPLETED] += 1
        reveal(e, i, depth - 1)
    elif e.setup[EAGER]:
        e.count[PROBES] += 1
        reveal(e, i, depth - 1)


@kernel
def can_continue(e: Any, i: int) -> bool:
    """Whether branch ``i`` is active and unfinished, whatever its next interval costs.

    Args:
        e: the episode.
        i: index of an opened branch.
    """
    return not (e.finished[i] or e.pruned[i])


@kernel
def extend(e: Any, i: int, steps: int, whole: bool = False) -> int:
    """Advance branch ``i`` by as many of ``steps`` intervals as it has and the budget admits; return how many.

    If ``whole``, the branch is read to its end in one go, for which the published rules charge its length.

    Args:
        e: the episode.
        i: index of an opened branch.
        steps: intervals wanted; none are generated for 0 or fewer.
        whole: whether nobody looks at the answers on the way.
    """
    if not can_continue(e, i) or steps <= 0:
        return 0
    row, depth = costs.row_of(e, i), int(e.depths[i])
    wanted = depth + min(steps, costs.last_depth(e, row) - depth)
    return generate(e, i, row, depth, wanted, costs.cost_at(e, row, depth), whole)


@kernel
def generate(e: Any, i: int, row: int, depth: int, wanted: int, paid: int, whole: bool) -> int:
    """Take branch ``i`` from ``depth``, for which ``paid`` was charged, to ``wanted`` as far as the budget goes.

    Only where it is opened is a branch at depth 0 and something fits.

    Args:
        e: the episode.
        i: index of an opened branch.
        row: of the branch in the tables, see ``row_of``.
        depth: advances that the branch has received.
        wanted: advances to come to, at most ``costs.last_depth``.
        paid: tokens charged for the branch so far.
        whole: as for ``extend``.
    """
    target = wanted
    if e.setup[BUDGET] != NO_BUDGET:
        while target > depth and not costs.fits(e, costs.room_for(e, row, depth, target)):
            target -= 1
    if target > depth:
        reads_whole = whole and target == costs.last_depth(e, row)
        charge(e, (int(e.tables.tokens[row]) if reads_whole else costs.cost_at(e, row, target)) - paid)
        reach(e, i, target)
    begun = target - depth
    if target < wanted and costs.interval_fits(e):
        charge(e, (e.setup[BUDGET] - e.count[TOKENS]) // e.setup[INTERVAL] * e.setup[INTERVAL])
        begun += 1
    if begun > 0:
        log_run(e, on_branch(CONTINUE, i) if depth > 0 else BRANCH, begun, whole)
    return target - depth


@kernel
def open_branch(e: Any, whole: bool) -> bool:
    """Open the next recorded branch if one is left and the budget admits an interval.

    It goes through its first interval; or, if ``whole``, to its end without looking on the way, as far as the budget
    goes. Where the budget runs out in a first interval that would have finished it, it stays at depth 0.

    Args:
        e: the episode.
        whole: whether it is read to its end.
    """
    i = int(e.count[WIDTH])
    if i >= min(e.setup[RECORDED], e.setup[MAX_WIDTH]) or not costs.interval_fits(e):
        return False
    e.count[WIDTH] += 1
    e.depths[i] = 0
    e.codes[i] = -1
    e.streaks[i] = 0
    e.invalids[i] = 0
    e.shown[i] = 0
    e.finished[i] = False
    e.pruned[i] = False
    row = costs.row_of(e, i)
    generate(e, i, row, 0, costs.last_depth(e, row) if whole else 1, 0, whole)
    return True


@kernel
def open_branches(e: Any, n: int, whole: bool) -> int:
    """Open up to ``n`` branches in parallel; return the index of the first, -1 if none opened.

    Args:
        e: the episode.
        n: how many; none are opened for 0 or fewer.
        whole: whether each is read to its end.
    """
    first = int(e.count[WIDTH])
    longest = 0
    for _ in range(n):
        before = e.count[TOKENS]
        if not open_branch(e, whole):
            break
        longest = max(longest, e.count[TOKENS] - before)
    if e.count[WIDTH] == first:
        return -1
    end_step(e, longest)
    return first


@kernel
def branch(e: Any, n: int = 1) -> int:
    """See ``Episode.branch``."""
    return open_branches(e, n, False)


@kernel
def read(e: Any, n: int = 1) -> int:
    """See ``Episode.read``."""
    return open_branches(e, n, True)


@kernel
def advance(e: Any, i: int, k: int = 1) -> int:
    """See ``Episode.advance``."""
    check_branch(e, i)
    return _advance(e, i, k, False)


@kernel
def _advance(e: Any, i: int, steps: int, whole: bool) -> int:
    before = e.count[TOKENS]
    moved = extend(e, i, steps, whole)
    if moved > 0 or e.count[TOKENS] > before:
        end_step(e, e.count[TOKENS] - before)
    return moved


@kernel
def line_up(e: Any) -> int:
    """Fill ``e.scratch`` with the branches that can advance, deepest first, ties by index; return their number."""
    length = 0
    for i in range(e.count[WIDTH]):
        if can_continue(e, i):
            place = length
            while place > 0 and e.depths[e.scratch[place - 1]] < e.depths[i]:
                e.scratch[place] = e.scratch[place - 1]
                place -= 1
            e.scratch[place] = i
            length += 1
    return length


@kernel
def advance_each(e: Any, steps: Any) -> int:
    """See ``Episode.advance_each``."""
    if len(steps) < e.count[WIDTH]:
        raise ValueError("advance_each needs a number of intervals for every opened branch")
    longest = 0
    advanced = 0
    for place in range(line_up(e)):
        i = e.scratch[place]
        before = e.count[TOKENS]
        if extend(e, i, int(steps[i])) > 0:
            advanced += 1
        longest = max(longest, e.count[TOKENS] - before)
    if advanced > 0 or longest > 0:
        end_step(e, longest)
    return advanced


@kernel
def advance_all(e: Any, k: int = 1) -> int:
    """See ``Episode.advance_all``."""
    return advance_each(e, np.full(e.count[WIDTH], k))


@kernel
def finish(e: Any, i: int) -> bool:
    """See ``Episode.finish``."""
    check_branch(e, i)
    _advance(e, i, costs.last_depth(e, costs.row_of(e, i)), e.depths[i] <= 1)
    return bool(e.finished[i])


@kernel
def can_probe(e: Any, i: int) -> bool:
    """Whether branch ``i`` is active and its answer at its present depth is still hidden.

    Args:
        e: the episode.
        i: index of an opened branch.
    """
    return not e.pruned[i] and e.shown[i] < e.depths[i]


@kernel
def probe(e: Any, i: int) -> int:
    """See ``Episode.probe``."""
    check_branch(e, i)
    cost = e.setup[PROBE_COST]
    if can_probe(e, i) and costs.fits(e, cost):
        charge(e, cost)
        e.count[SEQUENTIAL] += cost
        e.count[PROBES] += 1
        log_word(e, on_branch(PROBE, i))
        reveal(e, i, int(e.depths[i]) - 1)
    return int(e.codes[i])


@kernel
def prune(e: Any, i: int) -> bool:
    """See ``Episode.prune``."""
    check_branch(e, i)
    if e.pruned[i]:
        return False
    e.pruned[i] = True
    log_word(e, on_branch(PRUNE, i))
    return True
