"""Both environments with arguments that make them kind to algorithms at their own defaults."""

import gymnasium as gym

from tts_gym.envs.config import AtomicConfig, RoundsConfig

KIND = {"initial_width": 3, "reward_shaping": True, "invalid_reward": 0.0, "patience": 8, "steady_info": True}
KIND_ATOMIC = {**KIND, "max_branches": 8, "reveal": "advance", "stride": 4, "show_price": True}
KIND_ROUNDS = {**KIND, "max_branches": 16}

for config, arguments in ((AtomicConfig, KIND_ATOMIC), (RoundsConfig, KIND_ROUNDS)):
    gym.register(
        f"kind/{config.env_id}",
        config.entry_point,
        vector_entry_point=config.vector_entry_point,
        max_episode_steps=config.most_steps,
        kwargs=arguments,
    )
