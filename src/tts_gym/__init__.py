"""Discover, train, compare and deploy test-time-scaling controllers on replayed reasoning trajectories.

Importing the package registers its environments with Gymnasium.
"""

from gymnasium.envs.registration import register

register(
    id="TTSWidthDepth-v0",
    entry_point="tts_gym.envs.width_depth:TTSWidthDepthEnv",
    max_episode_steps=4096,
)
