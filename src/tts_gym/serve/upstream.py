"""The model that branches are drawn from, which is reached again after its server was given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, closing

from tts_gym.errors import BackendError
from tts_gym.live.model import LiveModel, live_model
from tts_gym.live.settings import LiveSettings
from tts_gym.llm.backend import Backend

PAUSE = 2.0
"""Seconds after a vain attempt to reach the model in which there is no further one."""


class Upstream(AbstractContextManager["Upstream"]):
    """A model that is there as long as its server is; use it as a context manager. Any thread may call it."""

    def __init__(self, make: Callable[[], Backend], settings: LiveSettings, concurrency: int) -> None:
        """Know how to reach the model.

        Args:
            make: makes the backend.
            settings: how branches are drawn.
            concurrency: most requests to the backend at a time.
        """
        self.settings = settings
        self._make, self._concurrency = make, concurrency
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._model: LiveModel | None = None
        self._failure: tuple[float, str] | None = None

    def __enter__(self) -> Upstream:
        """Reach the model.

        Raises:
            TTSGymError: it is not reached, or cannot give what the settings ask for.
        """
        self._model = self._reach()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the model."""
        self._open.close()

    @property
    def down(self) -> str | None:
        """Why the model cannot go on; None while it can."""
        return None if self._model is None else self._model.engine.down

    @property
    def pending(self) -> int:
        """Requests that wait for the model or run on it."""
        return 0 if self._model is None else self._model.engine.pending

    def model(self) -> LiveModel:
        """The model, reached anew where it was given up.

        Raises:
            BackendError: it is not reached.
        """
        with self._lock:
            if self._model is None:
                raise BackendError("The model was left.")
            if self._model.engine.down is not None:
                if self._failure is not None and time.monotonic() - self._failure[0] < PAUSE:
                    raise BackendError(self._failure[1])
                self._open.close()
                try:
                    self._model = self._reach()
                except BackendError as error:
                    self._failure = time.monotonic(), str(error)
                    raise
            return self._model

    def _reach(self) -> LiveModel:
        with ExitStack() as stack:
            backend = stack.enter_context(closing(self._make()))
            model = stack.enter_context(live_model(backend, self.settings, self._concurrency))
            self._open = stack.pop_all()
        return model
