"""What a policy of ``TTSWidthDepthRounds-v1`` sees: a fixed number of figures in [0, 1], of revealed information only.

``s(x, h)`` in the descriptions stands for ``x / (x + h)``. "Reading" branches are active and unfinished.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tts_gym.envs.features import places
from tts_gym.envs.observation import PRICE_FEATURE, remaining_share, saturate, shown_doubt, shown_price
from tts_gym.envs.rounds import agrees, is_dissenter, limit_of, most_persistent
from tts_gym.episode import costs, votes
from tts_gym.episode.aggregation import CONFIDENT, WEIGHTED, weighted_votes
from tts_gym.episode.log_probability import is_recorded, mean_log_probability
from tts_gym.episode.state import COMPLETED, INTERVAL, MAX_WIDTH, RECORDED, TOKENS, WIDTH, kernel

ROUND_FEATURES = {
    "width": "opened branches / max_branches",
    "unopened": "branches that could still be opened / max_branches",
    "reading": "s(reading branches, 8)",
    "finished": "s(finished branches, 8)",
    "pruned": "pruned share of the opened branches",
    "depth": "mean depth of the reading branches / intervals of the store's longest branch",
    "deepest": "the same of the deepest one",
    "youngest": "the same of the least deep one",
    "finished_length": "s(mean tokens of the finished branches, mean branch length of the store)",
    "voters": "s(votes in the pool, 8)",
    "top1": "the leader's share of the votes",
    "top2": "the runner-up's share of the votes",
    "confidence": "Beta confidence of the two; 0 without votes",
    "few": "1 - confidence on a scale that tells 0.99 from 0.999: s(-log10(1 - confidence), 1)",
    "average": "exponential average of the confidence over rounds",
    "trend": "(confidence - average + 1) / 2",
    "stability": "s(rounds in a row with the same leader, 8)",
    "finished_top1": "the share of the finished branches' votes of their leader",
    "finished_confidence": "Beta confidence among the finished branches",
    "finished_agree": "1 if their leader is the pool's leader",
    "active_top1": "the share of the latest answers of the un-pruned branches of their leader",
    "active_confidence": "Beta confidence among them",
    "active_few": "the same on the scale of few",
    "active_agree": "1 if their leader is the pool's leader",
    "agreeing": "share of the reading branches whose latest answer is the leader",
    "dissenting": "share of the reading branches that are persistent dissenters",
    "silent": "share of the opened branches without a valid answer",
    "streak": "s(mean streak of the reading branches, 8)",
    "rounds": "s(rounds, 32)",
    "spent": "s(tokens, 4 mean branch lengths)",
    "spent_early": "s(tokens, half a mean branch length)",
    "remaining": "unspent share of the budget; 1 without one",
    **PRICE_FEATURE,
    "stake": "s((1 - confidence) / cost_weight, 10): mean branch lengths that certainty would be worth",
}
"""What each feature is, in the order of the observation."""

MORE_FEATURES = {
    "deepest_length": "s(tokens of the deepest reading branch, mean branch length of the store)",
    "beyond": "s(depth of the deepest reading branch, the limit); 0 while none has finished",
    "shortest": "s(tokens of the shortest finished branch, mean branch length of the store)",
    "dissent": "s(longest streak of a persistent dissenter, 8)",
    "weighted_top1": "share of the finished branches' weights, those of the aggregator weighted, behind their leader",
    "weighted_lead": "s(its lead over the runner-up in deviations of as many votes, 1)",
    "recorded": "1 if the store records mean_logprob; what follows is 0 if not",
    "confident_top1": "share of the finished branches' weights, those of the aggregator confident, behind their leader",
    "doubt": "mean over the finished branches that give it of s(-mean log-probability of a token, 0.2 nats)",
}
"""What follows them unless ``extended=False``."""

ALL_FEATURES = {**ROUND_FEATURES, **MORE_FEATURES}

AT = places(ALL_FEATURES)
"""Place of each feature, as ``AT.width``."""


def features_of(extended: bool) -> Mapping[str, str]:
    """The features of an environment, with the further ones if it is ``extended``."""
    return ALL_FEATURES if extended else ROUND_FEATURES


AVERAGE, LEADER, STABILITY, ROUND, MEMORY_SIZE = range(5)
"""Places in the memory of an episode, float64: average confidence, leader, rounds it has led, rounds."""

AVERAGE_WEIGHT = 0.3


@kernel
def forget(memory: NDArray[np.float64]) -> None:
    """Clear the memory at the beginning of an episode."""
    memory[AVERAGE], memory[LEADER], memory[STABILITY], memory[ROUND] = 0.0, -1.0, 0.0, 0.0


@kernel
def remember_round(e: Any, pool: int, memory: NDArray[np.float64]) -> None:
    """Bring the memory up to date after a round.

    Args:
        e: the episode.
        pool: whose votes count.
        memory: float64 [MEMORY_SIZE].
    """
    leader, top1, top2 = votes.top_two(e, pool)
    confidence = e.confidences[top1, top2] if top1 > 0 else 0.0
    memory[AVERAGE] += AVERAGE_WEIGHT * (confidence - memory[AVERAGE])
    memory[STABILITY] = memory[STABILITY] + 1 if leader == memory[LEADER] else 0.0
    memory[LEADER] = leader
    memory[ROUND] += 1


@kernel
def observe_round(
    e: Any,
    pool: int,
    branch_tokens: float,
    longest: int,
    memory: NDArray[np.float64],
    cost_weight: float,
    features: NDArray[np.float32],
) -> None:
    """Write the features of an episode.

    Args:
        e: the episode.
        pool: whose votes count.
        branch_tokens: the store's mean branch length in tokens.
        longest: intervals of the store's longest branch, the finishing one included.
        memory: float64 [MEMORY_SIZE], see ``remember_round``.
        cost_weight: price of a mean branch length of tokens.
        features: where ``ROUND_FEATURES`` go, or ``ALL_FEATURES`` if there is room, [features].
    """
    features[AT.width] = e.count[WIDTH] / e.setup[MAX_WIDTH]
    features[AT.unopened] = (min(e.setup[RECORDED], e.setup[MAX_WIDTH]) - e.count[WIDTH]) / e.setup[MAX_WIDTH]
    leader = _observe_votes(e, pool, memory, features)
    _observe_branches(e, leader, branch_tokens, longest, features)
    if len(features) > AT.deepest_length:
        _observe_lengths(e, leader, branch_tokens, features)
        _observe_weights(e, branch_tokens, features)
        _observe_sureness(e, features)
    features[AT.rounds] = saturate(memory[ROUND], 32)
    features[AT.spent] = saturate(e.count[TOKENS], 4 * branch_tokens)
    features[AT.spent_early] = saturate(e.count[TOKENS], branch_tokens / 2)
    features[AT.remaining] = remaining_share(e)
    features[AT.cost_weight] = shown_price(cost_weight)
    features[AT.stake] = saturate((1 - features[AT.confidence]) / min(max(cost_weight, 1e-4), 1.0), 10)


@kernel
def _observe_votes(e: Any, pool: int, memory: NDArray[np.float64], features: NDArray[np.float32]) -> int:
    """The votes of the pool and of the finished branches; return the pool's leader."""
    cast = votes.cast_ballots(e, pool)
    leader, top1, top2 = votes.top_two(e, pool)
    confidence = e.confidences[top1, top2] if top1 > 0 else 0.0
    features[AT.voters] = saturate(cast, 8)
    features[AT.top1] = top1 / max(cast, 1)
    features[AT.top2] = top2 / max(cast, 1)
    features[AT.confidence] = confidence
    features[AT.few] = _few(confidence)
    features[AT.average] = memory[AVERAGE]
    features[AT.trend] = (confidence - memory[AVERAGE] + 1) / 2
    features[AT.stability] = saturate(memory[STABILITY], 8)
    top1_share, own_confidence, _, agree = _compare_votes(e, votes.FINISHED, leader)
    features[AT.finished_top1] = top1_share
    features[AT.finished_confidence] = own_confidence
    features[AT.finished_agree] = agree
    top1_share, own_confidence, few, agree = _compare_votes(e, votes.ACTIVE, leader)
    features[AT.active_top1] = top1_share
    features[AT.active_confidence] = own_confidence
    features[AT.active_few] = few
    features[AT.active_agree] = agree
    return leader


