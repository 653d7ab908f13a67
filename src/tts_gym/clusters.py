"""Ray clusters, for whatever runs on more than one machine (extra ``distributed``)."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tts_gym.errors import TTSGymError


@contextmanager
def ray_cluster(address: str | None, cpus: int) -> Iterator[Any]:
    """The module ``ray``, connected to a cluster until the block ends, or for longer if it was connected before.

    Args:
        address: a running cluster; None starts one on this machine.
        cpus: size of one that is started.

    Raises:
        TTSGymError: Ray is not installed, or the cluster is not reached.
    """
    try:
        ray = importlib.import_module("ray")
    except ImportError as error:
        raise TTSGymError("A cluster needs Ray: install tts-gym[distributed].") from error
    if ray.is_initialized():
        yield ray
        return
    size = {} if address else {"num_cpus": cpus, "include_dashboard": False}
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **size)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise TTSGymError(f"No Ray cluster was reached at {address}: {error}") from error
    try:
        yield ray
    finally:
        ray.shutdown()
