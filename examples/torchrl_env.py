"""TorchRL: the environment as a ``GymEnv`` whose specs hold, and a random rollout that keeps to the action masks.

    pip install tts-gym torchrl
    python examples/torchrl_env.py --timesteps 2000

``info["action_mask"]`` becomes an entry of the tensordict, and TorchRL's ``ActionMask`` makes the action spec draw
admissible rounds only. The environment drops into TorchRL's collectors and losses from there.
"""

from __future__ import annotations

import argparse

import torch
from torchrl.data import Binary
from torchrl.envs import ActionMask, GymEnv, TransformedEnv, check_env_specs, default_info_dict_reader

import tts_gym  # noqa: F401  (registers the environments)


def make_env(id: str) -> TransformedEnv:
    """The environment with its action masks."""
    env = GymEnv(id, categorical_action_encoding=True)
    mask = Binary(env.action_spec.n, dtype=torch.int8)
    env.set_info_dict_reader(default_info_dict_reader(["action_mask"], spec={"action_mask": mask}))
    return TransformedEnv(env, ActionMask())


def main() -> None:
    """Check the specs and report on a random rollout."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--timesteps", type=int, default=2000, help="steps of the rollout")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    env = make_env("TTSWidthDepthRounds-v1")
    check_env_specs(env)
    env.set_seed(arguments.seed)
    torch.manual_seed(arguments.seed)
    rollout = env.rollout(arguments.timesteps, break_when_any_done=False)
    print(rollout)

    taken = rollout["action_mask"].gather(-1, rollout["action"][..., None])
    episodes = int(rollout["next", "done"].sum())
    reward = rollout["next", "reward"].sum().item()
    print(f"{len(rollout)} random steps, all of them admissible: {bool(taken.all())}")
    print(f"{episodes} episodes ended; reward per episode {reward / max(episodes, 1):.3f}")


if __name__ == "__main__":
    main()