@kernel
def _compare_votes(e: Any, pool: int, leader: int) -> tuple[float, float, float, bool]:
    """Share of the leader of ``pool``, its confidence on two scales, and whether it is ``leader``."""
    cast = votes.cast_ballots(e, pool)
    own, top1, top2 = votes.top_two(e, pool)
    confidence = e.confidences[top1, top2] if top1 > 0 else 0.0
    return top1 / max(cast, 1), confidence, _few(confidence), own >= 0 and own == leader


@kernel
def _few(confidence: float) -> float:
    return saturate(-math.log10(max(1 - confidence, 1e-12)), 1)


@kernel
def _observe_branches(e: Any, leader: int, branch_tokens: float, longest: int, features: NDArray[np.float32]) -> None:
    """Counts and means over the opened branches."""
    width = e.count[WIDTH]
    reading, pruned, agreeing, dissenting, silent = 0, 0, 0, 0, 0
    depths, deepest, youngest, streaks, lengths = 0, 0, longest, 0, 0
    for i in range(width):
        silent += not votes.is_valid(e, e.codes[i])
        pruned += e.pruned[i]
        if e.finished[i]:
            lengths += e.tables.tokens[costs.row_of(e, i)]
        elif not e.pruned[i]:
            depth = int(e.depths[i])
            reading += 1
            depths += depth
            deepest, youngest = max(deepest, depth), min(youngest, depth)
            streaks += e.streaks[i]
            agreeing += agrees(e, i, leader)
            dissenting += is_dissenter(e, i, leader)
    some, opened = max(reading, 1), max(width, 1)
    features[AT.reading] = saturate(reading, 8)
    features[AT.finished] = saturate(e.count[COMPLETED], 8)
    features[AT.pruned] = pruned / opened
    features[AT.depth] = depths / (some * longest)
    features[AT.deepest] = deepest / longest
    features[AT.youngest] = youngest / longest if reading > 0 else 0.0
    features[AT.finished_length] = saturate(lengths / max(e.count[COMPLETED], 1), branch_tokens)
    features[AT.agreeing] = agreeing / some
    features[AT.dissenting] = dissenting / some
    features[AT.silent] = silent / opened
    features[AT.streak] = saturate(streaks / some, 8)


