"""What a program does, in the actions of an environment: examples for a policy to imitate.

On ``TTSWidthDepth-v1`` they are the program's own atomic actions, up to the first that the environment does not admit.
STOP then answers as the environment does, however the program answers.

On ``TTSWidthDepthRounds-v1`` they are the rounds that do the same (``translation``), where there are such, as there are
for ``crew`` and ``relay`` where it is ``extended``. Elsewhere the program's schedule is shown: how wide it is when it
has spent so many tokens, and when it stops. That is an approximation: which branches it deepens, and what it prunes,
are lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tts_gym.agents.controller import ProgramController, check_recorded
from tts_gym.agents.replay import branch_order, replay_episode
from tts_gym.agents.rl.translation import in_rounds
from tts_gym.agents.rl.vector import make_vector
from tts_gym.datasets.store import ReplayStore
from tts_gym.envs.atomic import open_first, take
from tts_gym.envs.config import ReplayConfig, RoundsConfig
from tts_gym.envs.replays import episode_rules
from tts_gym.envs.rounds import ACTION, rounds_of
from tts_gym.episode.actions import STOP, atomic_actions
from tts_gym.episode.aggregation import POOLS
from tts_gym.episode.episode import ReplayEpisode, episode_fields
from tts_gym.episode.recount import log_of
from tts_gym.episode.state import TOKENS, WIDTH
from tts_gym.episode.transitions import reset
from tts_gym.errors import ControllerError

Demonstrator = Callable[[int, int], Iterator[int]]
"""The actions that a program would take in an episode that has spent so many tokens on so many branches, best first."""


class Example(NamedTuple):
    """An episode to demonstrate: a question of a store, with the branch order of a seed."""

    store: int
    question: int
    seed: int


class Demonstrations(NamedTuple):
    """Episodes of a program side by side.

    Attributes:
        observations: those of a vector environment, stacked: [steps, episodes, …], or a dictionary of such arrays.
        masks: bool [steps, episodes, actions], which actions are admissible.
        actions: int64 [steps, episodes].
        real: bool [steps, episodes], False after the end of an episode.
    """

    observations: Any
    masks: NDArray[np.bool_]
    actions: NDArray[np.int64]
    real: NDArray[np.bool_]


def demonstrate(
    controller: ProgramController,
    env: str,
    arguments: Mapping[str, Any],
    stores: Sequence[ReplayStore],
    examples: Sequence[Example],
) -> Demonstrations:
    """Let a program play some episodes of an environment.

    Args:
        controller: the program with its parameters.
        env: id of the environment, one of ``VERSIONS``.
        arguments: its arguments, without the store.
        stores: what is replayed.
        examples: which episodes.

    Raises:
        ControllerError: the program needs a signal or probes that a store lacks, or the environment shows less than it
            sees or does more in an action than it.
    """
    for store in stores:
        check_recorded(controller, store)
    number = len(examples)
    envs = make_vector(env, number, store=list(stores), **arguments)
    if not episode_rules(envs.config).eager:
        raise ControllerError(f"Programs see the answer wherever a branch gets to: make {env} with reveal=advance.")
    rounds = isinstance(envs.config, RoundsConfig)
    if not rounds and (envs.config.stride > 1 or envs.config.initial_width > 0):
        raise ControllerError(f"Programs begin with no branch: make {env} with stride=1 and initial_width=0.")
    show = _rounds if rounds else _atomic
    demonstrators = [show(controller, stores[example.store], example, envs.config) for example in examples]
    observations, _ = envs.reset(seed=0)
    for n, example in enumerate(examples):
        store = stores[example.store]
        options = {
            "reset_mask": np.arange(number) == n,
            "store": example.store,
            "question": store.question_ids[example.question],
            "order": branch_order(int(store.branch_counts[example.question]), example.seed),
        }
        observations, _ = envs.reset(options=options)
    steps: list[tuple[Any, ...]] = []
    running = np.ones(number, np.bool_)
    while running.any():
        masks, counts = envs.action_masks(), envs.counts()
        actions = np.full(number, STOP)
        for n in np.flatnonzero(running).tolist():
            wanted = demonstrators[n](int(counts[n, TOKENS]), int(counts[n, WIDTH]))
            actions[n] = next((action for action in wanted if masks[n, action]), -1)
        running = running & (actions >= 0)
        steps.append((observations, masks, np.maximum(actions, STOP), running))
        observations, *_ = envs.step(np.maximum(actions, STOP))
        running = running & (actions != STOP)
    seen, admitted, taken, real = zip(*steps, strict=True)
    return Demonstrations(_stack(seen), np.stack(admitted), np.stack(taken), np.stack(real))


def _atomic(controller: ProgramController, store: ReplayStore, example: Example, config: ReplayConfig) -> Demonstrator:
    """The program's own actions, then STOP."""
    actions = iter([*atomic_actions(_log(controller, store, example, config)), STOP])
    return lambda spent, width: iter([next(actions)])


