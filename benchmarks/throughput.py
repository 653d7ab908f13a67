"""Environment steps a second, ours beside Gymnasium's and envpool's CartPole, and the environment's share in training.

    pip install -e '.[benchmarks]'
    python benchmarks/throughput.py [--quick]

Every environment plays a tape of actions drawn beforehand, uniformly over the action space, as anyone samples it;
"admissible" ones are uniform over the actions that the mask admits, which keeps all branches busy. All cases take turns
in each repeat, so that noise meets them alike; figures are medians over repeats, of CPU time and of wall time, and
medians of the ratios within a repeat. Writes ``throughput.json`` and ``throughput.png`` in ``benchmarks/results`` and
prints Markdown.
"""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import envpool
import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
from gymnasium.vector import SyncVectorEnv
from stable_baselines3 import PPO

import tts_gym  # noqa: F401
from tts_gym.agents.rl import make_sb3_env

RESULTS = Path(__file__).parent / "results"
QUICK = "--quick" in sys.argv
REPEATS = 2 if QUICK else 7
SIZES = (1, 64, 1024, 8192)
ATOMIC, ROUNDS, CARTPOLE = "TTSWidthDepth-v0", "TTSWidthDepthRounds-v0", "CartPole-v1"
TRAINING_STEPS = 2 * 64 * 128 if QUICK else 8 * 64 * 128


class Case:
    """An environment and a tape of actions that it plays."""

    def __init__(self, kind: str, number: int, steps: int, envs: Any, tape: Any, seeded: bool = True) -> None:
        """Hold them, and compile what has to be compiled."""
        self.kind, self.number, self.steps, self.envs, self.tape, self.seeded = kind, number, steps, envs, tape, seeded
        self.play(min(steps, 20))

    def play(self, steps: int | None = None) -> tuple[float, float]:
        """Steps a second, by CPU time and by wall time."""
        self.envs.reset(**({"seed": 0} if self.seeded else {}))
        tape, step = self.tape[:steps], self.envs.step
        cpu, wall = time.process_time(), time.perf_counter()
        if self.number == 0:
            for action in tape:
                if step(action)[2]:
                    self.envs.reset()
        else:
            for actions in tape:
                step(actions)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        return len(tape) * max(self.number, 1) / cpu, len(tape) * max(self.number, 1) / wall


def uniform(actions: int, number: int, steps: int) -> Any:
    return list(np.random.default_rng(1).integers(0, actions, (steps, number) if number else steps))


def admissible(envs: Any, steps: int) -> list[Any]:
    """A tape of random admissible actions: the same seed and actions admit the same ones again."""
    rng = np.random.default_rng(1)
    _, infos = envs.reset(seed=0)
    tape = []
    for _ in range(steps):
        mask = infos["action_mask"]
        tape.append((mask * rng.random(mask.shape)).argmax(-1))
        *_, infos = envs.step(tape[-1])
    return tape