@kernel
def _observe_lengths(e: Any, leader: int, branch_tokens: float, features: NDArray[np.float32]) -> None:
    """How long the longest branches are, beside those that have finished, and how long they have dissented."""
    deepest, shortest = 0, 0
    for i in range(e.count[WIDTH]):
        if e.finished[i]:
            tokens = int(e.tables.tokens[costs.row_of(e, i)])
            shortest = tokens if shortest == 0 else min(shortest, tokens)
        elif not e.pruned[i]:
            deepest = max(deepest, int(e.depths[i]))
    worst = most_persistent(e, leader)
    features[AT.deepest_length] = saturate(deepest * e.setup[INTERVAL], branch_tokens)
    features[AT.beyond] = saturate(deepest, limit_of(e, branch_tokens))
    features[AT.shortest] = saturate(shortest, branch_tokens)
    features[AT.dissent] = saturate(e.streaks[worst], 8) if worst >= 0 else 0.0


@kernel
def _observe_weights(e: Any, branch_tokens: float, features: NDArray[np.float32]) -> None:
    """How far the weightiest answer of the finished branches is ahead, with weights of one a branch."""
    weights = weighted_votes(e, WEIGHTED, max(1.0, branch_tokens / e.setup[INTERVAL]))
    weights.sort()
    total = weights.sum()
    features[AT.weighted_top1] = features[AT.weighted_lead] = 0.0
    if total > 0:
        scale = e.count[COMPLETED] / total
        first = weights[-1] * scale
        second = weights[-2] * scale if len(weights) > 1 else 0.0
        features[AT.weighted_top1] = weights[-1] / total
        features[AT.weighted_lead] = saturate((first - second) / math.sqrt(first + second + 1), 1)


@kernel
def _observe_sureness(e: Any, features: NDArray[np.float32]) -> None:
    """How sure the model was of what the finished branches answer, where that is recorded."""
    features[AT.recorded] = is_recorded(e)
    features[AT.confident_top1] = features[AT.doubt] = 0.0
    weights = weighted_votes(e, CONFIDENT, 1.0) if is_recorded(e) else np.zeros(0)
    if weights.sum() == 0:
        return
    leader, doubts, told = int(np.argmax(weights)), 0.0, 0
    for k in range(e.count[COMPLETED]):
        i = int(e.completions[k])
        sureness = mean_log_probability(e, i) if e.codes[i] == leader else math.nan
        if not math.isnan(sureness):
            doubts, told = doubts + shown_doubt(sureness), told + 1
    features[AT.confident_top1] = weights[leader] / weights.sum()
    features[AT.doubt] = doubts / max(told, 1)
