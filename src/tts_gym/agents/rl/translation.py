"""A program's episode in rounds: those that do, one after the other, what the log of its atomic actions tells."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from tts_gym.envs.rounds import ACTION, ALL_ROUNDS, round_mask, take_round
from tts_gym.episode import votes
from tts_gym.episode.actions import BRANCH, END, STOP, decode_action, spelled_out
from tts_gym.episode.recount import log_of
from tts_gym.episode.state import FIELDS, LOGGED, SHARED, WIDTH

FIRST = ("replace_1", "deepen_to_limit", "read_1", "open_4", "open_1", "give_up", "give_up_dissenter")
"""Rounds that are tried before others, so that what is shown in a situation does not depend on what comes later."""

ORDER = tuple(dict.fromkeys([*(getattr(ACTION, name) for name in FIRST), *range(STOP + 1, len(ALL_ROUNDS))]))
"""All rounds but STOP, as they are tried."""

CHANGED = sorted(set(FIELDS) - {"tables", "confidences", "setup", "order", *SHARED})
"""Fields that a round changes for good."""


def in_rounds(episode: Any, log: Sequence[int], number: int, pool: int, branch_tokens: float) -> list[int] | None:
    """The rounds that take an episode where the atomic actions of ``log`` take it, in the same order.

    Branches that a program opens in one call may be opened by several rounds: that costs the same tokens.

    Args:
        episode: an interpreted episode that has just begun, with room for the log.
        log: what the program did, see ``episode.actions``.
        number: of rounds that there are, STOP included.
        pool: whose votes count.
        branch_tokens: the store's mean branch length in tokens.

    Returns:
        Their numbers, without STOP; None if there are no such rounds.
    """
    actions, ends = _calls(log, 0)
    begun, _ = _calls(log_of(episode), 0)
    done = len(begun)
    if actions[:done] != begun:
        return None
    taken: list[int] = []
    mask = np.zeros(number, np.bool_)
    while done < len(actions):
        round_mask(episode, pool, mask)
        leader = votes.leader(episode, pool)
        for action in (each for each in ORDER if each < number and mask[each]):
            tried = _copy(episode)
            take_round(tried, action, leader, branch_tokens)
            new, _ = _calls(log_of(tried), episode.count[WIDTH])
            if done + len(new) in ends and new == actions[done : done + len(new)]:
                break
        else:
            return None
        taken.append(action)
        episode, done = tried, done + len(new)
    return taken


def _calls(log: Sequence[int], opened: int) -> tuple[list[int], set[int]]:
    """What a log tells but for the ends of calls, see ``spelled_out``, and after how much of it a round may end.

    ``opened`` is the number of branches before it.
    """
    actions: list[int] = []
    ends: set[int] = set()
    for word in spelled_out(log, opened):
        if word in (BRANCH, END):
            ends.add(len(actions))
        if word != END:
            actions.append(word)
        if word >= 0 and decode_action(word)[0] in ("probe", "prune"):
            ends.add(len(actions))
    return actions, ends


def _copy(episode: Any) -> Any:
    """An episode that goes on by itself, with a log of its own."""
    twin = copy(episode)
    for name in CHANGED:
        setattr(twin, name, getattr(episode, name).copy())
    twin.count[LOGGED] = 0
    return twin
