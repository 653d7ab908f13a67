"""What a proposer is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tts_gym.discovery.records import NOTHING, ProposalUsage, Tried

CANDIDATE_FILE = "candidate.py"
"""Name of the file that a proposer leaves in its workspace."""

CHARACTERS = 4
"""Characters of a token, where tokens are estimated."""


@dataclass(frozen=True)
class Task:
    """What a proposer is asked for.

    Attributes:
        round: the round, from 1.
        slot: which of its candidates, from 1.
        prompt: all that it is told.
        workspace: directory with ``prompt.md``, where it may work.
        history: what was tried in the rounds before.
        scores: a score for each of ``history``, None where it failed.
    """

    round: int
    slot: int
    prompt: str
    workspace: Path
    history: Sequence[Tried]
    scores: Sequence[float | None]


@dataclass(frozen=True)
class Proposal:
    """What a proposer gives.

    Attributes:
        source: the candidate; None if there is none.
        failure: why there is none, one line.
        usage: what it took.
        transcript: what was said, for the archive.
        genome: what the proposer wants to see again in ``Tried.genome``.
    """

    source: str | None
    failure: str | None = None
    usage: ProposalUsage = NOTHING
    transcript: Sequence[Mapping[str, Any]] = ()
    genome: Mapping[str, Any] = field(default_factory=dict)


class Proposer(Protocol):
    """Who writes candidates."""

    @property
    def metered(self) -> bool:
        """Whether it tells the tokens it takes."""

    def estimate(self, prompt_tokens: int) -> ProposalUsage:
        """What a proposal may take at most, given the tokens of its prompt."""

    def propose(self, task: Task) -> Proposal | None:
        """Write a candidate; None if it has to be waited for.

        Raises:
            DiscoveryError: it cannot, and would not the next time either.
        """

    def state(self, history: Sequence[Tried], scores: Sequence[float | None]) -> dict[str, Any]:
        """What it would go on from, random state included, for the archive.

        Args:
            history: what was tried.
            scores: a score (mean accuracy in %) for each of it, None where it failed.
        """


def tokens_of(text: str) -> int:
    """Tokens of ``text``, estimated as characters / 4."""
    return -(-len(text) // CHARACTERS)
