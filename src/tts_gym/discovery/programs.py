"""Programs that a search begins with, written as candidates."""

from __future__ import annotations

import ast
import inspect
import textwrap
from pathlib import Path
from types import FunctionType
from typing import Any

from tts_gym.agents.programs import PROGRAMS, Program
from tts_gym.errors import DiscoveryError

LINES: dict[str, dict[str, tuple[float, float]]] = {
    "sc": {"n": (1, 64)},
    "asc": {"max_samples": (2, 64), "threshold": (0.75, 0.99)},
    "esc": {"max_samples": (8, 64), "window": (3, 8)},
    "parallel-probe": {
        "num_chains": (4, 64),
        "stable_for": (4, 40),
        "patience": (3, 10),
        "warm_up": (4, 15),
        "max_steps": (100, 100),
    },
}
"""Values at beta = 0 and beta = 1 of the parameters of programs without a knob of their own; whole numbers stay so."""


def is_knobbed(program: Program) -> bool:
    """Whether beta is the one parameter of a program, as it is of a candidate."""
    return list(program.parameters) == ["beta"]


def source_of(spec: str) -> tuple[str, str]:
    """Name and candidate source of a shipped program or of a file that holds a candidate.

    Raises:
        DiscoveryError: there is no such program or file, or the program has no knob.
    """
    if spec.endswith(".py"):
        try:
            return Path(spec).stem, Path(spec).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DiscoveryError(f"The seed program {spec} cannot be read ({error}): check the path.") from error
    program = PROGRAMS.get(spec)
    if program is None or not (is_knobbed(program) or spec in LINES):
        known = ", ".join(name for name, each in PROGRAMS.items() if name in LINES or is_knobbed(each))
        raise DiscoveryError(f"{spec!r} is no program to begin with: use {known}, or a file FILE.py with a candidate.")
    return spec, _written(program)


def with_schedule(source: str, schedule: str) -> str:
    """``source`` with ``schedule`` in place of its own function of that name.

    Args:
        source: a candidate.
        schedule: source of a function ``schedule``.
    """
    lines = source.splitlines()
    old = next(node for node in ast.parse(source).body if getattr(node, "name", "") == "schedule")
    assert old.end_lineno is not None
    return "\n".join([*lines[: old.lineno - 1], *schedule.splitlines(), *lines[old.end_lineno :]]) + "\n"


def line_schedule(ends: dict[str, tuple[float, float]], whole: set[str], power: float = 1.0) -> str:
    """Source of a schedule that takes each parameter from one value at beta = 0 to another at beta = 1.

    Args:
        ends: the two values by parameter.
        whole: parameters that are whole numbers.
        power: of beta, the same for all.
    """
    share = "beta" if power == 1 else f"beta ** {power!r}"
    lines = ["def schedule(beta):", f"    share = {share}", "    return {"]
    for name, (low, high) in ends.items():
        value = repr(low) if low == high else f"{low!r} + {high - low!r} * share"
        lines.append(f'        "{name}": {f"int(round({value}))" if name in whole else value},')
    return "\n".join([*lines, "    }"]) + "\n"


def _written(program: Program) -> str:
    functions = _functions(program.function)
    schedule = program.schedule
    if schedule:
        parts = [_plain(schedule, "schedule")]
    else:
        ends = LINES[program.name]
        parts = [line_schedule(ends, {name for name, pair in ends.items() if all(v == int(v) for v in pair)})]
    parts += [_plain(each, "program" if each is program.function else each.__name__) for each in reversed(functions)]
    written = "\n\n\n".join(part.strip() for part in parts) + "\n"
    constants = _constants([*functions, *([schedule] if schedule else [])])
    for name in constants:
        written = written.replace(name, name.lstrip("_"))
    named = "".join(f"{name.lstrip('_')} = {value!r}\n" for name, value in constants.items())
    return f"{named}\n\n{written}" if named else written


def _functions(function: Any) -> list[FunctionType]:
    """``function`` and those beside it, in its module or in another of the shipped programs, that it calls."""
    beside = function.__module__.rpartition(".")[0]
    found = [function]
    for each in found:
        for name in each.__code__.co_names:
            helper = each.__globals__.get(name)
            if isinstance(helper, FunctionType) and helper.__module__.startswith(f"{beside}.") and helper not in found:
                found.append(helper)
    return found


def _constants(functions: list[Any]) -> dict[str, float]:
    """Private numbers of their modules that ``functions`` refer to; candidates have no private names."""
    named = {name: each.__globals__.get(name) for each in functions for name in each.__code__.co_names}
    return {name: value for name, value in named.items() if type(value) in (int, float) and name.startswith("_")}


def _plain(function: Any, name: str) -> str:
    """Source of ``function`` under another name, without annotations and defaults."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.name, definition.returns = name, None
    definition.args.defaults = []
    for argument in definition.args.args:
        argument.annotation = None
    return ast.unparse(tree)