def cases() -> Iterator[Case]:
    singles = 2_000 if QUICK else 20_000
    for name in (CARTPOLE, ATOMIC, ROUNDS):
        env = gym.make(name)
        yield Case(f"{name} single", 0, singles, env, uniform(env.action_space.n, 0, singles))
    for number in SIZES:
        steps = min(5_000, max(100, (20_000 if QUICK else 400_000) // number))
        for name in (CARTPOLE, ATOMIC, ROUNDS):
            envs = gym.make_vec(name, num_envs=number, vectorization_mode="vector_entry_point")
            yield Case(f"{name} vector", number, steps, envs, uniform(envs.single_action_space.n, number, steps))
        for name in (ATOMIC, ROUNDS):
            envs = gym.make_vec(name, num_envs=number)
            yield Case(f"{name} vector, admissible", number, steps, envs, admissible(envs, steps))
        envs = envpool.make(CARTPOLE, env_type="gymnasium", num_envs=number, seed=0)
        yield Case("CartPole-v1 envpool", number, steps, envs, uniform(2, number, steps), seeded=False)
        if number <= 1024:
            slow = max(10, steps // 20)
            for name in (CARTPOLE, ATOMIC):
                envs = SyncVectorEnv([lambda name=name: gym.make(name)] * number)
                yield Case(
                    f"{name} SyncVectorEnv", number, slow, envs, uniform(envs.single_action_space.n, number, slow)
                )


def training_share(name: str, policy: str) -> dict[str, float]:
    """Seconds of PPO on 64 environments, and the share of them spent in the environments."""
    envs = make_sb3_env(name, 64, seed=0)
    model = PPO(policy, envs, n_steps=128, batch_size=1024, device="cpu", seed=0)
    model.learn(64 * 128)
    spent = 0.0
    step_wait = envs.step_wait

    def timed() -> Any:
        nonlocal spent
        start = time.perf_counter()
        result = step_wait()
        spent += time.perf_counter() - start
        return result

    envs.step_wait = timed
    start = time.perf_counter()
    model.learn(TRAINING_STEPS)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "steps": TRAINING_STEPS, "environment_share": spent / seconds}


def plot(figures: list[dict[str, Any]]) -> None:
    _, axes = plt.subplots(figsize=(8, 5))
    for kind in dict.fromkeys(figure["kind"] for figure in figures):
        points = [(figure["num_envs"], figure["steps_per_cpu_second"]) for figure in figures if figure["kind"] == kind]
        ours = kind.startswith("TTS")
        axes.loglog(*zip(*points, strict=True), marker="o", linestyle="-" if ours else "--", label=kind)
    axes.set_xlabel("environments")
    axes.set_ylabel("environment steps per CPU second")
    axes.grid(True, which="major", alpha=0.3)
    axes.legend(fontsize=7)
    plt.tight_layout()
    plt.savefig(RESULTS / "throughput.png", dpi=120)


def main() -> None:
    played = list(cases())
    runs: list[list[tuple[float, float]]] = [[case.play() for case in played] for _ in range(REPEATS)]
    figures = [
        {
            "kind": case.kind,
            "num_envs": max(case.number, 1),
            "steps_per_cpu_second": statistics.median(run[k][0] for run in runs),
            "steps_per_wall_second": statistics.median(run[k][1] for run in runs),
        }
        for k, case in enumerate(played)
    ]
    place = {(case.kind, case.number): k for k, case in enumerate(played)}

    def ratio(one: str, other: str) -> float:
        pair = place[one, 1024], place[other, 1024]
        return statistics.median(run[pair[0]][0] / run[pair[1]][0] for run in runs)

    ratios = {
        "atomic / CartPole numpy vector": ratio(f"{ATOMIC} vector", f"{CARTPOLE} vector"),
        "atomic, admissible / CartPole numpy vector": ratio(f"{ATOMIC} vector, admissible", f"{CARTPOLE} vector"),
        "atomic / its SyncVectorEnv": ratio(f"{ATOMIC} vector", f"{ATOMIC} SyncVectorEnv"),
        "rounds / CartPole numpy vector": ratio(f"{ROUNDS} vector", f"{CARTPOLE} vector"),
    }
    shares = {ATOMIC: training_share(ATOMIC, "MultiInputPolicy"), ROUNDS: training_share(ROUNDS, "MlpPolicy")}
    result = {
        "machine": platform.processor() or platform.machine(),
        "repeats": REPEATS,
        "figures": figures,
        "ratios_at_1024": ratios,
        "ppo_64_envs": shares,
    }
    print("| environment | number | steps per CPU second | steps per wall second |\n|---|---|---|---|")
    for figure in figures:
        rates = [f"{figure[f'steps_per_{clock}_second']:,.0f}" for clock in ("cpu", "wall")]
        print(f"| {figure['kind']} | {figure['num_envs']} | {rates[0]} | {rates[1]} |")
    for name, value in ratios.items():
        print(f"{name}, 1,024 environments: {value:.2f}")
    for name, share in shares.items():
        print(f"PPO on 64 {name}: {100 * share['environment_share']:.1f} % of the time in the environments")
    if not QUICK:
        (RESULTS / "throughput.json").write_text(json.dumps(result, indent=1) + "\n")
        plot(figures)


if __name__ == "__main__":
    main()
