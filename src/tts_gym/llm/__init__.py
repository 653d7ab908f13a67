"""Text generation: language models behind one interface, without knowledge of test-time scaling."""

from __future__ import annotations

import logging
import time
from typing import Any

from tts_gym.llm.backend import Backend, Completion, Delta, Request, Result, Sampling, Signals
from tts_gym.llm.pending import BlockingBackend
from tts_gym.registry import BACKENDS

__all__ = [
    "Backend",
    "BlockingBackend",
    "Completion",
    "Delta",
    "Request",
    "Result",
    "Sampling",
    "Signals",
    "make_backend",
]

_log = logging.getLogger(__name__)


def make_backend(kind: str, model: str, **options: Any) -> Backend:
    """Load or reach a language model.

    Args:
        kind: "vllm", "openai", "transformers", "chat", or what an installed package adds.
        model: name or path of the model.
        **options: of the backend's class.

    Raises:
        BackendError: the kind is unknown, its extra is not installed, or the model is not loaded or reached.
    """
    _log.info("Loading %s with %s", model, kind)
    start = time.monotonic()
    backend: Backend = BACKENDS.load(kind)(model, **options)
    _log.info("%s is ready with %s after %.1f s", model, kind, time.monotonic() - start)
    return backend
