"""Imports run one way, and what is heavy is loaded only by what needs it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "tts_gym"
FILES = sorted(PACKAGE.rglob("*.py"))

BELOW = {
    "datasets": set(),
    "episode": {"datasets"},
    "envs": {"episode"},
    "agents": {"envs"},
    "sandbox": {"agents"},
    "evaluation": {"sandbox"},
    "answers": set(),
    "llm": set(),
    "collectors": {"answers", "llm", "datasets"},
    "importers": {"collectors"},
    "discovery": {"evaluation", "llm"},
    "live": {"agents", "collectors"},
    "serve": {"live"},
    "report": {"discovery", "live"},
    "cli": {"importers", "report", "serve"},
}
"""What each package stands on directly."""

EVERYWHERE = {"clusters", "errors", "files", "registry", "run_directories"}
"""Modules that any package may import; they import no package."""

NOT_YET = {("agents/specs.py", "sandbox")}
"""Imports against the order, by file and package: a specification may name a file that only a jail may run."""


def below(package: str) -> set[str]:
    """All that ``package`` stands on, itself included."""
    return {package}.union(*map(below, BELOW[package]))


def name_of(file: Path) -> str:
    return str(file.relative_to(PACKAGE))


def imported(file: Path) -> Iterator[str]:
    """Dotted names of what ``file`` imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports by a relative name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages_imported(file: Path) -> set[str]:
    """The packages of ours that ``file`` imports from; names that ``tts_gym`` itself gives are left out."""
    names = [name.split(".") for name in imported(file)]
    return {name[1] for name in names if name[0] == "tts_gym" and len(name) > 1 and name[1].islower()}


def against_the_order(file: Path) -> set[tuple[str, str]]:
    package = file.relative_to(PACKAGE).parts[0]
    return {(name_of(file), other) for other in packages_imported(file) - below(package) - EVERYWHERE}


def test_imports_run_one_way():
    wrong = [against_the_order(file) for file in FILES if file.parent != PACKAGE]
    assert set().union(*wrong) == NOT_YET


@pytest.mark.parametrize("name", sorted(EVERYWHERE))
def test_what_anybody_may_import_imports_no_package(name):
    assert packages_imported(PACKAGE / f"{name}.py") <= EVERYWHERE


def test_the_episode_knows_neither_gymnasium_nor_who_decides():
    for file in (PACKAGE / "episode").glob("*.py"):
        roots = {".".join(name.split(".")[:2]) for name in imported(file)}
        assert not {root for root in roots if root.split(".")[0] == "gymnasium"}, file
        assert not roots & {"tts_gym.agents", "tts_gym.envs"}, file


def test_programs_are_written_without_gymnasium():
    for file in (PACKAGE / "agents" / "programs").glob("*.py"):
        assert packages_imported(file) <= {"agents", "episode", "datasets"} | EVERYWHERE, file


def test_only_the_fork_server_names_what_runs_in_a_jail():
    child = PACKAGE / "sandbox" / "child"
    naming = set()
    for file in FILES:
        if not file.is_relative_to(child):
            nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            words = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
            if any("sandbox.child" in word for word in [*words, *imported(file)]):
                naming.add(name_of(file))
    assert naming == {"sandbox/fork_server.py"}


def test_importing_the_package_loads_nothing_heavy():
    script = "import sys, tts_gym; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"torch", "ray", "vllm", "stable_baselines3"} & set(done.stdout.split())


def test_answering_live_loads_no_extra_before_there_is_a_model():
    script = "import sys, tts_gym.live; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"torch", "vllm", "transformers", "openai", "math_verify", "datasets", "fastapi"} & set(
        done.stdout.split()
    )
