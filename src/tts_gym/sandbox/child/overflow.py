"""Plain Python in which whole numbers keep to 64 bits, as compiled ones do, or the program ends."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

LEAST, LIMIT = -(2**63), 2**63
"""Whole numbers of 64 bits are at least the first and less than the second."""

_WHOLE = (int, np.integer)
_IN_PLACE, _CHANGE = "_in_place", "_change"


def checked(source: str) -> ast.Module:
    """The audited ``source`` with calls of ``OPERATORS`` in place of the operators by which a number may overflow."""
    tree = ast.parse(source)
    _Checked().visit(tree)
    return ast.fix_missing_locations(tree)


class _Checked(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:  # noqa: N802
        self.generic_visit(node)
        return _call(node, _name(node.op), node.left, node.right) if _name(node.op) in OPERATORS else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:  # noqa: N802
        self.generic_visit(node)
        return _call(node, _name(node.op), node.operand) if isinstance(node.op, ast.USub) else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:  # noqa: N802
        self.generic_visit(node)
        name = _name(node.op)
        if name not in OPERATORS:
            return node
        if isinstance(node.target, ast.Name):
            value = _call(node, name + _IN_PLACE, ast.Name(node.target.id, ast.Load()), node.value)
            return ast.copy_location(ast.Assign([node.target], value), node)
        if not isinstance(node.target, ast.Subscript) or isinstance(node.target.slice, ast.Slice):
            return node
        change = _call(node, _CHANGE, ast.Name(name, ast.Load()), node.target.value, node.target.slice)
        return ast.copy_location(ast.Expr(ast.copy_location(ast.Call(change, [node.value], []), node)), node)


def _name(node: ast.AST) -> str:
    """No candidate has a name like it."""
    return f"_{type(node).__name__}"


def _call(node: ast.AST, name: str, *arguments: ast.expr) -> ast.expr:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), list(arguments), []), node)


def _fitting(number: int) -> int:
    if not LEAST <= number < LIMIT:
        raise OverflowError("a whole number does not fit 64 bits")
    return number


def _of_two(operate: Callable[..., Any], others: Callable[..., Any]) -> Callable[..., Any]:
    """``operate`` on whole numbers, ``others`` on anything else."""

    def operated(one: Any, other: Any) -> Any:
        if not (isinstance(one, _WHOLE) and isinstance(other, _WHOLE)):
            return others(one, other)
        result = operate(int(one), int(other))
        return _fitting(result) if isinstance(result, int) else result

    return operated


def _power(base: int, exponent: int) -> float:
    if abs(base) > 1 and exponent > 63:
        _fitting(LIMIT)
    result: float = base**exponent
    return result


def _negative(value: Any) -> Any:
    return _fitting(-int(value)) if isinstance(value, _WHOLE) else -value


def _change(operate: Callable[..., Any], container: Any, place: Any) -> Callable[[Any], None]:
    """``container[place] += value``, in the order in which Python does it: the value comes after the element."""
    element = container[place]

    def change(value: Any) -> None:
        container[place] = operate(element, value)

    return change


OPERATORS: dict[str, Callable[..., Any]] = {_CHANGE: _change, _name(ast.USub()): _negative}
"""What the names stand for that ``checked`` writes."""

for _node, _operate, _others, _in_place in (
    (ast.Add(), operator.add, operator.add, operator.iadd),
    (ast.Sub(), operator.sub, operator.sub, operator.isub),
    (ast.Mult(), operator.mul, operator.mul, operator.imul),
    (ast.FloorDiv(), operator.floordiv, operator.floordiv, operator.ifloordiv),
    (ast.Pow(), _power, operator.pow, operator.ipow),
):
    OPERATORS[_name(_node)] = _of_two(_operate, _others)
    OPERATORS[_name(_node) + _IN_PLACE] = _of_two(_operate, _in_place)
