"""The atomic actions of the decision process (arXiv 2605.08083, section 2) as integers, and logs of them.

0 is STOP, 1 is BRANCH, and branch ``i`` has three: ``2 + 3 i`` CONTINUE, ``3 + 3 i`` PROBE, ``4 + 3 i`` PRUNE. The
number of an action does not depend on how many branches an environment allows.

A log is made of words, int32. The number of an action says that it was taken. A negative word after BRANCH or CONTINUE
says how it went on in one go: where ``-word`` is ``2 times + whole``, the branch began ``times`` intervals, and if
``whole`` it was to be read to its end without a look on the way. Without that word it began one, and no. END closes a
call that generated tokens. Each action in a log changed the episode, so that none is longer than its recorded intervals
allow (``recount.longest_log``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tts_gym.episode.state import LOGGED, kernel

STOP = 0
BRANCH = 1
CONTINUE, PROBE, PRUNE = 0, 1, 2

END = STOP
"""The word that closes a call: the end of a log needs none."""

WHOLE = -1
"""What ``spelled_out`` tells of a branch that was to be read to its end without a look on the way."""

_KINDS = ("continue", "probe", "prune")


def action_count(max_branches: int) -> int:
    """Number of atomic actions of an environment with ``max_branches`` branches."""
    return 2 + 3 * max_branches


@kernel
def on_branch(kind: int, branch: int) -> int:
    """Number of the action ``kind`` (CONTINUE, PROBE or PRUNE) on ``branch``.

    Args:
        kind: CONTINUE, PROBE or PRUNE.
        branch: index of the branch, 0 or more.
    """
    return 2 + 3 * branch + kind


@kernel
def run_word(times: int, whole: bool) -> int:
    """The word after an action with which a branch began ``times`` intervals.

    Args:
        times: intervals, 1 or more.
        whole: whether the branch was to be read to its end without a look on the way.
    """
    return -(2 * times + whole)


@kernel
def log_word(e: Any, word: int) -> None:
    """Add ``word`` to the log, where it is kept.

    Args:
        e: the episode.
        word: as an int32 holds it.
    """
    if e.count[LOGGED] < len(e.log):
        e.log[e.count[LOGGED]] = word
    e.count[LOGGED] += 1


@kernel
def log_run(e: Any, action: int, times: int, whole: bool) -> None:
    """Note that a branch began ``times`` intervals with ``action`` in one go, to be read to its end if ``whole``.

    Args:
        e: the episode.
        action: BRANCH, or the number of CONTINUE on the branch.
        times: intervals, 1 or more.
        whole: as for ``run_word``.
    """
    log_word(e, action)
    if times > 1 or whole:
        log_word(e, run_word(times, whole))


def atomic_actions(log: Sequence[int]) -> Iterator[int]:
    """The atomic actions of a log that the kernels wrote, one by one, without the ends of calls."""
    return (word for word in spelled_out(log) if word not in (END, WHOLE))


def spelled_out(log: Sequence[int], opened: int = 0) -> Iterator[int]:
    """What a log tells, one by one: atomic actions, ``END``, and ``WHOLE`` behind those of a branch read whole.

    Args:
        log: words that the kernels wrote.
        opened: branches that were open before it.
    """
    again = BRANCH
    for word in map(int, log):
        if word < 0:
            times, whole = divmod(-word, 2)
            yield from (again,) * (times - 1)
            yield from (WHOLE,) * whole
        elif word == BRANCH:
            again = on_branch(CONTINUE, opened)
            opened += 1
            yield word
        else:
            again = word
            yield word


def encode_action(kind: str, branch: int | None = None) -> int:
    """Number of an atomic action.

    Args:
        kind: "stop", "branch", "continue", "probe" or "prune".
        branch: index of the branch, for the last three.

    Raises:
        ValueError: for an unknown kind, or a branch that is missing, negative, or given where there is none.
    """
    if kind in ("stop", "branch"):
        if branch is not None:
            raise ValueError(f"Action {kind!r} takes no branch, but got branch {branch}.")
        return STOP if kind == "stop" else BRANCH
    if kind not in _KINDS:
        raise ValueError(f"Unknown action {kind!r}: use stop, branch, continue, probe or prune.")
    if branch is None or branch < 0:
        raise ValueError(f"Action {kind!r} needs the index of a branch, 0 or more, but got {branch}.")
    return on_branch(_KINDS.index(kind), branch)


def decode_action(action: int) -> tuple[str, int | None]:
    """Kind and branch of an atomic action, the inverse of ``encode_action``.

    Raises:
        ValueError: for a negative number.
    """
    if action < 0:
        raise ValueError(f"An action is 0 or more, but got {action}.")
    if action in (STOP, BRANCH):
        return ("stop" if action == STOP else "branch"), None
    branch, kind = divmod(int(action) - 2, 3)
    return _KINDS[kind], branch
