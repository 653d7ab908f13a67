"""The decision process: transition kernels, and the episode that programs see, interpreted and compiled."""

from tts_gym.episode.actions import decode_action, encode_action
from tts_gym.episode.aggregation import CONFIDENT, LEARNED, WEIGHTED
from tts_gym.episode.episode import Episode
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.votes import ACTIVE, ALL, FINISHED

__all__ = [
    "ACTIVE",
    "ALL",
    "CONFIDENT",
    "FINISHED",
    "LEARNED",
    "WEIGHTED",
    "Episode",
    "EpisodeRules",
    "decode_action",
    "encode_action",
]
