"""What goes wrong with answers."""

from __future__ import annotations

from tts_gym.errors import TTSGymError


class AnswerError(TTSGymError):
    """There is no such rule for answers, or it cannot be applied."""
