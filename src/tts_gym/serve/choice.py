"""What a request says of how it is to be answered: by header, in the body's ``tts``, or in an alias of the model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tts_gym.agents.controller import Controller
from tts_gym.serve.errors import RequestError
from tts_gym.serve.limits import Limits
from tts_gym.serve.offer import Offer, spelled

PREFIX = "x-tts-"
NAMES = ("controller", "beta", "budget", "deadline")


@dataclass(frozen=True)
class Choice:
    """How a request is answered.

    Attributes:
        controller: decides.
        budget: tokens that it may be charged.
        deadline: seconds until the best answer so far is given.
    """

    controller: Controller
    budget: int
    deadline: float

    def told(self) -> dict[str, Any]:
        """The choice as responses tell it, by name."""
        beta = self.controller.parameters.get("beta")
        told = {"controller": spelled(self.controller), "beta": beta, "budget": self.budget, "deadline": self.deadline}
        return {name: value for name, value in told.items() if value is not None}


def read_choice(headers: Mapping[str, str], body: Any, alias: str | None, offer: Offer, limits: Limits) -> Choice:
    """What a request chooses, within the operator's limits.

    Args:
        headers: those of the request, names in lower case.
        body: what it has under ``tts``; None for nothing.
        alias: what stands behind the model's name; None for nothing.
        offer: the controllers to choose from.
        limits: caps of budget and deadline.

    Raises:
        RequestError: a setting is unknown, given twice, or out of range.
    """
    given = _settings(headers, body, alias)
    spec = given.get("controller")
    if not isinstance(spec, str | None):
        raise RequestError("controller is no text.", param="controller")
    name, _, text = (None, "", "") if spec is None else spec.partition(":")
    controller, parameters = offer.named(name), _parameters(text)
    if "beta" in given:
        if "beta" in parameters:
            raise RequestError("The beta is given twice: give it once.", param="beta")
        parameters["beta"] = _number(given["beta"], "beta")
    budget = _number(given.get("budget", limits.budget), "budget")
    if budget < 1 or budget != int(budget):
        raise RequestError(f"budget is {budget:g}: it is a number of tokens above 0.", param="budget")
    deadline = _number(given.get("deadline", limits.deadline), "deadline")
    if deadline <= 0:
        raise RequestError(f"deadline is {deadline:g}: it is a number of seconds above 0.", param="deadline")
    chosen = offer.tuned(controller, parameters)
    return Choice(chosen, min(int(budget), limits.budget), min(deadline, limits.deadline))


def _settings(headers: Mapping[str, str], body: Any, alias: str | None) -> dict[str, Any]:
    """What is given by any way, each once, by name."""
    if body is not None and not isinstance(body, dict):
        raise RequestError("tts is no object.", param="tts")
    # A header may come twice.
    settings = [(name.removeprefix(PREFIX), value) for name, value in headers.items() if name.startswith(PREFIX)]
    settings += (body or {}).items()
    settings += [] if alias is None else [("controller", alias)]
    given: dict[str, Any] = {}
    for name, value in settings:
        if name not in NAMES:
            raise RequestError(f"There is no setting {name[:60]!r}: there are {', '.join(NAMES)}.", param=name[:60])
        if name in given:
            raise RequestError(f"The {name} is given twice: give it once.", param=name)
        given[name] = value
    return given


def _parameters(text: str) -> dict[str, Any]:
    """Parameters of ``param=value,…``."""
    parameters: dict[str, Any] = {}
    for item in filter(None, text.split(",")):
        key, equals, value = item.partition("=")
        if not equals or key in parameters:
            raise RequestError(
                f"Cannot read {item[:60]!r}: write parameters as name=value, each once, separated by commas.",
                param="controller",
            )
        parameters[key] = value
    return parameters


def _number(value: Any, name: str) -> float | int:
    """A number that a header or a body gives."""
    try:
        if isinstance(value, str):
            value = float(value) if not value.strip().isdecimal() else int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return value
    except (ValueError, OverflowError):
        pass
    raise RequestError(f"{name} is no number.", param=name)
