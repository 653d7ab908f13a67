"""What the variables of a candidate hold, found out without running it.

Every variable has a value wherever it is read, and keeps to one kind. So each function is given what its compiled form
is safe with, and compiled code, which takes whatever lies there for a variable without a value, goes the way of plain
Python.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from tts_gym.sandbox.kinds import FLEETING, Called, Expressions, told, written
from tts_gym.sandbox.refusal import CandidateError
from tts_gym.sandbox.vocabulary import ARRAY, DICT, EPISODE, LIST, NOTHING, NUMBER, Kind

MOST_READINGS = 256
"""How often functions are gone through: once for all the kinds of arguments that one is called with."""


def check_meaning(tree: ast.Module) -> None:
    """Refuse ``tree``, all of which is allowed, unless what its variables hold is known everywhere.

    Raises:
        CandidateError: a variable may be read before it has a value, or something is of a kind that it must not be.
    """
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    targets = [node.targets[0] for node in tree.body if isinstance(node, ast.Assign)]
    readings = _Readings(functions, [target.id for target in targets if isinstance(target, ast.Name)])
    schedule, program = functions["schedule"], functions["program"]
    readings.of(schedule, (NUMBER,))
    if readings.of(program, (EPISODE, *[NUMBER] * (len(program.args.args) - 1))) != NUMBER:
        raise CandidateError("program returns the code of an answer, a number", program.lineno)


class _Readings:
    """What the functions of a candidate give for what they are given."""

    def __init__(self, functions: dict[str, ast.FunctionDef], constants: Sequence[str]) -> None:
        self._functions = functions
        self._constants = constants
        self._known: dict[tuple[str, tuple[Kind, ...]], Kind] = {}

    def of(self, function: ast.FunctionDef, arguments: tuple[Kind, ...]) -> Kind:
        """The kind of what ``function`` gives for ``arguments``."""
        key = function.name, arguments
        if key not in self._known:
            if len(self._known) >= MOST_READINGS:
                raise CandidateError("functions are called with too many kinds of arguments", function.lineno)
            names = [argument.arg for argument in function.args.args]
            kinds: dict[str, Kind] = dict.fromkeys(self._constants, NUMBER)
            for name in _assigned(function):
                kinds.pop(name, None)
            kinds |= dict(zip(names, arguments, strict=True))
            self._known[key] = _Reading(function, kinds, self._of_call).gives()
        return self._known[key]

    def _of_call(self, node: ast.Call, name: str, given: dict[int | str, Kind]) -> Kind:
        function = self._functions[name]
        if name == "schedule":
            raise CandidateError("schedule gives the arguments of program: nothing else calls it", node.lineno)
        names = [argument.arg for argument in function.args.args]
        by_name: dict[str, Kind] = dict.fromkeys(names[len(names) - len(function.args.defaults) :], NUMBER)
        by_place = names[: len(node.args)]
        for place, kind in given.items():
            if isinstance(place, int) and place >= len(names):
                raise CandidateError(f"{name} takes {len(names)} arguments", node.lineno)
            if place in by_place:
                raise CandidateError(f"{name} is given {place} twice", node.lineno)
            by_name[names[place] if isinstance(place, int) else place] = kind
        if set(by_name) != set(names):
            raise CandidateError(f"{name} takes {', '.join(names) or 'no arguments'}", node.lineno)
        for kind in by_name.values():
            if kind in FLEETING:
                raise CandidateError(f"{name} cannot be given {told(kind)}", node.lineno)
        return self.of(function, tuple(by_name[each] for each in names))


class _Reading(Expressions, ast.NodeVisitor):
    """Goes through one function. Where no way leads on, ``ended`` is set, and ``bound`` means nothing."""

    def __init__(self, function: ast.FunctionDef, kinds: dict[str, Kind], called: Called) -> None:
        super().__init__(kinds, called)
        self.function = function
        self.ended = False
        self.returned: Kind | None = None
        self.breaks: list[list[frozenset[str]]] = []

    def gives(self) -> Kind:
        """The kind of what the function returns."""
        body = self.function.body
        self._block(body[1:] if ast.get_docstring(self.function) is not None else body)
        if not self.ended:
            self._return(NOTHING, self.function)
        return self.returned or NOTHING

    def _block(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if self.ended:
                return
            self.visit(statement)

    def visit_Expr(self, node: ast.Expr) -> None:  # noqa: N802
        self.kind(node.value)

    def visit_Return(self, node: ast.Return) -> None:  # noqa: N802
        self._return(self.kind(node.value) if node.value is not None else NOTHING, node)
        self.ended = True

    def _return(self, kind: Kind, node: ast.stmt) -> None:
        if self.returned not in (None, kind) and self.function.name != "schedule":
            raise CandidateError(
                f"{self.function.name} returns {told(self.returned)} in one place and {told(kind)} in another",
                node.lineno,
            )
        self.returned = kind

    def visit_If(self, node: ast.If) -> None:  # noqa: N802
        self.condition(node.test)
        before = self.bound
        ways = []
        for block in (node.body, node.orelse):
            self.bound = before
            self._block(block)
            if not self.ended:
                ways.append(self.bound)
            self.ended = False
        self._go_on(ways)

    def visit_While(self, node: ast.While) -> None:  # noqa: N802
        self.condition(node.test)
        endless = isinstance(node.test, ast.Constant) and bool(node.test.value)
        self._loop(node.body, [] if endless else [self.bound])

    def visit_For(self, node: ast.For) -> None:  # noqa: N802
        ways = [self.bound]
        self._give(node.target, self.item(node.iter))
        self._loop(node.body, ways)

    def _loop(self, body: Sequence[ast.stmt], ways: list[frozenset[str]]) -> None:
        """Go through the body of a loop that is left with the variables of ``ways``, or by a break."""
        self.breaks.append(ways)
        self._block(body)
        self._go_on(self.breaks.pop())

    def _go_on(self, ways: Sequence[frozenset[str]]) -> None:
        """Go on where ``ways`` come together."""
        self.ended = not ways
        if ways:
            self.bound = frozenset.intersection(*ways)

    def visit_Break(self, node: ast.Break) -> None:  # noqa: N802
        self.breaks[-1].append(self.bound)
        self.ended = True

    def visit_Continue(self, node: ast.Continue) -> None:  # noqa: N802
        self.ended = True

    def visit_Assign(self, node: ast.Assign) -> None:  # noqa: N802
        kind = self.kind(node.value)
        for target in node.targets:
            self._give(target, kind)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802
        if node.value is not None:
            self._give(node.target, self.kind(node.value))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:  # noqa: N802
        kind = self.kind(node.target)
        if kind not in (NUMBER, ARRAY):
            raise CandidateError(f"{written(node.target)} is {told(kind)}, which no operator changes", node.lineno)
        if self.kind(node.value) != NUMBER:
            raise CandidateError(
                f"{written(node.target)} is changed by a number only, and {written(node.value)} is none: write "
                f"x = x + y, or go through the elements",
                node.lineno,
            )

    def _give(self, target: ast.expr, kind: Kind) -> None:
        """Give ``target`` a value of ``kind``."""
        if isinstance(target, ast.Name):
            if kind in FLEETING:
                raise CandidateError(f"{target.id} cannot hold {told(kind)}", target.lineno)
            known = self.kinds.setdefault(target.id, kind)
            if known != kind:
                raise CandidateError(
                    f"{target.id} is {told(known)} and cannot become {told(kind)}: choose another name", target.lineno
                )
            self.bound |= {target.id}
        elif isinstance(target, ast.Subscript):
            self._give_element(target, kind)
        elif isinstance(target, (ast.Tuple, ast.List)):
            if not isinstance(kind, tuple) or len(kind) != len(target.elts):
                raise CandidateError(f"{told(kind)} does not fit {len(target.elts)} variables", target.lineno)
            for part, its_kind in zip(target.elts, kind, strict=True):
                self._give(part, its_kind)

    def _give_element(self, target: ast.Subscript, kind: Kind) -> None:
        container = self.kind(target.value)
        taken: tuple[Kind, ...] = (NUMBER,)
        if container == DICT:
            return
        if container not in (ARRAY, LIST):
            raise CandidateError(f"the elements of {told(container)} cannot be changed", target.lineno)
        if container == ARRAY and isinstance(target.slice, ast.Slice):
            self.bounds(target.slice)
            taken = (NUMBER, ARRAY)
        else:
            self.number(target.slice)
        if kind not in taken:
            raise CandidateError(f"{told(kind)} cannot be an element of {told(container)}", target.lineno)


def _assigned(function: ast.FunctionDef) -> set[str]:
    """Names that ``function`` gives a value, which are its own wherever they stand."""
    return {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
