"""Arguments as data: a configuration declares them, and constructors and documentation are made of it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import field, fields
from functools import wraps
from numbers import Integral
from typing import Any, Concatenate, ParamSpec, TypeVar

from tts_gym.envs.documentation import markdown_table
from tts_gym.envs.spec import plain

Arguments = ParamSpec("Arguments")
Config = TypeVar("Config")
Owner = TypeVar("Owner")


def argument(default: Any, kind: str, meaning: str, choices: Sequence[Any] = ()) -> Any:
    """A field of a configuration.

    Args:
        default: its value where none is given.
        kind: its type, for readers.
        meaning: what it says, for readers.
        choices: the values that it may have; empty where they are not to be listed.
    """
    return field(default=default, metadata={"kind": kind, "meaning": meaning, "choices": choices})


def make_plain(config: Any) -> None:
    """Make the values of a configuration plain, and see that each is among its choices.

    Raises:
        ValueError: one is not; the message names it.
    """
    for each in fields(config):
        value, choices = plain(getattr(config, each.name)), each.metadata["choices"]
        if choices and value not in (each.default, *choices):
            among = "None or one of" if each.default is None else "one of"
            raise ValueError(f"{each.name} is {among} {', '.join(map(repr, choices))}, but got {value!r}.")
        object.__setattr__(config, each.name, value)  # as a frozen dataclass has to


def check_integer(name: str, value: object, least: int, most: int) -> None:
    """Refuse a value that is not an integer in a range.

    Args:
        name: the argument that has it.
        value: what was given.
        least: the lowest that is accepted.
        most: the highest.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
        raise ValueError(f"{name} is an integer from {least} to {most}, but got {value!r}.")


def argument_table(config: Any, beyond: Any = None) -> str:
    """The arguments that make a configuration, as a table in Markdown.

    Args:
        config: the class of it.
        beyond: a class of configurations whose arguments are left out; None leaves out none.
    """
    known = {each.name for each in fields(beyond)} if beyond else set()
    rows = []
    for each in fields(config):
        if each.name in known:
            continue
        default = plain(each.default)
        shown = json.dumps(default) if isinstance(default, str) else repr(default)
        rows.append((f"`{each.name}`", each.metadata["kind"], f"`{shown}`", each.metadata["meaning"]))
    return markdown_table(("Parameter", "Type", "Default", "Description"), rows)


def takes(
    config: Callable[Arguments, Config],
) -> Callable[[Callable[[Owner, Config], None]], Callable[Concatenate[Owner, Arguments], None]]:
    """Let an ``__init__`` written for a configuration of the class ``config`` take the arguments of that class."""

    def spread(init: Callable[[Owner, Config], None]) -> Callable[Concatenate[Owner, Arguments], None]:
        @wraps(init)
        def __init__(self: Owner, /, *arguments: Arguments.args, **named: Arguments.kwargs) -> None:  # noqa: N807
            init(self, config(*arguments, **named))

        own, *_ = inspect.signature(init).parameters.values()
        declared = inspect.signature(config).parameters.values()
        __init__.__signature__ = inspect.Signature([own, *declared])  # type: ignore[attr-defined]
        return __init__

    return spread
