"""What the operator allows a request."""

from __future__ import annotations

from dataclasses import dataclass

from tts_gym.episode.state import NO_BUDGET
from tts_gym.errors import LiveError


@dataclass(frozen=True)
class Limits:
    """What one request may take, and how many there may be.

    Width and length of branches are those of the settings that branches are drawn by.

    Attributes:
        budget: tokens of branches that a request may be charged.
        deadline: seconds until the best answer so far is given.
        requests: requests that are answered at the same time.
        body: bytes of a request.
        reading: seconds in which a request must be there, head and body each.
        keep_alive: seconds between two signs of life in a stream.

    Raises:
        LiveError: an attribute is out of range.
    """

    budget: int = NO_BUDGET
    deadline: float = 600.0
    requests: int = 256
    body: int = 4 << 20
    reading: float = 20.0
    keep_alive: float = 10.0

    def __post_init__(self) -> None:
        """Check the attributes."""
        for name, value in vars(self).items():
            if not value > 0:
                raise LiveError(f"The limit {name} is {value}: it must be above 0.")
