"""A slow, obvious model of the decision process, written from its rules and from none of the kernels.

An advance is simulated interval by interval; votes are counted from scratch; the Beta confidence is an exact fraction.
"""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from math import comb, exp, inf, isnan, log, nan, sqrt

import numpy as np

from tts_gym.episode import aggregation

FINISHED, ACTIVE, ALL = 0, 1, 2
WEIGHTED, CONFIDENT = 3, 5
INVALID_CLASS = 0


@dataclass
class Recorded:
    """A recorded branch: the classes of its probes and of its final answer, its length, and its signals by name."""

    probes: list[int]
    final: int
    tokens: int
    signals: dict[str, list[float]]


@dataclass(eq=False)
class Branch:
    recorded: Recorded
    advances: int = 0
    active: bool = True
    paid: int = 0
    answer: int | None = None
    seen_at: int = 0
    streak: int = 0
    invalids: int = 0

    @property
    def finished(self):
        return self.advances == len(self.recorded.probes) + 1


@dataclass
class ModelEpisode:
    recorded: list[Recorded]
    interval: int
    published: bool = False
    budget: int = 2**62
    probe_cost: int = 0
    eager: bool = True
    max_width: int = 10**9
    branches: list[Branch] = field(default_factory=list)
    finished_order: list[Branch] = field(default_factory=list)
    revealed: list[int] = field(default_factory=list)
    log: list[tuple] = field(default_factory=list)
    tokens: int = 0
    sequential_tokens: int = 0
    probes: int = 0
    steps: int = 0

    def __post_init__(self):
        self.max_width = min(self.max_width, len(self.recorded))

    # What things cost.

    def price_after(self, recorded, advances):
        """Tokens that ``advances`` single advances of a branch cost together."""
        spent = 0
        for k in range(1, advances + 1):
            last = k == len(recorded.probes) + 1
            if self.published:
                spent += max(0, recorded.tokens - len(recorded.probes) * self.interval) if last else self.interval
            else:
                spent = recorded.tokens if last else min(k * self.interval, recorded.tokens)
        return spent

    def affordable(self, tokens):
        return self.tokens + tokens <= self.budget

    def pay(self, branch, tokens):
        self.tokens += tokens
        branch.paid += tokens

    # What happens.

    def reveal(self, branch, answer_class):
        if answer_class not in self.revealed:
            self.revealed.append(answer_class)
        answer = self.revealed.index(answer_class)
        branch.streak = branch.streak + 1 if answer == branch.answer else 1
        branch.answer = answer
        branch.invalids += answer_class == INVALID_CLASS
        branch.seen_at = branch.advances

    def arrive(self, branch):
        """Show what is seen where a branch stops after a call."""
        if branch.finished:
            self.finished_order.append(branch)
            self.reveal(branch, branch.recorded.final)
        elif self.eager:
            self.probes += 1
            self.reveal(branch, branch.recorded.probes[branch.advances - 1])

    def generate(self, branch, price):
        """Pay for one advance, generating Δ tokens after Δ tokens while they fit; return whether that was enough."""
        generated = 0
        while True:
            if not self.affordable(generated + self.interval):
                self.pay(branch, generated)
                return False
            generated += self.interval
            if generated >= price:
                self.pay(branch, price)
                return True

    def walk(self, branch, steps):
        """Advance a branch up to ``steps`` times; return how often it moved and what that cost."""
        moved, before = 0, branch.paid
        while moved < steps and branch.active and not branch.finished and self.affordable(self.interval):
            price = self.price_after(branch.recorded, branch.advances + 1)
            price -= self.price_after(branch.recorded, branch.advances)
            self.log.append(("continue", self.branches.index(branch)))
            if not self.generate(branch, price):
                break
            branch.advances += 1
            moved += 1
        if moved:
            self.arrive(branch)
        return moved, branch.paid - before

    def walk_whole(self, branch):
        """Advance a branch to its end; by the published rules that costs no more than it generates."""
        moved, cost = self.walk(branch, 10**6)
        if self.published and moved and branch.finished:
            refund = self.price_after(branch.recorded, branch.advances) - branch.recorded.tokens
            self.pay(branch, -refund)
            cost -= refund
        return moved, cost

    def open_one(self, whole):
        if len(self.branches) >= self.max_width or not self.affordable(self.interval):
            return None
        branch = Branch(self.recorded[len(self.branches)])
        self.branches.append(branch)
        at = len(self.log)
        if whole:
            self.walk_whole(branch)
        else:
            self.walk(branch, 1)
        self.log[at] = ("branch",)
        return branch

    def open_many(self, n, whole):
        first = len(self.branches)
        opened = []
        for _ in range(n):
            branch = self.open_one(whole)
            if branch is None:
                break
            opened.append(branch)
        if not opened:
            return -1
        self.close_call([branch.paid for branch in opened])
        return first

    def close_call(self, costs):
        self.sequential_tokens += max(costs)
        self.steps += 1

    def get(self, i):
        if not 0 <= i < len(self.branches):
            raise IndexError(i)
        return self.branches[i]

    # The episode interface.

    def branch(self, n=1):
        return self.open_many(n, whole=False)

    def read(self, n=1):
        return self.open_many(n, whole=True)

    def advance(self, i, k=1):
        moved, cost = self.walk(self.get(i), k)
        if moved or cost:
            self.close_call([cost])
        return moved

    def advance_each(self, steps):
        if len(steps) < len(self.branches):
            raise ValueError(steps)
        order = sorted(range(len(self.branches)), key=lambda i: (-self.branches[i].advances, i))
        results = [self.walk(self.branches[i], steps[i]) for i in order]
        if any(moved or cost for moved, cost in results):
            self.close_call([cost for _, cost in results])
        return sum(moved > 0 for moved, _ in results)

    def advance_all(self, k=1):
        return self.advance_each([k] * len(self.branches))

    def finish(self, i):
        branch = self.get(i)
        moved, cost = self.walk_whole(branch) if branch.advances <= 1 else self.walk(branch, 10**6)
        if moved or cost:
            self.close_call([cost])
        return branch.finished

    def probe(self, i):
        branch = self.get(i)
        hidden = branch.active and branch.seen_at < branch.advances
        if hidden and self.affordable(self.probe_cost):
            self.pay(branch, self.probe_cost)
            self.sequential_tokens += self.probe_cost
            self.probes += 1
            self.log.append(("probe", i))
            self.reveal(branch, branch.recorded.probes[branch.advances - 1])
        return self.answer(i)

    def prune(self, i):
        branch = self.get(i)
        was_active, branch.active = branch.active, False
        if was_active:
            self.log.append(("prune", i))
        return was_active

    @property
    def width(self):
        return len(self.branches)

    @property
    def completed(self):
        return len(self.finished_order)

    def depth(self, i):
        return self.get(i).advances

    def length(self, i):
        branch = self.get(i)
        whole = branch.recorded.tokens
        return whole if branch.finished else min(branch.advances * self.interval, whole)

    def answer(self, i):
        answer = self.get(i).answer
        return -1 if answer is None else answer

    def is_active(self, i):
        return self.get(i).active

    def is_finished(self, i):
        return self.get(i).finished

    def is_valid(self, code):
        return 0 <= code < len(self.revealed) and self.revealed[code] != INVALID_CLASS

    def ballots(self, pool):
        voters = {
            FINISHED: self.finished_order,
            ACTIVE: [branch for branch in self.branches if branch.active],
            ALL: self.branches,
        }[pool]
        answers = [branch.answer for branch in voters if branch.answer is not None]
        return answers if self.published else [answer for answer in answers if self.is_valid(answer)]

    def leader(self, pool):
        counts = Counter(self.ballots(pool))  # in order of entry, and max takes the first of equals
        return max(counts, key=counts.get) if counts else -1

    def votes(self, pool):
        counts = Counter(self.ballots(pool))
        return np.array([counts[code] for code in range(len(self.revealed))], np.int64)

    def confidence(self, pool):
        ranked = sorted(Counter(self.ballots(pool)).values(), reverse=True)
        if not ranked:
            return 0.0
        top1, top2 = (*ranked, 0)[:2]
        draws = top1 + top2 + 1
        return float(Fraction(sum(comb(draws, k) for k in range(top1 + 1)), 2**draws))

    def aggregate(self, aggregator, typical):
        if aggregator <= ALL:
            return self.leader(aggregator)
        if not self.finished_order:
            return self.leader(ACTIVE)
        weights = self.weighted_votes(aggregator, typical)
        return int(np.argmax(weights)) if any(weights > 0) else self.leader(FINISHED)

    def weighted_votes(self, aggregator, typical):
        voters = [branch for branch in self.finished_order if self.is_valid(branch.answer)]
        weights = Counter()
        for branch in voters:
            length = branch.advances / typical
            found = (branch.advances - branch.streak + 1) / branch.advances
            others = sum(other is not branch and other.answer == branch.answer for other in voters)
            if aggregator == WEIGHTED:
                left = max(aggregation.LEAST_LEFT, aggregation.LIMIT + aggregation.LEAST_LEFT - length)
                weights[branch.answer] += left**aggregation.SHARPNESS * sqrt(found)
            elif aggregator == CONFIDENT:
                below = sum(self.sureness(other) < self.sureness(branch) for other in voters)
                weights[branch.answer] += (1 + below) ** aggregation.BORDA
            else:
                weights[branch.answer] += exp(
                    aggregation.LEARNED_LENGTH * length
                    + aggregation.LEARNED_FOUND * log(found)
                    + aggregation.LEARNED_OTHERS * others / max(len(voters) - 1, 1)
                    + aggregation.LEARNED_INVALID * branch.invalids / branch.advances
                )
        return np.array([weights[code] for code in range(len(self.revealed))], float)

    def sureness(self, branch):
        """Its mean log-probability, least where none is recorded."""
        recorded = branch.recorded.signals.get("mean_logprob", [])[: branch.advances]
        told = [value for value in recorded if not isnan(value)]
        return sum(told) / len(told) if told else -inf

    def signal(self, name, i, k=0):
        branch = self.get(i)
        recorded = branch.recorded.signals[name][: branch.advances]
        if not 0 <= k <= len(recorded):
            raise IndexError(k)
        interval = k or len(recorded)
        seen = name != "answer_logprob" or branch.seen_at == interval
        return recorded[interval - 1] if interval and seen else nan

    def note(self, name, value):
        pass
