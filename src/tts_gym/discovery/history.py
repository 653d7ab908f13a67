"""What a discovery has so far, in memory as it is in the archive, which is read once and then only written to."""

from __future__ import annotations

from dataclasses import dataclass, field

from tts_gym.discovery.proposers.proposer import Proposal
from tts_gym.discovery.records import Assessment, OnRecordings, ProposalUsage, Tried

Place = tuple[int, int]
"""Round, from 0 for that of the seed programs, and slot in it, from 1."""


@dataclass
class History:
    """Proposals, and what became of them.

    Attributes:
        proposals: every proposal by its place.
        assessed: what was assessed of them, by its place.
    """

    proposals: dict[Place, Proposal] = field(default_factory=dict)
    assessed: dict[Place, Tried] = field(default_factory=dict)

    @property
    def tried(self) -> list[Tried]:
        """What was assessed, in order of rounds and slots."""
        return [self.assessed[place] for place in sorted(self.assessed)]

    @property
    def seeds(self) -> list[Tried]:
        """The seed programs."""
        return self.before(1)

    @property
    def spent(self) -> ProposalUsage:
        """What all proposals took, those not yet assessed among them."""
        return sum((self.proposals[place].usage for place in sorted(self.proposals)), ProposalUsage())

    def before(self, number: int) -> list[Tried]:
        """What was assessed in the rounds before ``number``, in order."""
        return [each for each in self.tried if each.round < number]

    def put(self, place: Place, name: str, assessment: Assessment, recorded: OnRecordings | None = None) -> Tried:
        """Take in what became of the proposal at a place, instead of what was known of it.

        Args:
            place: its round and slot.
            name: how tables call it.
            assessment: what became of it.
            recorded: how it does on the recordings, if it ran there.
        """
        proposal = self.proposals[place]
        genome = dict(proposal.genome)
        tried = Tried(*place, name, proposal.source, assessment, proposal.usage, genome, recorded)
        self.assessed[place] = tried
        return tried
