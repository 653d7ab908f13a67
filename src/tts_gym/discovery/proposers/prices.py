"""What the model of a proposer costs."""

from __future__ import annotations

from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.llm.prices import read_prices


def read_model_prices(settings: DiscoverySettings) -> dict[str, float] | None:
    """Dollars a million tokens of the model that ``settings`` names, None without a price file."""
    return None if settings.prices is None else read_prices(settings.prices, settings.needed("model"))
