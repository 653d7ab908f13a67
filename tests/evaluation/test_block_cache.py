"""What is kept of an evaluation is found again where nothing changed, and only there."""

import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from dataclasses import replace as changed

import pandas as pd
import pytest

from tts_gym import load_store, synthetic_store
from tts_gym.agents import identity
from tts_gym.agents.specs import make_controller, parse_spec
from tts_gym.episode.rules import EpisodeRules
from tts_gym.episode.sources import PACKAGE, package_digest, sources_digest
from tts_gym.errors import ControllerError
from tts_gym.evaluation.block_cache import BlockCache
from tts_gym.evaluation.blocks import Block, BlockResult

EXACT = EpisodeRules(published=False)

FILES = {
    "mine.py": """
import json
from team import voting
from team.deep import limits

def program(episode):
    return voting.read(episode)

class Solver:
    def __init__(self, config=None):
        self.branches = limits.BRANCHES

    def solve(self, question):
        return question.get_new_branch_final_answer()
""",
    "team/__init__.py": "",
    "team/voting.py": "from . import reading\nread = reading.read\n",
    "team/reading.py": "def read(episode):\n    episode.read(1)\n    return episode.leader(0)\n",
    "team/deep/__init__.py": "",
    "team/deep/limits.py": "from helper import BRANCHES\n",
    "helper.py": "BRANCHES = 3\n",
    "unused.py": "BRANCHES = 4\n",
}
"""A user's file, its packages and modules, and one that it does not import."""


