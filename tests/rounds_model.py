"""A slow, obvious model of ``TTSWidthDepthRounds-v1``: its rounds, masks and features, from their descriptions."""

from collections import Counter
from dataclasses import dataclass
from math import inf, log10, sqrt

import numpy as np

from model import ACTIVE, FINISHED, ModelEpisode
from tts_gym.episode.aggregation import CONFIDENT, WEIGHTED

WIDENING = {"widen_1": 1, "widen_2": 2, "widen_4": 4}
OPENING = {**WIDENING, "open_1": 1, "open_4": 4, "read_1": 1, "replace_1": 1}
STANDING = ("open_1", "open_4", "read_1", "give_up", "give_up_dissenter")
TOGETHER = ("deepen_to_next", "deepen_to_limit", "replace_1")


def s(x, h):
    return x / (x + h)


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def few(confidence):
    return s(-log10(max(1 - confidence, 1e-12)), 1)


@dataclass
class RoundsModel:
    """An episode by rounds.

    Attributes:
        episode: the model of the atomic process.
        pool: whose votes count.
        max_branches: the width ceiling of the environment.
        unit: mean branch length of the store, tokens.
        longest: intervals of the store's longest branch.
        cost_weight: price of ``unit`` tokens.
        recorded: whether the store records ``mean_logprob``.
    """

    episode: ModelEpisode
    pool: int
    max_branches: int
    unit: float
    longest: int
    cost_weight: float
    recorded: bool
    average: float = 0.0
    stable: int = 0
    last_leader: int = -1
    rounds: int = 0

    def begin(self, width):
        """Open the branches that an episode begins with."""
        for _ in range(width):
            self.episode.open_many(1, whole=False)

    def by_depth(self):
        """Unfinished un-pruned branches, deepest first, ties by index."""
        reading = [branch for branch in self.episode.branches if branch.active and not branch.finished]
        return sorted(reading, key=lambda branch: -branch.advances)

    def agrees(self, branch):
        leader = self.episode.leader(self.pool)
        return leader != -1 and branch.answer == leader

    def dissents(self, branch):
        leader = self.episode.leader(self.pool)
        return leader != -1 and branch.answer != leader and branch.streak >= 3

    def index(self, branch):
        return self.episode.branches.index(branch)

    def mask(self):
        reading, left = self.by_depth(), self.episode.max_width - self.episode.width
        fits = self.episode.affordable(self.episode.interval)
        deepen = fits and bool(reading)
        agreeing = fits and any(map(self.agrees, reading))
        return {
            "stop": True,
            "deepen_all": deepen,
            "deepen_all_4": deepen,
            "deepen_to_next": deepen,
            "deepen_agreeing": agreeing,
            "finish_advanced": deepen,
            "finish_agreeing": agreeing,
            **{name: fits and left >= n for name, n in WIDENING.items()},
            "prune_dissenters": any(map(self.dissents, reading)),
            "prune_advanced": bool(reading),
            "open_1": fits and left >= 1,
            "open_4": fits and left >= 4,
            "read_1": fits and left >= 1,
            "deepen_to_limit": deepen,
            "replace_1": fits and left >= 1,
            "give_up": bool(reading),
            "give_up_dissenter": any(map(self.dissents, reading)),
        }

    def given_up(self, name, reading):
        """The branches that a round prunes."""
        dissenters = [branch for branch in self.episode.branches if branch in reading and self.dissents(branch)]
        return {
            "prune_dissenters": dissenters,
            "prune_advanced": reading[:1],
            "give_up": [branch for branch in reading if branch.advances == reading[0].advances],
            "give_up_dissenter": sorted(dissenters, key=lambda branch: -branch.streak)[:1],
        }.get(name, [])

    def plan(self, name, reading):
        """The branches that move in a round, and how many intervals each."""
        if name == "finish_advanced":
            return [(reading[0], 10**6)]
        if name in ("deepen_agreeing", "finish_agreeing"):
            steps = 1 if name == "deepen_agreeing" else 10**6
            return [(branch, steps) for branch in reading if self.agrees(branch)]
        return [(branch, 4 if name == "deepen_all_4" else 1) for branch in reading]

    def take(self, name):
        episode, reading = self.episode, self.by_depth()
        dropped = self.given_up(name, reading)
        plan = [] if name in STANDING else self.plan(name, [branch for branch in reading if branch not in dropped])
        for branch in dropped:
            episode.prune(self.index(branch))
        if name in OPENING:
            episode.open_many(OPENING[name], whole=name == "read_1")
        if name == "replace_1":
            plan = [(branch, 1) for branch in self.by_depth()]
        limit = inf if name == "deepen_to_next" else self.limit()
        paid, moves, finished = {self.index(branch): branch.paid for branch, _ in plan}, 0, episode.completed
        going = True
        while going:
            before = moves
            for branch, steps in plan:
                while steps and episode.walk(branch, 1)[0]:
                    steps, moves = steps - 1, moves + 1
            short = max((branch.advances for branch, _ in plan), default=0) < limit
            going = name in TOGETHER and episode.completed == finished and moves > before and short
        costs = [episode.branches[i].paid - earlier for i, earlier in paid.items()]
        if moves or any(costs):
            episode.close_call(costs)
        self.remember()

    def limit(self):
        """Depth at which a branch is long beside the finished ones."""
        depths = [branch.advances for branch in self.episode.branches if branch.finished]
        return 0.4 * mean(depths) + 0.65 * self.unit / self.episode.interval if depths else inf

    def remember(self):
        leader, confidence = self.episode.leader(self.pool), self.episode.confidence(self.pool)
        self.average = 0.7 * self.average + 0.3 * confidence
        self.stable = self.stable + 1 if leader == self.last_leader else 0
        self.last_leader = leader
        self.rounds += 1

    def shares(self, pool):
        """Leader of ``pool`` and the shares of the two answers with most votes."""
        ballots = self.episode.ballots(pool)
        shares = [votes / len(ballots) for _, votes in Counter(ballots).most_common(2)]
        return self.episode.leader(pool), *(*shares, 0.0, 0.0)[:2]

    def features(self):
        episode, reading = self.episode, self.by_depth()
        opened = episode.branches
        leader, top1, top2 = self.shares(self.pool)
        finished_leader, finished_top1, _ = self.shares(FINISHED)
        active_leader, active_top1, _ = self.shares(ACTIVE)
        confidence = episode.confidence(self.pool)
        depths = [branch.advances / self.longest for branch in reading]
        price = min(max(self.cost_weight, 0.0001), 1)
        budgeted = episode.budget < 2**62
        unspent = 1 - episode.tokens / episode.budget if budgeted and episode.budget else 0.0
        return {
            "width": len(opened) / self.max_branches,
            "unopened": (episode.max_width - len(opened)) / self.max_branches,
            "reading": s(len(reading), 8),
            "finished": s(sum(branch.finished for branch in opened), 8),
            "pruned": mean(not branch.active for branch in opened),
            "depth": mean(depths),
            "deepest": max(depths, default=0),
            "youngest": min(depths, default=0),
            "finished_length": s(mean(branch.recorded.tokens for branch in opened if branch.finished), self.unit),
            "voters": s(len(episode.ballots(self.pool)), 8),
            "top1": top1,
            "top2": top2,
            "confidence": confidence,
            "few": few(confidence),
            "average": self.average,
            "trend": (confidence - self.average + 1) / 2,
            "stability": s(self.stable, 8),
            "finished_top1": finished_top1,
            "finished_confidence": episode.confidence(FINISHED),
            "finished_agree": float(finished_leader == leader != -1),
            "active_top1": active_top1,
            "active_confidence": episode.confidence(ACTIVE),
            "active_few": few(episode.confidence(ACTIVE)),
            "active_agree": float(active_leader == leader != -1),
            "agreeing": mean(self.agrees(branch) for branch in reading),
            "dissenting": mean(self.dissents(branch) for branch in reading),
            "silent": mean(branch.answer is None or not episode.is_valid(branch.answer) for branch in opened),
            "streak": s(mean(branch.streak for branch in reading), 8),
            "rounds": s(self.rounds, 32),
            "spent": s(episode.tokens, 4 * self.unit),
            "spent_early": s(episode.tokens, self.unit / 2),
            "remaining": unspent if budgeted else 1.0,
            "cost_weight": (log10(price) + 4) / 4,
            "stake": s((1 - confidence) / price, 10),
            **self.beyond(reading),
        }

    def weighted(self, finished):
        """How far the weightiest answer is ahead."""
        weights = self.episode.weighted_votes(WEIGHTED, max(1.0, self.unit / self.episode.interval))
        first, second = (*sorted(weights, reverse=True), 0.0, 0.0)[:2]
        one = sum(weights) / finished if first > 0 else 1.0
        lead = (first - second) / one / sqrt((first + second) / one + 1)
        return {"weighted_top1": first / sum(weights) if first > 0 else 0.0, "weighted_lead": s(lead, 1)}

    def beyond(self, reading):
        """How long branches are, and how sure the model was."""
        finished = [branch for branch in self.episode.branches if branch.finished]
        lengths = [branch.recorded.tokens for branch in finished]
        deepest = max((branch.advances for branch in reading), default=0)
        return {
            "deepest_length": s(deepest * self.episode.interval, self.unit),
            "beyond": s(deepest, self.limit()),
            "shortest": s(min(lengths, default=0), self.unit),
            "dissent": s(max((branch.streak for branch in reading if self.dissents(branch)), default=0), 8),
            **self.weighted(len(finished)),
            "recorded": float(self.recorded),
            **self.sureness(finished),
        }

    def sureness(self, finished):
        """How sure the model was of what the finished branches answer."""
        weights = self.episode.weighted_votes(CONFIDENT, 1.0)
        if not self.recorded or not any(weights):
            return {"confident_top1": 0.0, "doubt": 0.0}
        leader = int(np.argmax(weights))
        behind = [self.episode.sureness(branch) for branch in finished if branch.answer == leader]
        doubts = [s(max(0.0, -value), 0.2) for value in behind if value > -inf]
        return {"confident_top1": weights[leader] / sum(weights), "doubt": mean(doubts)}