def _rounds(controller: ProgramController, store: ReplayStore, example: Example, config: RoundsConfig) -> Demonstrator:
    """The rounds that do what the program did, then STOP; where there are none, its schedule."""
    log = _log(controller, store, example, config)
    episode = _begun(store, example, config, log_size=len(log))
    open_first(episode, config.initial_width)
    number, pool = len(rounds_of(config.extended)), POOLS[config.aggregator]
    rounds = in_rounds(episode, log, number, pool, store.mean_branch_tokens)
    if rounds is None:
        return _schedule(log, store, example, config)
    actions = iter([*rounds, STOP])
    return lambda spent, width: iter([next(actions)])


def _schedule(log: Sequence[int], store: ReplayStore, example: Example, config: ReplayConfig) -> Demonstrator:
    """Be as wide as the program was when it had spent as much, and stop when it did."""
    episode = _begun(store, example, config)
    spent_by, width_by = [0], [0]
    for action in atomic_actions(log):
        take(episode, action)
        spent_by.append(int(episode.count[TOKENS]))
        width_by.append(int(episode.count[WIDTH]))

    def choose(spent: int, width: int) -> Iterator[int]:
        if spent < spent_by[-1]:
            for action, opened in ((ACTION.widen_4, 4), (ACTION.widen_2, 2), (ACTION.widen_1, 1)):
                then = int(np.searchsorted(spent_by, spent + opened * store.interval, side="right")) - 1
                if width_by[then] >= width + opened:
                    yield action
            yield ACTION.deepen_all
        yield STOP

    return choose


def _log(controller: ProgramController, store: ReplayStore, example: Example, config: ReplayConfig) -> list[int]:
    """What the program does in an episode, see ``episode.actions``."""
    episode, _ = replay_episode(
        controller.program,
        controller.program.arguments(controller.parameters),
        store,
        example.question,
        example.seed,
        episode_rules(config),
        max_width=_most_branches(store, config),
    )
    return log_of(episode)


def _begun(store: ReplayStore, example: Example, config: ReplayConfig, log_size: int = 0) -> Any:
    """An interpreted episode that has just begun, with room for a log of ``log_size`` words."""
    rules = episode_rules(config)
    episode: Any = ReplayEpisode(episode_fields(store, rules, _most_branches(store, config), log_size))
    episode.order = branch_order(int(store.branch_counts[example.question]), example.seed)
    reset(episode, example.question)
    return episode


def _most_branches(store: ReplayStore, config: ReplayConfig) -> int:
    return min(int(store.branch_counts.max()), config.max_branches)


def side_by_side(parts: Sequence[Demonstrations]) -> Demonstrations:
    """The episodes of several demonstrations beside each other.

    Args:
        parts: one or more, in the same environment.
    """
    steps = max(len(part.actions) for part in parts)

    def joined(arrays: Sequence[Any]) -> Any:
        """Arrays with all their steps, each gone on with its last one."""
        if isinstance(arrays[0], dict):
            return {name: joined([each[name] for each in arrays]) for name in arrays[0]}
        return np.concatenate([each[np.minimum(np.arange(steps), len(each) - 1)] for each in arrays], 1)

    observations, masks, actions, _ = (joined(each) for each in zip(*parts, strict=True))
    real = [np.pad(part.real, ((0, steps - len(part.real)), (0, 0))) for part in parts]
    return Demonstrations(observations, masks, actions, np.concatenate(real, 1))


def _stack(observations: Sequence[Any]) -> Any:
    if isinstance(observations[0], dict):
        return {name: np.stack([each[name] for each in observations]) for name in observations[0]}
    return np.stack(observations)
