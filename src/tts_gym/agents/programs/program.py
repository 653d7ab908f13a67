"""What a controller program is, and what its parameters may be."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from tts_gym.errors import ControllerError


@dataclass(frozen=True)
class Between:
    """The range of a parameter, both ends included; annotate with ``Annotated[float, Between(0, 1)]``."""

    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        """The range in words."""
        return f"at least {self.low:g}" if self.high == math.inf else f"between {self.low:g} and {self.high:g}"


@dataclass(frozen=True)
class Parameter:
    """One parameter of a program, as its signature declares it.

    Attributes:
        kind: int, float, bool or str; None where the signature tells neither a type nor a default.
        default: the default, ``inspect.Parameter.empty`` where there is none.
        range: allowed values.
        choices: allowed texts, as ``Literal`` declares them; empty where any will do.
    """

    kind: type | None
    default: Any
    range: Between
    choices: tuple[str, ...] = ()

    def read(self, value: Any, name: str, where: str) -> Any:
        """Turn ``value``, text or a Python value, into an allowed value.

        Args:
            value: what is given; text is read as a command line has it.
            name: of the parameter, for error messages.
            where: what it belongs to, for error messages.

        Raises:
            ControllerError: for a value of the wrong type or out of range.
        """
        converted = _convert(value, self.kind)
        if converted is None or (isinstance(converted, float) and math.isnan(converted)):
            kind = self.kind.__name__ if self.kind else "number"
            raise ControllerError(f"Parameter {name} of {where} must be of type {kind}, but got {value!r}.")
        if isinstance(converted, (int, float)) and not self.range.low <= converted <= self.range.high:
            raise ControllerError(f"Parameter {name} of {where} must be {self.range}, but got {value}.")
        if self.choices and converted not in self.choices:
            raise ControllerError(f"Parameter {name} of {where} must be {_listed(self.choices)}, but got {value!r}.")
        if isinstance(converted, int) and abs(converted) >= 2**63:
            raise ControllerError(f"Parameter {name} of {where} must fit 64 bits, but got {value}.")
        return converted


def _listed(choices: tuple[str, ...]) -> str:
    return ", ".join(choices[:-1]) + f" or {choices[-1]}"


def _convert(value: Any, kind: type | None) -> Any:
    """``value`` as ``kind``, None if it is not one."""
    if kind is None:
        candidates = (_convert(value, guess) for guess in (int, float, bool, str))
        return next((found for found in candidates if found is not None), None)
    if kind is bool and isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    if kind in (int, float) and isinstance(value, str):
        try:
            return kind(value)
        except ValueError:
            return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value if type(value) is kind else None


@dataclass(frozen=True)
class Program:
    """A controller as code: a function of an episode and of parameters, that returns an answer code.

    Attributes:
        name: how it is called on the command line.
        function: ``function(episode, **parameters) -> int``, see ``tts_gym.episode.episode.Episode``.
        schedule: turns the public parameters into those of ``function``; None where they are the same.
        signals: recorded signals that it reads.
        probes: whether it looks at answers of branches that have not ended.
        upper_bound: whether it is graded by the best of its finished branches, which no real controller can be.
    """

    name: str
    function: Callable[..., int]
    schedule: Callable[..., dict[str, Any]] | None = None
    signals: tuple[str, ...] = ()
    upper_bound: bool = False
    probes: bool = True

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The public parameters by name."""
        source = self.schedule or self.function
        try:
            hints = get_type_hints(source, include_extras=True)
        except (NameError, TypeError):
            hints = {}
        declared = list(inspect.signature(source).parameters.values())
        if not self.schedule:
            declared = declared[1:]
        return {parameter.name: _declared(parameter, hints.get(parameter.name)) for parameter in declared}

    def resolve(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Every public parameter with its value: from ``values``, text or Python values, else its default.

        Raises:
            ControllerError: for an unknown, missing, mistyped or out-of-range parameter.
        """
        known = ", ".join(self.parameters) or "none"
        for name in values:
            if name not in self.parameters:
                raise ControllerError(f"Controller {self.name} has no parameter {name}: it has {known}.")
        resolved = {}
        for name, parameter in self.parameters.items():
            if name not in values and parameter.default is inspect.Parameter.empty:
                raise ControllerError(f"Controller {self.name} needs a value for its parameter {name}.")
            resolved[name] = parameter.read(values.get(name, parameter.default), name, self.name)
        return resolved

    def arguments(self, resolved: Mapping[str, Any]) -> tuple[Any, ...]:
        """The arguments of ``function`` after the episode, in order, for resolved public parameters."""
        inner = self.schedule(**resolved) if self.schedule else resolved
        names = list(inspect.signature(self.function).parameters)[1:]
        return tuple(inner[name] for name in names)


def _declared(parameter: inspect.Parameter, hint: Any) -> Parameter:
    limits = Between()
    if get_origin(hint) is Annotated:
        hint, *notes = get_args(hint)
        limits = next((note for note in notes if isinstance(note, Between)), limits)
    if get_origin(hint) is Literal:
        return Parameter(str, parameter.default, limits, get_args(hint))
    if hint not in (int, float, bool, str):
        hint = None if parameter.default is inspect.Parameter.empty else type(parameter.default)
    return Parameter(hint, parameter.default, limits)
