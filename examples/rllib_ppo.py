"""Ray RLlib: a few iterations of PPO on the environment, named by its Gymnasium id.

    pip install tts-gym torch 'ray[rllib]'
    python examples/rllib_ppo.py --timesteps 20000

RLlib pins an exact version of Gymnasium (1.2.2 in Ray 2.60), so give it a virtual environment of its own. A return is
1 for a right answer minus ``cost_weight`` for each mean branch length of tokens spent.
"""

from __future__ import annotations

import argparse

from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.utils.metrics import ENV_RUNNER_RESULTS, EPISODE_RETURN_MEAN, NUM_ENV_STEPS_SAMPLED_LIFETIME

BATCH = 2048


def main() -> None:
    """Train, and print the mean return as it goes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--timesteps", type=int, default=20_000, help="environment steps to train for")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    config = (
        PPOConfig()
        .environment("tts_gym:TTSWidthDepthRounds-v1", env_config={"cost_weight": 0.05})
        .env_runners(num_env_runners=0, num_envs_per_env_runner=16)
        .training(
            train_batch_size_per_learner=min(BATCH, arguments.timesteps), minibatch_size=128, num_epochs=4, gamma=1.0
        )
        .debugging(seed=arguments.seed)
    )
    algorithm = config.build_algo()
    taken = 0
    while taken < arguments.timesteps:
        results = algorithm.train()[ENV_RUNNER_RESULTS]
        taken = int(results[NUM_ENV_STEPS_SAMPLED_LIFETIME])
        print(f"{taken:>9,} steps  mean return {results[EPISODE_RETURN_MEAN]:6.3f}", flush=True)
    algorithm.stop()


if __name__ == "__main__":
    main()
