"""What an environment in a row owes, whatever its actions are: from the beginning of an episode to its end."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.atomic import answer_at, open_first
from tts_gym.envs.draws import draw_price
from tts_gym.envs.reward import Terms, answer_reward, token_reward
from tts_gym.envs.rows import Rows, Stores
from tts_gym.episode.actions import STOP
from tts_gym.episode.grading import is_right
from tts_gym.episode.state import TOKENS, kernel

NOTHING = -1
"""In place of an action that is not admissible."""


@kernel
def open_account(e: Any, rows: Rows, n: int, terms: Terms) -> None:
    """Draw the price of an episode, and open the branches that it begins with.

    Args:
        e: the episode, which has just begun.
        rows: the environments.
        n: which one.
        terms: what is open, and what tokens may cost.
    """
    rows.weights[n] = draw_price(rows.streams[n], terms.low, terms.high)
    open_first(e, terms.initial_width)
    rows.tokens[n] = e.count[TOKENS]
    rows.charged[n], rows.earned[n], rows.misses[n] = 0, 0.0, 0


@kernel
def heed(rows: Rows, n: int, action: int, terms: Terms, rewards: NDArray[np.float64]) -> int:
    """Read an action: itself, ``NOTHING`` if it is not admissible, or STOP if too many were not.

    Args:
        rows: the environments.
        n: which one.
        action: the action.
        terms: what is earned.
        rewards: float64 [environments], where that of an inadmissible action goes.
    """
    if rows.masks[n, action]:
        rows.misses[n] = 0
        return action
    rewards[n] = terms.invalid_reward
    rows.misses[n] += 1
    return STOP if rows.misses[n] == terms.patience else NOTHING


@kernel
def charge(e: Any, stores: Stores, rows: Rows, n: int, terms: Terms, rewards: NDArray[np.float64]) -> None:
    """Reward an action that was taken and does not end the episode.

    Args:
        e: the episode.
        stores: the stores.
        rows: the environments.
        n: which one.
        terms: what is earned.
        rewards: float64 [environments], where the reward goes.
    """
    _charge_tokens(e, stores, rows, n, rewards)
    if terms.shaped:
        right = is_right(stores.grading, _place(stores, rows, n), _answer(e, stores, rows, n, terms))
        rewards[n] += answer_reward(right, rows.earned[n])
        rows.earned[n] = right


@kernel
def settle(e: Any, stores: Stores, rows: Rows, n: int, terms: Terms, rewards: NDArray[np.float64]) -> int:
    """End an episode with its answer.

    Args:
        e: the episode.
        stores: the stores.
        rows: the environments.
        n: which one.
        terms: how it is answered.
        rewards: float64 [environments], where the reward goes.

    Returns:
        Class of the answer, -1 for none.
    """
    _charge_tokens(e, stores, rows, n, rewards)
    answer = _answer(e, stores, rows, n, terms)
    rows.right[n] = is_right(stores.grading, _place(stores, rows, n), answer)
    rows.stopped[n] = True
    rewards[n] += answer_reward(rows.right[n], rows.earned[n])
    return answer


@kernel
def _charge_tokens(e: Any, stores: Stores, rows: Rows, n: int, rewards: NDArray[np.float64]) -> None:
    """Charge what was spent since the last time."""
    spent = e.count[TOKENS] - rows.charged[n]
    rewards[n] += token_reward(rows.weights[n], spent, stores.branch_tokens[rows.numbers[n]])
    rows.tokens[n] = rows.charged[n] = e.count[TOKENS]


@kernel
def _answer(e: Any, stores: Stores, rows: Rows, n: int, terms: Terms) -> int:
    """Class of what STOP answers."""
    return answer_at(e, STOP, terms.aggregator, stores.branch_tokens[rows.numbers[n]])


@kernel
def _place(stores: Stores, rows: Rows, n: int) -> int:
    """Place of the question in the grading of all stores."""
    return int(stores.first[rows.numbers[n]] + rows.questions[n])
