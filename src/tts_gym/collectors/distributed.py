"""Collecting on a Ray cluster: Ray Data hands groups of units to actors, each of which owns a backend.

An actor posts each branch to a mailbox as soon as it is finished, so that one that dies loses only those that it was at
work on. Ray starts it again, and it goes on with what of its group is not in the mailbox; a unit that takes its actor
down every time fails.
"""

from __future__ import annotations

import logging
import pickle
import threading
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tts_gym.clusters import ray_cluster
from tts_gym.collectors.collect import Runner, RunUnits, local_runner
from tts_gym.collectors.collector import TRIES
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.collectors.units import TokenUsage, UnitResult, WorkUnit
from tts_gym.errors import TTSGymError

SECONDS_BETWEEN_LOOKS = 0.2
"""How often the mailbox is emptied."""


@dataclass(frozen=True)
class Actors:
    """The actors that draw and probe.

    Attributes:
        number: how many.
        gpus: GPUs of each.
        options: options of the backend of each, see ``tts_gym.llm``.
        concurrency: sequences that a backend is given at a time.
    """

    number: int = 1
    gpus: float = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    concurrency: int = 256


def ray_runner(actors: Actors, address: str | None = None) -> Runner:
    """Backends on a Ray cluster.

    Args:
        actors: who draws and probes.
        address: a running cluster; None starts one on this machine.
    """

    @contextmanager
    def runner(settings: CollectionSettings) -> Iterator[RunUnits]:
        with ray_cluster(address, actors.number + 1) as ray:
            yield lambda units: _run(ray, units, settings, actors)

    return runner


class Mailbox:
    """Where actors post what they finish."""

    def __init__(self) -> None:
        """Begin empty."""
        self._posted: dict[str, set[int]] = {}
        self._failed: set[str] = set()
        self._begun: Counter[str] = Counter()
        self._waiting: list[UnitResult] = []

    def post(self, result: UnitResult) -> None:
        """Take what has come of a unit, a branch the first time that it comes."""
        name = result.unit.name
        posted = self._posted.setdefault(name, set())
        new = {number: branch for number, branch in result.branches.items() if number not in posted}
        if name not in self._failed and (new or result.error is not None):
            posted.update(new)
            self._waiting.append(replace(result, branches=new))
            if result.error is not None:
                self._failed.add(name)

    def admit(self, units: list[WorkUnit]) -> list[WorkUnit]:
        """What is to be done of ``units``; one that was begun ``TRIES`` times already has failed."""
        admitted = []
        for unit in units:
            left = replace(unit, kept=unit.kept | self._posted.get(unit.name, set()))
            if not left.missing or unit.name in self._failed:
                continue
            self._begun[unit.name] += 1
            if self._begun[unit.name] > TRIES:
                reason = f"its actor died {TRIES} times while it was at work on it"
                self.post(UnitResult(unit, {}, TokenUsage(), reason))
            else:
                admitted.append(left)
        return admitted

    def empty(self) -> list[UnitResult]:
        """Hand out what has come since the last call."""
        waiting, self._waiting = self._waiting, []
        return waiting


class Drawer:
    """An actor: loads the model once, and works on one group of units after the other."""

    def __init__(self, settings: CollectionSettings, actors: Actors, mailbox: Any) -> None:
        """Load the model.

        Args:
            settings: what is drawn.
            actors: options of the backend, and how many sequences it is given.
            mailbox: handle of the ``Mailbox`` that results are posted to.
        """
        self._stack = ExitStack()
        self._run = self._stack.enter_context(local_runner(actors.options, actors.concurrency)(settings))
        self._mailbox = mailbox

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Work on the groups of ``batch``."""
        import ray

        for group in batch["group"]:
            for result in self._run(ray.get(self._mailbox.admit.remote(pickle.loads(group)))):
                ray.get(self._mailbox.post.remote(result))
        return {"groups": np.array([len(batch["group"])])}


def _run(ray: Any, units: Iterable[WorkUnit], settings: CollectionSettings, actors: Actors) -> Iterator[UnitResult]:
    import ray.data as data

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    data.DataContext.get_current().enable_progress_bars = False
    waiting = list(units)
    size = max(1, actors.concurrency // settings.block)
    groups = [{"group": pickle.dumps(waiting[first : first + size])} for first in range(0, len(waiting), size)]
    mailbox = ray.remote(num_cpus=0)(Mailbox).remote()
    drawn = data.from_items(groups, override_num_blocks=len(groups)).map_batches(
        Drawer,
        batch_size=1,
        fn_constructor_args=(settings, actors, mailbox),
        compute=data.ActorPoolStrategy(size=actors.number),
        num_gpus=actors.gpus or None,
    )
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in drawn.iter_batches(batch_size=None):
                pass
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=work, name="collecting on Ray", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(SECONDS_BETWEEN_LOOKS)
        yield from ray.get(mailbox.empty.remote())
    yield from ray.get(mailbox.empty.remote())
    if failures:
        raise TTSGymError(f"The actors could not go on: {_reason(failures[0])}") from failures[0]


def _reason(error: BaseException) -> str:
    """What an error that came through Ray says: what an actor told of its own, else the last line of it all."""
    lines = [line.strip() for line in "".join(traceback.format_exception(error)).splitlines() if line.strip()]
    told = [line.partition(": ")[2] for line in lines if line.startswith("tts_gym.")]
    return told[-1] if told else lines[-1]
