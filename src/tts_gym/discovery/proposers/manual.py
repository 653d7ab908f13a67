"""A person, or an agent that drives the tool itself: the workspace is written, and the candidate is waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tts_gym.discovery.proposers.proposer import CANDIDATE_FILE, Proposal, Task
from tts_gym.discovery.proposers.workspace import read_candidate_file
from tts_gym.discovery.records import ProposalUsage, Tried
from tts_gym.discovery.settings import DiscoverySettings


class Manual:
    """Takes ``candidate.py`` from the workspace once it is there."""

    metered = False

    @classmethod
    def begin(cls, settings: DiscoverySettings, seeds: Mapping[str, str]) -> Manual:
        """The proposer of a discovery.

        Args:
            settings: what the discovery is told.
            seeds: sources of the seed programs by name.
        """
        return cls()

    def estimate(self, prompt_tokens: int) -> ProposalUsage:
        """Nothing that is counted."""
        return ProposalUsage()

    def propose(self, task: Task) -> Proposal | None:
        """The candidate in the workspace, None before it is there."""
        if not (task.workspace / CANDIDATE_FILE).exists():
            return None
        return read_candidate_file(task.workspace)

    def state(self, history: Sequence[Tried], scores: Sequence[float | None]) -> dict[str, Any]:
        """Nothing.

        Args:
            history: what was tried.
            scores: a score for each of it, None where it failed.
        """
        return {}
