"""Text generation: language models behind one interface, without knowledge of test-time scaling."""

from __future__ import annotations

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


def make_backend(kind: str, model: str, **options: Any) -> Backend:
    """Load or reach a language model.

    Args:
        kind: "vllm", "openai", "transformers", or what an installed package adds.
        model: name or path of the model.
        **options: of the backend's class.

    Raises:
        BackendError: the kind is unknown, its extra is not installed, or the model is not loaded or reached.
    """
    backend: Backend = BACKENDS.load(kind)(model, **options)
    return backend
