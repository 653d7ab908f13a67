"""PPO with action masks in one file of plain PyTorch, over the native vector environment.

    pip install tts-gym torch
    python examples/cleanrl_ppo.py --timesteps 200000

PPO is arXiv 1707.06347, advantages are arXiv 1506.02438, masked logits are arXiv 2006.14171. An inadmissible round has
probability 0, so that no step is lost on it. A return is 1 for a right answer minus ``cost_weight`` for each mean
branch length of tokens spent.
"""

from __future__ import annotations

import argparse
import time
from collections import deque

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from torch import nn
from torch.distributions import Categorical

import tts_gym  # noqa: F401  (registers the environments)

ENVIRONMENTS, STEPS = 32, 64
EPOCHS, MINIBATCHES = 4, 4
DISCOUNT, TRACE = 1.0, 0.95
CLIP, ENTROPY_WEIGHT, VALUE_WEIGHT, MOST_GRADIENT = 0.2, 0.01, 0.5, 0.5
LEARNING_RATE = 1e-3


class Agent(nn.Module):
    """An actor and a critic."""

    def __init__(self, features: int, actions: int) -> None:
        """Make both, with an actor that begins close to uniform."""
        super().__init__()
        self.actor = nn.Sequential(
            nn.Linear(features, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, actions)
        )
        self.critic = nn.Sequential(nn.Linear(features, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1))
        nn.init.zeros_(self.actor[-1].weight)

    def policy(self, observations: torch.Tensor, masks: torch.Tensor) -> Categorical:
        """The distribution over the admissible actions, of observations [..., features] and masks [..., actions]."""
        return Categorical(logits=self.actor(observations).masked_fill(~masks, torch.finfo(torch.float32).min))

    def value(self, observations: torch.Tensor) -> torch.Tensor:
        """Expected returns [...]."""
        return self.critic(observations).squeeze(-1)


def estimate_advantages(
    rewards: torch.Tensor, values: torch.Tensor, ends: torch.Tensor, last_values: torch.Tensor
) -> torch.Tensor:
    """Generalised advantages [STEPS, ENVIRONMENTS]; ``ends`` tells after which steps an episode ended."""
    advantages = torch.zeros_like(rewards)
    advantage = torch.zeros_like(last_values)
    following = last_values
    for t in reversed(range(len(rewards))):
        goes_on = 1 - ends[t]
        surprise = rewards[t] + DISCOUNT * following * goes_on - values[t]
        advantage = surprise + DISCOUNT * TRACE * goes_on * advantage
        advantages[t], following = advantage, values[t]
    return advantages


def update(agent: Agent, optimizer: torch.optim.Optimizer, batch: dict[str, torch.Tensor]) -> None:
    """Take ``EPOCHS`` passes over a batch of steps."""
    size = len(batch["actions"])
    for _ in range(EPOCHS):
        for chosen in torch.randperm(size).chunk(MINIBATCHES):
            part = {name: values[chosen] for name, values in batch.items()}
            policy = agent.policy(part["observations"], part["masks"])
            ratio = (policy.log_prob(part["actions"]) - part["log_probs"]).exp()
            advantages = (part["advantages"] - part["advantages"].mean()) / (part["advantages"].std() + 1e-8)
            gain = torch.min(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages).mean()
            error = nn.functional.mse_loss(agent.value(part["observations"]), part["returns"])
            loss = -gain - ENTROPY_WEIGHT * policy.entropy().mean() + VALUE_WEIGHT * error
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), MOST_GRADIENT)
            optimizer.step()


def main() -> None:
    """Train, and print the mean return of the last 500 episodes as it goes."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--timesteps", type=int, default=200_000, help="environment steps to train for")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    torch.manual_seed(arguments.seed)
    envs = gym.make_vec(
        "TTSWidthDepthRounds-v1", ENVIRONMENTS, cost_weight=0.05, autoreset_mode=AutoresetMode.SAME_STEP
    )
    agent = Agent(envs.single_observation_space.shape[0], int(envs.single_action_space.n))
    optimizer = torch.optim.Adam(agent.parameters(), LEARNING_RATE, eps=1e-5)
    returns, running = deque(maxlen=500), np.zeros(ENVIRONMENTS)
    begun = time.perf_counter()
    seen, infos = envs.reset(seed=arguments.seed)
    for iteration in range(1, max(arguments.timesteps // (ENVIRONMENTS * STEPS), 1) + 1):
        steps = []
        for _ in range(STEPS):
            observations, masks = torch.from_numpy(seen), torch.from_numpy(infos["action_mask"]).bool()
            with torch.no_grad():
                policy, values = agent.policy(observations, masks), agent.value(observations)
                actions = policy.sample()
                log_probs = policy.log_prob(actions)
            seen, rewards, terminated, truncated, infos = envs.step(actions.numpy())
            ends = terminated | truncated
            running += rewards
            returns.extend(running[ends])
            running[ends] = 0
            outcome = torch.from_numpy(rewards).float(), torch.from_numpy(ends).float()
            steps.append((observations, masks, actions, log_probs, values, *outcome))
        names = ("observations", "masks", "actions", "log_probs", "values", "rewards", "ends")
        batch = dict(zip(names, map(torch.stack, zip(*steps, strict=True)), strict=True))
        with torch.no_grad():
            last_values = agent.value(torch.from_numpy(seen))
        batch["advantages"] = estimate_advantages(batch["rewards"], batch["values"], batch["ends"], last_values)
        batch["returns"] = batch["advantages"] + batch["values"]
        update(agent, optimizer, {name: values.flatten(0, 1) for name, values in batch.items()})
        taken = iteration * ENVIRONMENTS * STEPS
        speed = taken / (time.perf_counter() - begun)
        print(f"{taken:>9,} steps  mean return {np.mean(returns):6.3f}  {speed:,.0f} steps/s")
    envs.close()


if __name__ == "__main__":
    main()
