"""What a discovery is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tts_gym.datasets.catalogue import load_store
from tts_gym.datasets.digest import store_digest
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import DiscoveryError
from tts_gym.sandbox.runs import Limits

BETAS = tuple(k / 10 for k in range(11))
"""The values of the knob at which controllers are evaluated."""

ONE_POINT = (0.5,)
"""The same where candidates have no knob."""


@dataclass(frozen=True)
class DiscoverySettings:
    """What a discovery is told; what may be told otherwise when it goes on is in ``OPEN``.

    Attributes:
        search: names or paths of the stores that candidates are scored on.
        held_out: those that only the report reads.
        proposer: who proposes.
        rounds: rounds to run.
        candidates_per_round: proposals a round.
        seeds: branch orders to replay each question in.
        seed: of everything that is drawn.
        rules: accounting, "exact" or "published".
        seed_programs: shipped programs, or files with a candidate, that the search begins with.
        beta: whether candidates are schedules of one knob; else each is a single set of parameters.
        traces: whether the proposer reads a diagnosis; else scores only.
        model: model of the proposers ``openai`` and ``claude-agent``.
        base_url: address of the server of ``openai``, None for the hosted one.
        command: command line of the proposer ``command``.
        max_output: most tokens of one reply.
        timeout: seconds that one proposal may take.
        prices: price file, see ``llm.prices.read_prices``.
        max_usd: dollars to spend at most.
        max_tokens: tokens to spend at most, read and written ones together.
        template: file of the prompt, None for the package's own.
        allow_weak_isolation: whether candidates run where the jail lacks a layer, see ``sandbox.isolation``.
    """

    search: tuple[str, ...]
    held_out: tuple[str, ...] = ()
    proposer: str = "manual"
    rounds: int = 8
    candidates_per_round: int = 1
    seeds: int = 100
    seed: int = 0
    rules: str = "exact"
    seed_programs: tuple[str, ...] = ("sc", "asc", "parallel-probe", "cmc")
    beta: bool = True
    traces: bool = True
    model: str | None = None
    base_url: str | None = None
    command: str | None = None
    max_output: int = 16_000
    timeout: float = 1800.0
    prices: str | None = None
    max_usd: float | None = None
    max_tokens: int | None = None
    template: str | None = None
    allow_weak_isolation: bool = False

    @property
    def betas(self) -> tuple[float, ...]:
        """Values of the knob at which candidates are evaluated."""
        return BETAS if self.beta else ONE_POINT

    @property
    def limits(self) -> Limits:
        """What a candidate may use."""
        return Limits(allow_weak=self.allow_weak_isolation)

    @property
    def episode_rules(self) -> EpisodeRules:
        """The accounting as episodes take it."""
        return EpisodeRules(published=self.rules == "published")

    def needed(self, name: str) -> str:
        """The setting ``name``, which the proposer cannot do without.

        Raises:
            DiscoveryError: it is not given.
        """
        value = getattr(self, name)
        if not value:
            raise DiscoveryError(f"The proposer {self.proposer} needs --{name}.")
        return str(value)


OPEN = ("rounds", "held_out", "max_usd", "max_tokens", "prices", "timeout", "base_url", "allow_weak_isolation")
"""DiscoverySettings that may change when a discovery goes on."""


def load_stores(names: Sequence[str]) -> list[ReplayStore]:
    """The stores ``names``.

    Raises:
        StoreError: for one that is missing or refused.
        DiscoveryError: if two have the same label.
    """
    stores = [load_store(name) for name in names]
    labels = [store.label for store in stores]
    for label in labels:
        if labels.count(label) > 1:
            raise DiscoveryError(f"Two stores are called {label}: give each store once, under a name of its own.")
    return stores


def store_digests(stores: Sequence[ReplayStore]) -> dict[str, str]:
    """Hash of each store by its label."""
    return {store.label: store_digest(store) for store in stores}
