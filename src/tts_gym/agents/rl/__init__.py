"""Learned controllers: adapters to reinforcement-learning libraries (extra ``rl``)."""

from tts_gym.agents.rl.saving import save
from tts_gym.agents.rl.sb3 import SB3VecEnv, make_sb3_env
from tts_gym.agents.rl.set_encoder import MaskableSetPolicy, SetDQNPolicy, SetPolicy, SetQRDQNPolicy

__all__ = ["MaskableSetPolicy", "SB3VecEnv", "SetDQNPolicy", "SetPolicy", "SetQRDQNPolicy", "make_sb3_env", "save"]
