"""A package that adds one of everything, as docs/extending.md writes it, installed in an environment of its own."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from tts_gym.errors import ControllerError
from tts_gym.registry import ALGORITHMS, BACKENDS, FORMATS, PROGRAMS, PROPOSERS, Registry

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text()
FILES = {name: text for name, text in re.findall(r"^```\w+\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)}
(DECLARED,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
INFO = "tts_more-1.0.dist-info"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A virtual environment that sees this one's packages, with the wheel of the page installed."""
    folder = tmp_path_factory.mktemp("outside")
    groups = tomllib.loads(DECLARED)["project"]["entry-points"]
    points = "".join(
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
        for group, entries in groups.items()
    )
    wheel = folder / "tts_more-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for name, text in FILES.items():
            if name.endswith(".py"):
                file.writestr(name, text)
        file.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: tts-more\nVersion: 1.0\n")
        file.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{INFO}/entry_points.txt", points)
        file.writestr(f"{INFO}/RECORD", "")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    here = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (site / "here.pth").write_text(here)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", site, wheel]
    subprocess.run(install, check=True, env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    return folder / "venv" / "bin" / "python"


@pytest.fixture
def tts_gym(environment, tmp_path):
    """Run ``tts-gym`` there, in an empty folder."""

    def call(*arguments):
        command = [environment, "-c", "from tts_gym.cli import main; main()", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    return call


@pytest.mark.slow
def test_a_controller(tts_gym):
    done = tts_gym("evaluate", "synthetic-small", "-c", "two-of:n=3", "-c", "sc:n=3", "--seeds", 2, "--json", "-")
    assert done.returncode == 0, done.stderr
    outside, shipped = json.loads(done.stdout[done.stdout.index("[") :])
    assert outside["params"] == {"n": 3}
    assert 0 < outside["tokens"] < shipped["tokens"]
    assert "does not compile" not in done.stderr


@pytest.mark.slow
def test_a_backend(tts_gym, tmp_path):
    (tmp_path / "q.jsonl").write_text(json.dumps({"id": "a", "question": "How many?", "gold": "30"}) + "\n")
    small = ["-n", 2, "--interval", 20, "--top-logprobs", 0, "--no-chat", "-o", "last=30"]
    done = tts_gym("collect", "q.jsonl", "--model", "m", "--backend", "counting", "--out", "store", *small)
    assert done.returncode == 0, done.stderr
    evaluated = tts_gym("evaluate", "store", "-c", "single", "--seeds", 1, "--json", "-")
    assert json.loads(evaluated.stdout[evaluated.stdout.index("[") :])[0]["accuracy"] == 100


@pytest.mark.slow
def test_a_proposer(tts_gym):
    told = ["--search", "synthetic-small", "--proposer", "wider", "--rounds", 1, "--seeds", 1, "--from", "sc"]
    done = tts_gym("discover", "run", "found", *told, "--allow-weak-isolation")
    assert done.returncode == 0, done.stderr
    assert "r01-1: " in done.stderr


@pytest.mark.slow
def test_an_algorithm(tts_gym, tmp_path):
    pytest.importorskip("stable_baselines3")
    (tmp_path / "slow_ppo.yaml").write_text(FILES["slow_ppo.yaml"])
    told = ["--store", "synthetic-small", "--algo", "slow-ppo", "--config", "slow_ppo.yaml", "--out", "run"]
    done = tts_gym("train", *told)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "final.zip").exists()


@pytest.mark.slow
def test_a_format(tts_gym, tmp_path):
    (tmp_path / "sums.dialogue").write_text("Q: 1 + 1? = 2\nA: The answer is 2.\nA: The answer is 3.\n")
    done = tts_gym("stores", "import", "sums.dialogue", "--out", "store", "--format", "dialogue")
    assert done.returncode == 0, done.stderr
    assert "1 questions with 2 samples of unknown, read as dialogue" in done.stdout


@pytest.mark.slow
def test_an_unknown_name_is_answered_with_all_that_there_are(tts_gym):
    done = tts_gym("evaluate", "synthetic-small", "-c", "three-of")
    assert done.returncode == 2
    assert "sc" in done.stderr and "two-of" in done.stderr


def test_what_is_shipped_can_be_named_without_being_imported():
    code = (
        "import sys; from tts_gym.registry import *; "
        "assert 'sc' in PROGRAMS and 'vllm' in BACKENDS and 'manual' in PROPOSERS and 'ppo' in ALGORITHMS; "
        "print({'numba', 'torch', 'tts_gym.agents', 'tts_gym.llm', 'tts_gym.discovery'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


@pytest.mark.parametrize(
    "registry", [PROGRAMS, PROPOSERS, ALGORITHMS, FORMATS], ids=lambda registry: next(iter(registry))
)
def test_everything_shipped_is_there(registry):
    for name in registry.shipped:
        if name != "claude-agent":
            assert registry.load(name) == registry[name]


def test_backends_are_there():
    assert [point.module for point in BACKENDS.shipped.values()] == [
        f"tts_gym.llm.{name}" for name in ("vllm_engine", "openai_server", "transformers_model", "chat_server")
    ]


def test_a_broken_entry_point_is_named(monkeypatch):
    broken = EntryPoint("mine", "no_such_module:PROGRAM", "tts_gym.programs")
    registry = Registry("controller", "tts_gym.programs", {"sc": "math:pi"}, ControllerError, {})
    monkeypatch.setattr(registry, "added", {"mine": broken})
    assert list(registry) == ["sc", "mine"]
    with pytest.raises(ControllerError, match="controller mine cannot be imported.*'no_such_module:PROGRAM'"):
        registry.load("mine")
    with pytest.raises(ControllerError, match="Unknown controller 'yours': use one of sc, mine"):
        registry.load("yours")
