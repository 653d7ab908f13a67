"""A candidate: one file of Python that holds a controller with one knob, not trusted and not yet run."""

from __future__ import annotations

import ast
import hashlib
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType

from tts_gym.sandbox.allow_list import check_allowed
from tts_gym.sandbox.meaning import check_meaning
from tts_gym.sandbox.refusal import CandidateError
from tts_gym.sandbox.size import check_size

LONGEST = 2**16
"""Bytes that a candidate may have."""

_WARNINGS = threading.Lock()
"""Held by whoever changes what is done with warnings, which all threads share."""


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
    entries of that dict; both and their helpers keep to ``allow_list``, ``size`` and ``meaning``. Or it is a file with
    a class with a method ``solve(self, question)``, which may contain anything.

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
            _check_constants(_compiled(tree))
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
        with _quietly():
            return ast.parse(source)
    except SyntaxError as error:
        raise CandidateError(f"this is not Python: {error.msg}", error.lineno) from None
    except ValueError as error:
        raise CandidateError(f"this is not Python: {error}") from None
    except (RecursionError, MemoryError):
        raise CandidateError("Python cannot parse the source, which is nested too deeply") from None


def _compiled(tree: ast.Module) -> CodeType:
    """What Python makes of ``tree``: that tells what no single part does, as a name given twice to a function."""
    try:
        with _quietly():
            code: CodeType = compile(tree, "candidate.py", "exec", annotations.compiler_flag, dont_inherit=True)
    except SyntaxError as error:
        raise CandidateError(f"this is not Python: {error.msg}", error.lineno) from None
    return code


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep what Python says of a source, which may quote it, from the terminal."""
    with _WARNINGS, warnings.catch_warnings(action="ignore"):
        yield


def _check_constants(code: CodeType) -> None:
    """Refuse whole numbers of more than 64 bits, which Python makes of smaller ones, where machine code cannot."""
    constants = list(code.co_consts)
    for constant in constants:
        if isinstance(constant, tuple):
            constants += constant
        elif isinstance(constant, CodeType) and constant.co_name != "schedule":
            _check_constants(constant)
        elif isinstance(constant, int) and not -(2**63) <= constant < 2**63:
            raise CandidateError(f"{code.co_name} has a whole number of more than 64 bits", code.co_firstlineno)


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