@pytest.fixture
def files(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def kept(tmp_path):
    """Keep the result of a block, and tell whether a later evaluation finds that of another."""

    def find(block, other):
        directory = tmp_path / "kept"
        BlockCache(directory).keep(block, BlockResult(pd.DataFrame({"tokens": [1]}), 1.0, ()))
        assert BlockCache(directory).find(block) is not None
        later = other()
        return BlockCache(directory).find(later) is not None

    return find


def block_of(spec="single", store="synthetic-small", seeds=range(2), rules=EXACT):
    (controller,) = parse_spec(spec) if isinstance(spec, str) else (spec,)
    return Block(controller, load_store(store) if isinstance(store, str) else store, seeds, rules)


def test_it_is_found_where_nothing_changed(kept):
    assert kept(block_of(), block_of)


@pytest.mark.parametrize(
    "change",
    [
        {"spec": "sc:n=2"},
        {"store": synthetic_store(3, 4)},
        {"seeds": range(1, 3)},
        {"rules": EpisodeRules(published=True)},
    ],
)
def test_every_part_of_a_block_counts(kept, change):
    assert not kept(block_of(), lambda: block_of(**change))


@pytest.mark.parametrize("table", ["gold", "class_texts", "question_ids", "interval"])
def test_every_part_of_a_store_counts(kept, table):
    store = load_store("synthetic-small")
    other = {
        "gold": store.gold[::-1].copy(),
        "class_texts": tuple(tuple(f"{text}!" for text in texts) for texts in store.class_texts),
        "question_ids": tuple(f"{name}!" for name in store.question_ids),
        "interval": store.interval + 1,
    }
    assert not kept(block_of(), lambda: block_of(store=changed(store, **{table: other[table]})))


def test_every_module_of_the_package_counts(tmp_path):
    copy = tmp_path / "tts_gym"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    unchanged = package_digest(copy)
    assert unchanged == package_digest()
    modules = sorted(copy.rglob("*.py"))
    assert len(modules) > 100
    for module in modules:
        text = module.read_bytes()
        module.write_bytes(text + b"\n")
        assert package_digest(copy) != unchanged, module
        module.write_bytes(text)
    assert package_digest(copy) == unchanged
    (copy / "agents" / "new.py").touch()
    assert package_digest(copy) != unchanged


@pytest.fixture
def runner_found_out_again():
    yield
    identity.runner.cache_clear()


@pytest.mark.usefixtures("runner_found_out_again")
@pytest.mark.parametrize("part", ["package", *identity.TOOLS])
def test_the_package_and_the_versions_count(kept, monkeypatch, part):
    def with_another():
        if part == "package":
            monkeypatch.setattr(identity, "package_digest", lambda: "another")
        else:
            known = identity._version
            monkeypatch.setattr(identity, "_version", lambda tool: "0" if tool == part else known(tool))
        identity.runner.cache_clear()
        return block_of()

    assert not kept(block_of(), with_another)


@pytest.mark.parametrize("name", ["program", "Solver"])
def test_a_users_code_counts_with_all_that_it_imports(files, kept, name):
    spec = f"{files / 'mine.py'}:{name}"

    def after(module):
        (files / module).write_text(FILES[module] + "\n# changed\n")
        return block_of(spec)

    assert kept(block_of(spec), lambda: block_of(spec))
    assert kept(block_of(spec), lambda: after("unused.py"))
    for module in FILES.keys() - {"unused.py"}:
        assert not kept(block_of(spec), lambda module=module: after(module)), module


def test_a_module_beside_a_file_is_read_again_with_it(files):
    text = "import helper\n\n\ndef program(episode):\n    episode.read(helper.BRANCHES)\n    return episode.leader(0)\n"
    (files / "mine.py").write_text(text)
    widths = []
    for branches in (1, 2):
        (files / "helper.py").write_text(f"BRANCHES = {branches}\n")
        block = block_of(f"{files / 'mine.py'}:program")
        widths.append(block.controller.run(block.store, block.seeds, block.rules)["width"].max())
    assert widths == [1, 2]


def test_the_model_file_counts(tmp_path):
    pytest.importorskip("stable_baselines3")
    from tts_gym.agents.rl.policy import PolicyController

    path = tmp_path / "model.zip"
    digests = []
    for data in ("{}", "{ }"):
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("data", data)
        digests.append(PolicyController(path, {"path": str(path)}, sources_digest(path)))
    blocks = BlockCache(tmp_path / "kept")
    first, second = (blocks._file(block_of(controller)) for controller in digests)
    assert first != second
    with pytest.raises(ControllerError, match="has changed since it was loaded"):
        digests[0].run(load_store("synthetic-small"), [0], EXACT)


def made(limit):
    @dataclass
    class Made:
        config: dict

        def solve(self, question):
            return [question.get_new_branch_final_answer() for _ in range(limit)][-1]

    return Made


def test_classes_that_close_over_unequal_values_are_not_mixed_up(kept):
    assert kept(block_of(make_controller(made(1))), lambda: block_of(make_controller(made(1))))
    assert not kept(block_of(make_controller(made(1))), lambda: block_of(make_controller(made(2))))


def test_a_class_without_a_file_is_refused(kept):
    names = {}
    exec("class Typed:\n    def solve(self, question):\n        return None\n", names)
    with pytest.raises(ControllerError, match="its code is not in a file"):
        BlockCache("unused")._file(block_of(make_controller(names["Typed"])))


@pytest.mark.slow
def test_tokens_added_in_the_runner_are_seen(tmp_path):
    root = tmp_path / "site"
    shutil.copytree(PACKAGE, root / "tts_gym", ignore=shutil.ignore_patterns("__pycache__"))
    runner = root / "tts_gym" / "agents" / "controller.py"
    environment = {**os.environ, "PYTHONPATH": str(root), "NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    code = (
        "import sys, tts_gym; assert tts_gym.__file__.startswith(sys.argv[1]);"
        "print(tts_gym.evaluate('single', 'synthetic-small', seeds=1, resume=sys.argv[2]).summary.tokens.mean)"
    )

    def mean():
        command = [sys.executable, "-W", "ignore", "-c", code, str(root), str(tmp_path / "kept")]
        return float(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)

    before = mean()
    assert mean() == before and len(list((tmp_path / "kept").iterdir())) == 1
    text = runner.read_text()
    runner.write_text(text.replace("= counts", "= counts + 100_000"))
    assert runner.read_text() != text
    assert mean() == pytest.approx(before + 100_000)
