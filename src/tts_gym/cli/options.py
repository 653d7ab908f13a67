"""Options that several commands take, and how the values of options are read."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer


class Rules(StrEnum):
    """Accounting rules."""

    exact = "exact"
    published = "published"


Resume = Annotated[
    bool, typer.Option("--resume/--fresh", help="Go on with what DIR holds, or throw it away and begin anew.")
]

Address = Annotated[str | None, typer.Option(metavar="ADDRESS", help="A running Ray cluster; else one starts here.")]

AllowWeak = Annotated[
    bool, typer.Option("--allow-weak-isolation", help="Run candidates even where their jail lacks a layer.")
]


def read_option(text: str, hint: str = "--option") -> tuple[str, Any]:
    """Name and value of NAME=VALUE; the value is JSON, or else text.

    Args:
        text: what the user gave.
        hint: the option that it was given to, for the message.

    Raises:
        BadParameter: it is not NAME=VALUE.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint=hint)
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
