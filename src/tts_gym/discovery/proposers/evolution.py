"""CMA-ES over the schedules of given programs: no language model, no key, the same candidates for the same seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from cmaes import CMA
from numpy.typing import NDArray

from tts_gym.discovery.programs import line_schedule, with_schedule
from tts_gym.discovery.proposers.proposer import Proposal, Task
from tts_gym.discovery.records import ProposalUsage, Tried
from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.errors import DiscoveryError
from tts_gym.sandbox.names import names_of

SIGMA = 0.3
"""Standard deviation of the first generation, in units of each parameter's scale."""

FAILED = 100.0
"""Loss of a candidate that failed; scores are at most 100, so that losses are at most 0."""


class Evolution:
    """Each candidate is one of the programs with another schedule.

    A schedule is a straight line from a value at beta = 0 to one at beta = 1 for each numeric parameter, over a common
    power of beta. CMA-ES (Hansen, arXiv 1604.00772), one a program, draws these ends, which is mutation, and moves to a
    weighted mean of the better half, which is crossover; its loss is the negative score. The programs take turns.

    What it proposes follows from the seed and from what was tried: nothing else is kept.
    """

    metered = True

    def __init__(self, programs: Mapping[str, str], seed: int, candidates_per_round: int, beta: bool) -> None:
        """Begin at ``programs``.

        Args:
            programs: candidate sources by name.
            seed: of everything that is drawn.
            candidates_per_round: how many take turns in a round.
            beta: whether schedules depend on beta; else each parameter has one value.

        Raises:
            DiscoveryError: a program's schedule cannot be read.
        """
        self._genes = {name: _Genes(name, source, beta) for name, source in programs.items()}
        self._names = [name for name, genes in self._genes.items() if genes.size]
        if not self._names:
            raise DiscoveryError("None of the seed programs has a numeric parameter to evolve.")
        self._seed = seed
        self._per_round = candidates_per_round

    @classmethod
    def begin(cls, settings: DiscoverySettings, seeds: Mapping[str, str]) -> Evolution:
        """The proposer of a discovery.

        Args:
            settings: what the discovery is told.
            seeds: sources of the seed programs by name.
        """
        return cls(seeds, settings.seed, settings.candidates_per_round, settings.beta)

    def estimate(self, prompt_tokens: int) -> ProposalUsage:
        """Nothing: no model is asked."""
        return ProposalUsage(dollars=0.0)

    def propose(self, task: Task) -> Proposal:
        """The candidate of a round and a slot."""
        first = (task.round - 1) * self._per_round
        name = self._turn(first + task.slot - 1)
        strategy = self._strategy(name, task.history, task.scores)
        earlier = [self._turn(first + k) for k in range(task.slot - 1)].count(name)
        for _ in range(earlier + 1):
            drawn = strategy.ask()
        genes = self._genes[name]
        genome = {"program": name, "genes": [float(value) for value in drawn]}
        return Proposal(genes.source(drawn), usage=ProposalUsage(dollars=0.0), genome=genome)

    def state(self, history: Sequence[Tried], scores: Sequence[float | None]) -> dict[str, Any]:
        """Mean, step size and random state of each strategy.

        Args:
            history: what was tried.
            scores: a score for each of it, None where it failed.
        """
        states = {}
        for name in self._names:
            strategy = self._strategy(name, history, scores)
            _, keys, position, has_gauss, gauss = strategy._rng.get_state()
            states[name] = {
                "generation": strategy.generation,
                "mean": strategy.mean.tolist(),
                "sigma": float(strategy._sigma),
                "rng": [keys.tolist(), int(position), int(has_gauss), float(gauss)],
            }
        return states

    def _turn(self, number: int) -> str:
        return self._names[number % len(self._names)]

    def _strategy(self, name: str, history: Sequence[Tried], scores: Sequence[float | None]) -> CMA:
        """The strategy of a program after ``history``, a generation told as soon as it is complete."""
        size = self._genes[name].size
        seed = np.random.SeedSequence([self._seed, self._names.index(name)]).generate_state(1)[0]
        strategy = CMA(mean=np.zeros(size), sigma=SIGMA, seed=int(seed))
        waiting: list[tuple[NDArray[np.float64], float]] = []
        rounds = sorted({tried.round for tried in history if tried.round > 0})
        for number in rounds:
            for tried, score in zip(history, scores, strict=True):
                if tried.round == number and tried.genome.get("program") == name:
                    waiting.append((strategy.ask(), FAILED if score is None else -score))
            while len(waiting) >= strategy.population_size:
                strategy.tell(waiting[: strategy.population_size])
                waiting = waiting[strategy.population_size :]
        return strategy


class _Genes:
    """Numbers that stand for a schedule of a program: 0 is its own schedule, 1 a scale away from it."""

    def __init__(self, name: str, source: str, beta: bool) -> None:
        self._source = source
        self._beta = beta
        start, end = _values(name, source, 0.0), _values(name, source, 1.0)
        if not beta:
            start = end = _values(name, source, 0.5)
        numbers = [key for key in start if type(start[key]) in (int, float) and math.isfinite(start[key])]
        self._whole = {key for key in numbers if type(start[key]) is int}
        self._names = numbers
        self._start = np.array([float(start[key]) for key in numbers])
        self._end = np.array([float(end[key]) for key in numbers])
        largest = np.maximum(abs(self._start), abs(self._end))
        self._scale = np.maximum(abs(self._end - self._start), largest / 2) / 2
        self._scale[self._scale == 0] = 1.0
        self.size = (2 * len(numbers) + 1 if beta else len(numbers)) if numbers else 0

    def source(self, genes: NDArray[np.float64]) -> str:
        """The program with the schedule of ``genes``."""
        count = len(self._names)
        low = self._allowed(self._start + genes[:count] * self._scale)
        high = self._allowed(self._end + genes[count : 2 * count] * self._scale) if self._beta else low
        power = round(float(np.exp(np.clip(genes[-1], -1.5, 1.5))), 3) if self._beta else 1.0
        ends = {key: (low[k], high[k]) for k, key in enumerate(self._names)}
        return with_schedule(self._source, line_schedule(ends, self._whole, power))

    def _allowed(self, values: NDArray[np.float64]) -> list[float]:
        """``values``, not beyond 0 where the program's own are not, nor beyond 1 where its own are shares."""
        allowed = []
        for k, key in enumerate(self._names):
            low, high = sorted((self._start[k], self._end[k]))
            bottom = -math.inf if low < 0 else 1.0 if key in self._whole and low >= 1 else 0.0
            top = 1.0 if key not in self._whole and high <= 1 else math.inf
            allowed.append(round(float(np.clip(values[k], bottom, top)), 4))
        return allowed


def _values(name: str, source: str, beta: float) -> dict[str, Any]:
    """What the schedule of a seed program, which is the user's own code, gives at ``beta``."""
    try:
        return dict(names_of(source, True)["schedule"](beta))
    except Exception as error:
        raise DiscoveryError(
            f"The schedule of the seed program {name} fails ({type(error).__name__}: {error})."
        ) from error
