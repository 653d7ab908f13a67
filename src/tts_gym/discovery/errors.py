"""Errors of a discovery."""

from tts_gym.errors import TTSGymError


class DiscoveryError(TTSGymError):
    """A discovery cannot be begun, gone on with or reported, or its proposer cannot propose."""
