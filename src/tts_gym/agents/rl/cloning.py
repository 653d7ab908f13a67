"""Behaviour cloning: a policy that begins as an imitation of a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sb3_contrib.common.recurrent.type_aliases import RNNStates

from tts_gym.agents.controller import ProgramController
from tts_gym.agents.rl.algorithms import is_masked, is_on_policy, is_recurrent
from tts_gym.agents.rl.demonstrations import Demonstrations, Example, demonstrate, side_by_side
from tts_gym.agents.specs import FileController, parse_spec
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.config import DEFAULT_COST_WEIGHT
from tts_gym.envs.versions import VERSIONS
from tts_gym.errors import ControllerError
from tts_gym.registry import ALGORITHMS

EPISODES = 256
"""Episodes of the program that are imitated, spread evenly over the questions; with a knob, at each of its settings."""

KNOB = "beta"
"""What programs call the knob from 0, which spends least, to 1."""

SETTINGS = np.linspace(0, 1, 11)
"""Settings of the knob that are imitated where the price of tokens is a range."""

EPOCHS = 60
BATCH = 16
"""Episodes of a minibatch."""

LEARNING_RATE = 3e-3
"""At the beginning; it falls linearly."""

MOST_GRADIENT = 0.5


def clonable(spec: str, algorithm: str, env: str) -> ProgramController:
    """The program that a policy is to begin as, if it can.

    Args:
        spec: specification of the program.
        algorithm: name of what the policy learns with.
        env: id of the environment.

    Raises:
        ControllerError: it cannot, or there is no such program.
    """
    if not is_on_policy(ALGORITHMS.load(algorithm)):
        raise ControllerError(f"{algorithm} learns values, and cannot begin as {spec}: use an actor-critic algorithm.")
    if env not in VERSIONS:
        raise ControllerError(f"No policy of {env} can begin as {spec}: use {' or '.join(VERSIONS)}.")
    controllers = [each.loaded if isinstance(each, FileController) else each for each in parse_spec(spec)]
    if len(controllers) > 1 or not isinstance(controllers[0], ProgramController):
        raise ControllerError(f"A policy cannot begin as {spec}: it is not one program.")
    return controllers[0]


def clone(
    model: Any,
    algorithm: Any,
    controller: ProgramController,
    env: str,
    arguments: Mapping[str, Any],
    stores: Sequence[ReplayStore],
    seed: int,
) -> None:
    """Fit the policy of a model to what a program does, by cross-entropy.

    Where the price of tokens is a range and the program has a knob, left at its default, the policy is shown what it
    does at every setting, each at a price of its own (``faces``): the price then is the knob of the policy.

    Args:
        model: what learns.
        algorithm: its class, which is on-policy.
        controller: the program with its parameters.
        env: id of the environment.
        arguments: its arguments, without the store.
        stores: what is replayed.
        seed: of the choice of questions and of the minibatches.

    Raises:
        ControllerError: the program needs a signal that a store lacks, or the environment shows less than it sees.
    """
    rng = np.random.default_rng(seed)
    questions = [(number, question) for number, store in enumerate(stores) for question in range(len(store))]
    rounds = -(-EPISODES // len(questions))
    chosen = np.concatenate([rng.permutation(len(questions)) for _ in range(rounds)])[:EPISODES]
    examples = [
        Example(store=questions[k][0], question=questions[k][1], seed=order) for order, k in enumerate(chosen.tolist())
    ]
    shown = side_by_side(
        [demonstrate(face, env, told, stores, examples) for face, told in faces(controller, arguments)]
    )
    episodes = shown.actions.shape[1]
    optimizer = torch.optim.Adam(model.policy.parameters(), LEARNING_RATE)
    model.policy.set_training_mode(True)
    for epoch in range(EPOCHS):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - epoch / EPOCHS)
        for batch in np.array_split(rng.permutation(episodes), episodes // BATCH):
            loss = -_log_likelihood(model.policy, algorithm, shown, batch)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.policy.parameters(), MOST_GRADIENT)
            optimizer.step()


def faces(
    controller: ProgramController, arguments: Mapping[str, Any]
) -> list[tuple[ProgramController, Mapping[str, Any]]]:
    """The settings of a program that are shown to a policy, each with the arguments of its environment.

    Args:
        controller: the program with its parameters.
        arguments: arguments of the environment, without the store.
    """
    low, high = np.broadcast_to(arguments.get("cost_weight", DEFAULT_COST_WEIGHT), 2).tolist()
    default = controller.defaults.get(KNOB)
    if low == high or default is None or controller.parameters[KNOB] != default:
        return [(controller, arguments)]
    return [
        (
            ProgramController(controller.program, {**controller.parameters, KNOB: setting}),
            {**arguments, "cost_weight": price_of(setting, low, high)},
        )
        for setting in SETTINGS.tolist()
    ]


def price_of(setting: float, low: float, high: float) -> float:
    """The price of tokens that stands for a setting of the knob: the highest for 0, the lowest for 1, even between.

    Args:
        setting: of the knob, from 0 to 1.
        low: the lowest price, above 0.
        high: the highest.
    """
    return float(high * (low / high) ** setting)


def _log_likelihood(policy: Any, algorithm: Any, shown: Demonstrations, batch: NDArray[np.int64]) -> torch.Tensor:
    """Mean log-probability of the actions in the episodes ``batch``."""
    real = shown.real[:, batch].T
    used = np.ones_like(real) if is_recurrent(algorithm) else real

    def rows(values: NDArray[Any]) -> NDArray[Any]:
        """The steps of one episode after those of the other."""
        picked: NDArray[Any] = values[:, batch].swapaxes(0, 1)[used]
        return picked

    told = shown.observations
    seen = {name: rows(values) for name, values in told.items()} if isinstance(told, dict) else rows(told)
    extras: dict[str, Any] = {"action_masks": rows(shown.masks)} if is_masked(algorithm) else {}
    if is_recurrent(algorithm):
        extras = {"lstm_states": _blank_memory(policy, len(batch)), "episode_starts": torch.zeros(used.size)}
    actions = torch.as_tensor(rows(shown.actions))
    _, likelihoods, _ = policy.evaluate_actions(policy.obs_to_tensor(seen)[0], actions, **extras)
    mean: torch.Tensor = likelihoods[torch.as_tensor(real[used])].mean()
    return mean


def _blank_memory(policy: Any, episodes: int) -> Any:
    lstm = policy.lstm_actor
    blank = torch.zeros(lstm.num_layers, episodes, lstm.hidden_size)
    return RNNStates((blank, blank), (blank, blank))
