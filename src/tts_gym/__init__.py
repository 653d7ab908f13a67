"""Discover, train, compare and deploy test-time-scaling controllers on replayed reasoning trajectories.

Importing the package registers its environments with Gymnasium; the public names are loaded when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tts_gym.envs.versions import register_versions

if TYPE_CHECKING:
    from tts_gym.agents import PROGRAMS, Between, Program, parse_spec
    from tts_gym.datasets import ReplayStore, catalogue, load_store, synthetic_store
    from tts_gym.episode import ACTIVE, ALL, FINISHED, Episode
    from tts_gym.errors import TTSGymError
    from tts_gym.evaluation.evaluate import evaluate
    from tts_gym.evaluation.frontier import frontier
    from tts_gym.evaluation.statistics import compare

_HOMES = {
    "agents": ("PROGRAMS", "Between", "Program", "parse_spec"),
    "datasets": ("ReplayStore", "catalogue", "load_store", "synthetic_store"),
    "episode": ("ACTIVE", "ALL", "FINISHED", "Episode"),
    "errors": ("TTSGymError",),
    "evaluation": ("compare", "evaluate", "frontier"),
}

__all__ = [
    "ACTIVE",
    "ALL",
    "FINISHED",
    "PROGRAMS",
    "Between",
    "Episode",
    "Program",
    "ReplayStore",
    "TTSGymError",
    "catalogue",
    "compare",
    "evaluate",
    "frontier",
    "load_store",
    "parse_spec",
    "synthetic_store",
]


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


register_versions()
