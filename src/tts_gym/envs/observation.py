"""What a policy sees of an episode: two blocks of numbers in [0, 1], made of revealed information only.

``s(x, h)`` in the descriptions stands for ``x / (x + h)``: 0 at 0, one half at ``h``, below 1 however large ``x`` is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from tts_gym.envs.features import feature_space, places, with_mask
from tts_gym.episode import costs, transitions, votes
from tts_gym.episode.actions import action_count
from tts_gym.episode.log_probability import is_recorded, mean_log_probability
from tts_gym.episode.state import BUDGET, COMPLETED, MAX_WIDTH, NO_BUDGET, RECORDED, REVEALED, TOKENS, WIDTH, kernel

BRANCH_FEATURES = {
    "opened": "1; every feature of a branch that is not opened is 0",
    "active": "1 unless pruned",
    "finished": "1 if the branch reached its end",
    "depth": "intervals generated / intervals of the store's longest branch",
    "relative_depth": "intervals generated / intervals of the deepest opened branch",
    "tokens": "s(tokens charged for its intervals, the store's mean branch length)",
    "hidden": "1 if the answer at its present depth could be probed",
    "answered": "1 if an answer was revealed",
    "valid": "1 if the latest revealed answer is valid",
    "leading": "1 if that answer is the leader of the pool",
    "second": "1 if that answer is the runner-up of the pool",
    "support": "share of the pool's votes for that answer",
    "streak": "s(times in a row that it was revealed, 8)",
    "age": "s(intervals generated since it was revealed, 8)",
}
"""Columns of the observation ``branches``."""

SIGNAL_FEATURES = {
    "recorded": "1 if the store records the mean log-probability of its tokens",
    "doubt": "s(-mean log-probability of its tokens, 0.2 nats); 0 if it is not recorded",
}
"""What follows them where signals are shown."""

ALL_BRANCH_FEATURES = {**BRANCH_FEATURES, **SIGNAL_FEATURES}

SUMMARY_FEATURES = {
    "width": "opened branches / `max_branches`",
    "unopened": "branches that could still be opened / `max_branches`",
    "active": "un-pruned share of the opened branches",
    "finished": "finished share of the opened branches",
    "hidden": "share of the opened branches whose present answer could be probed",
    "invalid": "share of the opened branches whose latest revealed answer is invalid",
    "depth": "mean depth of the opened branches, in units of the store's longest branch",
    "voters": "votes in the pool / `max_branches`",
    "top1": "the leader's share of the votes",
    "top2": "the runner-up's share of the votes",
    "confidence": "Beta confidence of the two, P(p > 1/2) for p ~ Beta(top1 + 1, top2 + 1); 0 without votes",
    "distinct": "s(different answers in the pool, 4)",
    "spent": "s(tokens spent, 4 mean branch lengths of the store)",
    "remaining": "unspent share of the budget; 1 without a budget",
}
"""Places in the observation ``summary``."""

PRICE_FEATURE = {"cost_weight": "(log10(cost_weight) + 4) / 4, between 0.0001 and 1"}
"""The last place in the observation ``summary`` where the price is shown."""

BRANCH_AT, SUMMARY_AT = places(ALL_BRANCH_FEATURES), places(SUMMARY_FEATURES)
"""Place of each feature, as ``BRANCH_AT.depth`` and ``SUMMARY_AT.depth``."""

Observation = Any
"""``branches``, float32 [max_branches, features], and ``summary``, float32 [features], in a dictionary or in a row."""

REVEALS_AT_HALF = 8
ANSWERS_AT_HALF = 4
BRANCHES_AT_HALF = 4
NATS_AT_HALF = 0.2


def branch_size(show_signals: bool) -> int:
    """Number of features of a branch in the observation ``branches``, with the signals or without."""
    return len(ALL_BRANCH_FEATURES if show_signals else BRANCH_FEATURES)


def summary_size(show_price: bool) -> int:
    """Number of features in the observation ``summary``, with the price or without."""
    return len(SUMMARY_FEATURES) + (len(PRICE_FEATURE) if show_price else 0)


def observation_space(
    max_branches: int, observation: str = "dict", show_price: bool = False, show_signals: bool = False
) -> spaces.Space[Any]:
    """The observation space of ``TTSWidthDepth-v1``.

    Args:
        max_branches: branches that an episode may open.
        observation: its form, one of ``config.OBSERVATIONS``.
        show_price: whether the summary ends with the price.
        show_signals: whether branches end with the signals.
    """
    branch, summary = branch_size(show_signals), summary_size(show_price)
    if observation == "dict":
        branches = feature_space(range(branch), max_branches)
        return spaces.Dict({"branches": branches, "summary": feature_space(range(summary))})
    mask = action_count(max_branches) if observation == "flat_mask" else 0
    return feature_space(range(max_branches * branch + summary + mask))


def arranged(
    observation: str, branches: NDArray[np.float32], summary: NDArray[np.float32], mask: NDArray[Any]
) -> Observation:
    """What is handed out, in one of the forms ``config.OBSERVATIONS``.

    Args:
        observation: the form.
        branches: float32 [..., max_branches, features].
        summary: float32 [..., features].
        mask: [..., actions].

    Returns:
        A dictionary of ``branches`` and ``summary`` themselves, or float32 [..., numbers].
    """
    if observation == "dict":
        return {"branches": branches, "summary": summary}
    flat = np.concatenate([branches.reshape(*branches.shape[:-2], -1), summary], -1)
    return with_mask(flat, mask) if observation == "flat_mask" else flat


@kernel
def count_votes(e: Any, pool: int) -> tuple[int, int, int, int]:
    """Leave the votes of a pool in ``e.tally``.

    Args:
        e: the episode.
        pool: whose votes count.

    Returns:
        How many votes, for how many answers, the leader and the runner-up. Ties go to the answer that entered the vote
        first; -1 stands for none.
    """
    cast = votes.cast_ballots(e, pool)
    ballots, tally = e.scratch, e.tally
    distinct = 0
    for k in range(cast):
        distinct += tally[ballots[k]] == 0
        tally[ballots[k]] += 1
    leader, runner_up = -1, -1
    for k in range(cast):
        code = int(ballots[k])
        if leader < 0 or tally[code] > tally[leader]:
            leader = code
    for k in range(cast):
        code = int(ballots[k])
        if code != leader and (runner_up < 0 or tally[code] > tally[runner_up]):
            runner_up = code
    return cast, distinct, leader, runner_up


@kernel
def observe(
    e: Any,
    pool: int,
    branch_tokens: float,
    longest: int,
    branches: NDArray[np.float32],
    summary: NDArray[np.float32],
) -> None:
    """Write the features of an episode.

    Args:
        e: the episode.
        pool: whose votes count.
        branch_tokens: the store's mean branch length in tokens.
        longest: intervals of the store's longest branch, the finishing one included.
        branches: where the features of branches go, [max_branches, features].
        summary: where ``SUMMARY_FEATURES`` go, [features].
    """
    for i in range(e.count[WIDTH]):
        _observe_branch(e, i, branch_tokens, longest, branches)
    branches[e.count[WIDTH] :] = 0
    _observe_votes(e, pool, branches, summary)
    deepest = _observe_spending(e, branch_tokens, longest, summary)
    _observe_relative_depths(e, deepest, branches)


@kernel
def update_observation(
    e: Any,
    i: int,
    pool: int,
    branch_tokens: float,
    longest: int,
    branches: NDArray[np.float32],
    summary: NDArray[np.float32],
) -> None:
    """Bring what ``observe`` wrote up to date after an action on one branch alone, or the one that opened it.

    Args:
        e: the episode.
        i: the branch.
        pool: whose votes count.
        branch_tokens: the store's mean branch length in tokens.
        longest: intervals of the store's longest branch, the finishing one included.
        branches: where the features of branches are, [max_branches, features].
        summary: where ``SUMMARY_FEATURES`` are, [features].
    """
    _observe_branch(e, i, branch_tokens, longest, branches)
    if e.pruned[i] or e.shown[i] == e.depths[i]:
        _observe_votes(e, pool, branches, summary)
    deepest = _observe_spending(e, branch_tokens, longest, summary)
    if e.depths[i] == deepest:
        _observe_relative_depths(e, deepest, branches)
    else:
        branches[i, BRANCH_AT.relative_depth] = e.depths[i] / deepest


@kernel
def _observe_branch(e: Any, i: int, branch_tokens: float, longest: int, branches: NDArray[np.float32]) -> None:
    """What concerns branch ``i`` alone."""
    answered = e.codes[i] >= 0
    branches[i, BRANCH_AT.opened] = 1
    branches[i, BRANCH_AT.active] = not e.pruned[i]
    branches[i, BRANCH_AT.finished] = e.finished[i]
    branches[i, BRANCH_AT.depth] = e.depths[i] / longest
    branches[i, BRANCH_AT.tokens] = saturate(costs.cost_at(e, costs.row_of(e, i), int(e.depths[i])), branch_tokens)
    branches[i, BRANCH_AT.hidden] = transitions.can_probe(e, i)
    branches[i, BRANCH_AT.answered] = answered
    branches[i, BRANCH_AT.valid] = votes.is_valid(e, e.codes[i])
    branches[i, BRANCH_AT.streak] = saturate(e.streaks[i], REVEALS_AT_HALF)
    branches[i, BRANCH_AT.age] = saturate(e.depths[i] - e.shown[i], REVEALS_AT_HALF) if answered else 0.0
    if branches.shape[1] > BRANCH_AT.doubt:
        sureness = mean_log_probability(e, i)
        branches[i, BRANCH_AT.recorded] = is_recorded(e)
        branches[i, BRANCH_AT.doubt] = 0.0 if math.isnan(sureness) else shown_doubt(sureness)


@kernel
def _observe_votes(e: Any, pool: int, branches: NDArray[np.float32], summary: NDArray[np.float32]) -> None:
    """What depends on the votes."""
    cast, distinct, leader, runner_up = count_votes(e, pool)
    for i in range(e.count[WIDTH]):
        code = e.codes[i]
        answered = code >= 0
        branches[i, BRANCH_AT.leading] = answered and code == leader
        branches[i, BRANCH_AT.second] = answered and code == runner_up
        branches[i, BRANCH_AT.support] = e.tally[code] / cast if answered and cast > 0 else 0.0
    voters = max(cast, 1)
    top1 = e.tally[leader] if leader >= 0 else 0
    top2 = e.tally[runner_up] if runner_up >= 0 else 0
    summary[SUMMARY_AT.voters] = cast / e.setup[MAX_WIDTH]
    summary[SUMMARY_AT.top1] = top1 / voters
    summary[SUMMARY_AT.top2] = top2 / voters
    summary[SUMMARY_AT.confidence] = e.confidences[top1, top2] if cast > 0 else 0.0
    summary[SUMMARY_AT.distinct] = saturate(distinct, ANSWERS_AT_HALF)
    for code in range(e.count[REVEALED]):
        e.tally[code] = 0


@kernel
def _observe_relative_depths(e: Any, deepest: int, branches: NDArray[np.float32]) -> None:
    for i in range(e.count[WIDTH]):
        branches[i, BRANCH_AT.relative_depth] = e.depths[i] / deepest


@kernel
def _observe_spending(e: Any, branch_tokens: float, longest: int, summary: NDArray[np.float32]) -> int:
    """Counts of branches, depths and tokens; return the depth of the deepest branch, at least 1."""
    width, ceiling = e.count[WIDTH], e.setup[MAX_WIDTH]
    depths, deepest, active, hidden, invalid = 0, 1, 0, 0, 0
    for i in range(width):
        depths += e.depths[i]
        deepest = max(deepest, int(e.depths[i]))
        active += not e.pruned[i]
        hidden += transitions.can_probe(e, i)
        invalid += e.codes[i] >= 0 and not votes.is_valid(e, e.codes[i])
    opened = max(width, 1)
    summary[SUMMARY_AT.width] = width / ceiling
    summary[SUMMARY_AT.unopened] = (min(e.setup[RECORDED], ceiling) - width) / ceiling
    summary[SUMMARY_AT.active] = active / opened
    summary[SUMMARY_AT.finished] = e.count[COMPLETED] / opened
    summary[SUMMARY_AT.hidden] = hidden / opened
    summary[SUMMARY_AT.invalid] = invalid / opened
    summary[SUMMARY_AT.depth] = depths / (opened * longest)
    summary[SUMMARY_AT.spent] = saturate(e.count[TOKENS], BRANCHES_AT_HALF * branch_tokens)
    summary[SUMMARY_AT.remaining] = remaining_share(e)
    return deepest


@kernel
def saturate(x: float, half: float) -> float:
    """``x / (x + half)``: below 1 however large ``x`` is.

    Args:
        x: a number, 0 or more.
        half: where the result is one half.
    """
    return x / (x + half)


@kernel
def shown_doubt(log_probability: float) -> float:
    """A mean log-probability of tokens as it is shown, in [0, 1]: 0 for tokens that were certain.

    Args:
        log_probability: in nats.
    """
    return saturate(max(-log_probability, 0.0), NATS_AT_HALF)


@kernel
def remaining_share(e: Any) -> float:
    """Unspent share of the budget; 1 without one, 0 if there was nothing to spend."""
    if e.setup[BUDGET] == NO_BUDGET:
        return 1.0
    return 1 - e.count[TOKENS] / e.setup[BUDGET] if e.setup[BUDGET] > 0 else 0.0


@kernel
def shown_price(cost_weight: float) -> float:
    """``cost_weight`` as it is shown, in [0, 1].

    Args:
        cost_weight: price of a mean branch length of tokens.
    """
    return (math.log10(min(max(cost_weight, 1e-4), 1.0)) + 4) / 4
