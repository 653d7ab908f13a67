"""The part of Python that candidates are written in, as an allow-list over their syntax tree.

What is not listed is refused. A file holds functions and named numbers. A function has arithmetic, comparisons, ``if``,
``for``, ``while``, local numbers, arrays, lists and tuples; it calls the episode's methods, functions that stand above
it, and those of ``vocabulary``, which are there without an import. Text is the name of a signal or note, and, in
``schedule``, a key of the dict. There is no way to name a module, a private attribute, or anything else of the process.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from tts_gym.sandbox.refusal import CandidateError
from tts_gym.sandbox.vocabulary import (
    ATTRIBUTES,
    BUILTINS,
    CONSTANTS,
    MEMBERS,
    MODULES,
    POOLS,
    RESERVED,
    TYPE,
)

LONGEST_NAME = 64
"""Characters of a name, and of the text that names a signal, a note or an argument."""

_NAMING = ("note", "signal")
_NAME = re.compile(rf"[A-Za-z0-9 _.:/()-]{{1,{LONGEST_NAME}}}")
_ARRAY_TYPES = ("np.ndarray", *(f"np.{name}" for name, kind in CONSTANTS["np"].items() if kind == TYPE))
_METHODS = {name for methods in MEMBERS.values() for name in methods}
_ATTRIBUTES = {name for attributes in ATTRIBUTES.values() for name in attributes}
_OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
    ast.BitAnd, ast.BitOr,
    ast.UAdd, ast.USub, ast.Not, ast.Invert,
    ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE,
)  # fmt: skip
_PLAIN = (
    ast.Return, ast.Assign, ast.AugAssign, ast.For, ast.While, ast.If, ast.Pass, ast.Break, ast.Continue,
    ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Compare, ast.Subscript, ast.Slice, ast.Tuple, ast.List,
    ast.And, ast.Or, ast.Load, ast.Store, *_OPERATORS,
)  # fmt: skip
"""Nodes that are fine where their parts are."""


def check_allowed(tree: ast.Module) -> None:
    """Refuse ``tree`` unless all of it is allowed.

    Raises:
        CandidateError: for the first thing that is not.
    """
    functions: list[str] = []
    constants: list[str] = []
    for place, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef):
            _check_new(node.name, [*functions, *constants], node)
            _check_function(node, functions, constants)
            functions.append(node.name)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            _check_new(node.targets[0].id, [*functions, *constants], node)
            if not _is_number(node.value):
                raise CandidateError("outside functions only numbers are named, as in LIMIT = 3", node.lineno)
            constants.append(node.targets[0].id)
        elif not (place == 0 and _is_text(node)):
            raise CandidateError(f"{_called(node)} is not allowed here: {_outside(node)}", node.lineno)


def _check_function(node: ast.FunctionDef, functions: Sequence[str], constants: Sequence[str]) -> None:
    if node.decorator_list or getattr(node, "type_params", None):
        raise CandidateError("decorators and parameters of types are not allowed", node.lineno)
    arguments = node.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs:
        raise CandidateError(f"{node.name} takes plain arguments only: no *, ** or /", node.lineno)
    for default in arguments.defaults:
        if not _is_number(default):
            raise CandidateError("the default of an argument is a number", default.lineno)
    for annotation in (node.returns, *(argument.annotation for argument in arguments.args)):
        _check_annotation(annotation)
    stored = [child for child in ast.walk(node) if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store)]
    named = [*((argument.arg, argument) for argument in arguments.args), *((child.id, child) for child in stored)]
    for name, place in named:
        _check_new(name, functions, place)
    checker = _Checker({name for name, _ in named} | set(constants), functions, node.name == "schedule")
    body = node.body[1:] if _is_text(node.body[0]) else node.body
    for statement in body:
        checker.visit(statement)


def _check_new(name: str, taken: Sequence[str], node: ast.AST) -> None:
    if name in RESERVED or name in taken:
        raise CandidateError(f"{name} has a meaning already: choose another name", _at(node))
    if not name.isascii() or len(name) > LONGEST_NAME:
        raise CandidateError(f"a name has up to {LONGEST_NAME} letters of ASCII", _at(node))
    if name.startswith("_") and name != "_":
        raise CandidateError(f"{name} is a private name: choose one without the underscore", _at(node))


def _check_annotation(annotation: ast.expr | None) -> None:
    """Annotations hold plain names and types of arrays: whoever evaluates them looks into no module."""
    for node in ast.walk(annotation) if annotation is not None else ():
        known = (
            isinstance(node, (ast.Subscript, ast.Tuple, ast.Load))
            or (isinstance(node, ast.Constant) and node.value is None)
            or (isinstance(node, ast.Name) and not node.id.startswith("_"))
            or (isinstance(node, ast.Attribute) and ast.unparse(node) in _ARRAY_TYPES)
        )
        if not known:
            raise CandidateError(f"an annotation is the name of a type, or {', '.join(_ARRAY_TYPES)}", _at(node))


class _Checker(ast.NodeVisitor):
    """Goes through the statements of one function."""

    def __init__(self, variables: set[str], functions: Sequence[str], keys: bool) -> None:
        """Know what may be named.

        Args:
            variables: arguments, local variables and named numbers.
            functions: the functions above.
            keys: whether text may be a key of a dict.
        """
        self.variables = variables
        self.functions = functions
        self.keys = keys
        self.line = 0

    def visit(self, node: ast.AST) -> None:
        self.line = getattr(node, "lineno", self.line)
        super().visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        if not isinstance(node, _PLAIN):
            raise CandidateError(f"{_called(node)} is not allowed", self.line)
        if isinstance(node, (ast.For, ast.While)) and node.orelse:
            raise CandidateError("else after a loop is not allowed", node.lineno)
        super().generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802
        _check_annotation(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:  # noqa: N802
        if not isinstance(node.value, ast.Call):
            raise CandidateError("an expression that does nothing is not allowed", node.lineno)
        self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:  # noqa: N802
        if not _is_number(node):
            raise CandidateError(f"the constant {_short(node.value)} is not allowed: use numbers", node.lineno)

    def visit_Name(self, node: ast.Name) -> None:  # noqa: N802
        if node.id in self.variables or node.id in POOLS:
            return
        if node.id in self.functions or node.id in RESERVED:
            raise CandidateError(
                f"{node.id} is no value: all there is to do with it is to call it, or its functions", node.lineno
            )
        raise CandidateError(f"there is no {node.id} here", node.lineno)

    def visit_Attribute(self, node: ast.Attribute) -> None:  # noqa: N802
        if not isinstance(node.ctx, ast.Load):
            raise CandidateError("attributes cannot be set", node.lineno)
        if isinstance(node.value, ast.Name) and node.value.id in MODULES:
            if node.attr not in CONSTANTS[node.value.id]:
                raise CandidateError(_unlisted(node.value.id, node.attr), node.lineno)
            return
        if node.attr not in _ATTRIBUTES:
            raise CandidateError(f"there is no attribute {node.attr} here", node.lineno)
        self.visit(node.value)

    def visit_Call(self, node: ast.Call) -> None:  # noqa: N802
        naming = self._check_called(node.func)
        for place, argument in enumerate(node.args):
            if naming and place == 0:
                self._check_name(argument)
            else:
                self.visit(argument)
        for keyword in node.keywords:
            if keyword.arg is None:
                raise CandidateError("** is not allowed", keyword.value.lineno)
            self.visit(keyword.value)

    def visit_Dict(self, node: ast.Dict) -> None:  # noqa: N802
        if not self.keys:
            raise CandidateError("a dict is allowed in schedule only", node.lineno)
        for key in node.keys:
            if not _is_string(key):
                raise CandidateError("the keys of the dict are names of arguments of program", node.lineno)
        for value in node.values:
            self.visit(value)

    def visit_Subscript(self, node: ast.Subscript) -> None:  # noqa: N802
        self.visit(node.value)
        if not (self.keys and _is_string(node.slice)):
            self.visit(node.slice)

    def _check_name(self, node: ast.expr) -> None:
        if not _is_string(node):
            raise CandidateError(
                f'a signal or note is named by text: up to {LONGEST_NAME} letters, figures and spaces, as in "ema"',
                _at(node),
            )

    def _check_called(self, function: ast.expr) -> bool:
        """Whether the first argument of ``function``, which may be called, may be text."""
        if isinstance(function, ast.Name):
            if function.id not in (*BUILTINS, *self.functions):
                raise CandidateError(
                    f"{function.id} cannot be called: call the functions above this one, the episode's methods, "
                    f"np, math, or {', '.join(BUILTINS)}",
                    function.lineno,
                )
            return False
        if not isinstance(function, ast.Attribute):
            raise CandidateError("only functions and methods can be called", _at(function))
        if isinstance(function.value, ast.Name) and function.value.id in MODULES:
            if function.attr not in MODULES[function.value.id]:
                raise CandidateError(_unlisted(function.value.id, function.attr), function.lineno)
            return False
        if function.attr not in _METHODS:
            raise CandidateError(f"there is no method {function.attr} here", function.lineno)
        self.visit(function.value)
        return function.attr in _NAMING


def _is_number(node: ast.expr) -> bool:
    """Whether ``node`` is a number or truth value, with or without a sign, that 64 bits hold."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        node = node.operand
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, (bool, int, float))
        and not (isinstance(node.value, int) and node.value >= 2**63)
    )


