"""Controllers by specification: ``name[:param=value,…]``, ``rl:PATH[:…]``, ``FILE.py[:NAME][:…]`` or ``zoo``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from numba.core.dispatcher import Dispatcher

from tts_gym.agents.controller import Controller, ProgramController, missing_probes, missing_signals
from tts_gym.agents.programs import PROGRAMS, Parameter, Program
from tts_gym.agents.programs.program import Between
from tts_gym.agents.solve_adapter import SolveController, Solver
from tts_gym.agents.user_file import UserFile
from tts_gym.datasets.store import ReplayStore
from tts_gym.episode.episode import ReplayEpisode
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import ControllerError

if TYPE_CHECKING:
    from tts_gym.sandbox.runs import Limits

ZOO = "zoo"
"""Stands for every shipped program at its defaults."""

LEARNED = "rl"
"""Begins the specification of a learned policy."""


def parse_spec(spec: str, trust: bool = False, limits: Limits | None = None) -> list[Controller]:
    """The controllers that ``spec`` stands for: one, or every shipped program for ``zoo``.

    A file that holds a candidate, which is one with functions called schedule and program, or one that is given without
    a name in it, is not run but read, and goes through a jail. Any other ``FILE.py:NAME`` is the user's own code.

    Args:
        spec: the specification.
        trust: whether candidates are the user's own code too.
        limits: what a candidate may use in its jail.

    Raises:
        ControllerError: for an unknown controller, a file that cannot be loaded, or a wrong parameter.
    """
    if spec == ZOO:
        return [make_controller(PROGRAMS[name]) for name in PROGRAMS.shipped]
    if is_file_spec(spec):
        return [_of_file(spec, trust, limits)]
    name, _, text = spec.partition(":")
    if name == LEARNED:
        return [_learned(text, spec)]
    if name not in PROGRAMS:
        known = ", ".join(PROGRAMS)
        raise ControllerError(f"Unknown controller {name!r}: use one of {known}, {ZOO}, rl:PATH, or FILE.py:NAME.")
    return [make_controller(PROGRAMS.load(name), **_parse_parameters(text, spec))]


def specification(name: str, parameters: Mapping[str, Any]) -> str:
    """``name:parameter=value,…``, as ``parse_spec`` reads it.

    Args:
        name: of a controller.
        parameters: values by name.
    """
    values = ",".join(f"{parameter}={value}" for parameter, value in parameters.items())
    return f"{name}:{values}" if values else name


def label(controller: Controller) -> str:
    """The specification of a controller without the parameters at their defaults."""
    changed = dict(item for item in controller.parameters.items() if item not in controller.defaults.items())
    return specification(controller.name, changed)


def one_controller(spec: str, trust: bool = False) -> Controller:
    """The controller that ``spec`` stands for.

    Args:
        spec: the specification.
        trust: whether candidates are the user's own code too.

    Raises:
        ControllerError: as ``parse_spec``, or it stands for several.
    """
    found = parse_spec(spec, trust)
    if len(found) != 1:
        raise ControllerError(f"{spec!r} stands for {len(found)} controllers: name one.")
    return found[0]


def _of_file(spec: str, trust: bool, limits: Limits | None) -> Controller:
    """The candidate or the user's code of ``FILE.py[:NAME][:param=value,...]``."""
    from tts_gym.sandbox.jailed_controller import LIMITS, JailedController, holds_candidate

    file, name, text = _split_file_spec(spec)
    if not file.is_file():
        raise ControllerError(
            f"There is no file {file}: check the path; {file}:NAME says which controller of the file to use."
        )
    if name is None and trust:
        raise ControllerError(f"{spec!r} does not say which controller of the file to use: write {file}:NAME.")
    if trust or (name is not None and not holds_candidate(file.read_bytes())):
        return FileController.load(spec)
    return JailedController.load(file, name, _parse_parameters(text, spec), limits or LIMITS)


def _split_file_spec(spec: str) -> tuple[Path, str | None, str]:
    """File, name in it, None where there is none, and parameters."""
    stem, colon, rest = spec.removesuffix(".py").partition(".py:")
    name, _, text = rest.partition(":")
    if not colon or "=" in name:
        return Path(f"{stem}.py"), None, rest
    return Path(f"{stem}.py"), name, text


def _learned(text: str, spec: str) -> Controller:
    """The policy of ``PATH[:cost_weight=…]``."""
    try:
        from tts_gym.agents.rl.policy import PolicyController
    except ImportError as error:
        raise ControllerError(f"{spec!r} is a learned policy: install tts-gym[rl].") from error
    path, _, parameters = text.rpartition(":") if "=" in text.rpartition(":")[2] else (text, "", "")
    return PolicyController.load(Path(path), _parse_parameters(parameters, spec))


