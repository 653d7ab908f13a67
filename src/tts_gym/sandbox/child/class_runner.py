"""A class being run inside a jail, which holds no tables: whatever the class is to see, its parent is asked for.

See ``serving`` for what is said.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from typing import IO, Any

from tts_gym.agents.solve_adapter import BranchesExhaustedError
from tts_gym.sandbox.child.runner import RunnerError, failure_of
from tts_gym.sandbox.names import names_of

ERRORS = {error.__name__: error for error in (BranchesExhaustedError, IndexError)}
"""What a call may raise, by name."""

Ask = Callable[..., Any]
"""Sends a call with its arguments and returns what it comes to."""


def play(request: Mapping[str, Any], send: Callable[[bytes], None], replies: IO[bytes]) -> None:
    """Have the class of ``request`` solve questions until it fails or nothing is replied any more.

    Args:
        request: the source and the limits.
        send: sends a line, with its end.
        replies: where a line comes back for each.
    """

    def ask(*call: Any) -> Any:
        send(json.dumps(call).encode() + b"\n")
        error, value = json.loads(replies.readline())
        if error is not None:
            raise ERRORS[error](value)
        return value

    try:
        solver = _solver(names_of(request["source"], audited=False))
        beta = ask("begin")
        while True:
            answer = solver(config={"beta": beta}).solve(_Question(ask))
            if answer is not None and not isinstance(answer, str):
                raise TypeError(f"solve returns the text of an answer or None, but this one returned {answer!r:.100}")
            beta = ask("answer", answer)
    except BaseException as error:
        ask("fail", str(failure_of(error, request)))


def _solver(names: Mapping[str, Any]) -> Any:
    """The last class with a method ``solve`` that the source defines."""
    solvers = [
        value
        for value in names.values()
        if isinstance(value, type) and value.__module__ == "candidate" and hasattr(value, "solve")
    ]
    if not solvers:
        raise RunnerError("refused", "there is no class with a method solve(self, question)")
    return solvers[-1]


class _Question:
    """The question of an episode: ``agents.solve_adapter.PublishedQuestion`` from afar."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def probe_new(self) -> tuple[str, int, bool]:
        text, index, finished = self._ask("probe_new")
        return text, index, finished

    def probe_more(self, index: int) -> tuple[str, bool]:
        text, finished = self._ask("probe_more", operator.index(index))
        return text, finished

    def get_new_branch_final_answer(self) -> str:
        text: str = self._ask("get_new_branch_final_answer")
        return text

    def get_seq_and_total_tokens(self) -> tuple[int, int]:
        sequential, total = self._ask("get_seq_and_total_tokens")
        return sequential, total
