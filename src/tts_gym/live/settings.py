"""How questions are answered live."""

from __future__ import annotations

from dataclasses import dataclass

from tts_gym.collectors.settings import Settings
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import LiveError


@dataclass(frozen=True)
class LiveSettings:
    """How questions are answered on a running model.

    Attributes:
        drawn: what branches and probes are drawn from, as in collecting; an episode opens ``branches`` at most.
        ahead: intervals that a branch goes on for while its controller thinks. With 0 each interval is a request of
            its own, over the prefix cache.
        rules: what an episode may spend and how it is charged.
        deadline: seconds after which the best answer so far is given; None for no limit.

    Raises:
        LiveError: an attribute is out of range.
    """

    drawn: Settings
    ahead: int = 1
    rules: EpisodeRules = EpisodeRules()
    deadline: float | None = None

    def __post_init__(self) -> None:
        """Check the attributes."""
        if self.ahead < 0:
            raise LiveError(f"ahead is {self.ahead}: it is a number of intervals, 0 or more.")
        if self.deadline is not None and not self.deadline > 0:
            raise LiveError(f"deadline is {self.deadline}: it is a number of seconds above 0.")
        if self.rules.published:
            raise LiveError("Live episodes are charged exactly: the published rules are for replay.")
