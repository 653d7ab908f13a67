"""How much a candidate may know by heart: few numbers, short tables, a source of bounded size."""

from __future__ import annotations

import ast

from tts_gym.sandbox.refusal import CandidateError

MOST_NUMBERS = 64
"""Numeric constants of a candidate, where 0, 1 and 2 are free."""

DIGITS = 8
"""Figures beyond which a constant counts again."""

MOST_LISTED = 16
"""Elements of a table, arguments of a function, and cases of a choice that stand side by side."""

MOST_PARTS = 4096
"""Names, numbers, operators and statements of a candidate, as nodes of its syntax tree."""


def check_size(tree: ast.Module) -> None:
    """Refuse ``tree`` if it holds so much that it could tell recorded branches from each other.

    Raises:
        CandidateError: for what goes beyond a limit.
    """
    numbers = 0
    for parts, node in enumerate(ast.walk(tree), start=1):
        line = getattr(node, "lineno", None)
        if parts > MOST_PARTS:
            raise CandidateError(f"a candidate has at most {MOST_PARTS} names, numbers, operators and statements")
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            numbers += _weight(node.value)
        if _listed(node) > MOST_LISTED:
            raise CandidateError(f"a table or chain of more than {MOST_LISTED} is not allowed", line)
    if numbers > MOST_NUMBERS:
        raise CandidateError(
            f"it has {numbers} numbers and may have {MOST_NUMBERS} (0, 1 and 2 are free, and one of more than {DIGITS} "
            f"digits counts for several)"
        )


def _weight(value: float) -> int:
    if value in (0, 1, 2):
        return 0
    digits = repr(value).partition("e")[0].replace(".", "").strip("0")
    return -(-len(digits) // DIGITS)


def _listed(node: ast.AST) -> int:
    """How many things stand side by side in ``node``."""
    match node:
        case ast.List() | ast.Tuple():
            return len(node.elts)
        case ast.Dict() | ast.BoolOp():
            return len(node.values)
        case ast.Call():
            return len(node.args) + len(node.keywords)
        case ast.arguments():
            return len(node.args)
        case ast.Compare():
            return len(node.comparators) + 1
        case ast.IfExp():
            return 1 + sum(_listed(part) for part in (node.body, node.orelse) if isinstance(part, ast.IfExp))
        case ast.If(orelse=[ast.If() as other]):
            return 1 + _listed(other)
    return 1
