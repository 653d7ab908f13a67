"""How questions are answered live."""

from __future__ import annotations

from dataclasses import dataclass

from tts_gym.collectors.settings import CollectionSettings
from tts_gym.errors import LiveError


@dataclass(frozen=True)
class LiveSettings:
    """How questions are answered on a running model.

    Attributes:
        drawn: what branches and probes are drawn from, as in collecting; an episode opens ``branches`` at most.
        ahead: intervals that a branch goes on for while its controller thinks. With 0 each interval is a request of
            its own, over the prefix cache.

    Raises:
        LiveError: an attribute is out of range.
    """

    drawn: CollectionSettings
    ahead: int = 1

    def __post_init__(self) -> None:
        """Check the attributes."""
        if self.ahead < 0:
            raise LiveError(f"ahead is {self.ahead}: it is a number of intervals, 0 or more.")
