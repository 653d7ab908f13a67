"""Learned controllers: adapters to reinforcement-learning libraries (extra ``rl``)."""

from tts_gym.agents.rl.sb3 import SB3VecEnv, make_sb3_env

__all__ = ["SB3VecEnv", "make_sb3_env"]
