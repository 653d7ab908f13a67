"""A page for every shipped program, made of its signature, its docstrings, an episode and committed results."""

import inspect
import re
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

import griffe
import pandas as pd

import tts_gym
from pictures import QUESTION, path_of
from templates import ROOT, linked, page
from tts_gym.agents.programs import PROGRAMS, Between, Parameter, Program

STORES = ("smollm2-arithmetic", "synthetic-small")
"""Where a program plays its episode: on the first of them that records what it needs."""

RESULTS = "benchmarks/results/smollm2_arithmetic.csv"
MARK = re.compile("<!-- programs.*-->\n")
"""Stands in the index for the tables."""

PAPER = re.compile(r"\[arXiv [^]]*]\([^)]*\)")
BETAS = (0.0, 0.25, 0.5, 0.75, 1.0)


def uris() -> list[str]:
    """The place of each page, in the order of the registry."""
    return [f"programs/{name}.md" for name in PROGRAMS.shipped]


def made() -> dict[str, str | bytes]:
    """The pages and their pictures by place."""
    results = pd.read_csv(ROOT / RESULTS).set_index("controller").to_dict("index")
    shown = [ProgramPage(PROGRAMS[name], results.get(name)) for name in PROGRAMS.shipped]
    index = (ROOT / "docs" / "programs" / "index.md").read_text(encoding="utf-8")
    tables = page("programs.md", programs=shown, results=RESULTS)
    found: dict[str, str | bytes] = {"programs/index.md": MARK.sub(lambda _: tables, index)}
    for each in shown:
        found[f"programs/{each.name}.md"] = page("program.md", shown=each, results=RESULTS)
        found[f"programs/{each.name}.png"] = path_of(each.name, each.store)
    return found


@dataclass(frozen=True)
class ProgramPage:
    """What the page of a program says.

    Attributes:
        program: the program.
        result: its row of the committed results, None where it has none.
    """

    program: Program
    result: dict[str, Any] | None

    @property
    def name(self) -> str:
        """Name of the program."""
        return self.program.name

    @property
    def path(self) -> Path:
        """The file that it is in."""
        return Path(inspect.getfile(import_module(PROGRAMS.shipped[self.name].module)))

    @property
    def file(self) -> str:
        """That file, from the top of the repository."""
        return str(self.path.relative_to(ROOT))

    @cached_property
    def source(self) -> str:
        """What that file holds."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def module(self) -> griffe.Module:
        """That file as it reads."""
        return griffe.visit(self.path.stem, self.path, self.source)

    @property
    def origin(self) -> str:
        """Where it comes from, with a link to the paper."""
        return self._linked(self.module.docstring.value)

    @property
    def paper(self) -> str:
        """The paper that it comes from, as a link; empty where there is none."""
        found = PAPER.search(self.origin)
        return found[0] if found else ""

    @cached_property
    def rule(self) -> str:
        """What it does: the docstring of ``PROGRAM``, or else of its function."""
        own = self.module["PROGRAM"].docstring
        return self._linked(own.value if own else _text(self.program.function))

    @property
    def summary(self) -> str:
        """The first sentence of the rule."""
        return self.rule.partition("\n\n")[0].replace("\n", " ")

    @property
    def parameters(self) -> list[tuple[str, str, str, str, str]]:
        """Name, type, default, range and meaning of each public parameter."""
        meanings = self._meanings(self.program.schedule or self.program.function)
        return [
            (name, _type(parameter), _default(parameter), _range(parameter), meanings[name])
            for name, parameter in self.program.parameters.items()
        ]

    @property
    def betas(self) -> tuple[float, ...]:
        """Values of β in the table of the schedule."""
        return BETAS

    @property
    def schedule(self) -> list[tuple[str, str, list[str]]]:
        """Name, meaning and value at each of ``BETAS`` of the parameters that β stands for; empty where it has no β."""
        if self.program.schedule is None or "beta" not in self.program.parameters:
            return []
        columns = [self.program.schedule(beta=beta) for beta in BETAS]
        meanings = self._meanings(self.program.function)
        return [(name, meanings[name], [f"{column[name]:.4g}" for column in columns]) for name in columns[0]]

    @property
    def notes(self) -> str:
        """What the docstring of the schedule says of it."""
        if self.program.schedule is None:
            return ""
        return self._linked(_text(self.program.schedule))

    @cached_property
    def store(self) -> str:
        """Name of the store that it plays on."""
        return next(name for name in STORES if {*self.program.signals} <= {*tts_gym.load_store(name).signals})

    @property
    def question(self) -> int:
        """Number of the question in the picture."""
        return QUESTION

    def _meanings(self, function: Any) -> dict[str, str]:
        (described,) = _sections(function, griffe.DocstringSectionKind.parameters)
        return {one.name: " ".join(self._linked(one.description).split()) for one in described}

    def _linked(self, text: str) -> str:
        return linked(text, set(PROGRAMS.shipped) - {self.name})


def _sections(function: Any, kind: griffe.DocstringSectionKind) -> list[Any]:
    """The sections of a kind in the docstring of a function."""
    told = griffe.Docstring(inspect.getdoc(function) or "", parser="google", parser_options={"warnings": False})
    return [section.value for section in told.parsed if section.kind == kind]


def _text(function: Any) -> str:
    return "\n\n".join(_sections(function, griffe.DocstringSectionKind.text))


def _type(parameter: Parameter) -> str:
    return parameter.kind.__name__ if parameter.kind else ""


def _default(parameter: Parameter) -> str:
    return "" if parameter.default is inspect.Parameter.empty else str(parameter.default)


def _range(parameter: Parameter) -> str:
    if parameter.choices:
        return ", ".join(parameter.choices)
    return "" if parameter.range == Between() else str(parameter.range)
