"""What the commands say on standard error beside errors: notes, warnings and, with ``-v``, what the package logs.

Every command and group of commands takes the two options, so that they may stand before a command or behind it.
"""

from __future__ import annotations

import functools
import inspect
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

PACKAGE = logging.getLogger("tts_gym")


class _Messages(logging.Handler):
    """Prints what is logged on standard error, also where a progress bar has taken its place.

    Attributes:
        quiet: whether progress and notes are left out.
    """

    quiet = False

    def hear(self, verbose: bool, quiet: bool) -> None:
        """Take the options of a command, which add to those before it."""
        self.quiet |= quiet
        if verbose:
            self.setLevel(logging.INFO)
            self.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Print a line."""
        print(self.format(record), file=sys.stderr)


_messages = _Messages()


@contextmanager
def messages() -> Iterator[None]:
    """Print what is logged, from warnings on unless an option says otherwise."""
    level = PACKAGE.level
    _messages.quiet = False
    _messages.setLevel(logging.WARNING)
    _messages.setFormatter(None)
    PACKAGE.addHandler(_messages)
    PACKAGE.setLevel(logging.INFO)
    try:
        yield
    finally:
        PACKAGE.removeHandler(_messages)
        PACKAGE.setLevel(level)


def with_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command that takes the options beside those of ``function``."""

    @functools.wraps(function)
    def command(*, verbose: bool, quiet: bool, **given: Any) -> Any:
        _messages.hear(verbose, quiet)
        return function(**given)

    own = inspect.signature(function, eval_str=True)
    parameters = [*own.parameters.values(), *inspect.signature(_options, eval_str=True).parameters.values()]
    command.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _options(
    *,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Say what is done, on standard error.", rich_help_panel="Messages")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Show no progress and no notes.", rich_help_panel="Messages")
    ] = False,
) -> None:
    """Holds the options for ``with_options``."""


def is_quiet() -> bool:
    """Whether progress and notes are left out."""
    return _messages.quiet


def note(line: str) -> None:
    """Print a line on standard error that nobody has to read."""
    if not is_quiet():
        print(line, file=sys.stderr)
