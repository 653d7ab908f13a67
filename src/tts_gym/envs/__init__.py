"""The decision process: transition kernels, the episode that programs see, and the Gymnasium environments."""

from tts_gym.envs.actions import decode_action, encode_action
from tts_gym.envs.episode import Episode, EpisodeRules
from tts_gym.envs.votes import ACTIVE, ALL, FINISHED

__all__ = ["ACTIVE", "ALL", "FINISHED", "Episode", "EpisodeRules", "decode_action", "encode_action"]
