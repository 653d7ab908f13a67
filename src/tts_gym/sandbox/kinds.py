"""The kinds of the expressions of a candidate: numbers, arrays, lists of numbers, tuples, the episode."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from tts_gym.sandbox.refusal import CandidateError
from tts_gym.sandbox.vocabulary import (
    ARRAY,
    ATTRIBUTES,
    BUILTINS,
    CONSTANTS,
    DICT,
    EITHER,
    ITEMS,
    LIST,
    MEMBERS,
    MODULES,
    NOTHING,
    NUMBER,
    POOLS,
    SEQUENCE,
    TEXT,
    TYPE,
    Kind,
    Signature,
)

Called = Callable[[ast.Call, str, dict[int | str, Kind]], Kind]
"""Gives the kind of a call of one of the candidate's own functions, for its name and the kinds of its arguments by
place or by name."""

SHOWN = 60
"""Characters of an expression in a reason."""

FLEETING = (NOTHING, TEXT, TYPE, ITEMS)
"""Kinds that neither a variable nor a tuple holds."""


class Expressions:
    """Tells the kinds of the expressions of one function.

    Attributes:
        kinds: of the variables, each of which keeps its own.
        bound: variables that have a value here.
    """

    def __init__(self, kinds: Mapping[str, Kind], called: Called) -> None:
        """Begin where the variables in ``kinds`` have values.

        Args:
            kinds: of the arguments and named numbers.
            called: knows the candidate's other functions.
        """
        self.kinds = dict(kinds)
        self.bound = frozenset(kinds)
        self._called = called

    def number(self, node: ast.expr) -> None:
        """Refuse ``node`` unless it is a number."""
        kind = self.kind(node)
        if kind != NUMBER:
            raise CandidateError(f"a number is needed here, but {written(node)} is {told(kind)}", node.lineno)

    def condition(self, node: ast.expr) -> None:
        """Refuse ``node`` unless it can only be true or false."""
        kind = self.kind(node)
        if kind != NUMBER:
            raise CandidateError(
                f"a condition is true or false, but {written(node)} is {told(kind)}: use np.any, np.all or len",
                node.lineno,
            )

    def bounds(self, node: ast.Slice) -> None:
        """Refuse a slice unless it goes forward from one number to another."""
        if node.step is not None:
            raise CandidateError("a slice has no step: go backwards in a loop", node.step.lineno)
        for bound in (node.lower, node.upper):
            if bound is not None:
                self.number(bound)

    def item(self, node: ast.expr) -> Kind:
        """The kind of what a ``for`` takes from ``node`` each time."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and _gives(node.func.id) == ITEMS):
            self._check_argument(self.kind(node), SEQUENCE, node)
            return NUMBER
        if node.func.id == "range":
            self.kind(node)
            return NUMBER
        if not node.args or node.keywords:
            raise CandidateError(f"{node.func.id} goes through something, by place", node.lineno)
        if node.func.id == "zip":
            return tuple(self.item(argument) for argument in node.args)
        for argument in node.args[1:]:
            self.number(argument)
        return NUMBER, self.item(node.args[0])

    def kind(self, node: ast.expr) -> Kind:
        """The kind of ``node``.

        Raises:
            CandidateError: it has none, because something in it does not fit.
        """
        if isinstance(node, ast.Constant):
            return TEXT if isinstance(node.value, str) else NUMBER
        known = _KNOWN.get(type(node))
        if known is None:
            raise CandidateError(f"{written(node)} has no place here", node.lineno)
        return known(self, node)

    def _name(self, node: ast.Name) -> Kind:
        if node.id in POOLS:
            return NUMBER
        if node.id not in self.bound:
            raise CandidateError(
                f"{node.id} may have no value here: give it one before, whichever way the program takes", node.lineno
            )
        return self.kinds[node.id]

    def _attribute(self, node: ast.Attribute) -> Kind:
        if isinstance(node.value, ast.Name) and node.value.id in MODULES:
            return CONSTANTS[node.value.id][node.attr]
        kind = self.kind(node.value)
        found = ATTRIBUTES.get(kind, {}) if isinstance(kind, str) else {}
        if node.attr not in found:
            raise CandidateError(f"{told(kind)} has no attribute {node.attr}", node.lineno)
        return found[node.attr]

    def _tuple(self, node: ast.Tuple) -> Kind:
        kinds = tuple(self.kind(part) for part in node.elts)
        for kind, part in zip(kinds, node.elts, strict=True):
            if kind in FLEETING or isinstance(kind, tuple):
                raise CandidateError(f"a tuple cannot hold {told(kind)}", part.lineno)
        return kinds

    def _list(self, node: ast.List) -> Kind:
        for part in node.elts:
            self.number(part)
        return LIST

    def _dict(self, node: ast.Dict) -> Kind:
        for part in node.values:
            self.kind(part)
        return DICT

    def _sign(self, node: ast.UnaryOp) -> Kind:
        if isinstance(node.op, ast.Not):
            self.condition(node.operand)
            return NUMBER
        kind = self._elementwise(node, node.operand)
        if isinstance(node.op, ast.Invert) and kind == NUMBER:
            raise CandidateError("~ is for arrays: use not, or -1 - x", node.lineno)
        return kind

    def _compare(self, node: ast.Compare) -> Kind:
        kind = self._elementwise(node, node.left, *node.comparators)
        if kind == ARRAY and len(node.comparators) > 1:
            raise CandidateError("arrays are compared two at a time", node.lineno)
        return kind

    def _all_true(self, node: ast.BoolOp) -> Kind:
        for part in node.values:
            self.condition(part)
        return NUMBER

    def _either(self, node: ast.IfExp) -> Kind:
        self.condition(node.test)
        one, other = self.kind(node.body), self.kind(node.orelse)
        if one != other:
            raise CandidateError(f"this is {told(one)} or {told(other)}: it must always be the same kind", node.lineno)
        return one

    def _operation(self, node: ast.BinOp) -> Kind:
        return self._elementwise(node, node.left, node.right)

    def _elementwise(self, node: ast.expr, *parts: ast.expr) -> Kind:
        kinds = [self.kind(part) for part in parts]
        for kind, part in zip(kinds, parts, strict=True):
            if kind not in (NUMBER, ARRAY):
                raise CandidateError(
                    f"operators are for numbers and arrays, but {written(part)} is {told(kind)}", node.lineno
                )
        return ARRAY if ARRAY in kinds else NUMBER

    def _subscript(self, node: ast.Subscript) -> Kind:
        kind = self.kind(node.value)
        if kind == DICT:
            return NUMBER
        if kind == ARRAY and isinstance(node.slice, ast.Slice):
            self.bounds(node.slice)
            return ARRAY
        if isinstance(kind, tuple) and isinstance(node.slice, ast.Constant) and type(node.slice.value) is int:
            if node.slice.value >= len(kind):
                raise CandidateError(f"the tuple has {len(kind)} parts", node.lineno)
            return kind[node.slice.value]
        if kind == ARRAY:
            return self._elementwise(node, node.slice)
        if kind != LIST:
            raise CandidateError(f"{written(node.value)} is {told(kind)}, which has no such elements", node.lineno)
        self.number(node.slice)
        return NUMBER

    def _call(self, node: ast.Call) -> Kind:
        given: dict[int | str, Kind] = {place: self.kind(argument) for place, argument in enumerate(node.args)}
        given |= {keyword.arg or "": self.kind(keyword.value) for keyword in node.keywords}
        function = node.func
        if isinstance(function, ast.Name):
            if function.id not in BUILTINS:
                return self._called(node, function.id, given)
            if function.id in ("max", "min") and len(node.args) > 1:
                return self._fitting(node, Signature((NUMBER,) * len(node.args), NUMBER), given)
            return self._fitting(node, BUILTINS[function.id], given)
        assert isinstance(function, ast.Attribute)
        if isinstance(function.value, ast.Name) and function.value.id in MODULES:
            return self._fitting(node, MODULES[function.value.id][function.attr], given)
        owner = self.kind(function.value)
        methods = MEMBERS.get(owner, {}) if isinstance(owner, str) else {}
        if function.attr not in methods:
            raise CandidateError(f"{told(owner)} has no method {function.attr}", node.lineno)
        return self._fitting(node, methods[function.attr], given)

    def _fitting(self, node: ast.Call, signature: Signature, given: dict[int | str, Kind]) -> Kind:
        """What a function with ``signature`` gives, if it can take what it is given."""
        name, least = written(node.func), len(signature.takes) if signature.needed is None else signature.needed
        if not least <= len(given) <= len(signature.takes):
            counts = f"{least} to {len(signature.takes)}" if least < len(signature.takes) else f"{least}"
            raise CandidateError(f"{name} takes {counts} arguments, not {len(given)}", node.lineno)
        places = [self._place(node, signature, place) for place in given]
        if len(set(places)) < len(places) or not set(range(least)) <= set(places):
            raise CandidateError(f"{name} is given an argument twice, or lacks one", node.lineno)
        for place, kind in zip(places, given.values(), strict=True):
            self._check_argument(kind, signature.takes[place], node)
        if signature.gives == EITHER:
            return ARRAY if ARRAY in given.values() else NUMBER
        return signature.gives

    def _place(self, node: ast.Call, signature: Signature, place: int | str) -> int:
        """The place of an argument that is given by ``place`` or by name."""
        if isinstance(place, int):
            return place
        if place in signature.names:
            return signature.names.index(place)
        if place == "dtype" and TYPE in signature.takes:
            return signature.takes.index(TYPE)
        raise CandidateError(f"{written(node.func)} takes its arguments by place, not as {place}=", node.lineno)

    def _check_argument(self, kind: Kind, needed: str, node: ast.expr) -> None:
        fits = {
            EITHER: kind in (NUMBER, ARRAY),
            SEQUENCE: kind in (ARRAY, LIST) or (isinstance(kind, tuple) and set(kind) == {NUMBER}),
        }
        if not fits.get(needed, kind == needed):
            name = f" of {written(node.func)}" if isinstance(node, ast.Call) else ""
            raise CandidateError(f"an argument{name} is {told(kind)}: it must be {needed}", node.lineno)


_KNOWN: dict[type[ast.expr], Callable[[Expressions, Any], Kind]] = {
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.Subscript: Expressions._subscript,
    ast.Call: Expressions._call,
    ast.BinOp: Expressions._operation,
    ast.UnaryOp: Expressions._sign,
    ast.Compare: Expressions._compare,
    ast.BoolOp: Expressions._all_true,
    ast.IfExp: Expressions._either,
    ast.Tuple: Expressions._tuple,
    ast.List: Expressions._list,
    ast.Dict: Expressions._dict,
}


def written(node: ast.expr) -> str:
    """The beginning of ``node`` as it is written."""
    text = ast.unparse(node)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def told(kind: Kind | None) -> str:
    """``kind`` in words."""
    return kind if isinstance(kind, str) else "a tuple"


def _gives(name: str) -> str | None:
    return BUILTINS[name].gives if name in BUILTINS else None
