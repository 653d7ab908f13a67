"""A candidate: one file of Python that holds a controller with one knob, not trusted and not yet run."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass

from tts_gym.agents.synthesis.allowed import check_allowed
from tts_gym.agents.synthesis.meaning import check_meaning
from tts_gym.agents.synthesis.refusal import CandidateError
from tts_gym.agents.synthesis.size import check_size

LONGEST = 2**16
"""Bytes that a candidate may have."""


@dataclass(frozen=True)
class Candidate:
    """The source of a controller that has been looked at and not been run.

    Attributes:
        source: text of the file.
        audited: whether it is a program that passed the allow-list; else it is a class with the published ``solve``
            interface, of which nothing is known.
        digest: SHA-256 of the source.
    """

    source: str
    audited: bool
    digest: str


def read_candidate(source: str) -> Candidate:
    """Look at ``source`` without running it.

    A candidate is a file with ``schedule(beta)``, which returns a dict, and ``program(episode, ...)``, which takes the
    entries of that dict; both and their helpers keep to ``allowed``, ``size`` and ``meaning``. Or it is a file with a
    class with a method ``solve(self, question)``, which may contain anything.

    Raises:
        CandidateError: in one line that names the line of the source.
    """
    tree = _parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    audited = "program" in functions or not _solvers(tree)
    if audited:
        try:
            check_allowed(tree)
            _check_signatures(functions)
            check_size(tree)
            check_meaning(tree)
        except RecursionError:
            raise CandidateError("the source is nested too deeply; break long expressions up") from None
    return Candidate(source, audited, hashlib.sha256(source.encode()).hexdigest())


def _parse(source: str) -> ast.Module:
    try:
        size = len(source.encode())
    except UnicodeEncodeError:
        raise CandidateError("the source is not text that UTF-8 can hold") from None
    if size > LONGEST:
        raise CandidateError(f"the source has {size} bytes; write at most {LONGEST}")
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise CandidateError(f"this is not Python: {error.msg}", error.lineno) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise CandidateError(f"Python cannot parse the source: {error or type(error).__name__}") from None


def _solvers(tree: ast.Module) -> list[str]:
    """Names of the classes of ``tree`` that define ``solve``."""
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(method, ast.FunctionDef) and method.name == "solve" for method in node.body)
    ]


def _check_signatures(functions: dict[str, ast.FunctionDef]) -> None:
    if not {"schedule", "program"} <= functions.keys():
        raise CandidateError("a candidate defines schedule(beta), which returns a dict, and program(episode, ...)")
    schedule, program = functions["schedule"], functions["program"]
    if len(schedule.args.args) != 1:
        raise CandidateError("schedule takes one argument, beta", schedule.lineno)
    if not program.args.args:
        raise CandidateError("program takes the episode as its first argument", program.lineno)
    if program.args.defaults:
        raise CandidateError("the arguments of program have no defaults: schedule gives them all", program.lineno)
