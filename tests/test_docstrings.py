"""Whoever reads a call learns from the docstring what each argument is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "tts_gym"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def public_functions(body: list[ast.stmt]) -> Iterator[Function]:
    """The functions of a module, and the methods of its classes, whose names begin with a letter."""
    for node in body:
        if isinstance(node, ast.ClassDef | Function) and not node.name.startswith("_"):
            yield from public_functions(node.body) if isinstance(node, ast.ClassDef) else [node]


def parameters(function: Function) -> list[str]:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return [one.arg for one in named if one.arg not in ("self", "cls")]


def is_command(function: Function) -> bool:
    """Whether it is a command of the command line, whose help describes the arguments."""
    annotations = [argument.annotation for argument in function.args.args]
    told = [*function.decorator_list, *(each for each in annotations if each is not None)]
    return any("typer." in ast.unparse(each) or ".command(" in ast.unparse(each) for each in told)


def undescribed(function: Function) -> list[str]:
    """The parameters that the docstring leaves out, none if it refers to where they are described."""
    told = ast.get_docstring(function) or ""
    if re.search(r"\b[Ss]ee ``[\w.]+``", told):
        return []
    section = told.partition("Args:\n")[2]
    return [name for name in parameters(function) if not re.search(rf"^    \**{name}: \S", section, re.MULTILINE)]


def test_functions_of_several_parameters_describe_them():
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE)
        for function in public_functions(ast.parse(file.read_text(encoding="utf-8")).body):
            if is_command(function) or len(parameters(function)) < 2:
                continue
            if missing := undescribed(function):
                found.append(f"{name}:{function.lineno}: {function.name} does not describe {', '.join(missing)}")
    assert not found, "\n".join(found)