def zoo_on(store: ReplayStore) -> tuple[list[Controller], dict[str, list[str]]]:
    """What ``zoo`` stands for on ``store``.

    Returns:
        The shipped programs at their defaults, and the names of those left out, by what ``store`` lacks: "signals" or
        "probes".
    """
    found: list[Controller] = []
    lacking: dict[str, list[str]] = {}
    for controller in parse_spec(ZOO):
        if missing_probes(controller, store):
            lacking.setdefault("probes", []).append(controller.name)
        elif missing_signals(controller, store):
            lacking.setdefault("signals", []).append(controller.name)
        else:
            found.append(controller)
    return found, lacking


@dataclass(frozen=True)
class FileController:
    """A controller of a user's file. A process that it is sent to loads the file again, so that errors name its lines.

    Attributes:
        spec: its specification, with an absolute path.
        loaded: the controller.
        file: the file that it is in.
    """

    spec: str
    loaded: Controller
    file: UserFile = field(repr=False)

    @classmethod
    def load(cls, spec: str) -> FileController:
        """Load the file and read the parameters of ``FILE.py:NAME[:param=value,...]``."""
        path, name, text = _split_file_spec(spec)
        file = UserFile(path)
        loaded = make_controller(file.get(name or ""), **_parse_parameters(text, spec))
        return cls(f"{path.resolve()}:{name}:{text}", loaded, file)

    def __reduce__(self) -> tuple[Callable[[str], FileController], tuple[str]]:
        """Pickle the specification only."""
        return FileController.load, (self.spec,)

    @property
    def name(self) -> str:
        """Name of the controller."""
        return self.loaded.name

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its parameters."""
        return self.loaded.parameters

    @property
    def defaults(self) -> Mapping[str, Any]:
        """Their defaults."""
        return self.loaded.defaults

    @property
    def upper_bound(self) -> bool:
        """Whether it is graded as an upper bound."""
        return self.loaded.upper_bound

    @property
    def signals(self) -> tuple[str, ...]:
        """Recorded signals that it reads."""
        return self.loaded.signals

    @property
    def probes(self) -> bool:
        """Whether it looks at answers of branches that have not ended."""
        return self.loaded.probes

    def identity(self) -> str:
        """See ``Controller.identity``."""
        return self.loaded.identity()

    def answer(self, episode: ReplayEpisode, texts: Sequence[str]) -> str | None:
        """See ``Controller.answer``."""
        with self.file.importing():
            return self.loaded.answer(episode, texts)

    def run(self, store: ReplayStore, seeds: Sequence[int], rules: EpisodeRules) -> pd.DataFrame:
        """See ``Controller.run``."""
        with self.file.importing():
            return self.loaded.run(store, seeds, rules)


def is_file_spec(spec: str) -> bool:
    """Whether ``spec`` names a controller in a file."""
    return ".py:" in spec or spec.endswith(".py")


def make_controller(source: Program | Callable[..., Any] | type, **parameters: Any) -> Controller:
    """A controller from a program, a function of an episode, or a class with the published ``solve`` interface.

    Args:
        source: what decides.
        **parameters: its parameters, as text or as Python values.

    Raises:
        ControllerError: if ``source`` is none of these, or a parameter is wrong.
    """
    if inspect.isclass(source) and issubclass(source, Solver) and inspect.isfunction(source.solve):
        guess = Parameter(None, inspect.Parameter.empty, Between())
        config = {name: guess.read(value, name, source.__name__) for name, value in parameters.items()}
        return SolveController(source.__name__, source, config)
    if isinstance(source, Dispatcher):
        source = source.py_func
    if inspect.isfunction(source):
        if not inspect.signature(source).parameters:
            raise ControllerError(
                f"Function {source.__name__} is no program: it must take an episode as its first argument."
            )
        source = Program(source.__name__, source)
    if not isinstance(source, Program):
        raise ControllerError(
            f"{source!r} is no controller: use a function of an episode, a Program, a class with solve(question), or "
            "an object with everything that tts_gym.agents.Controller names."
        )
    return ProgramController(source, source.resolve(parameters))


def _parse_parameters(text: str, spec: str) -> Mapping[str, str]:
    parameters = {}
    for item in filter(None, text.split(",")):
        name, equals, value = item.partition("=")
        if not equals or not name.isidentifier():
            raise ControllerError(
                f"Cannot read {item!r} in {spec!r}: write parameters as name=value, separated by commas."
            )
        if name in parameters:
            raise ControllerError(f"Parameter {name} stands twice in {spec!r}.")
        parameters[name] = value
    return parameters
