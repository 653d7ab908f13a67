"""The controllers that the operator lists, and which of them a request chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tts_gym.agents.controller import Controller, ProgramController
from tts_gym.agents.programs import PROGRAMS
from tts_gym.agents.specs import parse_spec, specification
from tts_gym.errors import ControllerError, LiveError
from tts_gym.live.answering import Solving
from tts_gym.live.model import LiveModel
from tts_gym.llm.tokenizer import in_a_line
from tts_gym.serve.errors import RequestError


@dataclass(frozen=True)
class Offer:
    """The controllers that requests may choose from.

    Attributes:
        controllers: by name; the first one decides where a request names none.
    """

    controllers: Mapping[str, Controller]

    @classmethod
    def of(cls, specs: Sequence[str], trust: bool = False) -> Offer:
        """What specifications stand for.

        Args:
            specs: specifications of controllers.
            trust: whether candidates are the user's own code too.

        Raises:
            ControllerError: there is no such controller, or two have the same name.
        """
        controllers: dict[str, Controller] = {}
        for controller in (each for spec in specs for each in parse_spec(spec, trust)):
            if controller.name in controllers:
                raise ControllerError(f"Controller {controller.name} is listed twice: list it once.")
            controllers[controller.name] = controller
        return cls(controllers)

    def check(self, model: LiveModel) -> None:
        """Refuse a model that cannot give what one of the controllers needs.

        Args:
            model: what generates.

        Raises:
            LiveError: it cannot.
        """
        if not self.controllers:
            raise LiveError("No controller is listed: list one with -c.")
        for controller in self.controllers.values():
            Solving(controller).check(model)

    def named(self, name: str | None) -> Controller:
        """A listed controller.

        Args:
            name: its name; None for the first one.

        Raises:
            RequestError: it is not listed.
        """
        if name is not None and name not in self.controllers:
            known = ", ".join(self.controllers)
            raise RequestError(f"There is no controller {name[:60]!r} here: use one of {known}.", param="controller")
        return next(iter(self.controllers.values())) if name is None else self.controllers[name]

    def tuned(self, controller: Controller, parameters: Mapping[str, Any]) -> Controller:
        """A listed controller with parameters of a request.

        Args:
            controller: as it is listed.
            parameters: values that differ from those that the operator listed, as text or as numbers.

        Raises:
            RequestError: it takes no parameters from requests, or has no such ones.
        """
        if not parameters:
            return controller
        if not isinstance(controller, ProgramController) or controller.name not in PROGRAMS.shipped:
            raise RequestError(
                f"The parameters of controller {controller.name} are the operator's: leave them out.",
                param="controller",
            )
        try:
            resolved = controller.program.resolve({**controller.parameters, **parameters})
        except ControllerError as error:
            raise RequestError(in_a_line(error), param="controller") from error
        return ProgramController(controller.program, resolved)


def spelled(controller: Controller) -> str:
    """The specification of a controller, in printable ASCII."""
    spec = specification(controller.name, controller.parameters)
    return "".join(sign if " " <= sign <= "~" else "?" for sign in spec)
