"""What runs on a store without probes, and what is refused there."""

import json

import gymnasium as gym
import pytest

from tts_gym.agents import PROGRAMS
from tts_gym.datasets import load_store

WHOLE = ["single", "sc", "asc", "sc-cancel", "asc-dirichlet", "esc", "rl-sampling", "short-m@k", "oracle"]


@pytest.fixture
def store(run, tmp_path):
    rows = [
        {"question": f"{n} + 1?", "gold": n + 1, "sample": f"The final answer is {n + 1 + (k == 3)}.", "tokens": 90 * k}
        for n in range(3)
        for k in range(1, 6)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run("stores", "import", tmp_path / "rows.jsonl", "--out", tmp_path / "store", "--interval", 50)[0] == 0
    return tmp_path / "store"


def test_the_zoo_is_what_reads_whole_branches(run, store):
    status, out, err = run("evaluate", store, "-c", "zoo", "--seeds", 3, "--json", "-")
    assert status == 0
    rows = {row["controller"]: row for row in json.loads(out)}
    assert list(rows) == WHOLE
    assert rows["sc"]["accuracy"] == 100 and rows["sc"]["tokens"] == 90 * 15
    # The two shortest of five are right; then the others stop where the second ends.
    assert rows["short-m@k"]["sequential_tokens"] < rows["sc"]["sequential_tokens"]
    probing = [name for name in PROGRAMS.shipped if PROGRAMS[name].probes]
    assert f"zoo leaves out {', '.join(probing)}: store unknown/rows does not record the probes they need" in err


@pytest.mark.parametrize("name", ["cmc", "parallel-probe", "certaindex"])
def test_what_looks_at_answers_on_the_way_is_refused_by_name(run, store, name):
    status, out, err = run("evaluate", store, "-c", name)
    assert (status, out) == (2, "") and err.count("\n") == 1
    assert f"Controller {name} looks at answers" in err and "tts-gym collect --probe" in err


def test_a_fold_has_no_probes_either(run, store):
    assert run("evaluate", f"{store}?only=1/3", "-c", "cmc")[0] == 2


def test_its_facts_and_its_card_say_so(run, store):
    _, out, _ = run("stores", "info", store)
    assert "column tokens 15" in out
    assert "without probes, in intervals of 50 tokens" in (store / "README.md").read_text()
    assert run("stores", "verify", store)[0] == 0


def test_environments_replay_it(store):
    env = gym.make("tts_gym:TTSWidthDepth-v1", store=str(store))
    env.reset(seed=0)
    steps, ended = 0, False
    while not ended:
        mask = env.unwrapped.action_masks()
        _, _, terminated, truncated, _ = env.step(int(mask.nonzero()[0][-1]))
        ended, steps = terminated or truncated, steps + 1
    assert steps > 1
    assert load_store(store).has_probes is False


def test_metadata_that_mistype_it_are_refused(run, store):
    file = store / "metadata.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"probes": "no"}))
    status, _, err = run("stores", "info", store)
    assert status == 2 and "probes is 'no'" in err
