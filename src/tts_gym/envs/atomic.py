"""The atomic actions on an episode: which of them have an effect, and taking one."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from tts_gym.episode import costs, transitions
from tts_gym.episode.actions import BRANCH, CONTINUE, PROBE, PRUNE, STOP, decode_action, on_branch
from tts_gym.episode.aggregation import aggregate
from tts_gym.episode.state import BUDGET, INTERVAL, MAX_WIDTH, NO_BUDGET, PROBE_COST, RECORDED, WIDTH, kernel


@kernel
def admissible(e: Any, action: int) -> bool:
    """Whether an action is STOP or would change the episode.

    Args:
        e: the episode.
        action: the action, see ``episode.actions``.
    """
    width = e.count[WIDTH]
    if action == STOP:
        return True
    if action == BRANCH:
        left = width < min(e.setup[RECORDED], e.setup[MAX_WIDTH])
        return left and costs.interval_fits(e)
    i, kind = (action - 2) // 3, (action - 2) % 3
    if i >= width:
        return False
    if kind == CONTINUE:
        return transitions.can_continue(e, i) and costs.interval_fits(e)
    if kind == PROBE:
        return transitions.can_probe(e, i) and costs.fits(e, int(e.setup[PROBE_COST]))
    return not e.pruned[i]


@kernel
def action_mask(e: Any, mask: NDArray[Any]) -> None:
    """Tell which actions are admissible.

    Args:
        e: the episode.
        mask: where to write, [actions].
    """
    mask[STOP] = True
    mask[BRANCH] = admissible(e, BRANCH)
    width = e.count[WIDTH]
    for i in range(width):
        _mask_branch(e, i, mask)
    mask[on_branch(CONTINUE, width) :] = False


@kernel
def _mask_branch(e: Any, i: int, mask: NDArray[Any]) -> None:
    for kind in (CONTINUE, PROBE, PRUNE):
        mask[on_branch(kind, i)] = admissible(e, on_branch(kind, i))


@kernel
def update_mask(e: Any, i: int, mask: NDArray[Any]) -> None:
    """Bring a mask up to date after an action on one branch alone, or the one that opened it.

    Args:
        e: the episode.
        i: the branch.
        mask: what ``action_mask`` wrote, [actions].
    """
    if e.setup[BUDGET] != NO_BUDGET:
        action_mask(e, mask)
    else:
        mask[BRANCH] = admissible(e, BRANCH)
        _mask_branch(e, i, mask)


@kernel
def act(e: Any, action: int, stride: int = 1) -> bool:
    """Take an action if it is admissible; STOP leaves the episode as it is.

    Args:
        e: the episode.
        action: the action.
        stride: intervals that CONTINUE advances by, where so many are left and fit the budget.

    Returns:
        Whether it was.
    """
    taken = admissible(e, action)
    if taken and action != STOP:
        take(e, action, stride)
    return taken


@kernel
def take(e: Any, action: int, stride: int = 1) -> int:
    """Take an action.

    Args:
        e: the episode.
        action: the action, which is admissible and not STOP.
        stride: intervals that CONTINUE advances by, where so many are left and fit the budget.

    Returns:
        The branch that it changed.
    """
    if action == BRANCH:
        return transitions.branch(e, 1)
    i, kind = (action - 2) // 3, (action - 2) % 3
    if kind == CONTINUE:
        transitions.advance(e, i, stride)
    elif kind == PROBE:
        transitions.probe(e, i)
    else:
        transitions.prune(e, i)
    return i


@kernel
def open_first(e: Any, number: int) -> None:
    """Open the branches that an episode begins with, as far as they are recorded and fit the budget.

    Args:
        e: the episode, which has just begun.
        number: how many.
    """
    for _ in range(number):
        if admissible(e, BRANCH):
            take(e, BRANCH)


@kernel
def answer_at(e: Any, action: int, aggregator: int, branch_tokens: float) -> int:
    """What an episode answers.

    Args:
        e: the episode.
        action: the action; only STOP answers.
        aggregator: how it answers, one of ``aggregation.AGGREGATORS``.
        branch_tokens: the store's mean branch length in tokens.

    Returns:
        A class, -1 for none.
    """
    answer = aggregate(e, aggregator, max(1.0, branch_tokens / e.setup[INTERVAL])) if action == STOP else -1
    return int(e.class_of[answer]) if answer >= 0 else -1


def refusal(e: Any, action: int) -> str:
    """Why an action is not admissible, in Python only.

    Args:
        e: the episode.
        action: the action.
    """
    kind, i = decode_action(action)
    if i is None:
        left = e.count[WIDTH] < min(e.setup[RECORDED], e.setup[MAX_WIDTH])
        return "its first interval exceeds the budget" if left else "no branch is left to open"
    if i >= e.count[WIDTH]:
        return "the branch is not opened"
    if e.pruned[i]:
        return "the branch is pruned"
    if kind == "continue":
        return "the branch is finished" if e.finished[i] else "the next interval exceeds the budget"
    return "the probe exceeds the budget" if transitions.can_probe(e, i) else "the present answer is shown already"
