"""What goes wrong in a collection."""

from __future__ import annotations

from tts_gym.errors import TTSGymError


class CollectionError(TTSGymError):
    """A collection has wrong settings or questions, is in use, or cannot go on."""