def _is_string(node: ast.expr | None) -> bool:
    """Whether ``node`` is text that names something."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and bool(_NAME.fullmatch(node.value))


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _unlisted(module: str, name: str) -> str:
    return f"{module}.{name} is not one of the functions that may be used: {', '.join(sorted(MODULES[module]))}"


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, int) else "of more than 63 bits"
    return text if len(text) <= 30 else f"{text[:27]}..."


_WORDS = {
    ast.Import: "import",
    ast.ImportFrom: "import",
    ast.ClassDef: "a class",
    ast.FunctionDef: "a function",
    ast.AsyncFunctionDef: "async",
    ast.Lambda: "lambda",
    ast.ListComp: "a comprehension",
    ast.SetComp: "a comprehension",
    ast.DictComp: "a comprehension",
    ast.GeneratorExp: "a comprehension",
    ast.JoinedStr: "an f-string",
    ast.NamedExpr: ":=",
    ast.Starred: "*",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.MatMult: "@",
}


def _called(node: ast.AST) -> str:
    """What ``node`` is called in Python."""
    return _WORDS.get(type(node), type(node).__name__.lower())


def _outside(node: ast.stmt) -> str:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return f"{', '.join((*MODULES, *POOLS))} are there without it"
    return "outside functions only numbers are named"


def _at(node: ast.AST) -> int | None:
    return getattr(node, "lineno", None)
