"""The prompt: a template with what is known filled in."""

from __future__ import annotations

import inspect
from pathlib import Path
from string import Template
from typing import Any

from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.episode.episode import Episode
from tts_gym.errors import DiscoveryError
from tts_gym.sandbox.size import DIGITS, MOST_LISTED, MOST_NUMBERS, MOST_PARTS
from tts_gym.sandbox.vocabulary import ARRAY, BUILTINS, LIST, MEMBERS, MODULES

MAX_WIDTH = 64
"""Branches that a candidate may open."""

_KNOB = (
    "One knob, beta in [0, 1], sets how much is spent: at 0 the controller is cheapest, at 1 most accurate.",
    "There is no knob: the controller runs with the parameters that you choose, and its score is that of one point.",
)
_MONOTONE = (
    "Each must rise or fall monotonically with beta, and mean tokens must not fall as beta grows.",
    "It is called once; choose the values freely and ignore `beta`.",
)


def template(settings: DiscoverySettings) -> Template:
    """The user's template, or the package's.

    Raises:
        DiscoveryError: it cannot be read, or has a placeholder that is not filled in.
    """
    file = Path(settings.template) if settings.template else Path(__file__).with_name("prompt.md")
    try:
        found = Template(file.read_text(encoding="utf-8"))
        unknown = set(found.get_identifiers()) - set(_filled(settings, 1, 2, 1, "", ""))
    except (OSError, ValueError) as error:
        raise DiscoveryError(f"The template {file} cannot be read ({error}): check the path and its text.") from error
    if unknown or not found.is_valid():
        told = ", ".join(f"${name}" for name in sorted(unknown)) or "a lone $"
        raise DiscoveryError(f"The template {file} has {told}, which nothing stands for: write $$ for a dollar sign.")
    return found


def write_prompt(settings: DiscoverySettings, low: float, high: float, slot: int, lessons: str, best: str) -> str:
    """The prompt of a candidate.

    Args:
        settings: what the discovery is told.
        low: tokens from which on scores are taken.
        high: tokens up to which they are.
        slot: which candidate of its round.
        lessons: what the rounds before taught.
        best: sources of the best so far.
    """
    return template(settings).substitute(_filled(settings, low, high, slot, lessons, best))


def _filled(settings: DiscoverySettings, low: float, high: float, slot: int, lessons: str, best: str) -> dict[str, Any]:
    return {
        "low": f"{low:,.0f}",
        "high": f"{high:,.0f}",
        "knob": _KNOB[not settings.beta],
        "monotone": _MONOTONE[not settings.beta],
        "slot": slot,
        "slots": settings.candidates_per_round,
        "width": MAX_WIDTH,
        "interface": interface(),
        "words": words(),
        "numbers": MOST_NUMBERS,
        "digits": DIGITS,
        "listed": MOST_LISTED,
        "parts": MOST_PARTS,
        "lessons": lessons,
        "best": best,
    }


def interface() -> str:
    """What a program may call, a line each, from the interface itself."""
    lines = []
    for name, member in vars(Episode).items():
        if name.startswith("_") or not inspect.getdoc(member):
            continue
        called: Any = member.fget if isinstance(member, property) else member
        signature = inspect.signature(called)
        parameters = [str(each).partition(":")[0] + _default(each) for each in list(signature.parameters.values())[1:]]
        shown = name if isinstance(member, property) else f"{name}({', '.join(parameters)})"
        told = (inspect.getdoc(member) or "").partition("\n\nArgs:")[0]
        lines.append(f"- `episode.{shown}`: {' '.join(told.split())}")
    return "\n".join(lines)


def words() -> str:
    """The functions that a program may call, from the table of what is allowed."""
    owners = {"Python": BUILTINS} | {f"`{module}`": functions for module, functions in MODULES.items()}
    owners |= {"an array": MEMBERS[ARRAY], "a list": MEMBERS[LIST]}
    return "\n".join(f"- Functions of {owner}: {', '.join(sorted(names))}." for owner, names in owners.items())


def _default(parameter: inspect.Parameter) -> str:
    return "" if parameter.default is inspect.Parameter.empty else f"={parameter.default}"
