"""Stable-Baselines3: train PPO on a native vector environment, and compare it with a random policy.

    pip install 'tts-gym[rl]'
    python examples/sb3_ppo.py --timesteps 200000

A return is 1 for a right answer minus ``cost_weight`` for each mean branch length of tokens spent.
"""

from __future__ import annotations

import argparse

from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor

from tts_gym.agents.rl import make_sb3_env


def main() -> None:
    """Train and compare."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--timesteps", type=int, default=200_000, help="environment steps to train for")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    envs = VecMonitor(make_sb3_env("TTSWidthDepthRounds-v1", 32, seed=arguments.seed, cost_weight=0.05))
    model = PPO("MlpPolicy", envs, n_steps=64, batch_size=512, gamma=1.0, seed=arguments.seed, device="cpu")
    # Stable-Baselines3 begins with logits close to 0: before training the policy draws rounds at random.
    random_return, _ = evaluate_policy(model, envs, n_eval_episodes=500, deterministic=False)
    model.learn(arguments.timesteps)
    mean_return, _ = evaluate_policy(model, envs, n_eval_episodes=500, deterministic=False)
    print(f"mean return of 500 episodes: random {random_return:.3f}, PPO {mean_return:.3f}")


if __name__ == "__main__":
    main()
