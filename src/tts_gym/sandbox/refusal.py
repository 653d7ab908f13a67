"""Why a candidate is turned away, in one line that its author can act on."""

from __future__ import annotations

from tts_gym.errors import ControllerError
from tts_gym.sandbox.boundary import LONGEST_REASON


class CandidateError(ControllerError):
    """A candidate is not what a candidate has to be."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        """Say why.

        Args:
            reason: what is wrong and what to do.
            line: where in the source, if it is somewhere.
        """
        text = " ".join(reason.split()).encode("ascii", "backslashreplace").decode("ascii")
        if len(text) > LONGEST_REASON:
            text = f"{text[: LONGEST_REASON - 3]}..."
        super().__init__(text if line is None else f"line {line}: {text}")
        self.line = line
