"""What one ``TTSWidthDepth-v1`` does in compiled code: begin an episode, take an action, tell what is admissible."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.atomic import act, action_mask, answer_at, open_first
from tts_gym.envs.draws import begin_episode, draw_price
from tts_gym.envs.observation import observe
from tts_gym.envs.reward import Terms
from tts_gym.episode.actions import STOP
from tts_gym.episode.compile_cache import compile_cached
from tts_gym.episode.compiled import borrow
from tts_gym.episode.state import TOKENS


def begin(
    owner: Any,
    stream: NDArray[np.int64],
    question: int,
    order: NDArray[np.int64],
    terms: Terms,
    pool: int,
    branch_tokens: float,
    longest: int,
    branches: NDArray[np.float32],
    summary: NDArray[np.float32],
    mask: NDArray[np.int8],
) -> tuple[float, int]:
    """Begin an episode.

    Args:
        owner: the episode.
        stream: int64 [STREAM_SIZE], random numbers.
        question: index of its question.
        order: int64 [recorded branches], the branch order; empty if it is drawn.
        terms: what the environment was made with.
        pool: whose votes count.
        branch_tokens: the store's mean branch length in tokens.
        longest: intervals of the store's longest branch.
        branches: where the features of branches go, [max_branches, features].
        summary: where ``SUMMARY_FEATURES`` go, [features].
        mask: where goes what is admissible, [actions].

    Returns:
        Price of its tokens, and those spent so far.
    """
    e = borrow(owner)
    begin_episode(e, stream, question, order)
    weight = draw_price(stream, terms.low, terms.high)
    open_first(e, terms.initial_width)
    observe(e, pool, branch_tokens, longest, branches, summary)
    action_mask(e, mask)
    return weight, int(e.count[TOKENS])


def advance(
    owner: Any,
    action: int,
    terms: Terms,
    pool: int,
    branch_tokens: float,
    longest: int,
    branches: NDArray[np.float32],
    summary: NDArray[np.float32],
    mask: NDArray[np.int8],
) -> tuple[bool, int, int]:
    """Take an action.

    Args:
        owner: the episode.
        action: the action.
        terms: how far CONTINUE advances, and how STOP answers.
        pool: whose votes count.
        branch_tokens: the store's mean branch length in tokens.
        longest: intervals of the store's longest branch.
        branches: where the features of branches go, [max_branches, features].
        summary: where ``SUMMARY_FEATURES`` go, [features].
        mask: where goes what is admissible then, [actions].

    Returns:
        Whether it was admissible, the tokens spent so far, and the class that STOP answers with.
    """
    e = borrow(owner)
    taken = act(e, action, terms.stride)
    observe(e, pool, branch_tokens, longest, branches, summary)
    action_mask(e, mask)
    return taken, int(e.count[TOKENS]), answer_at(e, STOP, terms.aggregator, branch_tokens)


def fill_mask(owner: Any, mask: NDArray[np.bool_]) -> None:
    """Tell what is admissible.

    Args:
        owner: the episode.
        mask: where to write, [actions].
    """
    action_mask(borrow(owner), mask)


begin_compiled = compile_cached(begin)
advance_compiled = compile_cached(advance)
fill_mask_compiled = compile_cached(fill_mask)
