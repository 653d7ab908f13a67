"""What all commands have: the options on messages, and help in panels; what they refuse stays a plain line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from tts_gym.cli.messages import with_options


class App(typer.Typer):
    """Commands with the options on messages, whose help is drawn in panels."""

    def __init__(self, words: str, **settings: Any) -> None:
        """Begin without commands.

        Args:
            words: what the commands are for.
            **settings: those of ``typer.Typer``.
        """
        super().__init__(help=words, cls=_Group, no_args_is_help=True, rich_markup_mode=None, **settings)
        self.callback()(with_options(lambda: None))

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """A decorator that makes a function a command.

        Args:
            name: name of the command; that of the function by default.
            **settings: those of ``typer.Typer.command``.
        """
        register = super().command(name, cls=_Command, **settings)
        return lambda function: register(with_options(function))


class _Command(TyperCommand):
    def format_help(self, ctx: Any, formatter: Any) -> None:
        _print_help(self, ctx)


class _Group(TyperGroup):
    def format_help(self, ctx: Any, formatter: Any) -> None:
        _print_help(self, ctx)


def _print_help(command: TyperCommand | TyperGroup, context: Any) -> None:
    from typer.rich_utils import rich_format_help

    rich_format_help(obj=command, ctx=context, markup_mode="rich")
