"""The directory of a training: what it was told, what it used, how it went, and its models."""

from __future__ import annotations

import csv
import io
import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from stable_baselines3.common.logger import CSVOutputFormat, Logger, TensorBoardOutputFormat
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from tts_gym.agents.rl.config import Config
from tts_gym.datasets.digest import store_digest
from tts_gym.datasets.store import ReplayStore
from tts_gym.errors import ControllerError
from tts_gym.files import locked, write_whole
from tts_gym.run_directories import TRAINING as LAYOUT

PACKAGES = ("tts-gym", "stable-baselines3", "sb3-contrib", "torch", "gymnasium", "numpy", "numba", "tensorboard")

CHECKPOINTS_KEPT = 3


class RunDirectory:
    """The files of a training. Each is written whole or not at all, but for what the algorithm logs.

    - ``config.yaml``: all that the training was told.
    - ``provenance.json``: versions, seed, and the questions of each store.
    - ``progress.csv`` and TensorBoard events: what the algorithm logs.
    - ``validation.csv``: the curve on questions that it does not learn from.
    - ``checkpoints/TIMESTEPS.zip``, with a replay buffer beside it where there is one.
    - ``best.zip``, ``final.zip``: the models.
    """

    def __init__(self, path: Path, config: Config, stores: Mapping[str, ReplayStore], fresh: bool) -> None:
        """See whether the directory can be begun, or gone on with.

        Args:
            path: the directory.
            config: what the training is told.
            stores: those of the config by their names there.
            fresh: throw away the training that the directory holds, instead of going on with it.

        Raises:
            ControllerError: it is that of another training, or of something else.
            TTSGymError: it is to be thrown away and holds something else.
        """
        self.path = path
        self._config = config.document()
        self._provenance = _provenance(config, stores)
        if LAYOUT.is_begun(path):
            if fresh:
                LAYOUT.check_discardable(path)
            else:
                self._compare()
        elif not LAYOUT.is_free(path):
            raise ControllerError(f"{path} is no directory of a training: choose another one.")

    def discard(self) -> None:
        """Throw away the training that the directory holds, if there is one.

        Raises:
            ControllerError: another process trains in it.
            TTSGymError: it holds something else.
        """
        if LAYOUT.is_begun(self.path):
            with self.alone():
                LAYOUT.discard(self.path)

    def begin(self) -> None:
        """Write what the training was told and what it uses, if that is not there."""
        if LAYOUT.is_begun(self.path):
            return
        write_whole(self.path / "provenance.json", json.dumps(self._provenance, indent=2).encode())
        write_whole(self.path / "config.yaml", yaml.safe_dump(self._config, sort_keys=False).encode())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes out of the directory; the lock of a process that dies is gone.

        Raises:
            ControllerError: another one trains in it.
        """
        busy = ControllerError(f"Another process trains in {self.path}: wait until it ends.")
        with locked(self.path / ".lock", busy):
            yield

    @property
    def finished(self) -> bool:
        """Whether the training came to its end."""
        return (self.path / "final.zip").exists()

    def newest_checkpoint(self) -> Path | None:
        """The model of the latest checkpoint, None before the first."""
        return max((self.path / "checkpoints").glob("*.zip"), default=None)

    def keep_checkpoint(self, model: Any) -> None:
        """Write a checkpoint of ``model`` and remove old ones."""
        file = self.path / "checkpoints" / f"{model.num_timesteps:012d}.zip"
        if isinstance(model, OffPolicyAlgorithm):
            buffer = io.BytesIO()
            model.save_replay_buffer(buffer)
            write_whole(replay_file(file), buffer.getvalue())
        self.keep_model(model, file.relative_to(self.path))
        for old in sorted(file.parent.glob("*.zip"))[:-CHECKPOINTS_KEPT]:
            old.unlink()
            replay_file(old).unlink(missing_ok=True)

    def keep_model(self, model: Any, name: str | Path) -> None:
        """Write a model.

        The class of its replay buffer, which follows from its hyperparameters, is left out: read back, it would count
        as one that the user chose.

        Args:
            model: an algorithm of Stable-Baselines3 or sb3-contrib.
            name: file to write, in the directory.
        """
        content = io.BytesIO()
        model.save(content, exclude=["replay_buffer_class"])
        write_whole(self.path / name, content.getvalue())

    def logger(self, timesteps: int) -> Logger:
        """What the algorithm logs to, after what it logged in its first ``timesteps``."""
        file = self.path / "progress.csv"
        whole_lines, _, _ = file.read_text().rpartition("\n") if file.exists() else ("", "", "")
        rows = list(csv.DictReader(whole_lines.splitlines()))
        table = CSVOutputFormat(str(file))
        for row in rows:
            values = {name: float(value) for name, value in row.items() if value}
            if values.get("time/total_timesteps", 0) <= timesteps:
                table.write(values, dict.fromkeys(values, ()))
        return Logger(str(self.path), [table, TensorBoardOutputFormat(str(self.path))])

    def _compare(self) -> None:
        """Refuse to go on with the training of another config, or on other recordings."""
        try:
            begun = yaml.safe_load((self.path / "config.yaml").read_text())
            recorded = json.loads((self.path / "provenance.json").read_text())["stores"]
        except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
            raise ControllerError(
                f"What the training in {self.path} was told is damaged ({error}): begin it anew with --fresh."
            ) from error
        there, here = _flat(begun), _flat(self._config)
        differing = [name for name in {**there, **here} if there.get(name) != here.get(name)]
        if differing:
            told = "; ".join(f"{name} is {there.get(name)!r} there and {here.get(name)!r} here" for name in differing)
            raise ControllerError(
                f"The training in {self.path} was begun with another config: {told}; train as before, or anew with "
                "--fresh."
            )
        changed = [new["name"] for old, new in zip(recorded, self._provenance["stores"], strict=True) if old != new]
        if changed:
            raise ControllerError(
                f"The store {changed[0]} has changed since the training in {self.path} began: bring the old one back, "
                "or begin anew with --fresh."
            )


def replay_file(checkpoint: Path) -> Path:
    """The replay buffer beside a checkpoint."""
    return checkpoint.with_suffix(".replay.pkl")


def _provenance(config: Config, stores: Mapping[str, ReplayStore]) -> dict[str, Any]:
    roles = (("training", config.stores), ("validation", config.eval_stores))
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "seed": config.seed,
        "stores": [_described(name, role, stores[name]) for role, names in roles for name in names],
    }


def _described(name: str, role: str, store: ReplayStore) -> dict[str, Any]:
    return {
        "name": name,
        "role": role,
        "store": store.name,
        "sha256": store_digest(store),
        "questions": list(store.question_ids),
    }


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat
