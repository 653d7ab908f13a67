"""Who writes the candidates, one file a kind."""

from __future__ import annotations

from collections.abc import Mapping

from tts_gym.discovery.proposers.proposer import Proposer
from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.errors import DiscoveryError
from tts_gym.registry import PROPOSERS


def make_proposer(settings: DiscoverySettings, seeds: Mapping[str, str]) -> Proposer:
    """The proposer that ``settings`` names.

    Args:
        settings: what the discovery is told.
        seeds: sources of the seed programs by name.

    Raises:
        DiscoveryError: there is none of that name, an option is missing or its library is not installed, or it cannot
            keep to a limit because it does not tell what it takes.
    """
    made: Proposer = PROPOSERS.load(settings.proposer)(settings, seeds)
    if not made.metered and (settings.max_usd is not None or settings.max_tokens is not None):
        raise DiscoveryError(
            f"The proposer {settings.proposer} does not tell the tokens and dollars it takes: "
            "leave --max-usd and --max-tokens out."
        )
    return made
