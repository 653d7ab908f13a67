"""What an episode may spend and how it is charged, as a whole run has it."""

from __future__ import annotations

from dataclasses import dataclass

from tts_gym.episode.state import NO_BUDGET


@dataclass(frozen=True)
class EpisodeRules:
    """What an episode may spend and how it is charged.

    Attributes:
        published: charge tokens and count invalid answers as the published results did, instead of exactly (design, 3).
        budget: tokens that may be spent in all; what fits it is said in ``costs``.
        probe_cost: tokens charged for a probe (κ).
        eager: whether an advance reveals its answer, as the published code does; else only a probe does.
    """

    published: bool = False
    budget: int = NO_BUDGET
    probe_cost: int = 0
    eager: bool = True
